//! Renderings byte for byte: each distro on one cloud, each cloud on one distro, each form and tool once.
//!
//! `make golden` writes them again.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::path::{Path, PathBuf};
use std::{env, fs};

use e2e::rendering::{BUCKET, Case, SCRIPT, puppet_site, site};
use e2e::tools;
use similar::TextDiff;
use stringless_render::platform::{Cloud, Form, Platforms};
use stringless_render::request::{Request, Tool, group};
use stringless_render::{embed, encoding, render};

/// What the others are seen beside.
const DISTRO: &str = "debian-12";
const CLOUD: &str = "aws";
/// How a page of a folder of generated ones begins that a person writes.
const BY_HAND: &str = "<!-- Written by hand. -->";

#[test]
fn renderings_are_as_expected() {
    let keys = "node: {credentials: [instance_role, static]}\n";
    let sites =
        [puppet_site(BUCKET, true, keys), puppet_site(BUCKET, false, keys), site(BUCKET, SCRIPT, keys)];
    let cases = sites.map(|site| Case::new(&site));
    let mut expected = Vec::new();
    let platforms = Platforms::embedded().unwrap();
    let mut add = |folder: &str, name: &str, distro: &str, cloud: &str, form: Form| {
        let end = match form {
            Form::Script => "sh",
            Form::CloudConfig | Form::Bootcmd => "yaml",
            Form::Mime => "eml",
            Form::Ignition => "json",
            Form::Nix => "nix",
        };
        // With the engine that takes most to install.
        let case = cases.iter().find(|case| case.has_engine(platforms.distro(distro).unwrap())).unwrap();
        expected.push((
            PathBuf::from(format!("{folder}/{name}.{end}")),
            case.render(distro, cloud, form).unwrap().text,
        ));
    };
    for distro in &platforms.distros {
        // Where user-data does not reach it on that cloud, the first one on which it does.
        let on = |cloud: &&Cloud| platforms.boot_agent(distro, cloud, None).is_some();
        let usual = [platforms.cloud(CLOUD).unwrap()];
        let cloud = usual.into_iter().chain(&platforms.clouds).find(on).unwrap();
        let forms = platforms.forms(distro, cloud);
        let form = if forms.contains(&Form::Script) { Form::Script } else { forms[0] };
        add("distros", &distro.id, &distro.id, &cloud.id, form);
    }
    for cloud in &platforms.clouds {
        add("clouds", &cloud.id, DISTRO, &cloud.id, Form::Script);
    }
    let (distro, cloud) = (platforms.distro(DISTRO).unwrap(), platforms.cloud(CLOUD).unwrap());
    for form in platforms.forms(distro, cloud).into_iter().filter(|form| *form != Form::Script) {
        add("forms", form.as_str(), DISTRO, CLOUD, form);
    }
    for (tool, end) in [
        (Tool::Packer, "pkr.hcl"),
        (Tool::Terraform, "tf"),
        (Tool::CloudFormation, "yaml"),
        (Tool::Curl, "sh"),
    ] {
        let plain = cases[0].request(distro, cloud, Some(Form::Script)).unwrap();
        let encoding = encoding::encoding(Some(tool), cloud, plain.boot, plain.form, None).unwrap();
        let request = Request { tool: Some(tool), encoding, ..plain };
        let text = embed::source(&request, &render(&request).unwrap(), tool, None).unwrap();
        expected.push((PathBuf::from(format!("as/{}.{end}", tool.as_str())), text));
    }
    for (tool, end) in [(Tool::Terraform, "tf"), (Tool::CloudFormation, "yaml")] {
        let plain = cases[0].request(distro, cloud, Some(Form::Script)).unwrap();
        let group = group(Some(tool), cloud).unwrap();
        let request = Request { tool: Some(tool), group: Some(group), signals: &group.signal, ..plain };
        let text = embed::source(&request, &render(&request).unwrap(), tool, None).unwrap();
        expected.push((PathBuf::from(format!("as/{}-group.{end}", tool.as_str())), text));
    }
    compare("tests/golden", &expected);
}

#[test]
fn the_reference_says_what_the_program_does() {
    let pages = stringless::docs::pages().unwrap();
    let pages: Vec<_> = pages.into_iter().map(|(name, text)| (PathBuf::from(name), text)).collect();
    compare("docs/reference", &pages);
}

fn compare(folder: &str, expected: &[(PathBuf, String)]) {
    let home = tools::root().join(folder);
    let bless = env::var_os("STRINGLESS_BLESS").is_some();
    let mut differences = Vec::new();
    for (path, text) in expected {
        let file = home.join(path);
        let old = fs::read_to_string(&file).unwrap_or_default();
        if old == *text {
            continue;
        }
        if bless {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
        } else {
            let diff = TextDiff::from_lines(&old, text);
            differences.push(format!("{folder}/{}:\n{}", path.display(), diff.unified_diff()));
        }
    }
    for folder in ["", "as", "distros", "clouds", "forms", "schemas"] {
        let files = fs::read_dir(home.join(folder)).into_iter().flatten().flatten();
        for entry in files.filter(|entry| entry.path().is_file()) {
            let path = Path::new(folder).join(entry.file_name());
            let by_hand = || fs::read_to_string(entry.path()).is_ok_and(|text| text.starts_with(BY_HAND));
            if !expected.iter().any(|(known, _)| *known == path) && !by_hand() {
                if bless {
                    fs::remove_file(entry.path()).unwrap();
                } else {
                    differences.push(format!("{folder}/{}: nothing renders to it", path.display()));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}\n`make golden` accepts this", differences.join("\n"));
}
