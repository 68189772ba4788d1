//! The real agent on a node that is a folder: what it takes, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use agent_core::time::Timestamp;
use agent_core::{json as core_json, layout};
use e2e::agent::{Node, Run};
use e2e::forge::{Entry, Forge, name, public, sign};
use e2e::netns::Net;
use e2e::server::{Fault, Reply, Server};
use minisign::KeyPair;
use serde_json::{Value, json};

/// A site and a node that follows its folder.
struct Pair {
    forge: Forge,
    node: Node,
}

impl Pair {
    fn new() -> Option<Self> {
        let forge = Forge::new();
        let node = Node::new(&Net::host(), &forge.config(&forge.url()))?;
        Some(Self { forge, node })
    }

    /// A node with release 7 applied.
    fn converged() -> Option<Self> {
        let pair = Self::new()?;
        pair.forge.release(7, "seven");
        pair.run(&["--once"]).expect(0);
        assert_eq!(pair.applied().as_deref(), Some("seven\n"));
        Some(pair)
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(self.node.command(args).env("OUT", self.node.root()))
    }

    fn applied(&self) -> Option<String> {
        self.node.read("applied")
    }

    fn state(&self, path: &str) -> PathBuf {
        self.node.root().join("var/lib/stringless").join(path)
    }

    fn live(&self) -> String {
        let link = fs::read_link(self.state("layers/example/current"));
        link.map(|target| target.display().to_string()).unwrap_or_default()
    }

    /// The next run is refused for this reason, and release 7 goes on.
    fn refuses(&self, code: &str) {
        let run = self.run(&["--once"]).expect(3);
        assert!(run.err.contains(&format!("[{code}]")), "{}", run.err);
        assert_eq!(self.applied().as_deref(), Some("seven\n"));
        assert_eq!(self.live(), "releases/7/production");
        assert!(!self.node.root().join("escaped").exists());
    }
}

#[test]
fn applies_a_release_and_the_next_one() {
    let Some(pair) = Pair::converged() else { return };
    assert_eq!(pair.live(), "releases/7/production");
    let before = fs::metadata(pair.state("layers/example/state.json")).unwrap().modified().unwrap();
    let idle = pair.run(&["--once"]).expect(0);
    assert_eq!(idle.err, "", "an idle check says nothing");
    let after = fs::metadata(pair.state("layers/example/state.json")).unwrap().modified().unwrap();
    assert_eq!(before, after, "an idle check writes nothing but the time");
    pair.forge.release(8, "eight");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("eight\n"));
    assert_eq!(pair.live(), "releases/8/production");
    // The last good release stays; what came before it goes, with its packs.
    pair.forge.release(9, "nine");
    pair.run(&["--once"]).expect(0);
    let mut kept: Vec<_> = fs::read_dir(pair.state("layers/example/releases"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, ["8", "9"]);
    assert_eq!(fs::read_dir(pair.state("packs")).unwrap().count(), 2);
}

#[test]
fn builds_a_real_tree_of_packs() {
    let Some(pair) = Pair::new() else { return };
    let forge = &pair.forge;
    let packs = vec![
        forge.script(
            "cd \"$STRINGLESS_RELEASE\"; cat data/a modules/m/lib/b >\"$OUT/applied\"; test ! -L data",
        ),
        forge.pack("data", &[Entry::file("a", 0o644, "one\n"), Entry::link("l", b'2', "a")]),
        forge.pack("modules", &[Entry::file("README", 0o644, "loose\n")]),
        forge.pack("modules/m", &[Entry::folder("lib/"), Entry::file("lib/b", 0o755, "two\n")]),
    ];
    forge.publish(&forge.manifest(1, packs));
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("one\ntwo\n"));
    let release = pair.state("layers/example/current");
    assert_eq!(fs::read_link(release.join("data/l")).unwrap().to_str(), Some("a"));
    assert_eq!(fs::read_to_string(release.join("modules/README")).unwrap(), "loose\n");
}

#[test]
fn an_idle_check_is_one_request() {
    let forge = Forge::new();
    forge.release(7, "seven");
    let server = Server::start(&Net::host(), forge.bucket(), Some(&authority().issue(&["127.0.0.1"])));
    let Some(node) = web_node(&forge, &server) else { return };
    Run::of(node.command(&["--once"]).env("OUT", node.root())).expect(0);
    let first = server.take();
    assert_eq!(first.len(), 2, "the manifest and one pack: {first:?}");
    let run = Run::of(node.command(&["--once", "--json"]).env("OUT", node.root())).expect(0);
    let idle = server.take();
    assert_eq!(idle.len(), 1, "{idle:?}");
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["layers"][0]["requests"], 1);
    assert_eq!(report["layers"][0]["received"], 0);
}

