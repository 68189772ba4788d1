//! What the script leaves behind on systems without systemd runs it again: OpenRC's service, or cron.
//! The agent here is a stand-in, and the store is a folder that is not there at first.

use std::fs;
use std::process::Command;

use e2e::netns::Lab;
use e2e::process::run;
use e2e::rendering::{Case, SCRIPT, site};
use e2e::tools;
use stringless_core::hash::Sha256;
use stringless_render::platform::{Distro, Form};

use crate::root::Root;
use crate::small::{AGENT, alpine};

/// The third pause of the repetition brings the store.
const SLEEP: &str = "#!/bin/sh
[ \"$1\" = 30 ] || exit 0
echo pause >>/pauses
[ \"$(grep -c pause /pauses)\" -lt 3 ] || [ -e /srv/bucket ] || mv /away /srv/bucket
";
/// As OpenRC reads it and starts the command.
const OPENRC: &str = "#!/bin/sh\n. /etc/init.d/stringless-bootstrap\neval \"$command $command_args\"\n";
/// What cron does each time.
const CRON: &str = "#!/bin/sh
line=$(grep stringless-bootstrap /etc/crontabs/root || grep bootstrap.sh /etc/crontabs/root)
sh -c \"${line#'*/5 * * * * '}\"
mv /away /srv/bucket
sh -c \"${line#'*/5 * * * * '}\"
";
#[test]
fn the_service_of_openrc_runs_the_copy_until_it_has_succeeded() {
    let Some(Failed { root, copy, lab: _lab }) = failed(alpine) else { return };
    assert_eq!(root.mode("etc/init.d/stringless-bootstrap"), 0o755);
    assert_converges(&root, &copy, OPENRC);
    assert_eq!(root.read("pauses").lines().count(), 4, "the loop ends with the copy");
    assert!(root.read("var/log/stringless-bootstrap.log").ends_with("stringless: ready\n"));
    assert!(!root.exists("etc/init.d/stringless-bootstrap"));
}

#[test]
fn cron_of_busybox_runs_the_copy_until_it_has_succeeded() {
    let without = |distro: &Distro, lab: &Lab| {
        let root = alpine(distro, lab)?;
        fs::remove_dir(root.path("run/openrc")).unwrap();
        root.write("usr/bin/crond", "#!/bin/sh\n", 0o755);
        Some(root)
    };
    let Some(Failed { root, copy, lab: _lab }) = failed(without) else { return };
    assert_converges(&root, &copy, CRON);
    let left = root.read("etc/crontabs/root");
    assert!(!left.contains("bootstrap.sh") && left.contains("stringless-agent --once"), "{left}");
    // The agent here is a stand-in: another one uninstalls.
    let Some(agent) = tools::agent() else { return };
    run(Command::new(agent).arg("--root").arg(root.path("")).arg("uninstall"), e2e::process::PATIENCE);
    let left = root.changes().into_iter().filter(|path| {
        !path.starts_with("srv/") && (path.contains("stringless") || path.contains("crontabs"))
    });
    assert_eq!(left.collect::<Vec<_>>(), ["etc/crontabs/cron.update"], "cron itself removes it");
}

/// A root in which the script has failed, its copy of itself, and the network that the root is in.
struct Failed {
    root: Root,
    copy: String,
    lab: Lab,
}

/// A root of Alpine in which the script has just failed, because the store was not there.
fn failed(root: impl Fn(&Distro, &Lab) -> Option<Root>) -> Option<Failed> {
    let lab = Lab::new()?;
    let mut case = Case::new(&site("{url: 'file:///srv/bucket'}", SCRIPT, ""));
    for file in case.targets.values_mut() {
        (file.size, file.sha256) = (AGENT.len() as u64, Sha256::of(AGENT.as_bytes()));
    }
    let distro = case.platforms.distros.iter().find(|one| one.family.as_str() == "alpine").unwrap();
    let takes = |cloud: &&stringless_render::platform::Cloud| {
        case.platforms.forms(distro, cloud).contains(&Form::Script)
    };
    let cloud = case.platforms.clouds.iter().find(takes).unwrap();
    let root = root(distro, &lab)?;
    let target = distro.targets.iter().find(|target| target.as_str().starts_with("x86_64")).unwrap();
    root.write(&format!("away/agent/0.1.0/{target}/stringless-agent"), AGENT, 0o644);
    fs::create_dir_all(root.path("srv")).unwrap();
    fs::create_dir_all(root.path("var/log")).unwrap();
    root.without(&["sleep"]);
    root.write("usr/bin/sleep", SLEEP, 0o755);
    let copy = format!("{}/bootstrap.sh", &distro.paths.etc[1..]);
    let ended = root.run(&case.render(&distro.id, &cloud.id, Form::Script).unwrap().body);
    assert_eq!(ended.code, 1, "{}: {}", distro.id, ended.printed);
    assert!(
        ended.printed.contains("fetch_agent failed (reason above), again in 32 s\n"),
        "{}",
        ended.printed
    );
    assert!(ended.printed.ends_with("stringless: this script will be repeated\n"), "{}", ended.printed);
    assert!(root.exists(&copy) && !root.exists("usr/local/bin/stringless-agent"), "{}", distro.id);
    Some(Failed { root, copy, lab })
}

/// `repetition` runs the copy until all is done, and nothing of it is left.
fn assert_converges(root: &Root, copy: &str, repetition: &str) {
    let ended = root.run(repetition);
    assert_eq!(root.mode("usr/local/bin/stringless-agent"), 0o755, "{}", ended.printed);
    assert!(ended.code == 0 && root.exists("srv/bucket"), "{}", ended.printed);
    assert!(!root.exists(copy), "{}", ended.printed);
}
