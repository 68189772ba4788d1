//! Renderings byte for byte: each distro on one cloud, each cloud on one distro, each form once.
//!
//! `make golden` writes them anew.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod rendering;

use std::path::{Path, PathBuf};
use std::{env, fs};

use generator::catalog::{Catalog, Form};
use rendering::{BUCKET, Case, puppet_site};
use similar::TextDiff;

/// What the others are seen beside.
const DISTRO: &str = "debian-12";
const CLOUD: &str = "aws";

#[test]
fn renderings_are_as_expected() {
    let case = Case::new(&puppet_site(BUCKET, true, "node: {credentials: [instance_role, static]}\n"));
    let mut expected = Vec::new();
    let catalog = Catalog::embedded().unwrap();
    let mut add = |folder: &str, name: &str, distro: &str, cloud: &str, form: Form| {
        let end = if form == Form::Script { "sh" } else { "yaml" };
        expected.push((
            PathBuf::from(format!("{folder}/{name}.{end}")),
            case.render(distro, cloud, form).unwrap().text,
        ));
    };
    for distro in &catalog.distros {
        add("distros", &distro.id, &distro.id, CLOUD, Form::Script);
    }
    for cloud in &catalog.clouds {
        add("clouds", &cloud.id, DISTRO, &cloud.id, Form::Script);
    }
    for form in catalog.cloud(CLOUD).unwrap().forms.iter().filter(|form| **form != Form::Script) {
        add("forms", form.as_str(), DISTRO, CLOUD, *form);
    }
    compare(&expected);
}

fn compare(expected: &[(PathBuf, String)]) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
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
            differences.push(format!("golden/{}:\n{}", path.display(), diff.unified_diff()));
        }
    }
    for folder in ["distros", "clouds", "forms"] {
        for entry in fs::read_dir(home.join(folder)).into_iter().flatten().flatten() {
            let path = Path::new(folder).join(entry.file_name());
            if !expected.iter().any(|(known, _)| *known == path) {
                if bless {
                    fs::remove_file(entry.path()).unwrap();
                } else {
                    differences.push(format!("golden/{}: nothing renders to it", path.display()));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}\n`make golden` accepts this", differences.join("\n"));
}
