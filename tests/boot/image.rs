//! Images: what `--as packer` runs on a builder leaves copies that converge by themselves.

use std::time::Duration;

use e2e::nspawn::Machine;
use e2e::packer::steps;
use e2e::web::Web;

use super::{assert_applies, at_once, boot, fill, machine, said};

#[test]
fn copies_of_an_image_converge_without_user_data() {
    at_once(&["debian-12"], |distro| {
        let Some(web) = Web::new(&[], &[]) else { return };
        let text = std::fs::read_to_string(web.site.path("nodes.yaml")).unwrap();
        web.site.write("nodes.yaml", text.replace("schedule: timer", "schedule: daemon"), 0o644);
        fill(&web.site, "first");
        let Some(_) = web.publish() else { return };
        let found = steps(&web.render(distro, "nocloud", &["--as", "packer"]));
        let [_, bootstrap, clean] = &found[..] else { panic!("{} steps", found.len()) };

        let Some(mut machine) = machine(&web.lab, distro) else { return };
        machine.name("builder");
        boot(&mut machine, NOTHING);
        let built = run(&machine, bootstrap);
        assert!(built.ends_with("stringless: ready\n0\n"), "{built}");
        assert_applies(&machine, "1 first\n", Duration::ZERO);
        let cleaned = run(&machine, clean);
        assert!(cleaned.ends_with("\n0\n") || cleaned == "0\n", "{cleaned}");
        let left = "ls -A /var/lib/stringless; cat /etc/machine-id; ls /var/lib/cloud/instance 2>&1 | grep -c scripts; \
                    systemctl is-active stringless.service; systemctl is-enabled stringless.service";
        assert_eq!(said(&machine, left), "0\ninactive\nenabled\n");
        assert!(machine.read("etc/stringless/agent.json").is_some_and(|text| !text.contains("builder")));

        machine.shut_down();
        fill(&web.site, "second");
        web.site.publish();
        machine.name("copy");
        let copy = boot(&mut machine, NOTHING);
        assert_eq!((copy.status.as_str(), copy.code), ("done", 0), "{}", copy.text);
        assert!(!copy.log.contains("stringless:"), "the script ran again\n{}", copy.log);
        assert_applies(&machine, "1 first\n2 second\n", super::BOOT);
        let status = said(&machine, "stringless-agent status --json");
        assert!(status.contains("\"node\": \"copy\"") || status.contains("\"node\":\"copy\""), "{status}");
    });
}

/// Runs a step as Packer does: a file, by `sh`, as root. What it printed, and its status.
fn run(machine: &Machine, step: &str) -> String {
    machine.write("root/step", step, 0o700);
    said(machine, "sh /root/step 2>&1; echo $?; rm /root/step")
}

/// User-data that asks for nothing.
const NOTHING: &str = "#cloud-config\n{}\n";
