//! Every distro on every cloud in every form, by what must hold for each of them.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

#[path = "render/hostile.rs"]
mod hostile;
mod rendering;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use e2e::process::{both, run};
use e2e::tools;
use generator::catalog::{Catalog, Form, Level};
use generator::render::{UserData, render};
use rendering::{BUCKET, Case, SCRIPT, SECRET, WEB, puppet_site, site};

const KEYS: &str = "node: {credentials: [instance_role, static]}\n";

/// Sites that differ in what the script does, by name.
fn variants() -> BTreeMap<&'static str, Case> {
    let node = |keys: &str| format!("node: {{credentials: [instance_role, static], {keys}}}\n");
    let mut presigned = Case::new(&puppet_site(BUCKET, true, &node("first_fetch: presigned")));
    for target in presigned.targets.keys() {
        // As long as a link signed with static keys is.
        let link = format!(
            "https://example-config.s3.eu-central-1.amazonaws.com/nodes/agent/0.1.0/{target}/stringless-agent?\
             X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261120%2Feu-central-1%2Fs3%2F\
             aws4_request&X-Amz-Date=20261120T180000Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature={}",
            "0".repeat(64)
        );
        presigned.presigned.insert(target.clone(), link);
    }
    let mut authority =
        Case::new(&site(WEB, SCRIPT, "node: {ca_file: ca.pem, proxy: 'http://proxy:3128'}\n"));
    authority.ca_pem = Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into());
    let mut session = Case::new(&site(BUCKET, SCRIPT, "node: {credentials: [static], ca_file: ca.pem}\n"));
    session.ca_pem.clone_from(&authority.ca_pem);
    session.keys.session_token = Some("a+b/c==".into());
    let file = "{url: 'file:///srv/my-bucket'}";
    BTreeMap::from([
        ("authority", authority),
        ("boot", Case::new(&site(file, SCRIPT, "node: {schedule: boot}\n"))),
        ("cron", Case::new(&site(WEB, SCRIPT, "node: {schedule: cron, interval: 2h}\n"))),
        ("daemon", Case::new(&site(WEB, SCRIPT, "node: {schedule: daemon}\n"))),
        ("file", Case::new(&site(file, SCRIPT, ""))),
        ("file-openvox", Case::new(&puppet_site(file, true, ""))),
        ("presigned", presigned),
        ("public", Case::new(&site(WEB, SCRIPT, ""))),
        ("public-distro", Case::new(&puppet_site(WEB, false, ""))),
        ("public-openvox", Case::new(&puppet_site(WEB, true, ""))),
        ("session", session),
        ("signed", Case::new(&site(BUCKET, SCRIPT, KEYS))),
        ("signed-distro", Case::new(&puppet_site(BUCKET, false, KEYS))),
        ("signed-openvox", Case::new(&puppet_site(BUCKET, true, KEYS))),
    ])
}

/// Calls `check` with the name and the rendering of every variant for every pair in every form.
fn everywhere(mut check: impl FnMut(&str, &UserData)) {
    for (variant, case) in variants() {
        for distro in &case.catalog.distros {
            for cloud in &case.catalog.clouds {
                for form in &cloud.forms {
                    let name = format!("{}.{}.{}.{variant}", distro.id, cloud.id, form.as_str());
                    let data = render(&case.request(distro, cloud, Some(*form)))
                        .unwrap_or_else(|fault| panic!("{name}: {fault}\n{:?}", fault.hint));
                    check(&name, &data);
                }
            }
        }
    }
}

