//! What the node's configuration keeps secret is taken out of whatever an engine prints.

use std::fs;

use e2e::netns::Net;
use e2e::pair::Pair;
use e2e::server::Server;
use serde_json::json;

use crate::kept_output;

const KEY: &str = "hidden-key-value";
const TOKEN: &str = "hidden-session-token";
const PASSWORD: &str = "hidden-pass-word";

/// A node with static keys, for a second store that is empty, and with a proxy that asks for a password.
fn pair() -> Option<(Pair, Server)> {
    let pair = Pair::new()?;
    let empty = pair.node.root().join("empty");
    fs::create_dir(&empty).unwrap();
    let server = Server::start(&Net::host(), &empty, None);
    let mut config = pair.forge.config(&pair.forge.url());
    config["proxy"] = json!(format!("http://user:{PASSWORD}@127.0.0.1:1"));
    config["no_proxy"] = json!("127.0.0.1");
    config["layers"][0]["stores"] = json!([
        {"url": pair.forge.url()},
        {
            "url": "s3://bucket/x", "region": "x", "endpoint": server.url(""), "style": "path",
            "credentials": [{"static": {
                "access_key_id": "AKID", "secret_access_key": KEY, "session_token": TOKEN,
            }}],
        },
    ]);
    pair.node.configure(&config);
    Some((pair, server))
}

#[test]
fn they_are_in_no_output_report_or_status() {
    let Some((pair, _server)) = pair() else { return };
    let long = "x".repeat(4096 - 5);
    let scripts = [
        // The engine is given the proxy, and may read the configuration.
        "echo before; env; cat \"$OUT/etc/stringless/agent.json\" >&2; echo after".to_owned(),
        // In parts, and over the end of a buffer.
        format!(
            "echo before; printf hidden-; sleep 0.3; printf key-; sleep 0.3; echo value; printf '%s' {long}{TOKEN}; echo after"
        ),
        // Where the kept end begins, and as the last words.
        format!(
            "echo before; printf '%s' {PASSWORD}{KEY}; head -c 16370 /dev/zero | tr '\\0' x; printf '%s' {KEY}"
        ),
        // From a run that fails.
        format!("echo before {KEY}; echo {TOKEN} {PASSWORD} >&2; echo after; exit 7"),
    ];
    for (number, script) in scripts.iter().enumerate() {
        for json in [false, true] {
            let serial = 1 + number as u64 * 2 + u64::from(json);
            pair.forge.publish(&pair.forge.manifest(serial, vec![pair.forge.script(script)]));
            let args = if json { &["--once", "--json"][..] } else { &["--once"] };
            let run = pair.run(args).expect(if number == 3 { 4 } else { 0 });
            let file = fs::read_to_string(pair.state("last-run.json")).unwrap();
            let status = pair.run(&["status", "--json"]).expect(0).out + &pair.run(&["status"]).expect(0).out;
            for (place, text) in
                [("stdout", &run.out), ("stderr", &run.err), ("the report", &file), ("status", &status)]
            {
                // A part of one is too much, too.
                for part in ["key-value", "session-token", "pass-word", "hidden-k", "hidden-s", "hidden-p"] {
                    assert!(!text.contains(part), "{part} in {place} of release {serial}: {text}");
                }
            }
            let said = if json { &run.err } else { &run.out };
            assert!(said.contains("before") && said.contains("********"), "{said}");
        }
    }
}

#[test]
fn what_is_none_of_them_is_shown_as_it_is() {
    let Some((pair, _server)) = pair() else { return };
    let script = "echo hidden-key-valu; printf 'hidden-'; sleep 0.3; echo treasure; printf hidden-key-val";
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script(script)]));
    let run = pair.run(&["--once"]).expect(0);
    let expected = "hidden-key-valu\nhidden-treasure\nhidden-key-val";
    assert_eq!((run.out.as_str(), kept_output(&pair).as_str()), (expected, expected));
}
