//! Mirrors: one that lies, hangs or holds back does not keep a node from the good one.

use std::fs;
use std::time::Duration;

use e2e::forge::Forge;
use e2e::netns::Net;
use e2e::server::{Delivery, Fault, Reply, Server};
use serde_json::json;
use stringless_core::layout;

use crate::web::{POINTER, Web, at_once, config, serve};

/// What a mirror does with the manifest and the packs.
type Malice = (&'static str, fn(&Web, &Server));

const MALICE: &[Malice] = &[
    ("stale", |web, mirror| mirror.fault(POINTER, old(web))),
    ("corrupt", |_, mirror| mirror.fault(POINTER, Fault::Flip(700))),
    ("empty", |_, mirror| mirror.fault(POINTER, Fault::status(404))),
    ("down", |_, mirror| mirror.fault(POINTER, Fault::status(503))),
    ("hanging", |_, mirror| mirror.fault(POINTER, Fault::hang(600))),
    ("dripping", |_, mirror| {
        mirror.fault(POINTER, Fault::Deliver(Delivery::Drip(1, Duration::from_secs(1))));
    }),
    ("endless", |_, mirror| {
        mirror.fault(
            POINTER,
            Fault::Answer(Reply { delivery: Delivery::Endless, ..Reply::new(200, "x".repeat(65_536)) }),
        );
    }),
    ("signed by a stranger", |web, mirror| mirror.fault(POINTER, stranger(web))),
    ("not modified", |_, mirror| mirror.fault(POINTER, Fault::status(304))),
];

/// A release that was good once.
fn old(web: &Web) -> Fault {
    let bytes = fs::read(web.pair.node.root().join("seven")).unwrap();
    Fault::Answer(Reply::new(200, bytes))
}

fn stranger(web: &Web) -> Fault {
    let other = Forge::new();
    other.publish(&web.pair.forge.manifest(99, vec![other.script("echo evil >\"$OUT/applied\"")]));
    Fault::Answer(Reply::new(200, fs::read(other.bucket().join(POINTER)).unwrap()))
}

#[test]
fn malicious_mirror() {
    at_once(MALICE, |(what, malice)| {
        let Some(web) = Web::converged() else { return };
        fs::copy(web.pair.forge.bucket().join(POINTER), web.pair.node.root().join("seven")).unwrap();
        let next = web.pair.forge.release(8, "eight");
        let certificate = web.authority.issue(&["127.0.0.1"]);
        let mirrors: Vec<Server> = (0..2).map(|_| serve(&web.pair.forge, Some(&certificate))).collect();
        for mirror in &mirrors {
            malice(&web, mirror);
            // Nor are its packs any better.
            mirror.fault(&layout::pack(&next.packs[0].sha256), Fault::Flip(30));
        }
        // The good one stands between the bad ones.
        let mut config = config(&web.pair.forge, &web.server);
        config["layers"][0]["stores"] = json!([
            {"url": mirrors[0].url("")}, {"url": web.server.url("")}, {"url": mirrors[1].url("")},
        ]);
        web.pair.node.configure(&config);
        let run = web.pair.run(&["--once"]);
        assert_eq!(run.code, 0, "{what}: {}", run.err);
        assert_eq!(web.pair.applied().as_deref(), Some("eight\n"), "{what}");
        for mirror in &mirrors {
            let ignored = format!("ignored store `{}`", mirror.url(""));
            assert!(run.err.contains(&ignored), "{what}: {}", run.err);
        }
    });
}

#[test]
fn malicious_mirrors_alone() {
    // All of them lie: nothing is taken, and every lie is reported.
    let Some(web) = Web::converged() else { return };
    fs::copy(web.pair.forge.bucket().join(POINTER), web.pair.node.root().join("seven")).unwrap();
    web.pair.forge.release(8, "eight");
    let certificate = web.authority.issue(&["127.0.0.1"]);
    let forger = serve(&web.pair.forge, Some(&certificate));
    forger.fault(POINTER, stranger(&web));
    web.server.fault(POINTER, Fault::Flip(700));
    let mut config = config(&web.pair.forge, &web.server);
    config["layers"][0]["stores"] = json!([{"url": web.server.url("")}, {"url": forger.url("")}]);
    web.pair.node.configure(&config);
    let run = web.fails(3, "[signatures]");
    for server in [&web.server, &forger] {
        assert!(run.err.contains(&server.url("")), "{}", run.err);
    }
    // A stale one beside them does not win either: what it has is older than what was seen.
    web.server.mend();
    let _ = web.pair.run(&["--once"]).expect(0);
    web.server.fault(POINTER, old(&web));
    let run = web.pair.run(&["--once"]).expect(3);
    assert!(run.err.contains("[rollback]"), "{}", run.err);
    assert_eq!(web.pair.applied().as_deref(), Some("eight\n"));
}

#[test]
fn malicious_mirror_that_splits_the_fleet() {
    // Two releases of one serial, both well signed: each store shows its own, and no node changes sides.
    let Some(web) = Web::converged() else { return };
    let certificate = web.authority.issue(&["127.0.0.1"]);
    let mut other = Forge::new();
    other.key = web.pair.forge.key.clone();
    web.pair.forge.release(8, "eight");
    other.release(8, "split");
    let mirror = Server::start(&Net::host(), other.bucket(), Some(&certificate));
    let _ = web.pair.run(&["--once"]).expect(0);
    assert_eq!(web.pair.applied().as_deref(), Some("eight\n"));
    let mut config = config(&web.pair.forge, &web.server);
    config["layers"][0]["stores"] = json!([{"url": mirror.url("")}]);
    web.pair.node.configure(&config);
    let run = web.pair.run(&["--once"]).expect(3);
    assert!(run.err.contains("[serial_reused]"), "{}", run.err);
    assert_eq!(web.pair.applied().as_deref(), Some("eight\n"));
}
