//! The ways to a store: names, addresses, proxies; and a signal on each of them.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use e2e::agent::{Node, Run};
use e2e::forge::{Forge, name};
use e2e::http::{Delivery, Greeting};
use e2e::netns::{CLOUD, CLOUD_SIX, Lab, Net};
use e2e::process::{Running, until};
use e2e::proxy::{Manner, Proxy};
use e2e::server::{Fault, Reply, Server};
use e2e::tls::Authority;
use serde_json::{Value, json};
use stringless_core::layout;

/// A release in a store of a network, and a node on that network.
struct Web {
    forge: Forge,
    server: Server,
    node: Node,
}

impl Web {
    /// The server is on `cloud`, the node on `node`.
    fn new(cloud: &Net, node: &Net) -> Option<Self> {
        let (forge, authority) = (Forge::new(), Authority::new());
        forge.release(7, "seven");
        let certificate = authority.issue(&["127.0.0.1", "::1", CLOUD, CLOUD_SIX, "files.test"]);
        let server = Server::start(cloud, forge.bucket(), Some(&certificate));
        let node = Node::new(node, &json!({}))?;
        node.write("ca.pem", authority.pem());
        let web = Self { forge, server, node };
        web.follow(&[&web.server.url("")], &[]);
        Some(web)
    }

    fn here() -> Option<Self> {
        Self::new(&Net::host(), &Net::host())
    }

    /// Sets the node's stores, and more of its configuration.
    fn follow(&self, stores: &[&str], more: &[(&str, &str)]) {
        let mut config = self.forge.config("");
        config["ca_file"] = json!("/ca.pem");
        config["layers"][0]["stores"] = stores.iter().map(|url| json!({"url": url})).collect::<Value>();
        for (key, value) in more {
            config[*key] = json!(value);
        }
        self.node.configure(&config);
    }

    fn run(&self) -> Run {
        // `env` of the command would be that of nsenter in a lab, which hands it on.
        Run::of(self.node.command(&["--once"]).env("OUT", self.node.root()))
    }

    fn applied(&self) -> bool {
        self.node.read("applied").is_some_and(|text| text == "seven\n")
    }
}

