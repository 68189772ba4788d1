//! A Puppet control repo on a stock system: the script installs the engine, the agent applies the repo.
//!
//! The packages are Debian's own, from a small archive inside the lab. OpenVox's repository cannot be
//! reached from a closed network, so its way is not booted here.

use e2e::server::Server;
use e2e::tools;
use e2e::web::Web;

use super::{assert_done, at_once, boot, machine, said};

#[test]
fn a_control_repo_converges_from_the_first_boot_on() {
    at_once(&[("debian-12", "bookworm"), ("debian-13", "trixie")], |(distro, suite)| {
        let Some(web) = Web::new(&["--engine", "puppet"], &[]) else { return };
        let Some(debs) = tools::debs(suite) else { return };
        let archive = Server::start(&web.lab.cloud, &debs, None);
        web.site.copy(&tools::root().join("tests/fixtures/control-repo"));
        let Some(_) = web.publish() else { return };
        let Some(mut machine) = machine(&web.lab, distro) else { return };
        machine.archive(&archive.url(""));
        machine.name("web1");
        // What the repo manages lies below this fact.
        machine.write("etc/facter/facts.d/lab.txt", "stringless_base=/srv/managed\n", 0o644);
        let done = boot(&mut machine, web.render(distro, "nocloud", &[]));
        assert_done(&machine, &done);
        let managed = machine.read("srv/managed/etc/web/site.conf").unwrap_or_default();
        assert!(managed.contains("worker_processes 8;"), "{managed}\n{}", done.log);
        assert_eq!(said(&machine, "systemctl is-active puppet.service"), "inactive\n", "Puppet's own daemon");

        // The second run finds nothing to change; drift is undone.
        assert_eq!(machine.sh("stringless-agent --once --force --detailed-exitcodes").status.code(), Some(0));
        machine.write("srv/managed/etc/web/site.conf", "drift\n", 0o644);
        assert_eq!(machine.sh("stringless-agent --once --force --detailed-exitcodes").status.code(), Some(2));
        assert_eq!(machine.read("srv/managed/etc/web/site.conf").as_ref(), Some(&managed));

        let data = web.site.path("data/nodes/web1.yaml");
        let text = std::fs::read_to_string(&data).unwrap();
        web.site.write("data/nodes/web1.yaml", text.replace("workers: 8", "workers: 16"), 0o644);
        web.site.publish();
        let arrived = e2e::process::until(super::BOOT, || {
            machine
                .read("srv/managed/etc/web/site.conf")
                .is_some_and(|text| text.contains("worker_processes 16;"))
        });
        assert!(arrived, "{}", said(&machine, "journalctl -u stringless.service --no-pager"));
    });
}