#[test]
fn each_is_plain_text_within_its_size() {
    let mut largest: BTreeMap<String, usize> = BTreeMap::new();
    everywhere(|name, data| {
        let plain = data.text.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b));
        assert!(plain, "{name}: other bytes than printable ASCII and LF");
        assert!(data.text.ends_with('\n') && !data.text.contains(" \n"), "{name}: ends of lines");
        assert!(data.script.starts_with("#!/bin/sh\n"), "{name}");
        assert!(data.script.ends_with("\n}\nmain \"$@\"\n"), "{name}");
        assert!(!data.script.contains("\n\n\n") && !data.script.contains("{{"), "{name}");
        if data.form == Form::Script {
            assert_eq!(data.text, data.script, "{name}");
            let limit = if data.script.contains("hmac()") { 8192 } else { 6144 };
            assert!(data.text.len() <= limit, "{name}: {} bytes, {limit} are allowed", data.text.len());
            let (_, variant) = name.rsplit_once('.').unwrap();
            let size = largest.entry(variant.to_owned()).or_default();
            *size = data.text.len().max(*size);
        }
    });
    println!("largest per variant: {largest:#?}");
}

#[test]
fn no_secret_stands_where_a_role_does() {
    everywhere(|name, data| {
        let role = data.script.contains("instance_role");
        assert!(!role || !data.text.contains(SECRET), "{name}");
        assert!(!data.script.contains("set -x") && !data.script.contains("| logger\n"), "{name}");
    });
}

#[test]
fn each_cloud_config_carries_the_script() {
    everywhere(|name, data| {
        if data.form != Form::CloudConfig {
            return;
        }
        assert!(data.text.starts_with("#cloud-config\n# Stringless bootstrap"), "{name}");
        let yaml: serde_yaml::Value = serde_yaml::from_str(&data.text).unwrap();
        let file = &yaml["write_files"][0];
        assert_eq!(file["content"].as_str(), Some(data.script.as_str()), "{name}");
        assert_eq!(file["permissions"].as_str(), Some("0700"), "{name}");
        // Its status is the last, and so the status of the whole.
        assert_eq!(yaml["runcmd"].as_sequence().unwrap().len(), 1, "{name}");
        assert_eq!(yaml["runcmd"][0][1], file["path"], "{name}");
    });
}

#[test]
fn each_passes_shellcheck_and_the_shells() {
    let Some(shellcheck) = tools::program("shellcheck") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    everywhere(|name, data| {
        if data.form == Form::Script {
            let file = folder.path().join(name);
            fs::write(&file, &data.script).unwrap();
            files.push(file);
        }
    });
    // SC1091: /etc/os-release is the node's.
    let mut check = Command::new(shellcheck);
    check.args(["--shell=sh", "--severity=style", "--exclude=SC1091"]).args(&files);
    let output = run(&mut check, LIMIT);
    assert!(output.status.success(), "{}", both(&output));
    for shell in SHELLS {
        let Some(program) = tools::program(shell[0]) else { return };
        for file in &files {
            let output = run(Command::new(&program).args(&shell[1..]).arg("-n").arg(file), LIMIT);
            assert!(output.status.success() && both(&output).is_empty(), "{shell:?}: {}", both(&output));
        }
    }
}

#[test]
fn each_unit_is_what_systemd_takes() {
    let Some(analyze) = tools::program("systemd-analyze") else { return };
    for variant in ["public", "daemon"] {
        let case = &variants()[variant];
        for distro in case.catalog.distros.iter().filter(|distro| distro.init.as_str() == "systemd") {
            let script = case.render(&distro.id, "nocloud", Form::Script).unwrap().script;
            let folder = tempfile::tempdir().unwrap();
            let mut units = Vec::new();
            for part in script.split("cat >$u.").skip(1) {
                let (name, rest) = part.split_once(" <<UNIT").unwrap();
                let body = rest.split_once('\n').unwrap().1.split_once("\nUNIT\n").unwrap().0;
                assert!(
                    !body.contains("cloud-"),
                    "a unit that waits for cloud-init waits for itself:\n{body}"
                );
                let body = body.replace("$bin", "/bin/true");
                let unit = folder.path().join(format!("stringless.{name}"));
                fs::write(&unit, body).unwrap();
                units.push(unit);
            }
            assert_eq!(units.len(), if variant == "daemon" { 1 } else { 2 });
            let output = run(Command::new(&analyze).arg("verify").arg("--man=no").args(&units), LIMIT);
            let told = both(&output);
            let ours: Vec<&str> = told.lines().filter(|line| line.contains("stringless")).collect();
            assert!(ours.is_empty(), "{}: {told}", distro.id);
        }
    }
}

