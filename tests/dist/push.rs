//! `stringless agent push` from a release on a web server. The refusals of a release in a folder are cases of the
//! command line.

use std::fs;

use e2e::http::Reply;
use e2e::netns::Net;
use e2e::server::{Fault, Server};
use e2e::site::Site;
use e2e::tls::Authority;

use crate::release::{Release, VERSION};

const AGENT: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0an agent";

#[test]
fn agents_come_from_a_forge_that_redirects_to_its_storage() {
    let name = format!("stringless-agent-{VERSION}-x86_64-unknown-linux-musl");
    let Some(release) = Release::new(&[(&name, AGENT)]) else { return };
    let authority = Authority::new();
    let server = Server::start(&Net::host(), release.parent(), Some(&authority.issue(&["127.0.0.1"])));
    let archive = format!("{VERSION}/{name}.tar.gz");
    fs::copy(release.parent().join(&archive), release.parent().join("stored")).unwrap();
    let to = |place: String| Fault::Answer(Reply::new(302, "").with("location", place));
    server.fault(&archive, to(server.url("stored")));

    let bucket = tempfile::tempdir().unwrap();
    let store = format!("file://{}", bucket.path().display());
    let Some(site) = Site::init(&Net::host(), &["--store", &store]) else { return };
    site.write("ca.pem", authority.pem(), 0o644);
    let from = server.url("{version}");
    let push = || {
        let mut command = site.command(&["agent", "push", "--from", &from, "--release-key", &release.key]);
        command.env("STRINGLESS_CA_FILE", site.path("ca.pem"));
        e2e::process::run(&mut command, e2e::process::PATIENCE)
    };
    let pushed = push();
    assert!(pushed.status.success(), "{}", e2e::process::both(&pushed));
    let object = format!("agent/{VERSION}/x86_64-unknown-linux-musl/stringless-agent");
    assert_eq!(fs::read(bucket.path().join(object)).unwrap(), AGENT);

    for (place, reason) in [
        (server.url("stored").replace("https:", "http:"), "the server redirects to http:"),
        (server.url(&archive), "the server redirects again and again"),
        (server.url("absent"), "the server answered 404"),
    ] {
        server.fault(&archive, to(place));
        let refused = push();
        assert_eq!(refused.status.code(), Some(1), "{reason}");
        let said = e2e::process::both(&refused);
        assert!(
            said.contains(reason) && said.contains("hint: `--from` takes the address of a release"),
            "{said}"
        );
    }
    let absent = site.run(&["agent", "push", "--from", "https://nowhere.invalid/{version}"]).expect(1);
    assert!(absent.err.contains("that of a release from `agent.from`"), "{}", absent.err);
}
