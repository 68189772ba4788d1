//! First boots before everything is there, and first boots that a power cut ends: the machine converges by itself.
//!
//! Pauses of the script take a second at most here. What systemd waits between two tries takes its time.

use e2e::http::Reply;
use e2e::process::until;
use e2e::server::Fault;
use e2e::web::Web;

use super::{assert_applies, assert_becomes, at_once, boot, fill, machine, said};

const AGENT: &str = "agent/0.1.0/x86_64-unknown-linux-musl/stringless-agent";
const MANIFEST: &str = "env/production/head";
const SLEEP: &str = "#!/bin/sh\nexec /usr/bin/sleep 1\n";
/// What is left when all went well: the schedule, and nothing that repeats the script.
const LEFT: &str = "systemctl is-active stringless.timer; ls /etc/stringless/bootstrap.sh \
                    /etc/systemd/system/stringless-bootstrap.service 2>/dev/null; ls /var/lib/stringless/bootstrapped";

#[test]
fn what_comes_late_is_waited_for() {
    let cases = [
        ("debian-12", "script", "store"),
        ("debian-13", "cloud-config", "name"),
        ("debian-13", "mime", "portal"),
    ];
    at_once(&cases, |(distro, form, late)| {
        let Some(web) = Web::new(&[], &[]) else { return };
        fill(&web.site, "first");
        let Some(_) = web.publish() else { return };
        let Some(mut machine) = machine(&web.lab, distro) else { return };
        machine.write("usr/local/sbin/sleep", SLEEP, 0o755);
        let hosts = machine.read("etc/hosts").unwrap();
        let user_data = web.render(distro, "nocloud", &["--form", form]);
        let away = |fault: &dyn Fn() -> Fault| [AGENT, MANIFEST].map(|path| web.server.fault(path, fault()));
        match *late {
            "name" => machine.write("etc/hosts", "127.0.0.1 localhost\n", 0o644),
            "store" => _ = away(&|| Fault::status(503)),
            _ => _ = away(&|| Fault::Answer(Reply::new(200, "<html>Log in</html>"))),
        }
        let failed = boot(&mut machine, user_data);
        assert_eq!(failed.status, "error", "{}", failed.log);
        assert!(failed.log.contains("stringless: this script will be repeated"), "{}", failed.log);
        // It is tried again, and fails again.
        let tries = "journalctl -u stringless-bootstrap --no-pager | grep -c 'cannot download the agent'";
        let again =
            until(super::BOOT, || said(&machine, tries).trim().parse::<u32>().is_ok_and(|tries| tries > 0));
        assert!(again, "{late}: {}", said(&machine, "journalctl --no-pager -n 50"));
        assert!(machine.read("var/lib/applied").is_none(), "{late}");
        machine.write("etc/hosts", hosts, 0o644);
        web.server.mend();
        assert_applies(&machine, "1 first\n", super::BOOT);
        assert_becomes(&machine, LEFT, "active\n/var/lib/stringless/bootstrapped\n");
    });
}

/// The plug is pulled while a program of the script works; nothing of cloud-init runs the script again.
#[test]
fn a_power_cut_at_any_step_is_made_good() {
    // The program that hangs, and what it is called with.
    let cuts = [
        ("chmod", "755", "debian-12", "cloud-config"),
        ("mv", "agent.json", "debian-13", "script"),
        ("rm", "bootstrapped", "debian-13", "cloud-config"),
    ];
    at_once(&cuts, |(program, argument, distro, form)| {
        let Some(web) = Web::new(&[], &[]) else { return };
        fill(&web.site, "first");
        let Some(_) = web.publish() else { return };
        let Some(mut machine) = machine(&web.lab, distro) else { return };
        let hangs = format!(
            "#!/bin/sh\ncase \"$*\" in *{argument}*) : >/var/lib/cut; exec /usr/bin/sleep 1000 ;; esac\nexec /usr/bin/{program} \"$@\"\n"
        );
        machine.write(&format!("usr/local/sbin/{program}"), hangs, 0o755);
        machine.seed(web.render(distro, "nocloud", &["--form", form]));
        machine.boot();
        assert!(until(super::BOOT, || machine.read("var/lib/cut").is_some()), "{program} {argument}");
        machine.pull_the_plug();
        std::fs::remove_file(machine.path(&format!("usr/local/sbin/{program}"))).unwrap();
        machine.boot();
        assert_applies(&machine, "1 first\n", super::BOOT);
        assert_becomes(&machine, LEFT, "active\n/var/lib/stringless/bootstrapped\n");
    });
}
