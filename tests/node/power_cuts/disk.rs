//! The disk goes bad under a run that is at work: full to the last byte, out of inodes, read-only. At
//! every passage of a checkpoint the run is held, the disk is changed, and the run goes on.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use e2e::agent::Node;
use e2e::process::{Running, succeed, until};
use e2e::scenario::{STATE, Scenario, again, each};
use e2e::tools;
use rustix::process::Signal;

#[test]
fn a_disk_that_is_full_to_the_last_byte() {
    goes_bad(&Harm { why: "No space left on device", options: "size=3m", begin: fill, end: empty });
}

#[test]
fn a_disk_that_has_no_inode_left() {
    let options = "size=16m,nr_inodes=600";
    goes_bad(&Harm { why: "No space left on device", options, begin: use_up, end: empty });
}

#[test]
fn a_disk_that_becomes_read_only() {
    goes_bad(&Harm { why: "Read-only file system", options: "size=3m", begin: protect, end: unprotect });
}

/// What happens to the disk of the state folder.
struct Harm {
    /// What the agent is to tell.
    why: &'static str,
    /// Of the small file system.
    options: &'static str,
    begin: fn(&Path),
    end: fn(&Path),
}

fn goes_bad(harm: &Harm) {
    for making in [Scenario::first_run, Scenario::update, Scenario::damaged] {
        let Some(agent) = tools::agent_with_checkpoints() else { return };
        if tools::superuser().is_none() {
            return;
        }
        let scenario = making(agent);
        let codes = std::sync::Mutex::new(Vec::new());
        let passages = scenario.passages().len();
        each(passages, |number| {
            let code = at(&scenario, number + 1, harm);
            codes.lock().unwrap().push(code);
        });
        let codes = codes.into_inner().unwrap();
        let failed = codes.iter().filter(|code| **code == 1).count();
        println!("{}: {}: held at {passages} passages, {failed} runs failed", scenario.title, harm.why);
        assert!(failed * 3 > passages, "the disk was not felt: {codes:?}");
    }
}

/// Holds the run at a passage, harms the disk, lets the run go on to its end, and mends the disk.
fn at(scenario: &Scenario, number: usize, harm: &Harm) -> i32 {
    let when = format!("{} at passage {number}", harm.why);
    let (node, disk, mut agent) = again(&when, || held(scenario, number, harm));
    (harm.begin)(&disk.folder);
    agent.signal(Signal::CONT);
    assert!(until(e2e::process::PATIENCE, || agent.ended().is_some()), "{when}: the run goes on and on");
    let (code, said) = (agent.ended().and_then(|status| status.code()), agent.log());
    let printed = format!("{when}: exit status {code:?}\n{said}");
    assert!(code == Some(0) || code == Some(1), "{printed}");
    let why = said.contains(harm.why) || said.contains("error: making room for release");
    assert!(code == Some(0) || said.contains("error: ") && why, "{printed}");
    scenario.assert_whole(&node, &when);
    (harm.end)(&disk.folder);
    if code == Some(0) {
        scenario.assert_done(&node, &when);
    }
    if said.contains("removing old releases and packs") {
        scenario.assert_converges_unswept(&node, &when);
    } else {
        scenario.assert_converges(&node, &when);
    }
    code.unwrap_or(-1)
}

/// A run that is held at a passage, with its node; dropped in the opposite order. None: it has ended.
fn held(scenario: &Scenario, number: usize, harm: &Harm) -> Option<(Node, Small, Running)> {
    let node = scenario.node();
    let disk = Small::below(&node, harm.options);
    let mut command = scenario.command(&node);
    command.env("STRINGLESS_STOP_AT", number.to_string());
    let mut agent = Running::start(&mut command, &node.root().join("log"));
    let stat = format!("/proc/{}/stat", agent.id());
    let stopped = || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "));
    let came = until(e2e::process::PATIENCE, || stopped() || agent.ended().is_some());
    assert!(came, "the run goes on and on: {}", agent.log());
    if agent.ended().is_some() {
        drop((agent, disk));
        return None;
    }
    Some((node, disk, agent))
}

/// A small file system that holds the state folder of a node; dropping it unmounts it.
struct Small {
    folder: PathBuf,
}

impl Small {
    /// Mounts it, with what the node had in its state folder.
    fn below(node: &Node, options: &str) -> Self {
        let (folder, state) = (node.root().join("var/lib"), node.root().join(STATE));
        let aside = node.root().join("aside");
        let full = fs::rename(&state, &aside).is_ok();
        fs::create_dir_all(&folder).unwrap();
        mount(&["-t", "tmpfs", "-o", options, "none"], &folder);
        if full {
            succeed(Command::new("cp").arg("-a").arg(&aside).arg(&state), e2e::process::PATIENCE);
        }
        Self { folder }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // A test that failed may have left the read-only mount on top.
        let unmounted = || {
            let status = Command::new("umount").arg("-l").arg(&self.folder).stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        };
        while unmounted() {}
    }
}

fn mount(args: &[&str], folder: &Path) {
    succeed(Command::new("mount").args(args).arg(folder), e2e::process::PATIENCE);
}

fn fill(folder: &Path) {
    let mut file = File::create(folder.join("fill")).unwrap();
    let mut size = 1 << 20;
    while size > 0 {
        if file.write_all(&vec![7; size]).is_err() {
            size /= 2;
        }
    }
}

fn use_up(folder: &Path) {
    let fill = folder.join("fill");
    let mut number = 0;
    if fs::create_dir(&fill).is_ok() {
        while File::create(fill.join(number.to_string())).is_ok() {
            number += 1;
        }
    }
}

fn empty(folder: &Path) {
    let fill = folder.join("fill");
    let _ = fs::remove_file(&fill).or_else(|_| fs::remove_dir_all(&fill));
}

/// The agent has files open for writing, so the file system itself cannot change: what is opened from now
/// on finds a read-only mount of it.
fn protect(folder: &Path) {
    mount(&["--bind", &folder.display().to_string()], folder);
    mount(&["-o", "remount,bind,ro"], folder);
}

fn unprotect(folder: &Path) {
    succeed(Command::new("umount").arg("-l").arg(folder), e2e::process::PATIENCE);
}
