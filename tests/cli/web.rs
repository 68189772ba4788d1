//! `stringless web`: the page that it writes, alone and with a site.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64ct::{Base64, Encoding as _};
use e2e::forge::{head, named, sign_head};
use e2e::process::{both, run, succeed};
use e2e::tools;
use minisign::KeyPair;
use serde_json::{Value, json};
use stringless_core::manifest::Manifest;

use crate::LIMIT;

#[test]
fn the_page_is_one_file_that_others_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let Some((page, _)) = page(folder.path(), &[]) else { return };
    assert!(page.starts_with("<!doctype html>"), "{}", &page[..80]);
    assert!(!page.contains("{{"), "a place in the page is empty");
    assert_eq!(carried(&page), Value::Null);
    let file = folder.path().join("a/b/index.html");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    // Once more, over itself.
    assert_eq!(self::page(folder.path(), &[]).unwrap().0, page);
    assert_eq!(fs::read_dir(folder.path().join("a/b")).unwrap().count(), 1);
}

#[test]
fn a_page_with_a_site_holds_its_files_and_serials_and_no_key() {
    let Some(generator) = tools::generator() else { return };
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let stringless = |args: &[&str]| {
        let mut command = Command::new(&generator);
        command.arg("-f").arg(&site).args(args).current_dir(folder.path());
        succeed(&mut command, LIMIT)
    };
    let store = format!("file://{}", folder.path().join("bucket").display());
    stringless(&["init", "site", "--site", "base", "--store", &store, "--no-password"]);
    let settings = fs::read_to_string(site.join("stringless.yaml")).unwrap();
    let settings = settings
        .replace("  production:\n", "  production: {}\n  staging:\n")
        .replace("node:\n", "node:\n  ca_file: ca<b>.pem\n  proxy: http://user:password@127.0.0.1:1\n");
    fs::write(site.join("stringless.yaml"), settings).unwrap();
    fs::write(site.join("ca<b>.pem"), "a certificate").unwrap();
    fs::write(site.join("apply"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(site.join("apply"), fs::Permissions::from_mode(0o755)).unwrap();
    stringless(&["publish", "-e", "production"]);
    let Some((page, said)) = page(folder.path(), &["-f", "site", "--with-site"]) else { return };
    let carried = carried(&page);
    let names: Vec<&str> =
        carried["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["stringless.yaml", "trust/1.json", "ca<b>.pem"]);
    for file in carried["files"].as_array().unwrap() {
        let bytes = Base64::decode_vec(file["base64"].as_str().unwrap()).unwrap();
        assert_eq!(bytes, fs::read(site.join(file["name"].as_str().unwrap())).unwrap(), "{file}");
    }
    assert!(page.contains("ca\\u003cb>.pem"), "a name could end the block");
    for warning in ["the page holds the password of `node.proxy`", "nothing is published for `staging`"] {
        assert!(said.contains(warning), "{said}");
    }
    // What was never published has no serial.
    assert_eq!(carried["serials"], json!({"production": 1}));
    let key = fs::read_to_string(site.join("keys/release.key")).unwrap();
    let secret = key.lines().nth(1).unwrap();
    assert!(!page.contains(secret) && !page.contains(&Base64::encode_string(key.as_bytes())));
}

#[test]
fn a_page_with_a_site_says_which_environments_ended() {
    let folder = tempfile::tempdir().unwrap();
    let Some(site) = Site::new(folder.path()) else { return };
    let settings = fs::read_to_string(site.folder.join("stringless.yaml")).unwrap();
    let staging = settings.replace("  production:\n", "  staging: {source: {path: .}}\n  production:\n");
    assert_ne!(settings, staging);
    fs::write(site.folder.join("stringless.yaml"), &staging).unwrap();
    site.stringless(&["publish", "--all"]);
    fs::write(site.folder.join("stringless.yaml"), &settings).unwrap();
    site.stringless(&["environments", "retire", "staging"]);
    fs::write(site.folder.join("stringless.yaml"), &staging).unwrap();
    let Some((page, said)) = page(folder.path(), &["-f", "site", "--with-site"]) else { return };
    let carried = carried(&page);
    assert_eq!(carried["serials"], json!({"production": 1}));
    assert_eq!(carried["retired"], json!(["staging"]));
    assert!(said.contains("`staging` was retired") && !said.contains("nothing is published"), "{said}");
}

/// While a release is on its way, new nodes may get the stable one.
#[test]
fn a_page_with_a_site_holds_the_serial_of_the_stable_release() {
    let folder = tempfile::tempdir().unwrap();
    let Some(site) = Site::new(folder.path()) else { return };
    let key = KeyPair::generate_unencrypted_keypair().unwrap();
    fs::write(site.folder.join("tick.pub"), key.pk.to_box().unwrap().to_string()).unwrap();
    site.stringless(&["keys", "fleet", "add", "tick", "--public", "tick.pub", "--may", "head"]);
    site.stringless(&["publish"]);
    fs::write(site.folder.join("apply"), "#!/bin/sh\necho two\n").unwrap();
    site.stringless(&["publish"]);
    let environment = folder.path().join("bucket/env/production");
    let release = |serial: &str| -> Manifest {
        let text = fs::read_to_string(environment.join("history").join(serial)).unwrap();
        serde_json::from_str(text.split_once("\n\n").unwrap().1).unwrap()
    };
    let mut on_its_way = head(3, &release("1"));
    let mut next = named(&release("2"));
    next["since"] = json!("2026-11-20T18:00:00Z");
    next["salt"] = json!(2);
    next["state"] = json!("go");
    next["waves"] = json!([{"share": 50, "from": "2026-11-20T18:00:00Z"}]);
    on_its_way["next"] = next;
    fs::write(environment.join("head"), sign_head(&key, &on_its_way)).unwrap();
    let Some((page, _)) = page(folder.path(), &["-f", "site", "--with-site"]) else { return };
    assert_eq!(carried(&page)["serials"], json!({"production": 1}));
}

/// A site whose store is a folder beside it.
struct Site {
    generator: PathBuf,
    folder: PathBuf,
}

impl Site {
    fn new(folder: &Path) -> Option<Self> {
        let site = Self { generator: tools::generator()?, folder: folder.join("site") };
        fs::create_dir(&site.folder).unwrap();
        let store = format!("file://{}", folder.join("bucket").display());
        site.stringless(&["init", ".", "--site", "example", "--store", &store, "--no-password"]);
        fs::write(site.folder.join("apply"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(site.folder.join("apply"), fs::Permissions::from_mode(0o755)).unwrap();
        Some(site)
    }

    fn stringless(&self, arguments: &[&str]) {
        let mut command = Command::new(&self.generator);
        let _ = succeed(command.args(arguments).current_dir(&self.folder), LIMIT);
    }
}

/// The page that `stringless web` writes, and what the program says; `None` after saying so where the generator was built without one.
fn page(folder: &Path, args: &[&str]) -> Option<(String, String)> {
    let mut command = Command::new(tools::generator()?);
    command.args(["web", "--out", "a/b"]).args(args).current_dir(folder);
    let output = run(&mut command, LIMIT);
    let said = both(&output);
    if said.contains("this build of stringless carries none") {
        assert_eq!(output.status.code(), Some(78));
        assert!(said.contains("hint: released programs carry it"), "{said}");
        return tools::skip("no page in the generator (make generator)");
    }
    assert!(output.status.success() && said.contains("wrote `a/b/index.html`"), "{said}");
    Some((fs::read_to_string(folder.join("a/b/index.html")).unwrap(), said))
}

/// The block of the page in which a site stands.
fn carried(page: &str) -> Value {
    let (_, rest) = page.split_once(r#"<script id="site" type="application/json">"#).unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}
