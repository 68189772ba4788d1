//! What a run says to a person: `-v`, `-vv`, a line on a terminal, the last runs, and a log that stays short.

use std::fs;
use std::process::{Command, Stdio};

use e2e::agent::Run;
use e2e::netns::Net;
use e2e::proxy::Proxy;
use e2e::server::Fault;
use serde_json::{Value, json};

use crate::runs::{Pair, wait_for};

#[test]
fn v_tells_decisions_and_vv_each_request() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.release(7, "seven");
    let server = pair.over_https();
    let url = server.url("env/production/head");
    server.fault_times("env/production/head", Fault::status(503), 1);
    let run = pair.run(&["--once", "-v"]).expect(0);
    for said in [
        "try 1 failed: the store answered 503; again in ",
        "example/production: store `https://127.0.0.1",
        "example/production: following release 7, from `https://127.0.0.1",
        "example/production: release 7 (new release)",
        " bytes from `https://127.0.0.1",
    ] {
        assert!(run.err.contains(said), "no {said:?} in {}", run.err);
    }
    assert!(!run.err.contains("GET "), "{}", run.err);
    let run = pair.run(&["--once", "-vv"]).expect(0);
    assert!(run.err.contains(&format!("GET {url}: 304 in ")), "{}", run.err);
    assert!(run.err.contains("release 7 was applied at "), "{}", run.err);
    assert!(run.err.contains("the engine runs again for a new release only"), "{}", run.err);
    assert!(run.err.contains("nothing to do: example/production has release 7"), "{}", run.err);
    let run = pair.run(&["--once"]).expect(0);
    assert_eq!(run.err, "", "an idle run in cron has no mail");
}

#[test]
fn vv_shows_no_password_of_a_proxy() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.release(7, "seven");
    let proxy = Proxy::start(&Net::host());
    let mut config = pair.forge.config("https://127.0.0.1:1/x");
    config["proxy"] = json!(format!("http://me:very%20secret@127.0.0.1:{}", proxy.port()));
    pair.node.configure(&config);
    for args in [&["--once", "-vv"][..], &["doctor", "-vv"], &["doctor", "--json", "-vv"]] {
        let run = pair.run(args).expect(1);
        for secret in ["very%20secret", "very secret", "bWU6dmVyeSBzZWNyZXQ="] {
            assert!(!run.err.contains(secret) && !run.out.contains(secret), "{}{}", run.out, run.err);
        }
    }
}

#[test]
fn a_run_with_nothing_to_do_says_so_on_a_terminal_only() {
    let Some(pair) = Pair::converged() else { return };
    assert_eq!(pair.run(&["--once"]).expect(0).err, "");
    let agent = pair.node.command(&["--once"]);
    let words: Vec<_> = std::iter::once(agent.get_program()).chain(agent.get_args()).collect();
    let line: Vec<String> = words.iter().map(|word| format!("'{}'", word.to_string_lossy())).collect();
    let mut terminal = Command::new("script");
    let run = Run::of(terminal.args(["-qec", &line.join(" "), "/dev/null"])).expect(0);
    let said = run.out.replace('\r', "");
    assert_eq!(said, "stringless-agent: nothing to do: example/production has release 7\n");
}

#[test]
fn status_has_the_last_runs_and_an_idle_run_is_none_of_them() {
    let Some(pair) = Pair::converged() else { return };
    let status =
        || -> Value { serde_json::from_str(&pair.run(&["status", "--json"]).expect(0).out).unwrap() };
    let runs = || status()["runs"].as_array().unwrap().clone();
    assert_eq!(runs().len(), 1);
    let history = || fs::read(pair.state("runs.json")).unwrap();
    let before = history();
    pair.run(&["--once"]).expect(0);
    assert_eq!(before, history(), "an idle run is not recorded");
    let manifest = pair.forge.bucket().join("env/production/head");
    let published = fs::read(&manifest).unwrap();
    fs::write(&manifest, "damaged").unwrap();
    pair.run(&["--once"]).expect_any(&[1, 3]);
    pair.run(&["--once"]).expect_any(&[1, 3]);
    assert_eq!(runs().len(), 2, "the same failure is recorded once");
    fs::write(&manifest, published).unwrap();
    pair.run(&["--once"]).expect(0);
    let all = runs();
    assert_eq!(all.len(), 3);
    assert_eq!(all[0]["outcome"], "converged");
    assert!(all[1]["layers"][0]["error"].as_str().unwrap().contains("env/production/head"), "{all:?}");
    assert_eq!(
        (&all[2]["outcome"], &all[2]["layers"][0]["reason"]),
        (&json!("changed"), &json!("new release"))
    );
    for _ in 0..12 {
        pair.run(&["--once", "--force"]).expect(0);
    }
    assert_eq!(runs().len(), 10);
    let text = pair.run(&["status"]).expect(0).out;
    assert!(text.contains("schedule    none found") && text.contains("  store     file:///"), "{text}");
    assert!(text.contains("example/production changed, release 7: forced"), "{text}");
    // A history that is damaged, or of a newer agent, stops nothing.
    for damaged in ["", "{\"for", "{\"format\": 2, \"runs\": 5}"] {
        fs::write(pair.state("runs.json"), damaged).unwrap();
        assert_eq!(runs().len(), 0);
        pair.run(&["--once", "--force"]).expect(0);
        assert_eq!(runs().len(), 1);
    }
    pair.node.write("etc/cron.d/stringless", "1 * * * * root stringless-agent --once\n");
    let status = status();
    assert_eq!(status["schedule"][0]["kind"], "cron");
    assert!(status["layers"][0]["next_check"]["latest"].is_string(), "{status}");
    assert!(status["layers"][0]["agent"]["version"].is_string(), "{status}");
}

#[test]
fn the_log_of_a_daemon_stays_short() {
    let Some(pair) = Pair::converged() else { return };
    let log = pair.node.root().join("stringless.log");
    let former = pair.node.root().join("stringless.log.1");
    let mut old = "first line\n".repeat(300_000);
    old.push_str("last line\n");
    fs::write(&log, &old).unwrap();
    let append = || fs::OpenOptions::new().append(true).open(&log).unwrap();
    let mut command = pair.node.command(&["--daemon"]);
    let mut daemon = command.stdin(Stdio::null()).stdout(append()).stderr(append()).spawn().unwrap();
    wait_for(|| former.exists() && fs::metadata(&log).unwrap().len() < 1 << 20);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let kept = fs::read_to_string(&former).unwrap();
    assert!(kept.len() <= 1 << 20 && kept.starts_with("first line\n") && kept.ends_with('\n'));
    assert!(kept.contains("last line\n"));
    // A file that does not grow by appending is left alone.
    fs::write(&log, &old).unwrap();
    let plain = fs::OpenOptions::new().write(true).open(&log).unwrap();
    let mut daemon = pair.node.command(&["--daemon"]);
    let mut daemon = daemon.stdin(Stdio::null()).stdout(Stdio::null()).stderr(plain).spawn().unwrap();
    wait_for(|| fs::read_to_string(&log).unwrap().contains("daemon: following"));
    assert_eq!(fs::metadata(&log).unwrap().len(), old.len() as u64);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}
