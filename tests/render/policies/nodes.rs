//! Nodes read their environment, and nothing else.

use std::collections::BTreeMap;

use e2e::garage::BUCKET;
use e2e::iam::{Iam, OTHER};
use e2e::site::Site;
use serde_json::{Value, json};

use super::{PREFIX, config, node, published, rotate};

#[test]
fn a_node_follows_its_environment_and_can_do_nothing_else() {
    let Some((iam, mut site)) = published(without_each) else { return };
    let key = iam.users["nodes"].key();
    let mine = config(&mut site, &key, "production");
    let Some(follower) = node(&mine) else { return };
    follower.once().expect(0);
    follower.once().expect(0);
    assert!(follower.read("var/lib/stringless/layers/example/current/apply").is_some());

    // A new key of the site: the trust document that follows the last one is missing, and the answer is 403.
    rotate(&site, "second");
    site.run(&["publish", "--environment", "production", "--force"]).expect(0);
    follower.once().expect(0);

    // By the session of a role, as on an instance; and not without its token.
    let session = &iam.users["nodes"].session;
    let with = |keys: Value| {
        let mut other = mine.clone();
        *other.pointer_mut("/layers/0/stores/0/credentials").unwrap() = json!([{"static": keys}]);
        node(&other).unwrap()
    };
    with(session.clone()).once().expect(0);
    let mut half = session.clone();
    half.as_object_mut().unwrap().remove("session_token");
    with(half).once().expect(1);

    // Another environment.
    let theirs = config(&mut site, &key, "staging");
    let stranger = node(&theirs).unwrap();
    let refused = stranger.once().expect(1);
    assert!(refused.err.contains("env/staging/head") && refused.err.contains("403"), "{}", refused.err);
    assert!(!refused.err.contains(&key.secret), "{}", refused.err);

    let status =
        |path: &str, options: &[&str]| iam.status(&key, BUCKET, &path.replace("PREFIX", PREFIX), options);
    assert_eq!(status("PREFIX/env/production/head", &[]), 200);
    assert_eq!(status("PREFIX/env/production/history/1", &[]), 200);
    assert_eq!(status("PREFIX/trust/1.json", &[]), 200);
    let get: &[&str] = &[];
    let (put, add) =
        (["--upload-file", "/dev/null"], ["--upload-file", "/dev/null", "--header", "If-None-Match: *"]);
    let (delete, post) = (["--request", "DELETE"], ["--request", "POST", "--data", ""]);
    let replace = ["--upload-file", "/dev/null", "--header", "If-Match: \"x\""];
    let copy =
        ["--request", "PUT", "--header", &format!("x-amz-copy-source: /{BUCKET}/{PREFIX}/trust/1.json")];
    for (path, options) in [
        ("PREFIX/env/staging/head", get),
        ("PREFIX/env/production/claim", get),
        ("PREFIX/nothing", get),
        ("site/two/trust/1.json", get),
        ("?list-type=2", get),
        ("?list-type=2&prefix=site/one/", get),
        ("?versions", get),
        ("?policy", get),
        ("?acl", get),
        ("PREFIX/trust/1.json?acl", get),
        ("PREFIX/env/production/head", &put),
        ("PREFIX/env/production/head", &add),
        ("PREFIX/env/production/head", &replace),
        ("PREFIX/env/production/head", &delete),
        ("PREFIX/trust/1.json", &delete),
        ("PREFIX/trust/9.json", &add),
        ("PREFIX/packs/x.tar.gz", &add),
        ("PREFIX/agent/x", &copy),
        ("PREFIX/nodes/node/report", &put),
        ("PREFIX/packs/x.tar.gz?uploads", &post),
        ("?policy", &put),
        ("", &delete),
    ] {
        assert_eq!(status(path, options), 403, "{options:?} {path}");
    }
    assert_eq!(iam.status(&key, OTHER, "trust/1.json", &[]), 403);
    let forged = e2e::garage::Key { secret: "x".repeat(40), ..key.clone() };
    assert_eq!(iam.status(&forged, BUCKET, &format!("{PREFIX}/trust/1.json"), &[]), 403);
    needs_each_place(&iam, &mut site);
}

/// The nodes' policy without one of the places that it names, for each of them.
fn without_each(documents: &mut BTreeMap<String, Value>) {
    let resources = documents["nodes"]["Statement"][0]["Resource"].as_array().unwrap().clone();
    for (n, lost) in resources.iter().enumerate().map(|(n, lost)| (n, lost.as_str().unwrap())) {
        let mut document = documents["nodes"].clone();
        document["Statement"][0]["Resource"].as_array_mut().unwrap().remove(n);
        let place = if lost.contains("/history/") { "history" } else { lost.split('/').nth(3).unwrap() };
        documents.insert(format!("without {place}"), document);
    }
}

/// Nothing in the policy is superfluous.
fn needs_each_place(iam: &Iam, site: &mut Site) {
    for (place, code) in [("env", 1), ("packs", 1)] {
        let key = iam.users[&format!("without {place}")].key();
        let mine = config(site, &key, "production");
        let Some(follower) = node(&mine) else { return };
        let run = follower.once().expect(code);
        assert!(run.err.contains(&format!("`{place}/")) && run.err.contains("403"), "{}", run.err);
    }
    // The agent itself is asked for by the script, the trust after a change of it.
    let agents = |user: &str| {
        let version = env!("CARGO_PKG_VERSION");
        let path = format!("{PREFIX}/agent/{version}/x86_64-unknown-linux-musl/stringless-agent");
        iam.status(&iam.users[user].key(), BUCKET, &path, &[])
    };
    assert_eq!((agents("nodes"), agents("without agent")), (200, 403));
    // With fleet keys, a head names the releases of the history.
    let history = |user: &str| {
        let path = format!("{PREFIX}/env/production/history/1");
        iam.status(&iam.users[user].key(), BUCKET, &path, &[])
    };
    assert_eq!((history("nodes"), history("without history")), (200, 403));
    let keys = [iam.users["nodes"].key(), iam.users["without trust"].key()];
    let nodes = keys.map(|key| node(&config(site, &key, "production")).unwrap());
    rotate(site, "third");
    site.run(&["publish", "--environment", "production", "--force"]).expect(0);
    nodes[0].once().expect(0);
    assert_ne!(nodes[1].once().code, 0);
}
