//! A node before a run that will be disturbed: by a kill, a full disk, an error of the disk. And what
//! must hold afterwards, however the run ended: the node holds one whole release, the next run converges,
//! a third has nothing to do, and no litter stays.

mod script;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::agent::{Node, Run};
use crate::forge::Forge;
use crate::held::{Published, names};
use crate::process::until;

/// A node before a run, and what it may hold afterwards.
#[derive(Debug)]
pub struct Scenario {
    /// For messages.
    pub title: &'static str,
    /// The site.
    pub forge: Forge,
    before: Node,
    args: Vec<&'static str>,
    published: Published,
    /// What may be live after a disturbed run, nothing at all included.
    may_live: Vec<Option<String>>,
    /// What is live in the end.
    settles_on: String,
    /// What the script of that release writes.
    applied: String,
    /// The exit code of each run on the way there, and of all that follow.
    ending: i32,
    /// Every path of the state folder of a node that was never disturbed.
    clean: BTreeSet<String>,
}

/// The state folder.
pub const STATE: &str = "var/lib/stringless";

impl Scenario {
    /// A fresh node that is about to make the run.
    pub fn node(&self) -> Node {
        self.before.copy()
    }

    /// That run, not yet started.
    pub fn command(&self, node: &Node) -> Command {
        let mut command = node.command(&self.args);
        command.env("OUT", node.root());
        command
    }

    /// The checkpoints that the run passes when nothing disturbs it, in order. The agent must be one with
    /// the feature `checkpoints`.
    ///
    /// # Panics
    /// When the run fails.
    pub fn passages(&self) -> Vec<String> {
        let node = self.node();
        let list = node.root().join("passed");
        let _ = Run::of(self.command(&node).env("STRINGLESS_PASSED", &list)).expect(self.ending);
        fs::read_to_string(list).unwrap().lines().map(str::to_owned).collect()
    }

    /// The node holds what it held or what it was to get, whole; it has forgotten nothing.
    ///
    /// # Panics
    /// When it does not; `when` tells what was done to it.
    pub fn assert_whole(&self, node: &Node, when: &str) {
        let when = format!("{}, {when}", self.title);
        let live = self.published.live(&node.root().join(STATE), &when);
        assert!(self.may_live.contains(&live), "{when}: {live:?} is live, none of {:?}", self.may_live);
        for (environment, serial) in seen(&self.before) {
            let after = seen(node).iter().find(|(name, _)| *name == environment).map(|(_, serial)| *serial);
            assert!(after >= Some(serial), "{when}: release {serial} of {environment} is forgotten");
        }
        let (before, after) = (floor(&self.before), floor(node));
        assert!(after >= before, "{when}: the clock's floor fell from {before:?} to {after:?}");
    }

    /// A run that ended well has done all that it was to do.
    ///
    /// # Panics
    /// When something is left to do.
    pub fn assert_done(&self, node: &Node, when: &str) {
        let when = format!("{}, {when}", self.title);
        let live = self.published.live(&node.root().join(STATE), &when);
        assert_eq!(live.as_ref(), Some(&self.settles_on), "{when}: it said that it was done");
        assert_eq!(node.read("applied").as_ref(), Some(&self.applied), "{when}: it said that it was done");
        let state = node.read("var/lib/stringless/layers/example/state.json").unwrap_or_default();
        let state: Value = serde_json::from_str(&state).unwrap_or_default();
        let recorded = state["applied"]["ok"] == true && state["failed"] == serde_json::json!({});
        assert!(recorded, "{when}: it said that it was done, and recorded {state}");
    }

    /// The next run converges, the one after it has nothing to do or say, and nothing is left that a
    /// node without the disturbance would not have.
    ///
    /// # Panics
    /// When one of it is not so.
    pub fn assert_converges(&self, node: &Node, when: &str) {
        self.assert_serves(node, when);
        let found = names(&node.root().join(STATE));
        let other: Vec<_> = found.symmetric_difference(&self.clean).collect();
        assert!(other.is_empty(), "{}, {when}: too much or too little stays: {other:#?}", self.title);
    }

