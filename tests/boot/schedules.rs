//! The other schedules: a resident agent, and none.

use std::time::Duration;

use e2e::web::Web;

use super::{assert_applies, assert_done, at_once, boot, fill, machine, said};

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
        assert_eq!(said(&machine, state), "enabled\nactive\n");
        fill(&web.site, "second");
        web.site.publish();
        assert_applies(&machine, "1 first\n2 second\n", Duration::from_secs(40));
        // Run again, the script puts another process there, which knows what it wrote.
        let process = "systemctl show --property MainPID --value stringless.service";
        let before = said(&machine, process);
        said(&machine, "sh /var/lib/cloud/instance/scripts/part-001; sleep 1");
        assert_eq!(said(&machine, state), "enabled\nactive\n");
        let after = said(&machine, process);
        assert!(after != before && after != "0\n", "{before} {after}");
        assert_eq!(
            said(&machine, "systemctl stop stringless.service; systemctl is-failed stringless.service"),
            "inactive\n"
        );
        machine.reboot();
        machine.cloud_init(super::BOOT);
        assert_eq!(said(&machine, state), "enabled\nactive\n");
        // With another schedule, the one before ends.
        let text = std::fs::read_to_string(web.site.path("nodes.yaml")).unwrap();
        web.site.write("nodes.yaml", text.replace("schedule: daemon", "schedule: timer"), 0o644);
        machine.write("root/again", web.render(distro, "nocloud", &[]), 0o700);
        said(&machine, "sh /root/again; sleep 1");
        let timer = "systemctl is-enabled stringless.timer; systemctl is-active stringless.timer";
        assert_eq!(said(&machine, timer), "enabled\nactive\n");
        assert_eq!(said(&machine, "systemctl is-enabled stringless.service"), "static\n");
        assert_eq!(
            said(&machine, "ls /etc/systemd/system/multi-user.target.wants | grep -c stringless"),
            "0\n"
        );
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
