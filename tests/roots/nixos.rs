//! The script that a module of NixOS carries, in a root: Nix evaluates the module, and builds nothing of it.

use std::fs;
use std::os::unix::fs::symlink;

use e2e::netns::Lab;
use e2e::nix::evaluated;
use e2e::rendering::{BUCKET, Case, SCRIPT, site};
use e2e::tools;
use serde_json::Value;
use stringless_core::hash::Sha256;
use stringless_core::time::Timestamp;
use stringless_render::platform::Form;
use stringless_render::render;
use stringless_render::request::Request;

use crate::root::Root;

const AGENT: &str = "#!/bin/sh\ncase $1 in version|--once) echo \"agent $1\" ;; *) exit 64 ;; esac\n";

/// A machine that was set up by one module, and is built again from another.
#[test]
fn a_new_module_takes_effect() {
    let Some(instantiate) = tools::program("nix-instantiate") else { return };
    let mut case = Case::new(&site(BUCKET, SCRIPT, "node: {credentials: [instance_role]}\n"));
    for file in case.targets.values_mut() {
        (file.size, file.sha256) = (AGENT.len() as u64, Sha256::of(AGENT.as_bytes()));
    }
    let (distro, cloud) = (case.platforms.distro("nixos").unwrap(), case.platforms.cloud("aws").unwrap());
    let module = |day: &str, min_serial: u64| {
        let now = Timestamp::parse(&format!("2026-11-{day}T18:00:00Z")).unwrap();
        let asked = case.request(distro, cloud, Some(Form::Nix)).unwrap();
        render(&Request { now, min_serial, ..asked }).unwrap().text
    };
    let folder = tempfile::tempdir().unwrap();
    let modules = [module("20", 7), module("21", 8)];
    let texts: Vec<&str> = modules.iter().map(String::as_str).collect();
    let values = evaluated(&instantiate, folder.path(), &texts);
    let [first, second] = &values[..] else { panic!("{} modules", values.len()) };

    let Some(lab) = Lab::new() else { return };
    let Some(root) = Root::like("debian", distro, &lab) else { return };
    fs::create_dir_all(root.path("run/current-system")).unwrap();
    symlink("/usr", root.path("run/current-system/sw")).unwrap();
    root.write("usr/bin/systemctl", "#!/bin/sh\n", 0o755);
    // It is there already, so that nothing has to be fetched.
    root.write("var/lib/stringless/bin/stringless-agent", AGENT, 0o755);
    for (service, serial) in [(first, 7), (second, 8)] {
        let ended = root.run(&script(service));
        assert!(ended.code == 0 && ended.printed.ends_with("stringless: ready\n"), "{}", ended.printed);
        let config = root.read("etc/stringless/agent.json");
        assert!(config.contains(&format!("\"min_serial\":{serial},")), "{config}");
    }
    // At every later boot the script itself finds that there is nothing to do.
    let ended = root.run(&script(second));
    assert_eq!((ended.code, ended.printed.as_str()), (0, ""));
}

/// What the first run's unit starts; nothing that an earlier module left keeps it from that.
fn script(module: &Value) -> String {
    let unit = &module["systemd"]["services"]["stringless-first"];
    assert!(unit["unitConfig"].is_null(), "{}", unit["unitConfig"]);
    let start = unit["serviceConfig"]["ExecStart"].as_str().unwrap();
    start.strip_prefix("/bash/bin/sh /text/").unwrap().to_owned()
}
