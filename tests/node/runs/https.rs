//! A store behind HTTPS: few requests, cut downloads, busy servers, wrong ones, and proxies.

use std::fs;

use e2e::agent::{Node, Run};
use e2e::forge::{Entry, Forge, name, sign, trust};
use e2e::netns::Net;
use e2e::proxy::Proxy;
use e2e::server::{Fault, Server};
use minisign::KeyPair;
use serde_json::{Value, json};
use stringless_core::layout;

#[test]
fn an_idle_check_is_one_request() {
    let forge = Forge::new();
    forge.release(7, "seven");
    let server = Server::start(&Net::host(), forge.bucket(), Some(&authority().issue(&["127.0.0.1"])));
    let Some(node) = web_node(&forge, &server) else { return };
    Run::of(node.command(&["--once"]).env("OUT", node.root())).expect(0);
    let first = server.take();
    assert_eq!(first.len(), 2, "the manifest and one pack: {first:?}");
    let run = Run::of(node.command(&["--once", "--json"]).env("OUT", node.root())).expect(0);
    let idle = server.take();
    assert_eq!(idle.len(), 1, "{idle:?}");
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["layers"][0]["requests"], 1);
    assert_eq!(report["layers"][0]["received"], 0);
}

#[test]
fn resumes_a_cut_download_and_outlasts_a_busy_store() {
    let forge = Forge::new();
    let text = "x".repeat(300_000);
    let noise: String =
        (0..200_000u32).map(|n| char::from(33 + (n.wrapping_mul(2_654_435_761) >> 25) as u8 % 90)).collect();
    let pack = forge.pack("data", &[Entry::file("noise", 0o644, &noise), Entry::file("text", 0o644, &text)]);
    let key = layout::pack(&pack.sha256);
    let half = pack.size as usize / 2;
    forge.publish(&forge.manifest(1, vec![forge.script("echo done >\"$OUT/applied\""), pack]));
    let server = Server::start(&Net::host(), forge.bucket(), Some(&authority().issue(&["127.0.0.1"])));
    server.fault_times(&key, Fault::short(half), 1);
    server.fault_times(&layout::head(&name("production")), Fault::status(503), 1);
    let Some(node) = web_node(&forge, &server) else { return };
    Run::of(node.command(&["--once"]).env("OUT", node.root())).expect(0);
    assert_eq!(node.read("applied").as_deref(), Some("done\n"));
    let ranged = server.take().into_iter().filter(|seen| seen.request.header("range").is_some()).count();
    assert_eq!(ranged, 1, "the rest was asked for, not the whole");
}

fn authority() -> &'static e2e::tls::Authority {
    static ONE: std::sync::OnceLock<e2e::tls::Authority> = std::sync::OnceLock::new();
    ONE.get_or_init(e2e::tls::Authority::new)
}

fn web_node(forge: &Forge, server: &Server) -> Option<Node> {
    let mut config = forge.config(&server.url(""));
    config["ca_file"] = json!("/etc/stringless/ca.pem");
    let node = Node::new(&Net::host(), &config)?;
    node.write("etc/stringless/ca.pem", authority().pem());
    Some(node)
}

#[test]
fn a_store_that_may_not_list_calls_the_end_of_the_trust_chain_forbidden() {
    let forge = Forge::new();
    let next = KeyPair::generate_unencrypted_keypair().unwrap();
    let trust = trust(&[&next], 2, &json!({}));
    let signed = sign(&[&forge.key, &next], trust.to_string().as_bytes(), "trust example keys 2");
    forge.put("trust/2.json", &signed);
    let packs = vec![forge.script("echo rotated >\"$OUT/applied\"")];
    forge.publish_by(&next, &forge.manifest(1, packs));
    let server = Server::start(&Net::host(), forge.bucket(), Some(&authority().issue(&["127.0.0.1"])));
    server.fault("trust/3.json", Fault::status(403));
    let Some(node) = web_node(&forge, &server) else { return };
    Run::of(node.command(&["--once"]).env("OUT", node.root())).expect(0);
    assert_eq!(node.read("applied").as_deref(), Some("rotated\n"));
    // The manifest itself is not optional.
    server.fault("env/production/head", Fault::status(403));
    let run = node.once().expect(1);
    assert!(run.err.contains("403"), "{}", run.err);
}

