//! From two sites to a node that follows both: what `stringless layer` prints goes into the other's user-data.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use e2e::agent::{Node, Run};
use e2e::netns::Net;
use e2e::process::succeed;
use e2e::site::Site;
use e2e::tools;

#[test]
fn a_provider_and_a_client_render_one_node_from_two_sites() {
    let (Some(generator), Some(agent)) = (tools::generator(), tools::agent()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path).display().to_string();
    let stringless = |args: &[&str]| {
        let mut command = Command::new(&generator);
        succeed(command.args(args).current_dir(folder.path()).env("HOME", folder.path()), LIMIT)
    };
    let publish = |site: &str, serial: u32| {
        let script = format!("#!/bin/sh\necho {site} {serial} >>\"$OUT/said\"\n");
        write(&folder.path().join(site).join("apply"), &script);
        stringless(&["-f", site, "publish"]);
    };
    for site in ["provider", "client"] {
        let store = format!("file://{}", at(&format!("{site}.bucket")));
        fs::create_dir(at(&format!("{site}.bucket"))).unwrap();
        stringless(&["init", site, "--site", site, "--store", &store, "--no-password"]);
        let file = folder.path().join(site).join("stringless.yaml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replace("{run: apply}", "{run: apply, root: true}")).unwrap();
        publish(site, 1);
    }
    let agents = agent.parent().unwrap().parent().unwrap().display().to_string();
    stringless(&["-f", "client", "agent", "push", "--from", &agents]);
    // What the provider hands on holds nothing that only the provider may know.
    stringless(&["-f", "provider", "layer", "--out", "base.json"]);
    let secret = fs::read_dir(at("provider/keys")).unwrap().map(|entry| entry.unwrap().path());
    let secret = secret.filter(|path| path.extension().is_some_and(|end| end == "key"));
    for key in secret.map(|path| fs::read_to_string(path).unwrap()) {
        let layer = fs::read_to_string(at("base.json")).unwrap();
        assert!(key.lines().skip(1).all(|line| line.is_empty() || !layer.contains(line)));
    }
    let render = |more: &[&str]| {
        let base = ["-f", "client", "render", "debian-13", "nocloud", "--form", "script"];
        Site::config(&stringless(&[&base, more].concat()))
    };
    let config = render(&["--layer-before", "base.json"]);
    let sites = |config: &serde_json::Value| -> Vec<String> {
        config["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| layer["site"].as_str().unwrap().into())
            .collect()
    };
    assert_eq!(sites(&config), ["provider", "client"]);
    assert_eq!(sites(&render(&["--layer-after", "base.json"])), ["client", "provider"]);

    let Some(node) = Node::new(&Net::host(), &config) else { return };
    let once = |code| Run::of(node.command(&["--once"]).env("OUT", node.root())).expect(code);
    once(0);
    assert_eq!(node.read("said").as_deref(), Some("provider 1\nclient 1\n"));
    // Each publishes by itself, and a rotation of the provider's keys is the provider's own affair.
    stringless(&["keygen", &at("next.key"), "--no-password"]);
    stringless(&["-f", "provider", "keys", "add", "next", "--public", &at("next.pub")]);
    publish("provider", 2);
    publish("client", 2);
    once(0);
    assert_eq!(node.read("said").as_deref(), Some("provider 1\nclient 1\nprovider 2\nclient 2\n"));
    let status: serde_json::Value =
        serde_json::from_str(&node.run(&["status", "--json"]).expect(0).out).unwrap();
    let trusts: Vec<&serde_json::Value> =
        status["layers"].as_array().unwrap().iter().map(|layer| &layer["trust_version"]).collect();
    assert_eq!(trusts, [2, 1]);
}

fn write(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

const LIMIT: Duration = e2e::process::PATIENCE;
