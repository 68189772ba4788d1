//! Proxies: what is not understood is refused, what is down is named, and no login is shown.

use e2e::agent::{Node, Run};
use e2e::netns::Net;
use e2e::site::Site;
use serde_json::json;

use crate::runs::Pair;

const SECRET: &str = "very-secret";

/// Runs the agent with these variables and no proxy from the surroundings.
fn run(node: &Node, args: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command = node.command(args);
    for name in [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ] {
        command.env_remove(name);
    }
    let run = Run::of(command.envs(variables.iter().copied()).env("OUT", node.root()));
    assert!(!run.err.contains(SECRET) && !run.out.contains(SECRET), "{}{}", run.out, run.err);
    run
}

const INVALID: [&str; 6] = [
    "socks5://user:very-secret@127.0.0.1:1080",
    "http://user:very- secret@127.0.0.1:3128",
    "nonsense://",
    "https://127.0.0.1:3128",
    "http://user:very-secret/@127.0.0.1",
    "http://127.0.0.1:99999",
];

#[test]
fn an_invalid_proxy_of_the_environment_is_not_an_absent_one() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.release(7, "seven");
    for value in INVALID {
        for name in ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
            let run = run(&pair.node, &["--once"], &[(name, value)]).expect(78);
            assert!(run.err.contains(&format!("the variable `{name}` is not a proxy: it")), "{}", run.err);
            assert!(run.err.contains("hint: expected `http://[user:password@]host:port`"), "{}", run.err);
        }
    }
    // What needs no network is not stopped; an empty variable is an absent one.
    run(&pair.node, &["status"], &[("ALL_PROXY", INVALID[0])]).expect(0);
    run(&pair.node, &["--once"], &[("ALL_PROXY", ""), ("https_proxy", "")]).expect(0);
    // The configuration replaces the environment.
    let mut config = pair.forge.config(&pair.forge.url());
    config["proxy"] = json!("http://127.0.0.1:1");
    pair.node.configure(&config);
    run(&pair.node, &["--once"], &[("ALL_PROXY", INVALID[0])]).expect(0);
}

#[test]
fn an_invalid_proxy_of_the_configuration_is_refused_and_not_shown() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.release(7, "seven");
    let mut config = pair.forge.config(&pair.forge.url());
    for value in INVALID.into_iter().chain(["user:very-secret@127.0.0.1:3128"]) {
        config["proxy"] = json!(value);
        pair.node.configure(&config);
        let run = run(&pair.node, &["--once"], &[]).expect(78);
        assert!(run.err.contains("proxy: expected `http://[user:password@]host:port`"), "{}", run.err);
    }
}

#[test]
fn no_form_of_a_login_is_shown_by_an_engine() {
    let Some(pair) = Pair::new() else { return };
    let script =
        "echo \"$http_proxy $HTTPS_PROXY ${all_proxy:-} p%20w-very%2Dsecret dXNlcjpwIHctdmVyeS1zZWNyZXQ=\"";
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script(script)]));
    let login = "user:p%20w-very%2Dsecret@127.0.0.1:1";
    let http = format!("http://{login}");
    let socks = format!("socks5://{login}");
    let kept = || std::fs::read_to_string(pair.state("last-run.json")).unwrap();
    let masked = |run: &Run| {
        for text in [&run.out, &kept()] {
            assert!(text.contains("http://user:********@127.0.0.1:1"), "{text}");
            for part in ["p%20w", "very%2Dsecret", "dXNlcjpwIHct"] {
                assert!(!text.contains(part), "{text}");
            }
        }
    };
    // From the environment: also one that is not used, because another one comes before it.
    let variables = [("http_proxy", http.as_str()), ("HTTPS_PROXY", &http), ("all_proxy", &socks)];
    masked(&run(&pair.node, &["--once"], &variables).expect(0));
    let mut config = pair.forge.config(&pair.forge.url());
    config["proxy"] = json!(http);
    pair.node.configure(&config);
    masked(&run(&pair.node, &["--once", "--force"], &[]).expect(0));
}

#[test]
fn a_proxy_that_is_down_is_named() {
    let Some(pair) = Pair::new() else { return };
    let mut config = pair.forge.config("https://files.example.net/site");
    config["proxy"] = json!("http://user:very-secret@127.0.0.1:1");
    pair.node.configure(&config);
    let run = run(&pair.node, &["--once"], &[]).expect(1);
    assert!(run.err.contains("connecting to the proxy `127.0.0.1:1`: Connection refused"), "{}", run.err);
    // Without a proxy, it is the store.
    pair.node.configure(&pair.forge.config("https://127.0.0.1:1/site"));
    let run = self::run(&pair.node, &["--once"], &[]).expect(1);
    assert!(run.err.contains("connecting to `127.0.0.1:1`: Connection refused"), "{}", run.err);
}

#[test]
fn the_generator_refuses_what_the_agent_refuses() {
    let bucket = tempfile::tempdir().unwrap();
    let store = format!("file://{}", bucket.path().display());
    let Some(site) = Site::init(&Net::host(), &["--store", &store]) else { return };
    site.edit(&store, "https://127.0.0.1:1/site");
    let run = |name: &str, value: &str| {
        let run = Run::of(site.command(&["verify"]).env(name, value));
        assert!(!run.err.contains(SECRET) && !run.out.contains(SECRET), "{}{}", run.out, run.err);
        run
    };
    for value in INVALID {
        let run = run("https_proxy", value).expect(78);
        assert!(run.err.contains("the variable `https_proxy` is not a proxy: it"), "{}", run.err);
    }
    let down = run("https_proxy", "http://user:very-secret@127.0.0.1:1");
    assert!(down.err.contains("through the proxy `127.0.0.1:1`"), "{}", down.err);
}