    /// The same after a run that said it could not sweep: litter may stay until the next time that an
    /// engine runs, and no longer.
    ///
    /// # Panics
    /// When one of it is not so.
    pub fn assert_converges_unswept(&self, node: &Node, when: &str) {
        self.assert_serves(node, when);
        Run::of(node.command(&["--once", "--force"]).env("OUT", node.root())).expect(0);
        let found = names(&node.root().join(STATE));
        let litter: Vec<_> = found.difference(&self.clean).collect();
        assert!(litter.is_empty(), "{}, {when}: {litter:#?} stays", self.title);
    }

    fn assert_serves(&self, node: &Node, when: &str) {
        let when = format!("{}, {when}", self.title);
        self.settle(node, &when);
        let live = self.published.live(&node.root().join(STATE), &when);
        assert_eq!(live.as_ref(), Some(&self.settles_on), "{when}: after the next run");
        let idle = Run::of(node.command(&["--once", "--json"]).env("OUT", node.root()));
        let printed = if self.ending == 0 { idle.err.is_empty() } else { idle.err.contains("is left alone") };
        assert!(idle.code == self.ending && printed, "{when}: the third run: {}\n{}", idle.code, idle.err);
        let report: Value = serde_json::from_str(&idle.out).unwrap();
        assert_eq!(report["layers"][0]["reason"], Value::Null, "{when}: the third run");
        assert_eq!(node.read("applied").as_ref(), Some(&self.applied), "{when}: applied");
    }

    /// Runs until the node has converged: at once, but for an engine that outlived its agent.
    fn settle(&self, node: &Node, when: &str) {
        let mut last = None;
        let done = until(crate::process::PATIENCE, || {
            let run = Run::of(node.command(&["--once"]).env("OUT", node.root()));
            let waits = waits(&run);
            last = Some(run);
            !waits
        });
        let run = last.unwrap();
        let ends = done && run.code == self.ending;
        assert!(ends, "{when}: the next run ended with {}\n{}{}", run.code, run.out, run.err);
    }
}

/// The time below which a node's clock may not fall.
fn floor(node: &Node) -> Option<String> {
    let text = node.read("var/lib/stringless/layers/example/checked")?;
    Some(text.trim_end().split_once(' ')?.1.to_owned())
}

/// Whether a run gave way to an engine that outlived its agent. Before that begins, it has the lock.
pub fn waits(run: &Run) -> bool {
    let other = run.err.contains("still running") || run.err.contains("another run holds the lock");
    run.code == 1 && other
}

/// Tries until it succeeds: an engine that has ended before the agent looked is not written down, so a run
/// may pass a checkpoint or two less than the one before.
///
/// # Panics
/// When it does not succeed in ten tries.
pub fn again<T>(when: &str, mut work: impl FnMut() -> Option<T>) -> T {
    (0..10).find_map(|_| work()).unwrap_or_else(|| panic!("{when}: the run never got there"))
}

/// Does `work` for each number below `count`, a few at a time, and to the end also after a failure.
///
/// # Panics
/// When any of it did.
pub fn each(count: usize, work: impl Fn(usize) + Sync) {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    if catch_unwind(AssertUnwindSafe(|| work(number))).is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert!(failed == 0, "{failed} of {count} failed, see above");
}

/// The newest serial that a node has seen of each environment.
fn seen(node: &Node) -> Vec<(String, u64)> {
    let text = node.read("var/lib/stringless/layers/example/state.json").unwrap_or_else(|| "{}".into());
    let state: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("state.json: {e}: {text}"));
    let seen = state["seen"].as_object().into_iter().flatten();
    seen.map(|(name, seen)| (name.clone(), seen["serial"].as_u64().unwrap())).collect()
}

const AT_ONCE: usize = 4;
