//! How the script fetches the agent: each downloader, a private authority, a proxy, and each no.

use std::fs;

use e2e::garage::{BUCKET, REGION};
use e2e::http::Reply;
use e2e::netns::Net;
use e2e::proxy::Proxy;
use e2e::rendering::{Case, SCRIPT, site};
use e2e::server::{Fault, Server};
use e2e::tls::{Authority, SERVER_NAMES};
use e2e::tools;

use crate::shells::root::{Root, SH};
use crate::shells::{AGENT, BIN, INSTALLED, assert_untouched, case, distro, installed, object, script};

/// A folder that is a bucket with the agent in it.
fn bucket(case: &Case, prefix: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(prefix).join(object(case));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, AGENT).unwrap();
    folder
}

fn public(port: u16, more: &str) -> Case {
    let store = format!(
        "{{url: 's3://{BUCKET}/a', region: {REGION}, style: path, endpoint: 'http://127.0.0.1:{port}'}}"
    );
    case(&site(&store, SCRIPT, &format!("node: {{first_fetch: public, credentials: [static], {more}}}\n")))
}

#[test]
fn each_downloader_will_do_and_none_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let server = Server::start(&Net::host(), empty.path(), None);
    let case = public(server.port(), "");
    let full = bucket(&case, &format!("{BUCKET}/a"));
    fs::rename(full.path().join(BUCKET), empty.path().join(BUCKET)).unwrap();
    let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
    let script = script(&case);
    let succeeds = |name: &str| {
        root.without(&["stringless-agent"]);
        let ended = root.run(SH, &script);
        assert_eq!(ended.code, 0, "{name}: {}", ended.printed);
        assert_eq!(installed(&root), INSTALLED, "{name}");
        server.take()
    };
    assert!(succeeds("curl")[0].request.header("user-agent").unwrap().starts_with("curl/"));
    root.without(&["curl", "wget"]);
    assert!(succeeds("python3")[0].request.header("user-agent").unwrap().starts_with("Python-urllib/"));
    if let Some(wget) = tools::find("wget") {
        root.write("usr/bin/wget", fs::read(wget).unwrap(), 0o755);
        if root.run(SH, "wget --version >/dev/null 2>&1").code == 0 {
            root.watch(&["wget"]);
            assert!(succeeds("wget")[0].request.header("user-agent").unwrap().starts_with("Wget/"));
            // Who lists the processes does not see the URL.
            let arguments = root.read("arguments");
            assert!(arguments.contains("wget -S") && !arguments.contains("http"), "{arguments}");
        } else {
            println!("SKIP: the root lacks a library of GNU wget");
        }
    }
    root.without(&["wget", "python3", "stringless-agent"]);
    let ended = root.run(SH, &script);
    assert_eq!((ended.code, ended.printed.as_str()), (1, "stringless: no curl, wget or python3\n"));
    assert!(!root.exists(BIN));
}

#[test]
fn an_unreachable_store_is_asked_seven_times_and_leaves_nothing() {
    let empty = tempfile::tempdir().unwrap();
    let server = Server::start(&Net::host(), empty.path(), None);
    let case = public(server.port(), "");
    let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
    for gone in ["nothing", "curl"] {
        root.without(&[gone]);
        fs::remove_file(root.path("slept")).ok();
        let before = root.changes();
        let ended = root.run(SH, &script(&case));
        assert_untouched(&root, &before, &ended, "cannot download the agent from 127.0.0.1:");
        assert!(ended.printed.contains("404"), "{}", ended.printed);
        assert_eq!(root.read("slept"), "1\n2\n4\n8\n16\n32\n");
    }
    assert_eq!(server.take().len(), 14);
    drop(server);
    let before = root.changes();
    let ended = root.run(SH, &script(&case));
    assert_untouched(&root, &before, &ended, "cannot download the agent");
}

#[test]
fn a_store_that_recovers_is_enough() {
    let case = public(1, "");
    let folder = bucket(&case, &format!("{BUCKET}/a"));
    let server = Server::start(&Net::host(), folder.path(), None);
    let case = public(server.port(), "");
    let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
    let path = format!("{BUCKET}/a/{}", object(&case));
    server.fault_times(&path, Fault::status(503), 2);
    server.fault_times(&path, Fault::short(20), 1);
    let ended = root.run(SH, &script(&case));
    assert_eq!(ended.code, 0, "{}", ended.printed);
    assert_eq!(installed(&root), INSTALLED);
}

/// The page of a portal, with the status of success, for the agent.
#[test]
fn a_captive_portal_is_no_answer() {
    let case = public(1, "");
    let folder = bucket(&case, &format!("{BUCKET}/a"));
    let server = Server::start(&Net::host(), folder.path(), None);
    let case = public(server.port(), "");
    let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
    let path = format!("{BUCKET}/a/{}", object(&case));
    let portal = Fault::Answer(Reply::new(200, "<html>Please log in</html>"));
    server.fault_times(&path, portal, 3);
    let ended = root.run(SH, &script(&case));
    assert_eq!((ended.code, root.read("slept").as_str()), (0, "1\n2\n4\n"), "{}", ended.printed);
    assert_eq!(ended.printed.matches("its SHA-256 is not the pinned").count(), 3, "{}", ended.printed);
    assert_eq!(installed(&root), INSTALLED);
}

#[test]
fn a_private_authority_is_trusted_beside_the_public_ones() {
    let authority = Authority::new();
    let certificate = authority.issue(SERVER_NAMES);
    let plain = case(&site("{url: 'https://127.0.0.1/x'}", SCRIPT, ""));
    let folder = bucket(&plain, "x");
    let server = Server::start(&Net::host(), folder.path(), Some(&certificate));
    let store = format!("{{url: '{}'}}", server.url("x"));
    let mut case = case(&site(&store, SCRIPT, "node: {ca_file: ca.pem}\n"));
    case.ca_pem = Some(authority.pem().into());
    let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
    for downloader in ["curl", "python3"] {
        root.without(&["stringless-agent"]);
        let ended = root.run(SH, &script(&case));
        assert_eq!(ended.code, 0, "{downloader}: {}", ended.printed);
        assert_eq!(root.read("etc/stringless/ca.pem").trim(), authority.pem().trim());
        assert_eq!(server.take().len(), 1);
        root.without(&["curl"]);
    }
    let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
    case.site.node.ca_file = None;
    let before = root.changes();
    let ended = root.run(SH, &script(&case));
    assert_untouched(&root, &before, &ended, "cannot download the agent");
}

#[test]
fn a_proxy_is_used() {
    let case = public(1, "");
    let folder = bucket(&case, &format!("{BUCKET}/a"));
    let server = Server::start(&Net::host(), folder.path(), None);
    let proxy = Proxy::start(&Net::host());
    let case = public(server.port(), &format!("proxy: 'http://127.0.0.1:{}'", proxy.port()));
    let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
    assert_eq!(root.run(SH, &script(&case)).code, 0);
    assert_eq!(proxy.take().len(), 1);
    let case =
        public(server.port(), &format!("no_proxy: 127.0.0.1, proxy: 'http://127.0.0.1:{}'", proxy.port()));
    root.without(&["stringless-agent"]);
    assert_eq!(root.run(SH, &script(&case)).code, 0);
    assert!(proxy.take().is_empty());
}
