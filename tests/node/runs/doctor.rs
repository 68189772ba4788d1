//! `doctor`: each check is made to fail once, and its hint is read. Nothing on the node changes.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use e2e::agent::Run;
use e2e::http::Service;
use e2e::server::{Fault, Reply};
use serde_json::{Value, json};

use crate::runs::Pair;

/// The findings of one check: the result, what was found, and the hint.
pub fn findings(run: &Run, check: &str) -> Vec<(String, String, String)> {
    let output: Value =
        serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("{e}: {}{}", run.out, run.err));
    assert_eq!(output["format"], 1);
    let failed = output["checks"].as_array().unwrap().iter().any(|one| one["result"] == "failure");
    assert_eq!((output["ok"] == json!(true), run.code), (!failed, i32::from(failed)), "{}", run.out);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = output["checks"].as_array().unwrap().iter().filter(|one| one["check"] == check);
    all.map(|one| (text(&one["result"]), text(&one["found"]), text(&one["hint"]))).collect()
}

/// Some finding of the check has this result, says this and hints at that.
pub fn assert_found(run: &Run, check: &str, result: &str, said: &str, hint: &str) {
    let all = findings(run, check);
    let found = all.iter().any(|one| one.0 == result && one.1.contains(said) && one.2.contains(hint));
    assert!(found, "{check}: no {result} with {said:?} and {hint:?} in {all:#?}");
}

/// Every file below a folder: its path, its bytes, its time.
fn tree(folder: &Path, into: &mut Vec<(String, Vec<u8>, std::time::SystemTime)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        let bytes = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        into.push((path.display().to_string(), bytes, meta.modified().unwrap()));
        if meta.is_dir() {
            tree(&path, into);
        }
    }
    into.sort();
}

#[test]
fn a_converged_node_is_well_and_nothing_changes() {
    let Some(pair) = Pair::converged() else { return };
    pair.node.write("etc/cron.d/stringless", "1 * * * * root /usr/local/bin/stringless-agent --once\n");
    let state = || {
        let mut all = Vec::new();
        tree(pair.node.root(), &mut all);
        all
    };
    let before = state();
    let run = pair.run(&["doctor", "--json"]).expect(0);
    assert_eq!(before, state(), "doctor changed the node");
    assert_found(&run, "configuration", "ok", "agent.json", "");
    assert_found(&run, "store", "ok", "release 7 of production", "");
    assert_found(&run, "metadata", "ok", "not used", "");
    assert_found(&run, "disk", "ok", "inodes are free", "");
    assert_found(&run, "program", "ok", "stringless-agent", "");
    assert_found(&run, "schedule", "ok", "cron", "");
    let text = pair.run(&["doctor"]).expect(0).out;
    assert!(text.contains("ok       store ") && text.ends_with(" 0 failed, 0 need attention\n"), "{text}");
}

#[test]
fn a_configuration_that_no_run_could_use_does_not_stop_the_other_checks() {
    let Some(pair) = Pair::converged() else { return };
    let mut config = pair.forge.config(&pair.forge.url());
    config["layers"][0]["environment"] = json!("../x");
    pair.node.configure(&config);
    let run = pair.run(&["doctor", "--json"]).expect(1);
    assert_found(&run, "configuration", "failure", "name `../x`", "correct the file");
    assert_found(&run, "schedule", "warning", "nothing starts the agent", "run the user-data");
    fs::remove_file(pair.node.root().join("etc/stringless/agent.json")).unwrap();
    let run = pair.run(&["doctor", "--json"]).expect(1);
    assert_found(&run, "configuration", "failure", "no such file", "--config FILE");
}

#[test]
fn keys_that_the_agent_does_not_know_need_attention() {
    let Some(pair) = Pair::converged() else { return };
    let mut config = pair.forge.config(&pair.forge.url());
    config["disk_bugdet"] = json!(5);
    config["layers"][0]["colour"] = json!({"a": []});
    pair.node.configure(&config);
    let run = pair.run(&["doctor", "--json"]).expect(0);
    let said = "does not know `disk_bugdet`, `layers.0.colour`";
    assert_found(&run, "configuration", "warning", said, "newer agent");
}

#[test]
fn a_store_is_told_with_what_to_do() {
    let Some(pair) = Pair::converged() else { return };
    let doctor = |url: &str| {
        pair.node.configure(&pair.forge.config(url));
        pair.run(&["doctor", "--json"])
    };
    let run = doctor("file:///nowhere");
    assert_found(&run, "store", "failure", "there is no object `env/production/head`", "stringless publish");
    let run = doctor("https://nowhere.invalid/x");
    assert_found(&run, "dns", "failure", "looking up the host `nowhere.invalid`", "resolv.conf");
    assert!(findings(&run, "store").is_empty(), "a store without an address is not asked");
    let run = doctor("https://127.0.0.1:1/x");
    assert_found(&run, "store", "failure", "connecting to `127.0.0.1:1`", "firewall");
    // A manifest that another key has signed; an older one; a damaged one.
    let other = e2e::forge::Forge::new();
    other.release(7, "seven");
    assert_found(&doctor(&other.url()), "store", "failure", "[", "newer trust");
    pair.forge.release(6, "six");
    let run = doctor(&pair.forge.url());
    assert_found(&run, "store", "failure", "serial 6 is below 7, the last one seen", "stringless mirror");
    let mut config = pair.forge.config(&pair.forge.url());
    config["layers"][0]["min_serial"] = json!(9);
    pair.node.configure(&config);
    let run = pair.run(&["doctor", "--json"]);
    assert_found(&run, "store", "failure", "below 9, the lowest that this node's bootstrap allows", "mirror");
    pair.forge.release(7, "another seven");
    assert_found(
        &doctor(&pair.forge.url()),
        "store",
        "failure",
        "seen before with other bytes",
        "publish again",
    );
    pair.forge.put("env/production/head", b"<html>");
    assert_found(&doctor(&pair.forge.url()), "store", "failure", "the answer is wrong", "");
}

