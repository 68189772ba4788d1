//! `stringless-agent uninstall`, on nodes that are folders: what is in the table goes, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod folders;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use e2e::agent::{Node, Run};
use e2e::netns::Net;
use e2e::process::{Running, until};
use e2e::scenario::{Scenario, again, each};
use e2e::tools;
use rustix::fs::{FlockOperation, flock};
use serde_json::json;
use stringless_core::hash::Sha256;
use stringless_core::installed::{How, INSTALLED, Place, Step};

const STATE: &str = "var/lib/stringless";
const PROGRAM: &str = "usr/local/bin/stringless-agent";

/// A node with something at each place of the table, for each kind of system at once.
fn installed(agent: PathBuf) -> Node {
    let node = Node::with(agent, &Net::host(), &json!({}));
    for place in INSTALLED.iter().filter(|place| !matches!(place.how, How::Folder)) {
        put(&node, place);
    }
    // As the administrator has it besides.
    node.write("etc/rc.conf", "sshd_enable=YES\nstringless_enable=\"YES\"\n");
    fs::set_permissions(node.root().join("etc/rc.conf"), fs::Permissions::from_mode(0o640)).unwrap();
    let jobs = "0 * * * * run-parts\n7 * * * * PATH=/bin /usr/local/bin/stringless-agent --once 2>&1\n\
                */5 * * * * [ ! -f x ] || sh /etc/stringless/bootstrap.sh\n9 * * * * pgrep stringless-agent\n";
    node.write("etc/crontabs/root", jobs);
    node.write("etc/stringless/agent.json", "{\"format\": 1, \"state_dir\": \"/var/lib/stringless\"}");
    node
}

fn put(node: &Node, place: &Place) {
    let path = path(place);
    let name = path.rsplit('/').next().unwrap();
    match place.how {
        How::Tree => node.write(&format!("{path}/file"), ""),
        How::Mask => symlink("/dev/null", node.root().join(&path)).unwrap(),
        _ => node.write(&path, ""),
    }
    let links: &[&str] = match place.how {
        How::Unit => &["etc/systemd/system/timers.target.wants", "etc/systemd/system/own.target.requires"],
        How::Service => &["etc/runlevels/default", "etc/runlevels/boot"],
        _ => &[],
    };
    for folder in links {
        let folder = node.root().join(folder);
        fs::create_dir_all(&folder).unwrap();
        symlink(format!("/{path}"), folder.join(name)).unwrap();
    }
    fs::set_permissions(node.root().join(STATE), fs::Permissions::from_mode(0o700)).ok();
}

/// A path of this place, without the leading slash.
fn path(place: &Place) -> String {
    let folders =
        [("{etc}", "/etc/stringless"), ("{state}", "/var/lib/stringless"), ("{bin}", "/usr/local/bin")];
    let path = folders.iter().fold(place.path.to_owned(), |path, (name, folder)| path.replace(name, folder));
    path.replace('*', "x").replace('#', &Sha256::of(b"").to_string())[1..].to_owned()
}

/// Every file and link of the node, and its empty folders.
fn all(node: &Node) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(node.root(), node.root(), &mut found);
    found
}

fn walk(top: &Path, folder: &Path, found: &mut BTreeSet<String>) {
    let mut any = false;
    for entry in fs::read_dir(folder).unwrap() {
        any = true;
        let path = entry.unwrap().path();
        match path.is_dir() && !path.is_symlink() {
            true => walk(top, &path, found),
            false => drop(found.insert(path.strip_prefix(top).unwrap().to_string_lossy().into_owned())),
        }
    }
    if !any {
        found.insert(format!("{}/", folder.strip_prefix(top).unwrap().to_string_lossy()));
    }
}

/// Nothing is left of the installation but what the table says stays.
fn assert_gone(node: &Node, when: &str) {
    let left: Vec<String> = all(node)
        .into_iter()
        .filter(|path| {
            INSTALLED.iter().any(|place| place.step != Step::Never && place.covers(&format!("/{path}")))
        })
        .filter(|path| !matches!(&**path, "etc/rc.conf" | "etc/crontabs/root"))
        .collect();
    assert_eq!(left, [] as [&str; 0], "{when}");
    assert_eq!(node.read("etc/rc.conf").unwrap(), "sshd_enable=YES\n", "{when}");
    let jobs = "0 * * * * run-parts\n9 * * * * pgrep stringless-agent\n";
    assert_eq!(node.read("etc/crontabs/root").unwrap(), jobs, "{when}");
    for folder in ["etc/stringless", STATE, "etc/crontabs/.root.new"] {
        assert!(!node.root().join(folder).exists(), "{when}: {folder}");
    }
}

