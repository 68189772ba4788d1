//! Notices: after which runs they are sent, how many, to whom, and what they do not show. They change no outcome.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use e2e::agent::{Node, Run};
use e2e::forge::Forge;
use e2e::http::{Delivery, Reply, Request, Service};
use e2e::tls::Authority;
use serde_json::{Value, json};

use crate::runs::Pair;

/// A server that receives notices, over TLS.
struct Hook {
    service: Service,
    authority: Authority,
}

impl Hook {
    fn new(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let authority = Authority::new();
        let certificate = authority.issue(&["127.0.0.1"]);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { service: Service::start(listener, Some(certificate.server_config()), answer), authority }
    }

    /// The node follows the forge's folder and sends notices here.
    fn configure(&self, pair: &Pair, on: &Value) {
        let mut config = pair.forge.config(&pair.forge.url());
        config["ca_file"] = json!("/etc/stringless/ca.pem");
        let url = format!("https://127.0.0.1:{}/T0/hidden-token?key=hidden", self.service.port());
        config["notify"] = json!({"on": on, "url": url});
        pair.node.write("etc/stringless/ca.pem", self.authority.pem());
        pair.node.configure(&config);
    }

    /// The notices since the last call.
    fn take(&self) -> Vec<Value> {
        let seen = self.service.take();
        for one in &seen {
            let request = &one.request;
            assert_eq!((&*request.method, &*request.target), ("POST", "/T0/hidden-token?key=hidden"));
            assert_eq!(request.header("content-type"), Some("application/json"));
        }
        seen.iter().map(|one| serde_json::from_slice(&one.request.body).unwrap()).collect()
    }
}

/// A manifest that no node takes, and back.
fn damage(pair: &Pair, damaged: bool) {
    let path = pair.forge.bucket().join("env/production/head");
    let aside = path.with_extension("aside");
    if damaged {
        fs::copy(&path, &aside).unwrap();
        fs::write(&path, "damaged").unwrap();
    } else {
        fs::rename(&aside, &path).unwrap();
    }
}

#[test]
fn the_first_failure_and_the_recovery_are_told_and_nothing_else() {
    let Some(pair) = Pair::converged() else { return };
    let hook = Hook::new(|_| Reply::new(204, ""));
    hook.configure(&pair, &json!(["failed", "recovered"]));
    pair.run(&["--once"]).expect(0);
    assert_eq!(hook.take(), [Value::Null; 0], "a good run is no news");
    assert!(!pair.state("notices.json").exists());
    damage(&pair, true);
    let code = pair.run(&["--once"]).expect_any(&[1, 3]).code;
    let received = hook.take();
    assert_eq!(received.len(), 1);
    assert_eq!((&received[0]["event"], &received[0]["exit_code"]), (&json!("failed"), &json!(code)));
    assert!(received[0]["layers"][0]["error"].as_str().unwrap().contains("env/production/head"));
    assert!(received[0]["layers"][0].get("output").is_none());
    pair.run(&["--once"]).expect(code);
    assert_eq!(hook.take().len(), 0, "the same failure gives one notice");
    damage(&pair, false);
    pair.run(&["--once", "--noop"]).expect(0);
    assert_eq!(hook.take().len(), 0, "a dry run gives no notice");
    let run = pair.run(&["--once", "-v"]).expect(0);
    assert!(run.err.contains("notice `recovered` sent to `https://127.0.0.1:"), "{}", run.err);
    assert!(!run.err.contains("hidden"), "{}", run.err);
    assert_eq!(hook.take()[0]["event"], "recovered");
    // Only what is asked for.
    hook.configure(&pair, &json!(["recovered"]));
    damage(&pair, true);
    pair.run(&["--once"]).expect(code);
    damage(&pair, false);
    pair.run(&["--once"]).expect(0);
    assert_eq!(hook.take().iter().map(|one| one["event"].clone()).collect::<Vec<_>>(), ["recovered"]);
}

#[test]
fn a_server_that_refuses_or_is_silent_changes_no_outcome() {
    let Some(pair) = Pair::converged() else { return };
    for (reply, said) in [
        (Reply::new(500, "no"), "the server answered 500"),
        (Reply::new(302, "").with("location", "https://elsewhere.example/hidden"), "the server answered 302"),
        (Reply { delivery: Delivery::Drop, ..Reply::new(200, "") }, "sending the notice"),
    ] {
        let hook = Hook::new(move |_| reply.clone());
        hook.configure(&pair, &json!(["failed"]));
        damage(&pair, true);
        let run = pair.run(&["--once"]).expect_any(&[1, 3]);
        assert!(run.err.contains(said) && !run.err.contains("hidden"), "{}", run.err);
        assert_eq!(hook.service.take().len(), 1, "there is one try");
        damage(&pair, false);
        pair.run(&["--once"]).expect(0);
    }
}

#[test]
fn there_are_only_so_many_notices_in_an_hour() {
    let Some(pair) = Pair::converged() else { return };
    let hook = Hook::new(|_| Reply::new(200, "ok"));
    hook.configure(&pair, &json!(["failed", "recovered"]));
    for _ in 0..5 {
        damage(&pair, true);
        pair.run(&["--once"]).expect_any(&[1, 3]);
        damage(&pair, false);
        pair.run(&["--once"]).expect(0);
    }
    assert_eq!(hook.take().len(), 6);
    // An hour later: what was left out is counted.
    let notices = fs::read_to_string(pair.state("notices.json")).unwrap();
    let mut notices: Value = serde_json::from_str(&notices).unwrap();
    assert_eq!(notices["left_out"], 4);
    notices["sent"] = json!([]);
    fs::write(pair.state("notices.json"), notices.to_string()).unwrap();
    damage(&pair, true);
    pair.run(&["--once"]).expect_any(&[1, 3]);
    assert_eq!(hook.take()[0]["left_out"], 4);
}

