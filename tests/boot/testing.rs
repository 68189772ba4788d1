//! Debian's next release, as it is today: a machine of testing, with the OpenVox of its own archive. Only `make levels`
//! makes this peer (`tests/tools/testing.sh`), so that CI neither pays for it nor fails when testing is broken.

use e2e::record;
use e2e::server::Server;
use e2e::tools;
use e2e::web::Web;
use stringless_render::platform::Level;

use super::{assert_done, boot, fill, machine, pairs, said};

const DISTRO: &str = "debian-14";

#[test]
fn testing_boots_and_runs_its_own_openvox() {
    let Some(suite) = tools::testing() else { return record::untried(Level::Booted, DISTRO, "nocloud") };
    let Some(web) = Web::new(&[], &[]) else { return };
    fill(&web.site, "first");
    let Some(_) = web.publish() else { return };
    let user_data = web.render(DISTRO, "nocloud", &[]);
    let Some(node) = machine(&web.lab, DISTRO) else { return };
    let node = pairs::whole_life(node, &user_data, "lab-14", |text| {
        fill(&web.site, text);
        web.site.publish();
    });
    drop(node);
    openvox(suite);
    record::proved(Level::Booted, DISTRO, "nocloud");
}

/// A control repo, applied by the engine that the script installs.
fn openvox(suite: &str) {
    let Some(web) = Web::new(&["--engine", "puppet"], &[]) else { return };
    let Some(debs) = tools::debs(suite) else { return };
    let archive = Server::start(&web.lab.cloud, &debs, None);
    web.site.copy(&tools::root().join("tests/fixtures/control-repo"));
    let Some(_) = web.publish() else { return };
    let Some(mut node) = machine(&web.lab, DISTRO) else { return };
    node.archive(&archive.url(""));
    node.name("web1");
    node.write("etc/facter/facts.d/lab.txt", "stringless_base=/srv/managed\n", 0o644);
    let done = boot(&mut node, web.render(DISTRO, "nocloud", &[]));
    assert_done(&node, &done);
    assert_eq!(said(&node, "dpkg-query -W -f '${db:Status-Status}' openvox-agent"), "installed");
    let managed = node.read("srv/managed/etc/web/site.conf").unwrap_or_default();
    assert!(managed.contains("worker_processes 8;"), "{managed}\n{}", done.log);
    assert_eq!(said(&node, "systemctl is-active puppet.service"), "inactive\n", "the engine's own daemon");
}
