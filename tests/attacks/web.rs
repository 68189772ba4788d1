//! A store behind HTTPS that sends its nodes elsewhere, and a proxy that does.

use std::fs;

use e2e::agent::{Node, Run};
use e2e::forge::Forge;
use e2e::netns::Net;
use e2e::pair::Pair;
use e2e::proxy::{Manner, Proxy};
use e2e::server::{Delivery, Fault, Reply, Server};
use e2e::tls::{Authority, Certificate};
use serde_json::{Value, json};

/// The one object that every check asks for.
pub const POINTER: &str = "env/production/head";

/// A node that has taken release 7 from a store behind HTTPS.
pub struct Web {
    /// The site and the node.
    pub pair: Pair,
    /// The store.
    pub server: Server,
    /// Who vouches for it.
    pub authority: Authority,
}

impl Web {
    /// Starts both.
    pub fn converged() -> Option<Self> {
        let (forge, authority) = (Forge::new(), Authority::new());
        forge.release(7, "seven");
        let server = serve(&forge, Some(&authority.issue(&["127.0.0.1"])));
        let node = Node::new(&Net::host(), &config(&forge, &server))?;
        node.write("etc/stringless/ca.pem", authority.pem());
        let web = Self { pair: Pair { forge, node }, server, authority };
        let _ = web.pair.run(&["--once"]).expect(0);
        web.pair.goes_on();
        let _ = web.server.take();
        Some(web)
    }

    /// A run that fails with this exit code, and says this; release 7 goes on.
    pub fn fails(&self, code: i32, said: &str) -> Run {
        let run = self.pair.run(&["--once"]).expect(code);
        assert!(run.err.contains(said), "{}", run.err);
        self.pair.goes_on();
        run
    }
}

/// Serves the bucket.
pub fn serve(forge: &Forge, certificate: Option<&Certificate>) -> Server {
    Server::start(&Net::host(), forge.bucket(), certificate)
}

/// The configuration of a node that follows the server and knows its authority.
pub fn config(forge: &Forge, server: &Server) -> Value {
    let mut config = forge.config(&server.url(""));
    config["ca_file"] = json!("/etc/stringless/ca.pem");
    config
}

/// Checks every case at the same time: most of them wait for a back-off.
pub fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| check(case));
        }
    });
}

#[test]
fn hostile_redirect() {
    let Some(web) = Web::converged() else { return };
    // What waits at the other end is a good release of the site, so that nothing but the way is wrong.
    let next = web.pair.forge.release(8, "eight");
    let elsewhere = serve(&web.pair.forge, Some(&web.authority.issue(&["127.0.0.1", "localhost"])));
    let plain = serve(&web.pair.forge, None);
    let file = format!("file://{}/{POINTER}", web.pair.forge.bucket().display());
    let targets = [
        elsewhere.url(POINTER),
        elsewhere.url(POINTER).replace("127.0.0.1", "localhost"),
        plain.url(POINTER),
        web.server.url(POINTER),
        format!("/{POINTER}"),
        file,
        "//127.0.0.1:1/x".to_owned(),
        "data:text/plain,x".to_owned(),
    ];
    for status in [301, 302, 303, 307, 308] {
        for target in &targets {
            web.server.fault(POINTER, Fault::Answer(Reply::new(status, "").with("location", target)));
            let _ = web.fails(1, &status.to_string());
            assert_eq!(web.server.take().len(), 1, "{status} to {target}: asked once, and not again");
        }
    }
    // The same for a pack.
    web.server.mend();
    let key = stringless_core::layout::pack(&next.packs[0].sha256);
    let away = Reply::new(302, "").with("location", elsewhere.url(&key));
    web.server.fault(&key, Fault::Answer(away));
    let _ = web.fails(1, "302");
    assert!(elsewhere.take().is_empty() && plain.take().is_empty(), "nobody else was asked");
}