#[test]
fn a_store_speaks_in_its_own_words_and_has_a_clock() {
    let Some(pair) = Pair::converged() else { return };
    let server = pair.over_https();
    let doctor = || pair.run(&["doctor", "--json"]);
    assert_found(&doctor().expect(0), "dns", "ok", "`127.0.0.1:", "");
    let path = "env/production/head";
    let denied = "<Error><Code>AccessDenied</Code><Message>Ask the owner of the bucket</Message></Error>";
    server.fault(path, Fault::Answer(Reply::new(403, denied)));
    let said = "answered 403 AccessDenied: \"Ask the owner of the bucket\"";
    assert_found(&doctor(), "store", "failure", said, "credentials");
    for (date, result, said) in [
        ("Thu, 01 Jan 2099 00:00:00 GMT", "failure", "behind `https://127.0.0.1"),
        ("Thu, 01 Jan 2015 00:00:00 GMT", "failure", "ahead of `https://127.0.0.1"),
    ] {
        server.fault(path, Fault::Answer(Reply::new(500, "").with("date", date)));
        assert_found(&doctor(), "clock", result, said, "set the clock");
    }
    // A certificate that nobody signed for this node.
    pair.node.configure(&pair.forge.config(&server.url("")));
    assert_found(&doctor(), "store", "failure", "certificate", "");
}

#[test]
fn credentials_are_named_and_never_shown() {
    let Some(pair) = Pair::converged() else { return };
    let follow = |credentials: Value| {
        let mut config = pair.forge.config("");
        config["layers"][0]["stores"] = json!([{"url": "s3://bucket/x", "region": "x", "style": "path",
            "endpoint": "http://127.0.0.1:1", "credentials": credentials}]);
        pair.node.configure(&config);
    };
    follow(json!([{"static": {"access_key_id": "AKID", "secret_access_key": "hidden-value"}}]));
    for args in [&["doctor", "--json", "-vv"][..], &["doctor", "-vv"], &["--once", "-vv"]] {
        let run = pair.run(args).expect(1);
        assert!(
            !run.out.contains("hidden-value") && !run.err.contains("hidden-value"),
            "{}{}",
            run.out,
            run.err
        );
    }
    let run = pair.run(&["doctor", "--json"]).expect(1);
    assert_found(&run, "credentials", "ok", "the keys in agent.json", "");
    assert_found(&run, "store", "failure", "connecting to `127.0.0.1:1`", "");
    follow(json!(["environment"]));
    let mut command = pair.node.command(&["doctor", "--json"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let run = Run::of(&mut command).expect(1);
    assert_found(
        &run,
        "credentials",
        "failure",
        "AWS_ACCESS_KEY_ID is not set",
        "name keys in `credentials`",
    );
    assert!(findings(&run, "store").is_empty());
}

#[test]
fn the_keys_of_a_role_have_an_end_and_are_never_shown() {
    let Some(pair) = Pair::converged() else { return };
    let mut config = pair.forge.config("");
    config["layers"][0]["stores"] = json!([{"url": "s3://bucket/x", "region": "x", "style": "path",
        "endpoint": "http://127.0.0.1:1", "credentials": ["container"]}]);
    pair.node.configure(&config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = Service::start(listener, None, |_| {
        let keys = json!({"AccessKeyId": "ASIA1", "SecretAccessKey": "hidden-secret", "Token": "hidden-session",
                          "Expiration": "2099-01-01T00:00:00Z"});
        Reply::new(200, keys.to_string())
    });
    for args in [&["doctor", "--json", "-vv"][..], &["doctor", "-vv"], &["--once", "-vv", "--json"]] {
        let mut command = pair.node.command(args);
        let url = format!("http://127.0.0.1:{}/keys", service.port());
        command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
        let run = Run::of(command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "hidden-token")).expect(1);
        assert!(!run.out.contains("hidden") && !run.err.contains("hidden"), "{}{}", run.out, run.err);
        assert!(run.err.contains("/keys: 200 in "), "{}", run.err);
        if args.contains(&"doctor") && args.contains(&"--json") {
            let said = "the role of the container, valid until 2099-01-01T00:00:00Z";
            assert_found(&run, "credentials", "ok", said, "");
        }
    }
}

#[test]
fn a_metadata_service_that_is_silent_is_told() {
    let Some(pair) = Pair::converged() else { return };
    let mut config = pair.forge.config(&pair.forge.url());
    config["metadata"] = json!({"address": ["http://127.0.0.1:1"], "instance_id": {"path": "/id"}});
    pair.node.configure(&config);
    let run = pair.run(&["doctor", "--json"]).expect(0);
    assert_found(&run, "metadata", "warning", "connecting to `127.0.0.1:1`", "runs continue without it");
}
