//! When the agent tries again: how often, how long after, and that it ends.

use std::thread;
use std::time::{Duration, Instant};

use e2e::agent::{Node, Run};
use e2e::forge::{Entry, Forge, name};
use e2e::http::Delivery;
use e2e::netns::Net;
use e2e::process::until;
use e2e::server::{Fault, Reply, Server};
use e2e::tls::Authority;
use serde_json::json;
use stringless_core::layout;

/// A release in a store, and a node.
struct Web {
    server: Server,
    node: Node,
    forge: Forge,
}

impl Web {
    fn new() -> Option<Self> {
        let (forge, authority) = (Forge::new(), Authority::new());
        forge.release(1, "one");
        let server = Server::start(&Net::host(), forge.bucket(), Some(&authority.issue(&["127.0.0.1"])));
        let mut config = forge.config(&server.url(""));
        config["ca_file"] = json!("/ca.pem");
        let node = Node::new(&Net::host(), &config)?;
        node.write("ca.pem", authority.pem());
        Some(Self { server, node, forge })
    }

    fn run(&self) -> Run {
        Run::of(self.node.command(&["--once"]).env("OUT", self.node.root()))
    }

    /// The time between one request for the manifest and the next.
    fn gaps(&self) -> Vec<Duration> {
        let times: Vec<Instant> = self
            .server
            .take()
            .iter()
            .filter(|seen| seen.request.path().ends_with(&manifest()))
            .map(|seen| seen.at)
            .collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

#[test]
fn tries_are_few_and_the_waits_between_them_grow_and_differ() {
    let nodes: Vec<Web> = (0..8).map_while(|_| Web::new()).collect();
    if nodes.is_empty() {
        return;
    }
    thread::scope(|scope| {
        for web in &nodes {
            web.server.fault(&manifest(), Fault::status(503));
            scope.spawn(|| web.run().expect(1));
        }
    });
    let gaps: Vec<Vec<Duration>> = nodes.iter().map(Web::gaps).collect();
    for gaps in &gaps {
        assert_eq!(gaps.len(), 3, "four tries: {gaps:?}");
        for (gap, least) in gaps.iter().zip([500, 1000, 2000]) {
            let least = Duration::from_millis(least);
            assert!((least..LIMIT).contains(gap), "{gaps:?}");
        }
    }
    // A fleet that met one fault does not come back at one moment.
    let last: Vec<Duration> = gaps.iter().map(|gaps| gaps[2]).collect();
    let spread = *last.iter().max().unwrap() - *last.iter().min().unwrap();
    assert!(spread > Duration::from_millis(50), "{last:?}");
}

#[test]
fn a_store_that_asks_for_patience_gets_it() {
    let date = "Fri, 20 Nov 2026 18:00:00 GMT";
    // A date counts by the clock of the store: the node's may be wrong.
    let asked = [(429, "3"), (503, "3"), (429, "Fri, 20 Nov 2026 18:00:03 GMT")];
    thread::scope(|scope| {
        for (status, wait) in asked {
            scope.spawn(move || {
                let Some(web) = Web::new() else { return };
                let reply = Reply::new(status, "").with("date", date).with("retry-after", wait);
                web.server.fault_times(&manifest(), Fault::Answer(reply), 1);
                web.run().expect(0);
                let gaps = web.gaps();
                assert_eq!(gaps.len(), 1);
                // More than the wait that the agent would have chosen, which is a second at most.
                assert!((Duration::from_secs(3)..LIMIT).contains(&gaps[0]), "{wait}: {gaps:?}");
            });
        }
    });
}

#[test]
fn a_hundred_packs_from_a_store_that_fails_every_fifth_time() {
    let Some(web) = Web::new() else { return };
    let text = |n: usize| format!("{n} ").repeat(400 + n);
    let packs =
        (0..100).map(|n| web.forge.pack(&format!("data/p{n}"), &[Entry::file("text", 0o644, &text(n))]));
    let script = web.forge.script("ls \"$STRINGLESS_RELEASE/data\" | wc -l >\"$OUT/applied\"");
    let packs: Vec<_> = packs.chain([script]).collect();
    web.forge.publish(&web.forge.manifest(2, packs));
    web.server.fault_by_chance(
        20,
        20,
        vec![
            Fault::status(500),
            Fault::status(503),
            Fault::Answer(Reply::new(429, "").with("retry-after", "1")),
            Fault::short(60),
            Fault::Deliver(Delivery::Drop),
            Fault::Deliver(Delivery::Reset(30)),
        ],
    );
    // A run may find one pack failing four times on end; the next run has all the others.
    let mut codes = Vec::new();
    while codes.last() != Some(&0) && codes.len() < 4 {
        codes.push(web.run().code);
    }
    assert_eq!(codes.last(), Some(&0), "{codes:?}");
    assert_eq!(web.node.read("applied").as_deref().map(str::trim), Some("100"));
    let requests = web.server.take();
    let whole = requests.iter().filter(|seen| seen.status == 200 && seen.request.path().contains("packs/"));
    assert!((102..250).contains(&requests.len()), "{} requests", requests.len());
    assert!(whole.count() < 160);
}

#[test]
fn patience_has_an_end_and_a_signal_ends_it_at_once() {
    let Some(web) = Web::new() else { return };
    let reply = Reply::new(429, "").with("retry-after", "86400");
    web.server.fault(&manifest(), Fault::Answer(reply));
    let log = web.node.root().join("log");
    let mut agent = e2e::process::Running::start(&mut web.node.command(&["--once"]), &log);
    let mut seen = Vec::new();
    assert!(until(LIMIT, || {
        seen.extend(web.server.take());
        !seen.is_empty()
    }));
    // Its own wait would be over by now.
    thread::sleep(Duration::from_secs(3));
    assert!(agent.ended().is_none() && web.server.take().is_empty(), "{}", agent.log());
    // Less than the longest wait that a store can ask for.
    let status = agent.stop(Duration::from_secs(40));
    assert_eq!(status.and_then(|status| status.code()), Some(1), "{}", agent.log());
    assert!(agent.log().contains("stopped by a signal"), "{}", agent.log());
}

fn manifest() -> String {
    layout::head(&name("production"))
}

/// Against hanging.
const LIMIT: Duration = e2e::process::PATIENCE;
