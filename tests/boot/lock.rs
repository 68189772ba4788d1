//! `--lock-metadata` on a machine that boots, and boots again.

use std::fs;
use std::process::Command;

use e2e::imds::{Facts, Imds};
use e2e::nspawn::Machine;
use e2e::process::{succeed, until};
use e2e::tools;
use e2e::web::Web;

use super::{assert_applies, assert_becomes, assert_done, boot, fill, machine, said, uninstall};

#[test]
fn the_metadata_service_stays_locked() {
    let Some(web) = Web::new(&[], &[]) else { return };
    fill(&web.site, "first");
    let Some(_) = web.publish() else { return };
    let user_data = web.render("debian-13", "digitalocean", &["--lock-metadata=required"]);
    let facts = Facts {
        instance_id: "1".into(),
        region: "fra1".into(),
        role: String::new(),
        keys: Vec::new(),
        user_data: Some(user_data.clone().into()),
    };
    let imds = Imds::start(web.lab.cloud.listen_at("169.254.169.254:80"), facts);
    let Some(mut machine) = machine(&web.lab, "debian-13") else { return };
    machine.sets_rules();

    // Without a firewall the script fails, as `required` demands, and nothing was installed twice.
    let done = boot(&mut machine, &user_data);
    assert!(done.log.contains("stringless: cannot lock the metadata service"), "{}", done.log);
    assert_eq!(done.status, "error", "{}", done.text);
    assert!(answered(&machine, "65534"));

    let Some(()) = give_nft(&machine) else { return };
    machine.write("etc/systemd/system/early.service", EARLY, 0o644);
    machine.write("etc/systemd/system/nftables.service", NFTABLES, 0o644);
    said(&machine, "systemctl -q enable early nftables");
    said(&machine, "sh /var/lib/cloud/instance/scripts/part-001");
    assert_applies(&machine, "1 first\n", super::BOOT);
    for again in [false, true] {
        if again {
            // The kernel of a real machine would forget.
            succeed(web.lab.node.command("nft").args(["flush", "ruleset"]), super::BOOT);
            assert!(answered(&machine, "65534"));
            machine.reboot();
            machine.cloud_init(super::BOOT);
            // Who asked before the network was up had no answer; and a new set of rules takes nothing away.
            assert_becomes(&machine, "cat /run/early; systemctl is-active nftables", "000active\n");
            // systemd restarts the unit of the rule by a job of its own, which may end after this command.
            said(&machine, "systemctl restart nftables");
        }
        let locked = until(super::BOOT, || !answered(&machine, "65534"));
        assert!(locked && answered(&machine, "0"), "again: {again}");
        let unit = if again { "enabled\nactive\n" } else { "enabled\ninactive\n" };
        assert_becomes(
            &machine,
            "systemctl is-enabled stringless-lock; systemctl is-failed stringless-lock",
            unit,
        );
    }
    assert_done(&machine, &machine.cloud_init(super::BOOT));
    // The rule is taken back for this boot, too.
    uninstall(&machine);
    assert!(answered(&machine, "65534"));
    assert!(!imds.take().is_empty());
}

/// Another user's, and as early as anything that needs the network can ask.
const EARLY: &str = "[Unit]
DefaultDependencies=no
Wants=network.target
After=local-fs.target network-pre.target
Before=network.target
[Service]
Type=oneshot
User=nobody
StandardOutput=file:/run/early
ExecStart=-/usr/bin/curl -s -m 5 -o /dev/null -w %%{http_code} http://169.254.169.254/
[Install]
WantedBy=multi-user.target
";
/// As Debian's, with an empty set of rules.
const NFTABLES: &str = "[Unit]
DefaultDependencies=no
Wants=network-pre.target
Before=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft flush ruleset
[Install]
WantedBy=sysinit.target
";

/// Whether the metadata service says something to this user.
fn answered(machine: &Machine, user: &str) -> bool {
    let line = format!(
        "setpriv --reuid={user} --clear-groups curl -s -m 100 -o /dev/null -w '%{{http_code}}' http://169.254.169.254/"
    );
    match said(machine, &line).trim() {
        "401" => true,
        "000" => false,
        other => panic!("{other}"),
    }
}

/// This machine's nft, with all that it is linked to.
fn give_nft(machine: &Machine) -> Option<()> {
    let nft = tools::program("nft")?;
    let linked = succeed(Command::new("ldd").arg(&nft), super::BOOT);
    let mut loader = String::new();
    for path in linked.split_whitespace().filter(|word| word.starts_with('/')) {
        let name = path.rsplit('/').next().unwrap();
        if name.starts_with("ld-") {
            name.clone_into(&mut loader);
        }
        machine.write(&format!("opt/nft/{name}"), fs::read(path).unwrap(), 0o755);
    }
    machine.write("opt/nft/nft", fs::read(&nft).unwrap(), 0o755);
    let run = format!("#!/bin/sh\nexec /opt/nft/{loader} --library-path /opt/nft /opt/nft/nft \"$@\"\n");
    machine.write("usr/sbin/nft", run, 0o755);
    Some(())
}
