//! Servers that are not who they say: TLS is checked, always, and before anything is asked.

use e2e::forge::Forge;
use e2e::netns::Net;
use e2e::server::{Greeting, Server};
use e2e::tls::{Authority, Certificate};

use crate::web::{Web, at_once, config};

/// The node meets a server with this certificate: it says this, and asks it nothing.
fn shuns(web: &Web, certificate: &Certificate, said: &str) {
    web.pair.forge.release(8, "eight");
    let server = Server::start(&Net::host(), web.pair.forge.bucket(), Some(certificate));
    web.pair.node.configure(&config(&web.pair.forge, &server));
    let run = web.fails(1, "certificate");
    assert!(run.err.to_lowercase().contains(said), "{}", run.err);
    assert!(server.take().is_empty(), "a request was sent");
}

#[test]
fn tls_wrong_name() {
    at_once(["elsewhere.test", "*.0.0.1", "127.0.0.1.elsewhere.test", "127.0.0.2"], |name| {
        let Some(web) = Web::converged() else { return };
        shuns(&web, &web.authority.issue(&[name]), "name");
    });
}

#[test]
fn tls_expired() {
    let Some(web) = Web::converged() else { return };
    shuns(&web, &web.authority.issue_valid(&["127.0.0.1"], -30..-1), "expired");
}

#[test]
fn tls_not_yet_valid() {
    let Some(web) = Web::converged() else { return };
    shuns(&web, &web.authority.issue_valid(&["127.0.0.1"], 400..500), "not valid yet");
}

#[test]
fn tls_self_signed() {
    let Some(web) = Web::converged() else { return };
    shuns(&web, &Certificate::self_signed(&["127.0.0.1"]), "unknownissuer");
}

#[test]
fn tls_unknown_authority() {
    let Some(web) = Web::converged() else { return };
    // Of the same name as ours, so that only its key tells them apart.
    shuns(&web, &Authority::new().issue(&["127.0.0.1"]), "badsignature");
}

#[test]
fn tls_certificate_of_a_client() {
    let Some(web) = Web::converged() else { return };
    shuns(&web, &web.authority.issue_for_clients(&["127.0.0.1"]), "certificate");
}

#[test]
fn tls_stripped() {
    // A store over plain HTTP is no store, for any user.
    let Some(web) = Web::converged() else { return };
    let forge = Forge::new();
    let server = Server::start(&Net::host(), forge.bucket(), None);
    web.pair.node.configure(&forge.config(&server.url("")));
    let run = web.pair.run(&["--once"]).expect(78);
    assert!(run.err.contains("http://"), "{}", run.err);
    assert!(server.take().is_empty());
    // Nor does a server that answers without TLS get a request.
    let plain = Server::start(&Net::host(), web.pair.forge.bucket(), None);
    let mut https = config(&web.pair.forge, &plain);
    let url = plain.url("").replace("http://", "https://");
    https["layers"][0]["stores"][0]["url"] = serde_json::json!(url);
    web.pair.node.configure(&https);
    plain.greet(Some(Greeting::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec())));
    let _ = web.fails(1, "fetching");
    assert!(plain.take().is_empty());
}
