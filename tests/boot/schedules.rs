//! The other schedules: a resident agent, and none.

use std::time::Duration;

use e2e::process::until;
use e2e::web::Web;

use super::{
    assert_applies, assert_becomes, assert_done, assert_none_left, at_once, boot, fill, machine, said,
    uninstall,
};

#[test]
fn a_resident_agent_takes_a_change() {
    at_once(&["debian-12", "debian-13"], |distro| {
        let Some(web) = Web::new(&[], &[]) else { return };
        let text = std::fs::read_to_string(web.site.path("nodes.yaml")).unwrap();
        web.site.write("nodes.yaml", text.replace("schedule: timer", "schedule: daemon"), 0o644);
        fill(&web.site, "first");
        let Some(_) = web.publish() else { return };
        let Some(mut machine) = machine(&web.lab, distro) else { return };
        let done = boot(&mut machine, web.render(distro, "nocloud", &[]));
        assert_done(&machine, &done);
        let state = "systemctl is-enabled stringless.service; systemctl is-active stringless.service";
        assert_becomes(&machine, state, "enabled\nactive\n");
        fill(&web.site, "second");
        web.site.publish();
        assert_applies(&machine, "1 first\n2 second\n", super::BOOT);
        // Run again, the script puts another process there, which knows what it wrote.
        let process = "systemctl show --property MainPID --value stringless.service";
        let before = said(&machine, process);
        said(&machine, "sh /var/lib/cloud/instance/scripts/part-001");
        assert_becomes(&machine, state, "enabled\nactive\n");
        let mut after = before.clone();
        let another = until(super::BOOT, || {
            after = said(&machine, process);
            after != before && after != "0\n"
        });
        assert!(another, "{before} {after}");
        said(&machine, "systemctl stop stringless.service");
        assert_becomes(&machine, "systemctl is-failed stringless.service", "inactive\n");
        machine.reboot();
        machine.cloud_init(super::BOOT);
        assert_becomes(&machine, state, "enabled\nactive\n");
        // With another schedule, the one before ends.
        let text = std::fs::read_to_string(web.site.path("nodes.yaml")).unwrap();
        web.site.write("nodes.yaml", text.replace("schedule: daemon", "schedule: timer"), 0o644);
        machine.write("root/again", web.render(distro, "nocloud", &[]), 0o700);
        said(&machine, "sh /root/again");
        let timer = "systemctl is-enabled stringless.timer; systemctl is-active stringless.timer";
        assert_becomes(&machine, timer, "enabled\nactive\n");
        assert_eq!(said(&machine, "systemctl is-enabled stringless.service"), "static\n");
        assert_eq!(
            said(&machine, "ls /etc/systemd/system/multi-user.target.wants | grep -c stringless"),
            "0\n"
        );
        // The timer's next run takes the newer agent, and the run after that is the new one's.
        let Some(()) = web.site.push_agent_of("0.9.9") else { return };
        fill(&web.site, "third");
        web.site.publish();
        let version = "stringless-agent version";
        assert_becomes(&machine, version, "stringless-agent 0.9.9\n");
        assert_applies(&machine, "1 first\n2 second\n3 third\n", super::BOOT);
        assert_becomes(&machine, "grep -c starts /var/lib/stringless/upgrade.json", "0\n");
        let previous = "/usr/local/bin/stringless-agent.previous version";
        assert_ne!(said(&machine, previous), said(&machine, version));
        super::assert_well(&machine);
        // With systemd's units, or with cron's: all goes, and the next boot brings nothing back.
        if *distro == "debian-12" {
            let text = std::fs::read_to_string(web.site.path("nodes.yaml")).unwrap();
            web.site.write("nodes.yaml", text.replace("schedule: timer", "schedule: cron"), 0o644);
            machine.write("usr/local/sbin/cron", "#!/bin/sh\n", 0o755);
            machine.write("root/again", web.render(distro, "nocloud", &[]), 0o700);
            said(&machine, "sh /root/again");
            assert_eq!(said(&machine, "ls /etc/cron.d"), "stringless\n");
        }
        uninstall(&machine);
        let units = "systemctl list-units --no-legend 'stringless*'; systemctl list-unit-files --no-legend 'stringless*'";
        assert_eq!(said(&machine, units), "");
        machine.reboot();
        machine.cloud_init(super::BOOT);
        assert_none_left(&machine);
        assert_eq!(said(&machine, units), "");
    });
}

#[test]
fn a_machine_that_is_set_up_once_has_no_schedule() {
    let Some(web) = Web::new(&[], &[]) else { return };
    let text = std::fs::read_to_string(web.site.path("nodes.yaml")).unwrap();
    web.site.write("nodes.yaml", text.replace("schedule: timer", "schedule: boot"), 0o644);
    fill(&web.site, "first");
    let Some(_) = web.publish() else { return };
    let Some(mut machine) = machine(&web.lab, "debian-13") else { return };
    let done = boot(&mut machine, web.render("debian-13", "nocloud", &[]));
    assert_done(&machine, &done);
    assert_applies(&machine, "1 first\n", Duration::ZERO);
    assert_eq!(
        said(
            &machine,
            "systemctl list-unit-files --no-legend 'stringless*'; ls /etc/cron.d 2>/dev/null | grep stringless"
        ),
        ""
    );
}