#[test]
fn resumes_a_cut_download_and_outlasts_a_busy_store() {
    let forge = Forge::new();
    let text = "x".repeat(300_000);
    let noise: String =
        (0..200_000u32).map(|n| char::from(33 + (n.wrapping_mul(2_654_435_761) >> 25) as u8 % 90)).collect();
    let pack = forge.pack("data", &[Entry::file("noise", 0o644, &noise), Entry::file("text", 0o644, &text)]);
    let key = layout::pack(&pack.sha256);
    let half = pack.size as usize / 2;
    forge.publish(&forge.manifest(1, vec![forge.script("echo done >\"$OUT/applied\""), pack]));
    let server = Server::start(&Net::host(), forge.bucket(), Some(&authority().issue(&["127.0.0.1"])));
    server.fault_times(&key, Fault::short(half), 1);
    server.fault_times(&layout::manifest(&name("production")), Fault::status(503), 1);
    let Some(node) = web_node(&forge, &server) else { return };
    Run::of(node.command(&["--once"]).env("OUT", node.root())).expect(0);
    assert_eq!(node.read("applied").as_deref(), Some("done\n"));
    let ranged = server.take().into_iter().filter(|seen| seen.request.header("range").is_some()).count();
    assert_eq!(ranged, 1, "the rest was asked for, not the whole");
}

#[test]
fn refuses_a_tampered_manifest() {
    let Some(pair) = Pair::converged() else { return };
    pair.forge.release(8, "eight");
    let path = pair.forge.bucket().join("env/production/manifest");
    let text = fs::read_to_string(&path).unwrap().replace("\"serial\": 8", "\"serial\": 9");
    pair.forge.put("env/production/manifest", text.as_bytes());
    pair.refuses("signatures");
}

#[test]
fn refuses_an_unknown_key() {
    let Some(pair) = Pair::converged() else { return };
    let stranger = KeyPair::generate_unencrypted_keypair().unwrap();
    let packs = vec![pair.forge.script("echo bad >\"$OUT/applied\"")];
    pair.forge.publish_by(&stranger, &pair.forge.manifest(8, packs));
    pair.refuses("signatures");
}

#[test]
fn refuses_a_lower_serial() {
    let Some(pair) = Pair::converged() else { return };
    pair.forge.release(6, "six");
    pair.refuses("rollback");
}

#[test]
fn refuses_other_bytes_under_a_known_serial() {
    let Some(pair) = Pair::converged() else { return };
    pair.forge.release(7, "other");
    pair.refuses("serial_reused");
}