#[test]
fn a_notice_shows_no_secret_and_is_bounded() {
    let Some(pair) = Pair::converged() else { return };
    let hook = Hook::new(|_| Reply::new(200, ""));
    hook.configure(&pair, &json!(["failed"]));
    // A path of an error that holds the token of the URL, and an engine that prints it.
    let long = "x".repeat(3000);
    let packs = vec![pair.forge.script(&format!("echo T0/hidden-token?key=hidden; echo {long}; exit 3"))];
    pair.forge.publish(&pair.forge.manifest(8, packs));
    let run = pair.run(&["--once"]).expect(4);
    assert!(!run.err.contains("hidden") && !run.out.contains("hidden"), "{}{}", run.out, run.err);
    let received = hook.take();
    let text = received[0].to_string();
    assert!(!text.contains("hidden") && !text.contains(&long) && text.len() < 64 * 1024, "{text}");
    assert_eq!((&received[0]["outcome"], &received[0]["exit_code"]), (&json!("engine failed"), &json!(4)));
}

/// A node that is this machine, with a program for its notices.
fn with_program(program: &Path) -> Option<(Forge, Node)> {
    let forge = Forge::new();
    let mut config = forge.config("file:///nowhere");
    config["notify"] = json!({"on": ["failed"], "run": program});
    let node = Node::on_this_machine(&config)?;
    Some((forge, node))
}

#[test]
fn a_program_reads_the_notice_and_only_root_may_write_it() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("notice");
    let text =
        "#!/bin/sh\ncat >\"$0.read\"\necho \"key: ${AWS_SECRET_ACCESS_KEY:-none}\" >\"$0.env\"\nexit 7\n";
    fs::write(&program, text).unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&program, 0o755);
    let notice_file = folder.path().join("notice.read");
    let fails = |said: &str| {
        let Some((_forge, node)) = with_program(&program) else { return };
        let mut command = node.command(&["--once"]);
        let run = Run::of(command.env("AWS_SECRET_ACCESS_KEY", "hidden-value")).expect(1);
        assert!(run.err.contains(said), "{}", run.err);
    };
    fails("the program ended with status 7");
    let notice: Value = serde_json::from_str(&fs::read_to_string(&notice_file).unwrap()).unwrap();
    assert_eq!((&notice["format"], &notice["event"]), (&json!(1), &json!("failed")));
    assert_eq!(fs::read_to_string(folder.path().join("notice.env")).unwrap(), "key: none\n");
    fs::remove_file(&notice_file).unwrap();
    for bad in [0o775, 0o757] {
        mode(&program, bad);
        fails("can be written by other users");
    }
    mode(&program, 0o755);
    mode(folder.path(), 0o777);
    fails("can be written by other users");
    mode(folder.path(), 0o755);
    chown(&program, Some(61235), None).unwrap();
    fails("belongs to another user");
    chown(&program, Some(0), None).unwrap();
    mode(&program, 0o644);
    fails("is not an executable file");
    fs::rename(&program, folder.path().join("away")).unwrap();
    fails("looking for");
    assert!(!notice_file.exists(), "a program that is not trusted was run");
}

#[test]
fn a_program_is_not_run_in_another_root() {
    let Some(pair) = Pair::converged() else { return };
    let mut config = pair.forge.config(&pair.forge.url());
    config["notify"] = json!({"on": ["failed"], "run": "/bin/true"});
    pair.node.configure(&config);
    damage(&pair, true);
    let run = pair.run(&["--once"]).expect_any(&[1, 3]);
    assert!(run.err.contains("it is not run: with --root"), "{}", run.err);
}

#[test]
fn a_setting_that_is_wrong_is_refused_without_showing_it() {
    let Some(pair) = Pair::converged() else { return };
    for (notify, said) in [
        (json!({"on": ["failed"], "url": "http://a.example/hidden"}), "notify.url: expected `https://"),
        (json!({"on": [], "url": "https://a.example/hidden"}), "notify.on: expected"),
        (json!({"on": ["failed"]}), "notify.run: expected either"),
        (json!({"on": ["failed"], "run": "bin/x"}), "notify.run: expected the absolute path"),
        (
            json!({"on": ["failed"], "url": "https://a/hidden", "per_hour": 100}),
            "notify.per_hour: expected 1 to 60",
        ),
    ] {
        let mut config = pair.forge.config(&pair.forge.url());
        config["notify"] = notify;
        pair.node.configure(&config);
        let run = pair.run(&["--once"]).expect(78);
        assert!(run.err.contains(said) && !run.err.contains("hidden"), "{}", run.err);
    }
    // A URL is a secret: no other user may read the file.
    let mut config = pair.forge.config(&pair.forge.url());
    config["notify"] = json!({"on": ["failed"], "url": "https://a.example/hidden"});
    pair.node.configure(&config);
    let file = pair.node.root().join("etc/stringless/agent.json");
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(pair.run(&["--once"]).expect(78).err.contains("chmod 600"));
}
