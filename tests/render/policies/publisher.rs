//! The publisher adds, replaces what it has looked at, and nothing else.

use std::collections::BTreeMap;

use e2e::garage::BUCKET;
use e2e::iam::{Iam, OTHER};
use e2e::site::Site;
use serde_json::Value;

use super::{PREFIX, published, rotate};

#[test]
fn a_publisher_publishes_and_can_do_nothing_else() {
    let Some((iam, mut site)) = published(without_each) else { return };
    site.run(&["verify"]).expect(0);
    site.write("text", "second\n", 0o644);
    site.run(&["diff", "--environment", "production", "--exit-code"]).expect(2);
    let second = site.run(&["publish", "--environment", "production", "--json"]).expect(0);
    assert_eq!(serde_json::from_str::<Value>(&second.out).unwrap()["serial"], 2, "{}", second.out);
    rotate(&site, "second");
    for environment in ["production", "staging"] {
        site.run(&["publish", "--environment", environment]).expect(0);
    }
    site.run(&["verify"]).expect(0);

    // One environment's publisher publishes that one.
    site.publish_with(&iam.users["one"].key());
    site.run(&["publish", "--environment", "production", "--force"]).expect(0);
    let refused = site.run(&["publish", "--environment", "staging", "--force"]).expect_any(&[1, 78]);
    assert!(refused.err.contains("env/staging/head") && refused.err.contains("403"), "{}", refused.err);

    let get: &[&str] = &[];
    let put: &[&str] = &["--upload-file", "/dev/null"];
    let add: &[&str] = &["--upload-file", "/dev/null", "--header", "If-None-Match: *"];
    let replace: &[&str] = &["--upload-file", "/dev/null", "--header", "If-Match: \"x\""];
    let delete: &[&str] = &["--request", "DELETE"];
    let post: &[&str] = &["--request", "POST", "--data", ""];
    let pack =
        std::fs::read_dir(site.path(".stringless/packs")).unwrap().next().unwrap().unwrap().file_name();
    let pack = format!("PREFIX/packs/{}", pack.to_string_lossy());
    let both = [
        (pack.as_str(), put, 403),
        (&pack, replace, 403),
        (&pack, delete, 403),
        (&pack, add, 412),
        ("PREFIX/env/production/history/1", put, 403),
        ("PREFIX/env/production/history/1", replace, 403),
        ("PREFIX/env/production/history/1", delete, 403),
        ("PREFIX/env/production/head", put, 403),
        ("PREFIX/env/production/head", delete, 403),
        ("PREFIX/env/production/head", replace, 412),
        ("PREFIX/trust/1.json", put, 403),
        ("PREFIX/trust/1.json", delete, 403),
        ("PREFIX/agent/0.1.0/x86_64-unknown-linux-musl/stringless-agent", replace, 403),
        ("PREFIX/env/production/claim", add, 403),
        ("PREFIX/other", add, 403),
        ("PREFIX/other", get, 403),
        ("site/two/packs/x", add, 403),
        ("site/two/packs/x", get, 403),
        ("?list-type=2", get, 403),
        ("?list-type=2&prefix=site/two/", get, 403),
        ("?list-type=2&prefix=site/one/packs/", get, 200),
        ("?versions", get, 403),
        ("?policy", put, 403),
        ("?delete", post, 403),
        ("?versioning", put, 403),
        ("", delete, 403),
    ];
    let one = [
        ("PREFIX/env/staging/head", get, 403),
        ("PREFIX/env/staging/head", replace, 403),
        ("PREFIX/env/staging/history/9", add, 403),
        ("?list-type=2&prefix=site/one/env/staging/", get, 403),
    ];
    for (user, cases) in [("publisher", &both[..]), ("one", &both), ("one", &one)] {
        let key = iam.users[user].key();
        for (path, options, expected) in cases {
            let status = iam.status(&key, BUCKET, &path.replace("PREFIX", PREFIX), options);
            assert_eq!(status, *expected, "{user}: {options:?} {path}");
        }
        assert_eq!(iam.status(&key, OTHER, &format!("{PREFIX}/packs/x"), add), 403);
    }
    site.publish_with(&iam.users["nodes"].key());
    site.run(&["publish", "--environment", "production", "--force"]).expect_any(&[1, 78]);
    needs_each_statement(&iam, &mut site);
}

#[test]
fn the_doctor_finds_the_least_privilege_in_order() {
    let Some((iam, mut site)) = published(|_| {}) else { return };
    let nodes = iam.users["nodes"].key();
    site.set("STRINGLESS_NODE_ACCESS_KEY_ID", &nodes.id);
    site.set("STRINGLESS_NODE_SECRET_ACCESS_KEY", &nodes.secret);
    let run = site.run(&["doctor", "--write"]).expect(0);
    // To a write without keys, moto answers 500: garage is asked that.
    for part in [
        "this key may publish, and nothing else; the store honours `If-None-Match`",
        "nobody reads it without keys",
        "the nodes' keys may read",
        "a node cannot write to it",
        "a node cannot remove objects from it",
    ] {
        assert!(run.out.contains(part), "{part}\n{}", run.out);
    }
    // The nodes' keys in the place of the publisher's.
    site.publish_with(&nodes);
    let run = site.run(&["doctor", "--write"]).expect(1);
    assert!(run.out.contains("is not allowed to do this") && run.out.contains("hint: "), "{}", run.out);
}

/// The publisher's policy without one of its statements, for each of them.
fn without_each(documents: &mut BTreeMap<String, Value>) {
    for n in 0..documents["publisher"]["Statement"].as_array().unwrap().len() {
        let mut document = documents["publisher"].clone();
        let lost = document["Statement"].as_array_mut().unwrap().remove(n);
        documents.insert(format!("without {}", lost["Sid"].as_str().unwrap()), document);
    }
}

/// Nothing in the policy is superfluous.
fn needs_each_statement(iam: &Iam, site: &mut Site) {
    let lesser: Vec<&String> = iam.users.keys().filter(|name| name.starts_with("without")).collect();
    assert_eq!(lesser.len(), 4);
    for (n, name) in lesser.into_iter().enumerate() {
        site.write("text", format!("{n}\n"), 0o644);
        site.publish_with(&iam.users[name].key());
        let run = site.run(&["publish", "--environment", "production"]).expect_any(&[1, 3, 78]);
        assert!(run.err.contains("403"), "{name}: {}", run.err);
        site.publish_with(&iam.users["publisher"].key());
        site.run(&["publish", "--environment", "production"]).expect(0);
    }
}
