//! The agent for 64-bit ARM, emulated: the same node, the same releases.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

use std::fs;
use std::process::Command;

use e2e::agent::Run;
use e2e::forge::Forge;
use e2e::netns::Net;
use e2e::server::Server;
use e2e::tls::Authority;
use e2e::tools;
use serde_json::json;

#[test]
fn the_arm_agent_converges_over_tls() {
    let (Some(qemu), Some(agent)) = (tools::program("qemu-aarch64-static"), tools::agent_aarch64()) else {
        return;
    };
    let forge = Forge::new();
    forge.release(1, "one");
    let authority = Authority::new();
    let server = Server::start(&Net::host(), forge.bucket(), Some(&authority.issue(&["127.0.0.1"])));
    let root = tempfile::tempdir().unwrap();
    let etc = root.path().join("etc/stringless");
    fs::create_dir_all(&etc).unwrap();
    fs::write(etc.join("ca.pem"), authority.pem()).unwrap();
    let mut config = forge.config(&server.url(""));
    config["ca_file"] = json!("/etc/stringless/ca.pem");
    fs::write(etc.join("agent.json"), config.to_string()).unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(&qemu);
        command.arg(&agent).args(args).arg("--root").arg(root.path());
        Run::of(command.env("OUT", root.path()))
    };
    assert!(run(&["version"]).expect(0).out.starts_with("stringless-agent "));
    run(&["--once"]).expect(0);
    assert_eq!(fs::read_to_string(root.path().join("applied")).unwrap(), "one\n");
    assert_eq!(run(&["--once"]).expect(0).err, "", "idle");
    assert_eq!(server.take().len(), 3, "manifest, pack, and the idle check");
}
