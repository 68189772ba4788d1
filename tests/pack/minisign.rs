//! Signed documents and keys against stock minisign, both ways.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::agent::Run;
use e2e::process::succeed;
use e2e::tools;

use crate::site::{LIMIT, Site};

/// Splits a signed document as the documentation says: blocks, an empty line, the payload.
fn split(document: &Path, folder: &Path) -> (PathBuf, PathBuf) {
    let bytes = fs::read(document).unwrap();
    let at = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
    let (signature, payload) = (folder.join("payload.minisig"), folder.join("payload"));
    fs::write(&signature, &bytes[..=at]).unwrap();
    fs::write(&payload, &bytes[at + 2..]).unwrap();
    (signature, payload)
}

#[test]
fn stock_minisign_verifies_our_documents() {
    let Some(minisign) = tools::program("minisign") else { return };
    let Some(site) = Site::new() else { return };
    let _ = site.run(&["publish"]).expect(0);
    let documents = [
        (site.manifest(), "manifest example production 1"),
        (site.path("bucket/env/production/history/1"), "manifest example production 1"),
        (site.path("bucket/trust/1.json"), "trust example keys 1"),
    ];
    for (document, comment) in documents {
        let (signature, payload) = split(&document, site.folder.path());
        let verify = |payload: &Path| {
            let mut command = Command::new(&minisign);
            command.args(["-V", "-H", "-p"]).arg(site.path("site/keys/release.pub"));
            Run::of(command.arg("-x").arg(&signature).arg("-m").arg(payload))
        };
        let run = verify(&payload).expect(0);
        assert!(run.out.contains(comment), "{}", run.out);
        let mut bytes = fs::read(&payload).unwrap();
        bytes[20] ^= 1;
        fs::write(&payload, bytes).unwrap();
        assert_ne!(verify(&payload).code, 0);
    }
}

#[test]
fn we_verify_stock_minisigns_documents() {
    let Some(minisign) = tools::program("minisign") else { return };
    let Some(site) = Site::new() else { return };
    let _ = site.run(&["publish"]).expect(0);
    let (_, payload) = split(&site.manifest(), site.folder.path());
    let next = fs::read_to_string(&payload).unwrap().replace("\"serial\": 1", "\"serial\": 7");
    fs::write(&payload, next).unwrap();
    let sign = |comment: &str| {
        let mut command = Command::new(&minisign);
        command.args(["-S", "-H", "-t", comment, "-s"]).arg(site.path("site/keys/release.key"));
        succeed(command.arg("-m").arg(&payload), LIMIT);
        let signature = fs::read(site.path("payload.minisig")).unwrap();
        let document = [signature.as_slice(), b"\n", &fs::read(&payload).unwrap()].concat();
        fs::write(site.manifest(), document).unwrap();
    };
    sign("manifest example production 7");
    let _ = site.run(&["verify"]).expect(0);
    let _ = site.run(&["verify", "bucket/env/production/head"]).expect(0);
    // A release that another tool published is followed, not written over.
    site.write("apply", "#!/bin/sh\nexit 0\n", 0o755);
    assert!(site.run(&["publish"]).expect(0).out.starts_with("published example production 8"));
    // A comment that says something else than the payload is a replay of another signature.
    for comment in ["manifest example production 8", "manifest example staging 7", "timestamp:1"] {
        sign(comment);
        assert!(site.run(&["verify"]).expect(3).err.contains("trusted comment"), "{comment}");
    }
}

#[test]
fn keys_of_stock_minisign_sign_for_a_site() {
    let Some(minisign) = tools::program("minisign") else { return };
    let Some(site) = Site::new() else { return };
    let pipe = "printf 'secret\\nsecret\\n' | \"$1\" -G -p locked.pub -s locked.key; \"$1\" -G -W -p open.pub -s open.key";
    succeed(
        Command::new("sh").args(["-ec", pipe, "sh"]).arg(&minisign).current_dir(site.folder.path()),
        LIMIT,
    );
    for (key, password) in [("locked", Some("secret")), ("open", None)] {
        let store = format!("file://{}", site.path(&format!("{key}-bucket")).display());
        let key_file = format!("{key}.key");
        let run = |args: &[&str]| {
            let mut command = site.command(args);
            command.env("STRINGLESS_SITE_FILE", key);
            if let Some(password) = password {
                command.env("STRINGLESS_PASSWORD", password);
            }
            Run::of(&mut command)
        };
        let _ = run(&["init", key, "--site", key, "--store", &store, "--key", &key_file]).expect(0);
        fs::copy(site.tree().join("apply"), site.path(key).join("apply")).unwrap();
        let _ = run(&["publish", "--key", &key_file]).expect(0);
        let _ = run(&["verify"]).expect(0);
    }
    // Without a password, with a wrong one, and for another site it is no key.
    let locked = ["publish", "--force", "--key", "locked.key"];
    let mut command = site.command(&locked);
    assert!(
        Run::of(command.env("STRINGLESS_SITE_FILE", "locked")).expect(78).err.contains("STRINGLESS_PASSWORD")
    );
    let mut command = site.command(&locked);
    command.env("STRINGLESS_SITE_FILE", "locked").env("STRINGLESS_PASSWORD", "guess");
    assert!(Run::of(&mut command).expect(78).err.contains("Wrong password"));
    assert!(
        site.run(&["publish", "--key", "open.key"])
            .expect(3)
            .err
            .contains("does not belong to trust version 1")
    );
}

#[test]
fn our_keys_sign_with_stock_minisign() {
    let Some(minisign) = tools::program("minisign") else { return };
    let Some(site) = Site::new() else { return };
    let mut command = site.command(&["keygen", "locked.key"]);
    let _ = Run::of(command.env("STRINGLESS_PASSWORD", "secret")).expect(0);
    let _ = site.run(&["keygen", "open.key", "--no-password"]).expect(0);
    fs::write(site.path("file"), "content").unwrap();
    for key in ["locked", "open"] {
        let sign = format!("echo secret | \"$1\" -S -s {key}.key -m file && \"$1\" -V -p {key}.pub -m file");
        let mut command = Command::new("sh");
        succeed(command.args(["-ec", &sign, "sh"]).arg(&minisign).current_dir(site.folder.path()), LIMIT);
        assert_eq!(fs::metadata(site.path(&format!("{key}.key"))).unwrap().mode() & 0o777, 0o600);
    }
}