#[test]
fn refuses_a_rollback_below_the_bootstrap_when_the_state_is_lost() {
    let Some(pair) = Pair::converged() else { return };
    let mut config = pair.forge.config(&pair.forge.url());
    config["layers"][0]["min_serial"] = json!(7);
    pair.node.configure(&config);
    fs::remove_dir_all(pair.node.root().join("var")).unwrap();
    pair.forge.release(6, "six");
    let run = pair.run(&["--once"]).expect(3);
    assert!(run.err.contains("[rollback]"), "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
}

#[test]
fn refuses_the_manifest_of_another_environment() {
    let Some(pair) = Pair::converged() else { return };
    let mut other = pair.forge.manifest(8, vec![pair.forge.script("echo bad >\"$OUT/applied\"")]);
    other.environment = name("staging");
    pair.forge.publish(&other);
    let staged = fs::read(pair.forge.bucket().join("env/staging/manifest")).unwrap();
    pair.forge.put("env/production/manifest", &staged);
    pair.refuses("foreign");
}

#[test]
fn refuses_an_expired_manifest_and_goes_on_with_the_live_one() {
    let Some(pair) = Pair::converged() else { return };
    let mut next = pair.forge.manifest(8, vec![pair.forge.script("echo bad >\"$OUT/applied\"")]);
    next.expires = Some(Timestamp::parse("2026-11-20T18:00:01Z").unwrap());
    // The node's clock is never earlier than the rendering, which is set a year later.
    let mut config = pair.forge.config(&pair.forge.url());
    config["rendered"] = json!("2027-11-20T18:00:00Z");
    pair.node.configure(&config);
    pair.forge.publish(&next);
    pair.refuses("expired");
}

#[test]
fn refuses_a_pack_with_other_bytes() {
    let Some(pair) = Pair::converged() else { return };
    let next = pair.forge.release(8, "eight");
    let key = layout::pack(&next.packs[0].sha256);
    let mut bytes = fs::read(pair.forge.bucket().join(&key)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    pair.forge.put(&key, &bytes);
    pair.refuses("hash");
    assert_eq!(fs::read_dir(pair.state("incoming")).unwrap().count(), 0, "nothing of it stays");
}

#[test]
fn refuses_each_hostile_archive() {
    let Some(pair) = Pair::converged() else { return };
    let good = Entry::file("apply", 0o755, "#!/bin/sh\n");
    let cases: [(&str, Vec<Entry<'_>>); 9] = [
        ("climbs", vec![Entry::file("../../../../../escaped", 0o644, "x")]),
        ("absolute", vec![Entry::file("/tmp/escaped", 0o644, "x")]),
        ("link out", vec![Entry::link("out", b'2', "../../../..")]),
        ("through a link", vec![Entry::link("d", b'2', "e"), Entry::file("d/x", 0o644, "x")]),
        ("hard link", vec![Entry::link("h", b'1', "apply")]),
        ("device", vec![Entry::link("null", b'3', "")]),
        ("fifo", vec![Entry::link("fifo", b'6', "")]),
        ("setuid", vec![Entry::file("su", 0o4755, "x")]),
        ("twice", vec![Entry::file("apply", 0o755, "#!/bin/sh\n")]),
    ];
    for (serial, (what, mut entries)) in (8..).zip(cases) {
        println!("{what}");
        entries.insert(0, good);
        pair.forge.publish(&pair.forge.manifest(serial, vec![pair.forge.pack("", &entries)]));
        pair.refuses("archive");
    }
}

#[test]
fn refuses_more_than_the_manifest_announces() {
    let Some(pair) = Pair::converged() else { return };
    let bomb = "0".repeat(10_000_000);
    let bytes = e2e::forge::gzip(&e2e::forge::tar(&[Entry::file("apply", 0o755, &bomb)]));
    let pack = pair.forge.raw_pack("", &bytes, 100, 1);
    pair.forge.publish(&pair.forge.manifest(8, vec![pack]));
    pair.refuses("archive");
    let bytes = e2e::forge::gzip(&e2e::forge::tar(&[Entry::file("apply", 0o755, "short")]));
    let pack = pair.forge.raw_pack("", &bytes, 100, 1);
    pair.forge.publish(&pair.forge.manifest(9, vec![pack]));
    pair.refuses("size");
}

#[test]
fn refuses_packs_that_overlap() {
    let Some(pair) = Pair::converged() else { return };
    let inner = pair.forge.pack("data", &[Entry::file("a", 0o644, "x")]);
    let outer = pair.forge.pack("", &[Entry::folder("data/"), Entry::file("data/a", 0o644, "y")]);
    pair.forge.publish(&pair.forge.manifest(8, vec![inner, outer]));
    pair.refuses("invalid");
}

#[test]
fn does_not_follow_a_redirect() {
    let forge = Forge::new();
    forge.release(7, "seven");
    let server = Server::start(&Net::host(), forge.bucket(), Some(&authority().issue(&["127.0.0.1"])));
    let target = server.url("packs");
    let elsewhere = Reply::new(302, "").with("location", &target);
    server.fault("env/production/manifest", Fault::Answer(elsewhere));
    let Some(node) = web_node(&forge, &server) else { return };
    let run = node.once().expect(1);
    assert!(run.err.contains("302") && run.err.contains("redirects are not followed"), "{}", run.err);
    assert_eq!(server.take().len(), 1);
}

#[test]
fn refuses_a_server_with_another_name_or_authority() {
    let forge = Forge::new();
    forge.release(7, "seven");
    for certificate in
        [authority().issue(&["elsewhere.test"]), e2e::tls::Authority::new().issue(&["127.0.0.1"])]
    {
        let server = Server::start(&Net::host(), forge.bucket(), Some(&certificate));
        let Some(node) = web_node(&forge, &server) else { return };
        let run = node.once().expect(1);
        assert!(run.err.contains("certificate"), "{}", run.err);
        assert!(server.take().is_empty());
    }
}

#[test]
fn follows_a_rotation_and_refuses_the_old_key_after_it() {
    let Some(pair) = Pair::converged() else { return };
    let next = KeyPair::generate_unencrypted_keypair().unwrap();
    let key = public(&next);
    let trust = json!({
        "type": "trust", "site": "example", "version": 2, "threshold": 1,
        "keys": [{"name": "next", "id": key.id(), "key": key.as_str()}],
        "expires": null, "min_serial": {"production": 3},
    });
    let document = sign(&[&pair.forge.key, &next], trust.to_string().as_bytes(), "trust example keys 2");
    pair.forge.put("trust/2.json", &document);
    let mut manifest = pair.forge.manifest(4, vec![pair.forge.script("echo four >\"$OUT/applied\"")]);
    manifest.trust_version = 2;
    pair.forge.publish_by(&next, &manifest);
    let run = pair.run(&["--once"]).expect(0);
    assert!(run.err.contains("trust version 2 accepted"), "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("four\n"), "the rotation reset the serial");
    pair.forge.release(9, "nine");
    let run = pair.run(&["--once"]).expect(3);
    assert!(run.err.contains("[signatures]"), "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("four\n"));
}

#[test]
fn a_failing_engine_is_said_and_tried_again() {
    let Some(pair) = Pair::converged() else { return };
    let packs =
        vec![pair.forge.script("echo why it failed; test -e \"$OUT/mended\"; echo ok >\"$OUT/applied\"")];
    pair.forge.publish(&pair.forge.manifest(8, packs));
    let run = pair.run(&["--once"]).expect(4);
    assert!(run.out.contains("why it failed") && run.err.contains("release 8 is live"), "{}", run.err);
    let report: Value =
        serde_json::from_str(&fs::read_to_string(pair.state("last-run.json")).unwrap()).unwrap();
    assert_eq!(report["exit_code"], 4);
    assert!(report["layers"][0]["output"].as_str().unwrap().contains("why it failed"));
    pair.run(&["--once"]).expect(4);
    pair.node.write("mended", "");
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("ok\n"));
}

#[test]
fn noop_changes_nothing_and_force_runs_again() {
    let Some(pair) = Pair::converged() else { return };
    pair.forge.release(8, "eight");
    let run = pair.run(&["--once", "--noop"]).expect(0);
    assert!(run.err.contains("would run `apply` of release 8"), "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
    assert_eq!(pair.live(), "releases/7/production");
    pair.run(&["--once", "--detailed-exitcodes"]).expect(2);
    fs::remove_file(pair.node.root().join("applied")).unwrap();
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied(), None);
    pair.run(&["--once", "--force"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("eight\n"));
}

#[test]
fn another_environment_for_one_run() {
    let Some(pair) = Pair::converged() else { return };
    let mut test = pair.forge.manifest(3, vec![pair.forge.script("echo test >\"$OUT/applied\"")]);
    test.environment = name("feature_x");
    pair.forge.publish(&test);
    pair.run(&["--once", "--environment", "feature_x"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("test\n"));
    pair.run(&["--once"]).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"), "the node's own environment comes back");
    let run = pair.run(&["--once", "--environment", "missing"]).expect(1);
    assert!(run.err.contains("no such object"), "{}", run.err);
}

#[test]
fn two_runs_do_not_meet() {
    let Some(pair) = Pair::new() else { return };
    let packs =
        vec![pair.forge.script("echo x >\"$OUT/started\"; while test ! -e \"$OUT/go\"; do sleep 0.1; done")];
    pair.forge.publish(&pair.forge.manifest(1, packs));
    let mut first = pair.node.command(&["--once"]).env("OUT", pair.node.root()).spawn().unwrap();
    wait_for(|| pair.node.read("started").is_some());
    let run = pair.run(&["--once"]).expect(1);
    assert!(run.err.contains("another run holds the lock"), "{}", run.err);
    pair.node.write("go", "");
    assert!(first.wait().unwrap().success());
}

#[test]
fn the_daemon_takes_a_change_and_stops_cleanly() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.release(1, "one");
    let mut daemon = pair.node.command(&["--daemon"]).env("OUT", pair.node.root()).spawn().unwrap();
    wait_for(|| pair.applied().as_deref() == Some("one\n"));
    pair.forge.release(2, "two");
    wait_for(|| pair.applied().as_deref() == Some("two\n"));
    let id = rustix::process::Pid::from_child(&daemon);
    let start = Instant::now();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert!(daemon.wait().unwrap().success());
    assert!(start.elapsed() < Duration::from_secs(8), "it did not wait for its next run");
}

#[test]
fn status_and_verify_tell_what_is_here() {
    let Some(pair) = Pair::converged() else { return };
    let text = pair.run(&["status"]).expect(0).out;
    assert!(text.contains("live      release 7 of production") && text.contains("succeeded"), "{text}");
    let json: Value = serde_json::from_str(&pair.run(&["status", "--json"]).expect(0).out).unwrap();
    assert_eq!(json["layers"][0]["live"]["serial"], 7);
    let document = pair.forge.bucket().join("env/production/manifest");
    let told = pair.run(&["verify", document.to_str().unwrap()]).expect(0).out;
    assert!(told.contains("manifest example production 7"), "{told}");
    let mut bytes = fs::read(&document).unwrap();
    let end = bytes.len() - 3;
    bytes[end] ^= 1;
    let bad = pair.node.root().join("bad");
    fs::write(&bad, bytes).unwrap();
    pair.run(&["verify", bad.to_str().unwrap()]).expect(3);
    // A trust document that only its own stranger has signed.
    let stranger = KeyPair::generate_unencrypted_keypair().unwrap();
    let key = public(&stranger);
    let trust = json!({
        "type": "trust", "site": "example", "version": 1, "threshold": 1,
        "keys": [{"name": "x", "id": key.id(), "key": key.as_str()}], "expires": null, "min_serial": {},
    });
    fs::write(&bad, sign(&[&stranger], trust.to_string().as_bytes(), "trust example keys 1")).unwrap();
    pair.run(&["verify", bad.to_str().unwrap()]).expect(3);
}

#[test]
fn configuration_and_usage_have_their_own_codes() {
    let Some(pair) = Pair::new() else { return };
    pair.run(&["--onse"]).expect(64);
    pair.run(&[]).expect(64);
    let mut config = pair.forge.config(&pair.forge.url());
    config["layers"][0]["sites"] = json!("x");
    pair.node.configure(&config);
    let run = pair.run(&["--once"]).expect(78);
    assert!(run.err.contains("did you mean `site`") && run.err.contains("line 1"), "{}", run.err);
    fs::remove_file(pair.node.root().join("etc/stringless/agent.json")).unwrap();
    let run = pair.run(&["--once"]).expect(78);
    assert!(run.err.contains("no such file"), "{}", run.err);
}

#[test]
fn a_state_of_a_newer_agent_is_not_guessed_at() {
    let Some(pair) = Pair::converged() else { return };
    let path = pair.state("layers/example/state.json");
    let newer = fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 2");
    fs::write(&path, newer).unwrap();
    let run = pair.run(&["--once"]).expect(78);
    assert!(run.err.contains("format 2"), "{}", run.err);
    fs::write(&path, "{\"for").unwrap();
    pair.run(&["--once"]).expect(78);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
}

#[test]
fn secrets_are_kept_from_readers_and_engines() {
    let Some(pair) = Pair::new() else { return };
    let mut config = pair.forge.config("s3://bucket/x");
    let keys = json!({"static": {"access_key_id": "AKID", "secret_access_key": "hidden-value"}});
    config["layers"][0]["stores"][0] = json!({"url": "s3://bucket/x", "region": "x", "endpoint": "http://127.0.0.1:1", "credentials": [keys]});
    pair.node.configure(&config);
    let path = pair.node.root().join("etc/stringless/agent.json");
    let mode = |mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o644);
    let run = pair.run(&["--once"]).expect(78);
    assert!(run.err.contains("chmod 600"), "{}", run.err);
    mode(0o600);
    let run = pair.run(&["--once", "--json"]).expect(1);
    assert!(!run.err.contains("hidden-value") && !run.out.contains("hidden-value"));
    pair.node.configure(&pair.forge.config(&pair.forge.url()));
    let packs = vec![pair.forge.script("env >\"$OUT/applied\"")];
    pair.forge.publish(&pair.forge.manifest(1, packs));
    let mut command = pair.node.command(&["--once"]);
    Run::of(command.env("OUT", pair.node.root()).env("AWS_SECRET_ACCESS_KEY", "hidden-value")).expect(0);
    let seen = pair.applied().unwrap();
    assert!(!seen.contains("hidden-value") && seen.contains("STRINGLESS_SERIAL=1"), "{seen}");
}

#[test]
fn reports_have_their_one_format() {
    let Some(pair) = Pair::converged() else { return };
    let bytes = fs::read(pair.state("last-run.json")).unwrap();
    let report: agent_core::outcome::Report = core_json::parse(&bytes).unwrap();
    assert_eq!(report.layers[0].fetched, 1);
}

fn wait_for(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "it did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn authority() -> &'static e2e::tls::Authority {
    static ONE: std::sync::OnceLock<e2e::tls::Authority> = std::sync::OnceLock::new();
    ONE.get_or_init(e2e::tls::Authority::new)
}

fn web_node(forge: &Forge, server: &Server) -> Option<Node> {
    let mut config = forge.config(&server.url(""));
    config["ca_file"] = json!("/etc/stringless/ca.pem");
    let node = Node::new(&Net::host(), &config)?;
    node.write("etc/stringless/ca.pem", authority().pem());
    Some(node)
}