#[test]
fn hostile_proxy_answer() {
    let Some(web) = Web::converged() else { return };
    web.pair.forge.release(8, "eight");
    let document = fs::read(web.pair.forge.bucket().join(POINTER)).unwrap();
    let length = document.len();
    let whole = |status: &str| {
        [format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n").into_bytes(), document.clone()]
            .concat()
    };
    let away =
        format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", web.server.url(POINTER));
    let answers = [
        ("the release itself, in place of a tunnel", whole("200 OK")),
        ("the release, as a failure", whole("502 Bad Gateway")),
        ("a redirect", away.into_bytes()),
        ("a login", b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"x\"\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("headers without end", [b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".repeat(200_000)].concat()),
        ("a line without end", [b"HTTP/1.1 200 ".to_vec(), vec![b'x'; 1 << 20]].concat()),
        ("nothing", Vec::new()),
    ];
    at_once(answers, |(what, answer)| {
        let Some(web) = Web::converged() else { return };
        web.pair.forge.release(8, "eight");
        let proxy = Proxy::with(&Net::host(), Manner::Says(answer));
        let mut config = config(&web.pair.forge, &web.server);
        config["proxy"] = json!(format!("http://127.0.0.1:{}", proxy.port()));
        web.pair.node.configure(&config);
        let _ = web.fails(1, "fetching");
        let asked = proxy.take();
        let tunnel = format!("CONNECT 127.0.0.1:{}", web.server.port());
        assert!(!asked.is_empty() && asked.iter().all(|asked| *asked == tunnel), "{what}: {asked:?}");
        assert!(web.server.take().is_empty(), "{what}: a way around the proxy");
    });
}

#[test]
fn hostile_proxy_in_the_middle() {
    let Some(web) = Web::converged() else { return };
    web.pair.forge.release(8, "eight");
    // A proxy that ends the tunnel at a store of its own: the name is right, the authority is not.
    let own = Authority::new().issue(&["127.0.0.1"]);
    let impostor = serve(&web.pair.forge, Some(&own));
    let mut config = config(&web.pair.forge, &impostor);
    let proxy = Proxy::start(&Net::host());
    config["proxy"] = json!(format!("http://127.0.0.1:{}", proxy.port()));
    web.pair.node.configure(&config);
    let _ = web.fails(1, "certificate");
    assert!(impostor.take().is_empty());
}

#[test]
fn hostile_headers() {
    let Some(web) = Web::converged() else { return };
    web.pair.forge.release(8, "eight");
    let document = fs::read(web.pair.forge.bucket().join(POINTER)).unwrap();
    let reply = |status: u16| Reply::new(status, document.clone());
    // Answers to questions that nobody asked.
    for (what, answer) in [
        (
            "a part",
            reply(206).with("content-range", format!("bytes 0-{}/{}", document.len() - 1, document.len())),
        ),
        ("no content", reply(204)),
        ("created", reply(201)),
        ("many choices", reply(300)),
        ("a switch of protocols", reply(101)),
        ("a status of its own", reply(299)),
    ] {
        web.server.fault(POINTER, Fault::Answer(answer));
        let run = web.pair.run(&["--once"]);
        assert_eq!(run.code, 1, "{what}: {}", run.err);
        web.pair.goes_on();
    }
    // A validator that would tear the next request apart is no reason to send it.
    let torn = format!(
        "HTTP/1.1 200 OK\r\netag: \"x\r\nauthorization: stolen\"\r\ncontent-length: {}\r\n\r\n",
        document.len()
    );
    let answer =
        Reply { delivery: Delivery::Raw([torn.into_bytes(), document].concat()), ..Reply::new(200, "") };
    web.server.fault(POINTER, Fault::Answer(answer));
    let _ = web.pair.run(&["--once"]);
    web.server.mend();
    let _ = web.server.take();
    let _ = web.pair.run(&["--once"]).expect(0);
    assert!(web.server.take().iter().all(|seen| seen.request.header("authorization").is_none()));
}
