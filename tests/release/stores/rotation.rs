//! A rotation of the trust, as publishing meets it.

use std::fs;

use e2e::forge::{Forge, name};
use e2e::netns::Net;
use e2e::site::Site;
use stringless::trust::first;
use stringless::trust::secret_key::{Protection, SecretKey};
use stringless_core::name::Name;
use stringless_core::trust::{Trust, TrustKey};
use stringless_core::verify::own_trust_document;

/// A published site that got a second trust document, with a new key in place of the first.
struct Rotated {
    site: Site,
    bucket: tempfile::TempDir,
}

impl Rotated {
    fn new(floor: Option<u64>) -> Option<Self> {
        let bucket = tempfile::tempdir().unwrap();
        let store = format!("file://{}", bucket.path().display());
        let site = Site::init(&Net::host(), &["--store", &store])?;
        site.write("apply", "#!/bin/sh\n", 0o755);
        site.publish();
        let own = name("example");
        let first = own_trust_document(&fs::read(site.path("trust/1.json")).unwrap(), &own).unwrap();
        let old = SecretKey::open(&site.path("keys/release.key")).unwrap();
        let new = SecretKey::create(&site.path("keys/second.key"), Protection::None).unwrap();
        let key = TrustKey { name: name("second"), id: new.public().id(), key: new.public().clone() };
        let min_serial = floor.map(|floor| (name("production"), floor)).into_iter().collect();
        let trust = Trust { version: 2, keys: vec![key], min_serial, ..Trust::clone(&first) };
        let document = first::trust(&trust, &[old, new], &own).unwrap();
        site.write("trust/2.json", document, 0o644);
        Some(Self { site, bucket })
    }

    fn serial(&self) -> u64 {
        self.site.publish()["serial"].as_u64().unwrap()
    }
}

#[test]
fn the_next_release_brings_the_new_trust() {
    let Some(rotated) = Rotated::new(None) else { return };
    let site = &rotated.site;
    // A node that knows only the first trust is not stranded: it finds the second one beside it.
    let run = site.run(&["diff", "--exit-code"]).expect(2);
    assert!(run.out.starts_with("settings:\n-trust.version: 1\n+trust.version: 2\n"), "{}", run.out);
    assert_eq!(rotated.serial(), 2);
    assert!(rotated.bucket.path().join("trust/2.json").is_file());
    let _ = site.run(&["verify"]).expect(0);
    // The first key signs nothing any more.
    let run = site.run(&["publish", "--force", "--key", "keys/release.key"]).expect(3);
    assert!(run.err.contains("trust version 2"), "{}", run.err);
}

#[test]
fn a_rotation_with_a_floor_mends_a_poisoned_serial() {
    let Some(rotated) = Rotated::new(Some(10)) else { return };
    // The thief of the first key published the highest serial.
    let pointer = rotated.bucket.path().join("env/production/head");
    let text = fs::read_to_string(&pointer).unwrap();
    let (_, payload) = text.split_once("\n\n").unwrap();
    let payload = payload.replace("\"serial\": 1,", &format!("\"serial\": {},", u64::MAX));
    let stolen = SecretKey::open(&rotated.site.path("keys/release.key")).unwrap();
    let block =
        stolen.sign(payload.as_bytes(), &format!("manifest example production {}", u64::MAX)).unwrap();
    fs::write(&pointer, format!("{block}\n{payload}")).unwrap();
    assert_eq!(rotated.serial(), 10);
    let _ = rotated.site.run(&["verify"]).expect(0);
    rotated.site.write("apply", "#!/bin/sh\nexit 0\n", 0o755);
    assert_eq!(rotated.serial(), 11);
}

#[test]
fn an_old_copy_of_the_site_does_not_publish() {
    let Some(rotated) = Rotated::new(None) else { return };
    assert_eq!(rotated.serial(), 2);
    let site = &rotated.site;
    fs::rename(site.path("trust/2.json"), site.path("keys/kept")).unwrap();
    let run = site.run(&["publish", "--force"]).expect(3);
    assert!(run.err.contains("trust") && run.err.contains("hint: "), "{}", run.err);
    // A node is not misled by it either.
    let _ = site.run(&["verify"]).expect(0);
}

#[test]
fn a_trust_that_does_not_follow_is_refused() {
    let Some(rotated) = Rotated::new(None) else { return };
    let site = &rotated.site;
    let forge = Forge::new();
    let foreign = TrustKey {
        name: name("foreign"),
        id: e2e::forge::public(&forge.key).id(),
        key: e2e::forge::public(&forge.key),
    };
    let first: Name = name("example");
    let trust = own_trust_document(&fs::read(site.path("trust/2.json")).unwrap(), &first).unwrap();
    let trust = Trust { keys: vec![foreign], ..Trust::clone(&trust) };
    let document = e2e::forge::sign(&[&forge.key], &stringless_core::json::write(&trust), &trust.comment());
    site.write("trust/2.json", document, 0o644);
    for command in ["publish", "check", "verify", "diff"] {
        let run = site.run(&[command]).expect(3);
        let printed = format!("{}{}", run.out, run.err);
        assert!(printed.contains("`trust/2.json`: 0 of 1 required signatures"), "{command}: {printed}");
    }
}
