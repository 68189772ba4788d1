//! Stores as the generator reads them: a web server over TLS with its faults, a private authority, and
//! what a hostile store could offer.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod rotation;
mod s3;

use std::collections::BTreeMap;
use std::fs;

use e2e::agent::Run;
use e2e::forge::{Entry, Forge, gzip, name, public, sign, tar};
use e2e::netns::Net;
use e2e::proxy::Proxy;
use e2e::server::{Fault, Reply, Server};
use e2e::site::Site;
use e2e::tls::{Authority, SERVER_NAMES};
use stringless_core::json;
use stringless_core::trust::{Trust, TrustKey, TrustType};

/// A site that is published to a folder, which a web server offers as its only store.
struct Web {
    site: Site,
    server: Server,
    _bucket: tempfile::TempDir,
}

impl Web {
    fn new() -> Option<Self> {
        let (net, bucket) = (Net::host(), tempfile::tempdir().unwrap());
        let folder = format!("file://{}", bucket.path().display());
        let site = Site::init(&net, &["--store", &folder])?;
        site.write("apply", "#!/bin/sh\n", 0o755);
        site.publish();
        let authority = Authority::new();
        let certificate = authority.issue(SERVER_NAMES);
        let server = Server::start(&net, bucket.path(), Some(&certificate));
        site.write("keys/ca.pem", authority.pem(), 0o644);
        site.edit(&folder, &server.url(""));
        Some(Self { site, server, _bucket: bucket })
    }

    /// With the authority known by `STRINGLESS_CA_FILE`.
    fn verify(&self) -> Run {
        let mut command = self.site.command(&["verify"]);
        Run::of(command.env("STRINGLESS_CA_FILE", self.site.path("keys/ca.pem")))
    }
}

const POINTER: &str = "env/production/head";

#[test]
fn a_web_store_is_read_as_a_node_reads_it() {
    let Some(web) = Web::new() else { return };
    let _ = web.verify().expect(0);
    // No query, no credentials.
    let seen = web.server.take();
    assert!(seen.iter().any(|request| request.request.path().ends_with(POINTER)), "{seen:?}");
    assert!(seen.iter().all(|request| request.request.header("authorization").is_none()), "{seen:?}");
}

#[test]
fn a_private_authority_has_to_be_named() {
    let Some(web) = Web::new() else { return };
    let run = web.site.run(&["verify"]).expect(1);
    assert!(run.err.contains("certificate") && run.err.contains("STRINGLESS_CA_FILE"), "{}", run.err);
    web.site.edit("node:\n", "node:\n  ca_file: keys/ca.pem\n");
    let _ = web.site.run(&["verify"]).expect(0);
    // Another authority is as good as none.
    web.site.write("keys/ca.pem", Authority::new().pem(), 0o644);
    let _ = web.site.run(&["verify"]).expect(1);
}

#[test]
fn a_busy_store_is_asked_again() {
    let Some(web) = Web::new() else { return };
    web.server.fault_times(POINTER, Fault::status(503), 2);
    let _ = web.verify().expect(0);
    web.server.fault(POINTER, Fault::status(503));
    let run = web.verify().expect(1);
    assert!(run.err.contains("the server answered 503"), "{}", run.err);
}

#[test]
fn odd_answers_are_not_believed() {
    let Some(web) = Web::new() else { return };
    let moved = Reply::new(302, "").with("location", "https://elsewhere.test/manifest");
    let login = Reply::new(303, "").with("location", "https://login.test/");
    let large = Reply::new(200, "x".repeat((1 << 20) + 1));
    let cases = [
        (Fault::Answer(moved), 1, "https://elsewhere.test/manifest"),
        (Fault::status(403), 1, "the server answered 403"),
        (Fault::Answer(large), 3, "larger than 1048576 bytes"),
        (Fault::Answer(login), 1, "https://login.test/"),
        (Fault::Answer(Reply::new(200, "\n<html>")), 1, "it is a web page (HTML or XML), not the object"),
        (Fault::Encoded, 1, "it was compressed on the way"),
        (Fault::Answer(Reply::new(200, "nonsense")), 3, "not a signed document"),
        (Fault::short(100), 1, ""),
        (Fault::status(404), 3, "nothing is published"),
    ];
    for (fault, code, why) in cases {
        println!("{fault:?}");
        web.server.fault(POINTER, fault);
        let run = web.verify().expect(code);
        assert!(run.err.contains(why), "{}", run.err);
        web.server.mend();
    }
    let _ = web.verify().expect(0);
}

