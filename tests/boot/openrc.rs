//! A first boot where OpenRC is in systemd's place: the service that the script installs runs, and runs
//! again after a reboot.

use e2e::nspawn::Machine;
use e2e::process::until;
use e2e::rendering::Case;
use e2e::site::Site;
use e2e::tools;
use e2e::web::Web;
use stringless_core::config::Config;
use stringless_core::hash::Sha256;
use stringless_core::manifest::AgentFile;
use stringless_core::name::Name;
use stringless_render::platform::Form;
use stringless_render::render;
use stringless_render::request::AgentPins;

use super::pairs::status;
use super::{assert_none_left, boot, fill, said, uninstall};

#[test]
fn the_service_of_openrc_runs_and_runs_again() {
    let Some(web) = Web::new(&[], &[]) else { return };
    fill(&web.site, "first");
    let Some(_) = web.publish() else { return };
    let Some(script) = rendered(&web) else { return };
    let Some(mut machine) = Machine::new(&web.lab, "openrc") else { return };
    machine.name("lab-9");
    let done = boot(&mut machine, &script);
    assert_eq!((done.status.as_str(), done.code), ("done", 0), "{}\n{}", done.text, done.log);
    assert!(done.log.contains("this is first") && done.log.contains("stringless: ready"), "{}", done.log);
    assert_eq!(said(&machine, "cat /proc/1/comm; rc-update show default | grep -c stringless"), "init\n1\n");
    assert_eq!(status(&machine)["node"], "lab-9");
    assert_started(&machine);

    fill(&web.site, "second");
    web.site.publish();
    assert_follows(&machine, "1 first\n2 second\n");
    // Interrupted before it has written that down, it would do it again.
    let done = || said(&machine, "cat /var/log/stringless.log").contains("release 2 applied");
    assert!(until(super::BOOT, done), "{}", said(&machine, "cat /var/log/stringless.log"));
    // It is started again when it ends, and by hand the script may run once more.
    let process = "cat /run/supervise-stringless.pid";
    let before = said(&machine, process);
    assert_eq!(said(&machine, "sh /var/lib/cloud/instance/scripts/part-001 >/dev/null 2>&1; echo $?"), "0\n");
    assert_started(&machine);
    assert_ne!(before, said(&machine, process));

    // The supervised process stays, and becomes the newer agent.
    let before = said(&machine, DAEMON);
    let Some(()) = web.site.push_agent_of("0.9.9") else { return };
    web.site.publish();
    let complete = || said(&machine, "grep -c starts /var/lib/stringless/upgrade.json") == "0\n";
    assert!(until(super::BOOT, complete), "{}", said(&machine, "cat /var/log/stringless.log"));
    assert_eq!(said(&machine, "stringless-agent version"), "stringless-agent 0.9.9\n");
    assert_eq!(said(&machine, DAEMON), before, "{}", said(&machine, "cat /var/log/stringless.log"));
    super::assert_well(&machine);

    machine.halt();
    fill(&web.site, "third");
    web.site.publish();
    machine.boot();
    let second = machine.cloud_init(super::BOOT);
    assert_eq!(second.log.matches("stringless: ready").count(), 1, "the script ran again\n{}", second.log);
    assert_started(&machine);
    assert_follows(&machine, "1 first\n2 second\n3 second\n4 third\n");

    uninstall(&machine);
    assert_eq!(said(&machine, SERVICES), "");
    machine.halt();
    machine.boot();
    machine.cloud_init(super::BOOT);
    assert_none_left(&machine);
    assert_eq!(said(&machine, SERVICES), "");
}

/// The services of an installation that OpenRC knows.
const SERVICES: &str = "rc-status --all | grep stringless; rc-update show | grep stringless";

const DAEMON: &str = "pgrep -f '[s]tringless-agent --daemon'";

fn assert_started(machine: &Machine) {
    let started = until(super::BOOT, || {
        said(machine, "rc-service stringless status; pgrep -f '[s]tringless-agent --daemon'")
            .contains("started")
    });
    assert!(started, "{}", said(machine, "rc-status -a; cat /var/log/stringless.log"));
}

/// Its interval is ten seconds.
fn assert_follows(machine: &Machine, expected: &str) {
    let applied = || machine.read("var/lib/applied").unwrap_or_default();
    let arrived = until(super::BOOT, || applied() == expected);
    assert!(arrived, "{}\n{}", applied(), said(machine, "rc-status; cat /var/log/stringless.log"));
}

/// What is rendered for Debian 12, were its service manager OpenRC: no distro is such a system.
fn rendered(web: &Web) -> Option<String> {
    let read = |name: &str| std::fs::read_to_string(web.site.path(name)).unwrap();
    let usual: Config =
        serde_json::from_value(Site::config(&web.render("debian-12", "nocloud", &["--form", "script"])))
            .unwrap();
    let agent = std::fs::read(tools::agent()?).unwrap();
    let file = AgentFile { size: agent.len() as u64, sha256: Sha256::of(&agent) };
    let mut case = Case::new(&read("nodes.yaml"));
    case.ca_pem = Some(read("ca.pem"));
    case.targets = [(Name::new("x86_64-unknown-linux-musl").unwrap(), file)].into();
    let mut distro = case.platforms.distro("debian-12").unwrap().clone();
    distro.init = Name::new("openrc").unwrap();
    let cloud = case.platforms.cloud("nocloud").unwrap();
    let mut request = case.request(&distro, cloud, Some(Form::Script)).unwrap();
    request.trust = usual.layers[0].trust.clone();
    request.min_serial = usual.layers[0].min_serial;
    request.now = usual.rendered;
    request.agent = AgentPins { version: request.agent.version, targets: &case.targets };
    Some(render(&request).unwrap().text)
}
