//! First boots that fail: cloud-init says so, the reason is in its log, nothing is half there.

use std::fs;
use std::time::Duration;

use e2e::nspawn::{CloudInit, Machine};
use e2e::process::until;
use e2e::server::Fault;
use e2e::web::Web;

use super::{assert_applies, assert_done, assert_untouched, at_once, boot, fill, machine, said};

const DISTROS: [&str; 2] = ["debian-12", "debian-13"];
const AGENT: &str = "agent/0.1.0/x86_64-unknown-linux-musl/stringless-agent";

fn web() -> Option<Web> {
    let web = Web::new(&[], &[])?;
    fill(&web.site, "first");
    web.publish()?;
    Some(web)
}

fn assert_failed(boot: &CloudInit, reasons: &[&str]) {
    assert_eq!((boot.status.as_str(), boot.code), ("error", 1), "{}\n{}", boot.text, boot.log);
    for reason in reasons {
        assert!(boot.log.contains(reason), "no `{reason}` in\n{}", boot.log);
    }
    assert!(!boot.log.contains("stringless: ready"), "{}", boot.log);
}

#[test]
fn an_apply_that_fails_is_reported_and_the_next_release_heals() {
    at_once(&[("debian-12", "script"), ("debian-13", "cloud-config")], |(distro, form)| {
        let Some(web) = Web::new(&[], &[]) else { return };
        fill(&web.site, "first");
        web.site.write("apply", "#!/bin/sh\necho 'the disk is not there' >&2\nexit 7\n", 0o755);
        let Some(_) = web.publish() else { return };
        let Some(mut machine) = machine(&web.lab, distro) else { return };
        let failed = boot(&mut machine, web.render(distro, "nocloud", &["--form", form]));
        assert_failed(&failed, &["the disk is not there", "exit status 4"]);
        // The machine can be helped from afar: agent and schedule are there. Each further try ends the schedule
        // before it makes it again.
        let timer = || said(&machine, "systemctl is-active stringless.timer");
        assert!(until(super::BOOT, || timer() == "active\n"), "{}", timer());
        fill(&web.site, "second");
        web.site.publish();
        assert_applies(&machine, "2 second\n", super::BOOT);
    });
}

#[test]
fn an_agent_with_another_hash_is_not_installed() {
    at_once(&DISTROS, |distro| {
        let Some(web) = web() else { return };
        let user_data = web.render(distro, "nocloud", &[]);
        let agent = web.bucket().join(AGENT);
        let mut bytes = fs::read(&agent).unwrap();
        bytes.push(b'\n');
        fs::write(&agent, bytes).unwrap();
        let Some(mut machine) = machine(&web.lab, distro) else { return };
        let failed = boot(&mut machine, &user_data);
        assert_failed(&failed, &["SHA-256 is not the pinned"]);
        assert_untouched(&machine);
    });
}

#[test]
fn a_store_that_is_not_there_is_reported() {
    at_once(&DISTROS, |distro| {
        let Some(web) = web() else { return };
        let user_data = web.render(distro, "nocloud", &[]);
        drop(web.server);
        let Some(mut machine) = machine(&web.lab, distro) else { return };
        let failed = boot(&mut machine, &user_data);
        assert_failed(&failed, &["cannot download the agent", "is it published?"]);
        assert_untouched(&machine);
    });
}

#[test]
fn a_store_that_falters_is_asked_again() {
    let Some(web) = web() else { return };
    let Some(mut machine) = machine(&web.lab, "debian-12") else { return };
    web.server.fault_times(AGENT, Fault::status(503), 2);
    web.server.fault_times("env/production/head", Fault::short(10), 1);
    let done = boot(&mut machine, web.render("debian-12", "nocloud", &[]));
    assert_done(&machine, &done);
    assert_applies(&machine, "1 first\n", Duration::ZERO);
}

#[test]
fn a_release_of_a_stranger_is_refused() {
    let Some(web) = web() else { return };
    let user_data = web.render("debian-13", "nocloud", &[]);
    let Some(strange) = self::web() else { return };
    for name in ["env", "packs", "trust"] {
        fs::remove_dir_all(web.bucket().join(name)).unwrap();
        let from = strange.bucket().join(name);
        let mut cp = std::process::Command::new("cp");
        e2e::process::succeed(cp.arg("-R").arg(from).arg(web.bucket()), e2e::process::PATIENCE);
    }
    let Some(mut machine) = machine(&web.lab, "debian-13") else { return };
    let failed = boot(&mut machine, &user_data);
    assert_failed(&failed, &["exit status 3"]);
    assert!(machine.read("var/lib/applied").is_none());
}

#[test]
fn a_script_for_another_system_does_nothing() {
    let Some(web) = web() else { return };
    let Some(mut machine) = machine(&web.lab, "debian-13") else { return };
    let failed = boot(&mut machine, web.render("debian-12", "nocloud", &[]));
    assert_failed(&failed, &["debian 13", "debian 12"]);
    assert_untouched(&machine);
}

#[test]
fn a_failed_first_boot_can_be_run_again_by_hand() {
    let Some(web) = web() else { return };
    let user_data = web.render("debian-12", "nocloud", &[]);
    web.server.fault("env/production/head", Fault::status(404));
    let Some(mut machine) = machine(&web.lab, "debian-12") else { return };
    let failed = boot(&mut machine, &user_data);
    assert_failed(&failed, &["exit status 1", "this script will be repeated"]);
    web.server.mend();
    let again: &Machine = &machine;
    let output = again.sh("sh /var/lib/cloud/instance/scripts/part-001");
    assert!(output.status.success(), "{}", e2e::process::both(&output));
    assert_applies(again, "1 first\n", Duration::ZERO);
    let output = again.sh("sh /var/lib/cloud/instance/scripts/part-001");
    assert!(output.status.success(), "{}", e2e::process::both(&output));
    assert_applies(again, "1 first\n", Duration::ZERO);
}
