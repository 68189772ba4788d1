//! The form `#cloud-config`, judged by the newest cloud-init at hand: it knows every key.

use e2e::netns::Lab;
use e2e::nspawn::Machine;
use e2e::process::{both, run};
use e2e::web::Web;

use super::fill;

#[test]
fn the_schema_holds_for_the_cloud_config_form() {
    let Some(web) = Web::new(&[], &[]) else { return };
    fill(&web.site, "first");
    let Some(_) = web.publish() else { return };
    let Some(machine) = Machine::new(&web.lab, "trixie") else { return };
    for distro in ["debian-12", "debian-13"] {
        for cloud in ["aws", "digitalocean", "nocloud"] {
            let user_data = web.render(distro, cloud, &["--form", "cloud-config"]);
            let (valid, printed) = judged(&machine, &user_data);
            assert!(valid, "{distro} {cloud}: {printed}");
        }
    }
}

#[test]
fn the_schema_does_refuse() {
    let Some(lab) = Lab::new() else { return };
    let Some(machine) = Machine::new(&lab, "trixie") else { return };
    let (valid, printed) = judged(&machine, "#cloud-config\nwrite_filez: []\n");
    assert!(!valid && printed.contains("write_filez"), "{printed}");
}

fn judged(machine: &Machine, text: &str) -> (bool, String) {
    machine.write("root/user-data", text, 0o600);
    let mut schema = machine.chroot("cloud-init");
    let output = run(schema.args(["schema", "--config-file", "/root/user-data"]), e2e::process::PATIENCE);
    (output.status.success() && both(&output).contains("Valid"), both(&output))
}