#[test]
fn a_name_that_nobody_knows_is_said_and_left() {
    let (Some(lab), Some(here)) = (Lab::new(), Web::here()) else { return };
    let Some(there) = Web::new(&lab.cloud, &lab.node) else { return };
    // Here a name that no resolver may know; there no resolver, for which nobody waits long.
    fs::write(lab.etc.join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    thread::scope(|scope| {
        for web in [here, there] {
            scope.spawn(move || {
                web.follow(&["https://nowhere.invalid/site"], &[]);
                let run = web.run().expect(1);
                assert!(run.err.contains("from `https://nowhere.invalid/site`"), "{}", run.err);
                assert!(run.err.contains("lookup address"), "{}", run.err);
                web.follow(&["https://nowhere.invalid/site", &web.server.url("")], &[]);
                let run = web.run().expect(0);
                assert!(run.err.contains("ignored store `https://nowhere.invalid/site`"), "{}", run.err);
                assert!(web.applied());
            });
        }
    });
}

#[test]
fn a_network_of_ipv6_alone_is_enough() {
    let Some(lab) = Lab::six() else { return };
    let Some(web) = Web::new(&lab.cloud, &lab.node) else { return };
    let port = web.server.port();
    let by_name = format!("https://files.test:{port}");
    for url in [&web.server.url(""), &by_name] {
        web.follow(&[url], &[]);
        fs::remove_dir_all(web.node.root().join("var")).ok();
        fs::remove_file(web.node.root().join("applied")).ok();
        web.run().expect(0);
        assert!(web.applied(), "{url}");
    }
    assert!(web.server.url("").contains("[fd00::2]"));
    // The same in a bucket whose service has an address and no name.
    assert_eq!(web.server.take().len(), 4);
}

#[test]
fn the_loopback_address_of_ipv6_is_one_too() {
    let Some(web) = Web::here() else { return };
    let authority = Authority::new();
    web.node.write("ca.pem", authority.pem());
    let listener = Net::host().listen_at("[::1]:0");
    let server = Server::on(listener, "[::1]", web.forge.bucket(), Some(&authority.issue(&["::1"])));
    web.follow(&[&server.url("")], &[]);
    web.run().expect(0);
    assert!(web.applied());
}

#[test]
fn an_address_that_leads_nowhere_does_not_hide_the_next_of_the_name() {
    let Some(lab) = Lab::new() else { return };
    let Some(web) = Web::new(&lab.cloud, &lab.node) else { return };
    // The lab has no IPv6, and at 10.0.2.99 is nobody.
    fs::write(
        lab.etc.join("hosts"),
        format!("fd00::9 files.test\n10.0.2.99 files.test\n{CLOUD} files.test\n"),
    )
    .unwrap();
    web.follow(&[&format!("https://files.test:{}", web.server.port())], &[]);
    web.run().expect(0);
    assert!(web.applied());
}

#[test]
fn a_proxy_that_wants_tunnels_or_a_login_gets_them() {
    let Some(web) = Web::here() else { return };
    let store = web.server.url("");
    let run = |proxy: &Proxy, login: &str| {
        fs::remove_dir_all(web.node.root().join("var")).ok();
        fs::remove_file(web.node.root().join("applied")).ok();
        web.follow(&[&store], &[("proxy", &format!("http://{login}127.0.0.1:{}", proxy.port()))]);
        let run = web.run();
        assert!(!run.err.contains("topsecret") && !run.out.contains("topsecret"), "{}", run.err);
        run
    };
    let tunnels = Proxy::with(&Net::host(), Manner::Tunnels);
    run(&tunnels, "").expect(0);
    assert!(web.applied());
    let asked = format!("CONNECT 127.0.0.1:{}", web.server.port());
    assert!(tunnels.take().iter().all(|line| *line == asked));

    let login = Proxy::with(&Net::host(), Manner::Login("dXNlcjp0b3BzZWNyZXQ=".into()));
    run(&login, "user:topsecret@").expect(0);
    assert!(web.applied());
    web.server.take();
    for wrong in ["", "user:topsecretly@", "nobody:topsecret@"] {
        let run = run(&login, wrong).expect(1);
        assert!(run.err.contains("407") || run.err.to_lowercase().contains("proxy"), "{}", run.err);
        assert!(!web.applied());
    }
    assert!(web.server.take().is_empty(), "there is no way around the proxy");
}

#[test]
fn a_proxy_that_answers_amiss_is_not_believed() {
    let established: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
    let answer: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let garbage: &[u8] = b"\x00\x01I am no proxy\r\n\r\n";
    let flood = "x-pad: 0123456789012345678901234567890123456789\r\n".repeat(30_000);
    let cases: [(&str, Vec<u8>); 8] = [
        ("garbage", garbage.to_vec()),
        ("nothing", Vec::new()),
        ("half a line", b"HTTP/1.1 200 Conn".to_vec()),
        ("a tunnel to garbage", [established, garbage].concat()),
        ("a tunnel to plain HTTP", [established, answer].concat()),
        ("a tunnel that is closed", established.to_vec()),
        ("an error", b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("headers without end", [b"HTTP/1.1 200 OK\r\n", flood.as_bytes()].concat()),
    ];
    thread::scope(|scope| {
        for (what, bytes) in cases {
            scope.spawn(move || {
                let Some(web) = Web::here() else { return };
                let proxy = Proxy::with(&Net::host(), Manner::Says(bytes));
                let address = format!("http://127.0.0.1:{}", proxy.port());
                web.follow(&[&web.server.url("")], &[("proxy", &address)]);
                let run = web.run();
                assert_eq!(run.code, 1, "{what}: {}", run.err);
                assert!(run.err.contains("fetching `env/production/head`"), "{what}: {}", run.err);
                assert!(!web.applied() && web.server.take().is_empty(), "{what}");
                assert!((1..=4).contains(&proxy.take().len()), "{what}");
                web.follow(&[&web.server.url("")], &[]);
                web.run().expect(0);
                assert!(web.applied(), "{what}");
            });
        }
    });
}

/// Starts the agent, awaits `there`, sends SIGTERM, and expects a prompt and orderly end.
fn ends_at_once(what: &str, web: &Web, log: &Path, mut there: impl FnMut() -> bool) {
    let mut agent = Running::start(web.node.command(&["--once"]).env("OUT", web.node.root()), log);
    let reached = until(LIMIT, || there() || agent.ended().is_some());
    // A moment for what comes after the first sign of it.
    thread::sleep(Duration::from_millis(300));
    assert!(reached && agent.ended().is_none(), "{what}: {}", agent.log());
    let start = Instant::now();
    let status = agent.stop(LIMIT);
    let text = agent.log();
    assert_eq!(status.and_then(|status| status.code()), Some(1), "{what}: {text}");
    // Less than the time after which a silent connection is given up anyway.
    assert!(start.elapsed() < Duration::from_secs(10), "{what}: after {:?}: {text}", start.elapsed());
    assert!(text.contains("stopped by a signal"), "{what}: {text}");
    assert!(!web.applied(), "{what}");
    web.server.mend();
    web.follow(&[&web.server.url("")], &[]);
    web.run().expect(0);
    assert!(web.applied(), "{what}");
}

#[test]
fn a_signal_ends_every_wait_for_a_store() {
    let ever = Duration::from_secs(120);
    let manifest = layout::head(&name("production"));
    let busy = Fault::Answer(Reply::new(503, "").with("retry-after", "60"));
    let waits: [(&str, Option<Greeting>, _); 7] = [
        ("the handshake", Some(Greeting::Silence(ever)), None),
        ("the rest of the handshake", Some(Greeting::Handshake(60, ever)), None),
        ("an answer", None, Some((&*manifest, Fault::Deliver(Delivery::Hang(ever))))),
        ("the rest of a manifest", None, Some((&*manifest, Fault::Deliver(Delivery::HangAt(99, ever))))),
        ("another try", None, Some((&*manifest, busy))),
        ("a pack", None, Some(("pack", Fault::Deliver(Delivery::Hang(ever))))),
        ("the rest of a pack", None, Some(("pack", Fault::Deliver(Delivery::HangAt(99, ever))))),
    ];
    thread::scope(|scope| {
        for (what, greeting, fault) in waits {
            scope.spawn(move || {
                let Some(web) = Web::here() else { return };
                let pack = fs::read_dir(web.forge.bucket().join("packs")).unwrap().next().unwrap().unwrap();
                let pack = format!("packs/{}", pack.file_name().to_string_lossy());
                let mut awaited = None;
                if let Some((path, fault)) = fault {
                    let path = if path == "pack" { pack } else { path.to_owned() };
                    web.server.fault(&path, fault);
                    awaited = Some(path);
                }
                web.server.greet(greeting);
                let log = web.node.root().join("log");
                ends_at_once(what, &web, &log, || match &awaited {
                    Some(path) => web.server.take().iter().any(|seen| seen.request.path().ends_with(path)),
                    None => web.server.connections() > 0,
                });
            });
        }
    });
}

#[test]
fn a_signal_ends_every_wait_on_the_way() {
    let Some(lab) = Lab::new() else { return };
    let Some(web) = Web::new(&lab.cloud, &lab.node) else { return };
    let log = web.node.root().join("log");
    // Nobody answers at an address beyond the lab's only router; nor where the names should be.
    for url in ["https://10.9.9.9/site", "https://nowhere.invalid/site"] {
        web.follow(&[url], &[]);
        fs::remove_dir_all(web.node.root().join("var")).ok();
        fs::remove_file(web.node.root().join("applied")).ok();
        let start = Instant::now();
        ends_at_once(url, &web, &log, || start.elapsed() > Duration::from_secs(1));
    }
    let Some(web) = Web::here() else { return };
    let proxy = Proxy::with(&Net::host(), Manner::Silent);
    web.follow(&[&web.server.url("")], &[("proxy", &format!("http://127.0.0.1:{}", proxy.port()))]);
    ends_at_once("a silent proxy", &web, &log, || !proxy.take().is_empty());
}

/// Against hanging.
const LIMIT: Duration = e2e::process::PATIENCE;
