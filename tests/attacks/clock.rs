//! Clocks that stand years away: thrown back they revive nothing that has expired, thrown forward they
//! brick nothing.
//!
//! The clock is set for the agent alone, by libfaketime. It works on programs with a dynamic C library
//! only, so that the agent is the one of the test build: the same code.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use e2e::agent::{Node, Run};
use e2e::forge::Forge;
use e2e::netns::Net;
use e2e::server::Server;
use e2e::tls::Authority;
use e2e::tools;
use serde_json::json;
use stringless_core::time::Timestamp;

const YEAR: u64 = 365 * 86_400;

/// A node behind HTTPS whose clock can be set; its bootstrap is of an hour ago.
struct Timed {
    forge: Forge,
    node: Node,
    shim: PathBuf,
    _server: Server,
}

impl Timed {
    fn new() -> Option<Self> {
        let shim = shim()?;
        let (forge, authority) = (Forge::new(), Authority::new());
        // Certificates as they are in the world: of last month, for some months.
        let server = Server::start(
            &Net::host(),
            forge.bucket(),
            Some(&authority.issue_valid(&["127.0.0.1"], -30..60)),
        );
        let mut config = forge.config(&server.url(""));
        config["ca_file"] = json!("/etc/stringless/ca.pem");
        config["rendered"] = json!(Timestamp::from_seconds(now() - 3600));
        let node = Node::with(tools::agent_with_checkpoints()?, &Net::host(), &config);
        node.write("etc/stringless/ca.pem", authority.pem());
        Some(Self { forge, node, shim, _server: server })
    }

    fn publish(&self, serial: u64, created: u64, expires: Option<u64>) {
        let script = self.forge.script(&format!("echo {serial} >\"$OUT/applied\""));
        let mut manifest = self.forge.manifest(serial, vec![script]);
        manifest.created = Timestamp::from_seconds(created);
        manifest.expires = expires.map(Timestamp::from_seconds);
        self.forge.publish(&manifest);
    }

    /// A run at this offset from the true time, in years.
    fn run(&self, years: i64) -> Run {
        let mut command = self.node.command(&["--once"]);
        command.env("OUT", self.node.root()).env("LD_PRELOAD", &self.shim);
        // What measures spans goes on as it should: it is the date that is wrong.
        command.env("FAKETIME", format!("{years:+}y")).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Run::of(&mut command)
    }

    fn applied(&self) -> Option<String> {
        self.node.read("applied").map(|text| text.trim().to_owned())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// libfaketime, seen to work.
fn shim() -> Option<PathBuf> {
    let find = |lib: &str| -> Option<PathBuf> {
        let folders = fs::read_dir(lib).ok()?.flatten().map(|entry| entry.path());
        let mut files = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
        files.find(|file| file.is_file())
    };
    let Some(shim) = find("/usr/lib").or_else(|| find("/lib")) else {
        return tools::skip("no libfaketime here");
    };
    let mut date = Command::new("date");
    let year = date.arg("+%Y").env("LD_PRELOAD", &shim).env("FAKETIME", "-10y").output().unwrap();
    let this = Command::new("date").arg("+%Y").output().unwrap();
    assert_ne!(year.stdout, this.stdout, "libfaketime does not set the clock");
    Some(shim)
}

#[test]
fn clock_thrown_back_ten_years() {
    let Some(timed) = Timed::new() else { return };
    timed.publish(7, now() - 60, None);
    let _ = timed.run(0).expect(0);
    // A release of last month, expired since yesterday: it was never seen, and its serial is higher.
    timed.publish(8, now() - 30 * 86_400, Some(now() - 86_400));
    for years in [0, -10, -50] {
        let run = timed.run(years).expect(3);
        assert!(run.err.contains("[expired]"), "{years} years: {}", run.err);
        assert_eq!(timed.applied().as_deref(), Some("7"));
    }
    // A good one is taken, its server's certificate included: TLS sees the same time.
    timed.publish(9, now() - 60, Some(now() + 86_400));
    let _ = timed.run(-10).expect(0);
    assert_eq!(timed.applied().as_deref(), Some("9"));
}

#[test]
fn clock_thrown_back_on_a_new_node() {
    // No state at all, and a clock that starts at 1970, as boards without a battery have it.
    let Some(timed) = Timed::new() else { return };
    timed.publish(8, now() - 30 * 86_400, Some(now() - 86_400));
    let run = timed.run(-50).expect(3);
    assert!(run.err.contains("[expired]"), "{}", run.err);
    timed.publish(9, now() - 60, Some(now() + 86_400));
    let _ = timed.run(-50).expect(0);
    assert_eq!(timed.applied().as_deref(), Some("9"));
}

#[test]
fn clock_thrown_back_between_what_was_accepted() {
    // The floor rises with what is accepted: a release that names a date proves that it has come.
    let Some(timed) = Timed::new() else { return };
    let mut config: serde_json::Value =
        serde_json::from_str(&timed.node.read("etc/stringless/agent.json").unwrap()).unwrap();
    config["rendered"] = json!("2020-01-01T00:00:00Z");
    timed.node.configure(&config);
    timed.publish(7, now() - 60, None);
    let _ = timed.run(0).expect(0);
    timed.publish(8, now() - 30 * 86_400, Some(now() - 86_400));
    let run = timed.run(-5).expect(3);
    assert!(run.err.contains("[expired]"), "{}", run.err);
}

#[test]
fn clock_thrown_forward_ten_years() {
    let Some(timed) = Timed::new() else { return };
    timed.publish(7, now() - 60, Some(now() + YEAR));
    let _ = timed.run(0).expect(0);
    // In ten years the certificate has expired: no store answers, and what runs goes on.
    timed.publish(8, now() - 60, Some(now() + YEAR));
    let run = timed.run(10).expect(1);
    assert!(run.err.contains("certificate"), "{}", run.err);
    assert_eq!(timed.applied().as_deref(), Some("7"));
    // The clock is put right, and nothing is left of it.
    let _ = timed.run(0).expect(0);
    assert_eq!(timed.applied().as_deref(), Some("8"));
}

#[test]
fn clock_thrown_forward_while_a_store_answers() {
    // A folder has no certificate: the check gets through in the future, and the floor does not stay there.
    let Some(timed) = Timed::new() else { return };
    let mut config = timed.forge.config(&timed.forge.url());
    config["rendered"] = json!(Timestamp::from_seconds(now() - 3600));
    timed.node.configure(&config);
    timed.publish(7, now() - 60, None);
    let _ = timed.run(0).expect(0);
    // An idle check, a new release that never expires, and one that has expired by then.
    let _ = timed.run(10).expect(0);
    timed.publish(8, now() - 50, None);
    let _ = timed.run(10).expect(0);
    assert_eq!(timed.applied().as_deref(), Some("8"));
    timed.publish(9, now() - 40, Some(now() + YEAR));
    assert!(timed.run(10).expect(3).err.contains("[expired]"));
    let _ = timed.run(0).expect(0);
    assert_eq!(timed.applied().as_deref(), Some("9"), "the clock is right again, and so is the node");
}