#[test]
fn no_distro_and_no_cloud_is_named_in_code() {
    let catalog = Catalog::embedded().unwrap();
    let mut names: Vec<String> = Vec::new();
    for distro in &catalog.distros {
        names.extend([distro.id.clone(), distro.name.split(' ').next().unwrap().to_owned()]);
        names.push(distro.os_release.id.to_string());
    }
    for cloud in &catalog.clouds {
        names.extend([cloud.id.clone(), cloud.name.clone()]);
    }
    let mut files =
        vec![tools::root().join("templates/base.tera"), tools::root().join("templates/presign.tera")];
    collect(&tools::root().join("generator/src"), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for name in &names {
            let named = text.match_indices(name.as_str()).any(|(at, _)| {
                let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                let (before, after) = (&text[..at], &text[at + name.len()..]);
                // `~/.aws` is a folder of the user and `aws configure` a program, whatever machines
                // are rendered for.
                !before.ends_with(inside)
                    && !before.ends_with("/.")
                    && !before.ends_with("\".")
                    && !after.starts_with(inside)
                    && !after.starts_with(" configure ")
            });
            assert!(!named, "{} names `{name}`: data names things, code names kinds", file.display());
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

#[test]
fn the_catalog_is_complete_and_plain() {
    let catalog = Catalog::embedded().unwrap();
    assert!(!catalog.distros.is_empty() && !catalog.clouds.is_empty());
    for distro in &catalog.distros {
        assert!(distro.name.is_ascii() && distro.log.starts_with('/'), "{}", distro.id);
        let date = format!("{}T00:00:00Z", distro.eol);
        assert!(agent_core::time::Timestamp::parse(&date).is_ok(), "{}: eol {}", distro.id, distro.eol);
        assert!(!distro.targets.is_empty(), "{}", distro.id);
    }
    for cloud in &catalog.clouds {
        assert!(!cloud.forms.is_empty() && cloud.docs.starts_with("https://"), "{}", cloud.id);
        assert!(cloud.name.is_ascii() && cloud.paste_into.is_ascii(), "{}", cloud.id);
    }
    let fault = catalog.distro("debain-12").unwrap_err();
    assert!(fault.hint.unwrap().contains("debian-12"));
}

/// A claim is only as good as the test that runs every pair that makes it.
#[test]
fn every_claimed_level_has_its_test() {
    let catalog = Catalog::embedded().unwrap();
    for (level, test, proof) in [
        (Level::Booted, "boot/pairs.rs", "tests/levels.yaml"),
        (Level::RanInRoot, "shells/signing.rs", "claimed(Level::RanInRoot)"),
    ] {
        let pairs = catalog.claimed(level).unwrap();
        for (n, pair) in pairs.iter().map(|(distro, cloud)| (&distro.id, &cloud.id)).enumerate() {
            let twice = pairs[..n].iter().any(|(distro, cloud)| (&distro.id, &cloud.id) == pair);
            assert!(!twice, "{pair:?} claims `{}` twice", level.as_str());
        }
        if !pairs.is_empty() {
            let text = fs::read_to_string(tools::root().join("tests").join(test)).unwrap_or_default();
            assert!(text.contains(proof), "tests/{test} does not run what claims `{}`", level.as_str());
        }
        for (distro, cloud) in pairs {
            assert!(
                catalog.level(distro, cloud) <= level,
                "{} {}: the strongest claim counts",
                distro.id,
                cloud.id
            );
        }
    }
    assert!(catalog.claimed(Level::Linted).unwrap().is_empty(), "linted is what every pair is");
}

const SHELLS: [&[&str]; 4] = [&["dash"], &["posh"], &["yash", "-o", "posixly-correct"], &["busybox", "ash"]];
const LIMIT: Duration = Duration::from_secs(120);