#[test]
fn goes_through_a_proxy_and_around_it() {
    let forge = Forge::new();
    forge.release(7, "seven");
    let server = Server::start(&Net::host(), forge.bucket(), Some(&authority().issue(&["127.0.0.1"])));
    let proxy = Proxy::start(&Net::host());
    let address = format!("http://127.0.0.1:{}", proxy.port());
    let node = |proxy: Option<&str>, around: Option<&str>| {
        let node = web_node(&forge, &server)?;
        let mut config = forge.config(&server.url(""));
        config["ca_file"] = json!("/etc/stringless/ca.pem");
        config["proxy"] = json!(proxy);
        config["no_proxy"] = json!(around);
        node.configure(&config);
        Some(node)
    };
    let asked = format!("CONNECT 127.0.0.1:{}", server.port());
    let Some(configured) = node(Some(&address), None) else { return };
    Run::of(configured.command(&["--once"]).env("OUT", configured.root())).expect(0);
    assert!(proxy.take().contains(&asked), "the configuration names the proxy");
    let Some(around) = node(Some(&address), Some("example.org, 127.0.0.1")) else { return };
    Run::of(around.command(&["--once"]).env("OUT", around.root())).expect(0);
    assert!(proxy.take().is_empty(), "no_proxy leads around it");
    let Some(plain) = node(None, None) else { return };
    Run::of(plain.command(&["--once"]).env("OUT", plain.root()).env("HTTPS_PROXY", &address)).expect(0);
    assert!(proxy.take().contains(&asked), "the environment names the proxy");
    let Some(gone) = node(Some("http://127.0.0.1:1"), None) else { return };
    gone.once().expect(1);
}

#[test]
fn refuses_a_pack_that_is_longer_than_the_manifest_says() {
    let forge = Forge::new();
    let next = forge.release(1, "one");
    let server = Server::start(&Net::host(), forge.bucket(), Some(&authority().issue(&["127.0.0.1"])));
    let longer =
        [fs::read(forge.bucket().join(layout::pack(&next.packs[0].sha256))).unwrap(), vec![0; 10]].concat();
    forge.put(&layout::pack(&next.packs[0].sha256), &longer);
    let Some(node) = web_node(&forge, &server) else { return };
    let run = node.once().expect(3);
    assert!(run.err.contains("[size]"), "{}", run.err);
}

#[test]
fn a_store_that_mishandles_ranges_is_asked_for_the_whole() {
    let forge = Forge::new();
    let next = forge.release(1, "one");
    let key = layout::pack(&next.packs[0].sha256);
    let server = Server::start(&Net::host(), forge.bucket(), Some(&authority().issue(&["127.0.0.1"])));
    for status in [416, 400] {
        let Some(node) = web_node(&forge, &server) else { return };
        let packs = node.root().join("var/lib/stringless/packs");
        fs::create_dir_all(&packs).unwrap();
        fs::write(packs.join(next.packs[0].sha256.to_string()), "part").unwrap();
        server.fault_times(&key, Fault::status(status), 1);
        Run::of(node.command(&["--once"]).env("OUT", node.root())).expect(0);
        assert_eq!(node.read("applied").as_deref(), Some("one\n"), "{status}");
    }
}

#[test]
fn refuses_a_proxy_of_a_kind_that_it_does_not_know() {
    let forge = Forge::new();
    let Some(node) = Node::new(&Net::host(), &forge.config(&forge.url())) else { return };
    let run = Run::of(node.command(&["--once"]).env("ALL_PROXY", "socks5://127.0.0.1:1")).expect(78);
    assert!(run.err.contains("proxy"), "{}", run.err);
}

#[test]
fn a_wrong_certificate_is_reported_in_words() {
    let forge = Forge::new();
    forge.publish(&forge.manifest(1, vec![forge.script("true")]));
    let stranger = e2e::tls::Authority::new();
    let names = ["127.0.0.1"];
    for (certificate, said) in [
        (authority().issue_as_authority(&names), "is one of an authority (CA:TRUE), not one of a server"),
        (stranger.issue(&names), "a signature in the server's certificates is wrong (BadSignature)"),
        (authority().issue_for_clients(&names), "extended key usage"),
        (authority().issue_valid(&names, -9..-1), "certificate expired"),
    ] {
        let server = Server::start(&Net::host(), forge.bucket(), Some(&certificate));
        let Some(node) = web_node(&forge, &server) else { return };
        let run = node.once().expect(1);
        assert!(run.err.contains(said), "{said}: {}", run.err);
        assert!(!run.err.contains("OtherError"), "{}", run.err);
    }
}