#[test]
fn everything_in_the_table_goes_and_nothing_else() {
    let Some(agent) = tools::agent() else { return };
    let node = installed(agent);
    for own in ["etc/systemd/system/stringless.service.d/own.conf", "etc/cron.d/own", "usr/local/bin/own"] {
        node.write(own, "");
    }
    let before = all(&node);
    let shown = node.run(&["uninstall", "--noop"]).expect(0);
    assert!(shown.out.ends_with("nothing was changed (--noop)\n"), "{}", shown.out);
    assert_eq!(all(&node), before);

    let run = node.run(&["uninstall"]).expect(0);
    assert_eq!(run.err, "");
    assert_gone(&node, &run.out);
    for own in ["etc/systemd/system/stringless.service.d/own.conf", "etc/cron.d/own", "usr/local/bin/own"] {
        assert!(node.root().join(own).exists(), "{own}");
    }
    let mode = fs::metadata(node.root().join("etc/rc.conf")).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode, 0o640);
    // What --noop shows is what goes; folders follow from what is in them.
    let lines = |text: &str, verb: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| line.strip_prefix(verb)).map(str::to_owned).collect()
    };
    let removed = lines(&run.out, "removed ");
    let would = lines(&shown.out, "would remove ");
    assert!(would.len() > 40 && would.is_subset(&removed), "{would:?}\n{removed:?}");
    // In the order of the steps: what starts the agent first, the program last but for its folders.
    let at = |part: &str| run.out.find(part).unwrap_or_else(|| panic!("{part}: {}", run.out));
    let order = ["stringless.timer`", "/layers/x`", "/agent.json`", "/stringless-agent`"].map(at);
    assert!(order.is_sorted(), "{}", run.out);
    assert!(
        run.out.contains("/puppet.service`: it keeps the engine's own daemon from starting"),
        "{}",
        run.out
    );

    let again = node.run(&["uninstall"]).expect(0);
    assert!(again.out.contains("nothing of an installation is here\n"), "{}", again.out);
    assert!(again.err.contains("agent.json`: there is no such file; continuing"), "{}", again.err);
}

#[test]
fn a_node_that_has_run_leaves_nothing_behind() {
    let Some(agent) = tools::agent() else { return };
    for making in [Scenario::first_run, Scenario::fallen_back] {
        let scenario = making(agent.clone());
        let node = scenario.node();
        let before = all(&node);
        Run::of(&mut scenario.command(&node)).expect_any(&[0, 4]);
        assert_ne!(all(&node), before);
        node.run(&["uninstall"]).expect(0);
        for folder in ["etc/stringless", STATE] {
            assert!(!node.root().join(folder).exists(), "{folder}: {:?}", all(&node));
        }
    }
}

#[test]
fn a_kill_at_any_step_and_the_next_call_ends_the_work() {
    let Some(agent) = tools::agent_with_checkpoints() else { return };
    let node = installed(agent.clone());
    let list = node.root().join("passed");
    Run::of(node.command(&["uninstall"]).env("STRINGLESS_PASSED", &list)).expect(0);
    let passed = fs::read_to_string(&list).unwrap().lines().count();
    assert!(passed > 60, "{passed}");
    each(passed, |number| {
        let when = format!("killed at passage {}", number + 1);
        let node = again(&when, || {
            let node = installed(agent.clone());
            let mut command = node.command(&["uninstall"]);
            let run = Run::of(command.env("STRINGLESS_KILL_AT", (number + 1).to_string()));
            (run.code == -1).then_some(node)
        });
        // The program is there as long as anything else is, so that it can be called again.
        let program = node.root().join(PROGRAM).exists();
        assert!(program || !node.root().join("etc/stringless").exists(), "{when}");
        node.run(&["uninstall"]).expect(0);
        assert_gone(&node, &when);
    });
}

#[test]
fn the_configuration_can_stay() {
    let Some(agent) = tools::agent() else { return };
    let node = installed(agent);
    let run = node.run(&["uninstall", "--keep-config"]).expect(0);
    assert!(run.out.contains("/etc/stringless`: --keep-config\n"), "{}", run.out);
    let kept: Vec<String> =
        all(&node).into_iter().filter(|path| path.starts_with("etc/stringless/")).collect();
    assert_eq!(
        kept,
        ["agent.json", "ca.pem", "environment", "new"].map(|name| format!("etc/stringless/{name}"))
    );
    assert!(!node.root().join(STATE).exists() && !node.root().join(PROGRAM).exists());
    node.run(&["--once", "--keep-config"]).expect(64);
}

/// A service of OpenRC whose file a package brought is disabled, and the file stays.
#[test]
fn what_a_package_brought_stays() {
    let Some(agent) = tools::agent() else { return };
    let node = installed(agent);
    node.write("etc/init.d/stringless", "command=/usr/bin/stringless-agent\n");
    let run = node.run(&["uninstall"]).expect(0);
    assert!(run.out.contains("/etc/init.d/stringless`: a package brought it\n"), "{}", run.out);
    assert!(node.root().join("etc/init.d/stringless").exists());
    assert!(node.root().join("usr/bin/stringless-agent").exists());
    assert!(!node.root().join("etc/runlevels/default/stringless").is_symlink());
}

#[test]
fn it_waits_for_a_run() {
    let Some(agent) = tools::agent() else { return };
    let node = installed(agent);
    let file = File::options().append(true).open(node.root().join(STATE).join("lock")).unwrap();
    flock(&file, FlockOperation::LockExclusive).unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut running = Running::start(&mut node.command(&["uninstall"]), log.path());
    assert!(
        until(e2e::process::PATIENCE, || running.log().contains("; waiting for its end")),
        "{}",
        running.log()
    );
    assert!(node.root().join("etc/systemd/system/stringless.timer").exists() && running.ended().is_none());
    flock(&file, FlockOperation::Unlock).unwrap();
    assert!(until(e2e::process::PATIENCE, || running.ended().is_some()), "{}", running.log());
    assert_gone(&node, &running.log());
}

#[test]
fn the_mark_stays_where_the_user_data_runs_at_every_boot() {
    let Some(agent) = tools::agent() else { return };
    let node = installed(agent);
    node.write(&format!("{STATE}/bootstrapped"), "boot-0123456789a\n");
    let run = node.run(&["uninstall"]).expect(0);
    assert!(run.out.contains("/bootstrapped`: the user-data runs at every boot"), "{}", run.out);
    let left: Vec<String> = all(&node).into_iter().filter(|path| path.starts_with(STATE)).collect();
    assert_eq!(left, [format!("{STATE}/bootstrapped")]);
    assert!(!node.root().join(PROGRAM).exists());
}