#[test]
fn a_proxy_is_used_and_gone_around() {
    let Some(web) = Web::new() else { return };
    let proxy = Proxy::start(&Net::host());
    let verify = |no_proxy: &str| {
        let mut command = web.site.command(&["verify"]);
        command.env("STRINGLESS_CA_FILE", web.site.path("keys/ca.pem"));
        command.env("HTTPS_PROXY", format!("http://127.0.0.1:{}", proxy.port())).env("NO_PROXY", no_proxy);
        let _ = Run::of(&mut command).expect(0);
        proxy.take()
    };
    assert!(!verify("elsewhere.test").is_empty());
    assert!(verify("127.0.0.1").is_empty());
}

/// A site whose trust holds the key that forges the bucket.
fn forged() -> Option<(Site, Forge)> {
    let forge = Forge::new();
    let site = Site::init(&Net::host(), &["--store", &forge.url()])?;
    let key = public(&forge.key);
    let trust = Trust {
        kind: TrustType::Trust,
        format: stringless_core::trust::FORMAT,
        needs: Vec::new(),
        site: name("example"),
        version: 1,
        threshold: 1,
        keys: vec![TrustKey { name: name("forge"), id: key.id(), key }],
        fleet: Vec::new(),
        expires: None,
        min_serial: BTreeMap::new(),
    };
    let document = sign(&[&forge.key], &json::write(&trust), &trust.comment());
    fs::write(site.path("trust/1.json"), document).unwrap();
    forge.publish(&forge.manifest(1, vec![forge.script("true")]));
    let _ = site.run(&["verify"]).expect(0);
    Some((site, forge))
}

#[test]
fn a_hostile_archive_is_refused_though_it_is_signed() {
    let Some((site, forge)) = forged() else { return };
    let cases: [(&str, Vec<Entry<'_>>); 8] = [
        ("holds `.` or `..`", vec![Entry::file("../escaped", 0o644, "x")]),
        ("is absolute", vec![Entry::file("/etc/cron.d/x", 0o644, "x")]),
        ("leaves the pack", vec![Entry::link("out", b'2', "../../..")]),
        ("comes before its folder", vec![Entry::link("d", b'2', "e"), Entry::file("d/x", 0o644, "x")]),
        ("neither file, folder nor", vec![Entry::link("h", b'1', "apply")]),
        ("neither file, folder nor", vec![Entry::link("null", b'3', "")]),
        ("is setuid", vec![Entry::file("su", 0o4755, "x")]),
        ("occurs twice", vec![Entry::file("x", 0o644, "x"), Entry::file("X", 0o644, "x")]),
    ];
    for (serial, (why, entries)) in (2..).zip(cases) {
        forge.publish(&forge.manifest(serial, vec![forge.pack("", &entries)]));
        for command in ["verify", "diff"] {
            let run = site.run(&[command]);
            // What is there is of no use to a comparison either; only its absence of a script is another fault.
            assert!(matches!((command, run.code), ("verify", 3) | ("diff", 3 | 78)), "{why}: {}", run.err);
            assert!(command == "diff" || run.err.contains(why), "{why}: {}", run.err);
        }
    }
}

#[test]
fn more_or_less_than_announced_is_refused() {
    let Some((site, forge)) = forged() else { return };
    let bomb = gzip(&tar(&[Entry::file("apply", 0o755, &"0".repeat(10_000_000))]));
    let short = gzip(&tar(&[Entry::file("apply", 0o755, "short")]));
    let inner = forge.pack("data", &[Entry::file("a", 0o644, "x")]);
    let outer = forge.pack("", &[Entry::folder("data/"), Entry::file("data/a", 0o644, "y")]);
    let cases = [
        ("larger than the manifest", vec![forge.raw_pack("", &bomb, 100, 1)]),
        ("unpacked bytes differ from", vec![forge.raw_pack("", &short, 100, 1)]),
        ("files differ from", vec![forge.raw_pack("", &short, 5, 2)]),
        ("two packs contain `data/a`", vec![inner, outer]),
    ];
    for (serial, (why, packs)) in (2..).zip(cases) {
        forge.publish(&forge.manifest(serial, packs));
        let run = site.run(&["verify"]).expect(3);
        assert!(run.err.contains(why), "{why}: {}", run.err);
    }
}

#[test]
fn the_last_serial_is_not_followed_by_the_first() {
    let Some((site, forge)) = forged() else { return };
    forge.publish(&forge.manifest(u64::MAX, vec![forge.script("true")]));
    site.write("apply", "#!/bin/sh\n", 0o755);
    let run = site.run(&["publish"]).expect(3);
    assert!(run.err.contains("no honest publisher") && run.err.contains("--min-serial"), "{}", run.err);
}
