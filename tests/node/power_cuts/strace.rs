//! The agent under `strace`: what it asks of the kernel, and errors in place of the kernel's answers.
//!
//! Its engine is let go at its start: only the agent itself is watched and disturbed.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use e2e::agent::{Node, Run};
use e2e::scenario::Scenario;
use e2e::tools;

/// One call of the agent, as `strace -f -y` writes it.
#[derive(Debug)]
pub struct Call {
    /// The thread.
    pub thread: String,
    /// `openat`.
    pub name: String,
    /// Its arguments and result.
    pub rest: String,
}

impl Call {
    /// The paths that it names: `"/a"`, `3</a>`, and `3</a>, "b"` for `/a/b`.
    pub fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        let mut folder = String::new();
        let mut rest = self.rest.as_str();
        // What is written is quoted, too, and no path.
        if self.name.contains("write") {
            rest = rest.split_once('>').map_or(rest, |(first, _)| first);
        }
        while let Some(start) = rest.find(['"', '<']) {
            let end = if rest[start..].starts_with('"') { '"' } else { '>' };
            let text = &rest[start + 1..];
            let Some((text, after)) = text.split_once(end) else {
                paths.push(text.to_owned());
                break;
            };
            match (end, text.starts_with('/')) {
                ('>', _) => folder = text.to_owned(),
                (_, true) => folder.clear(),
                (_, false) => {}
            }
            if end == '"' && folder.is_empty() {
                paths.push(text.to_owned());
            } else if end == '"' {
                paths.push(format!("{}/{text}", std::mem::take(&mut folder)));
            } else if !after.starts_with(", \"") {
                paths.push(std::mem::take(&mut folder));
            }
            rest = after;
        }
        paths
    }

    /// Whether the kernel refused it.
    pub fn failed(&self) -> bool {
        self.rest.rsplit_once(" = ").is_some_and(|(_, result)| result.starts_with('-'))
    }
}

/// Whether `strace` is here and may trace.
///
/// # Panics
/// When not, where `CI` is set.
pub fn works() -> bool {
    let Some(strace) = tools::program("strace") else { return false };
    let traces = Command::new(strace).args(["-o", "/dev/null", "true"]).status();
    traces.is_ok_and(|status| status.success()) || tools::skip::<()>("strace may not trace").is_some()
}

/// Runs the scenario's run on `node` with these options of strace before it.
pub fn run(scenario: &Scenario, node: &Node, options: &[&str]) -> Run {
    let agent = scenario.command(node);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-b", "execve"]).args(options).arg(agent.get_program()).args(agent.get_args());
    for (name, value) in agent.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    Run::of(&mut command)
}

/// The calls of an undisturbed run.
pub fn calls(scenario: &Scenario, node: &Node, set: &str) -> Vec<Call> {
    let log = node.root().join("calls");
    run(scenario, node, &["-y", "-s", "256", "-o", &log.display().to_string(), "-e", set]).expect(0);
    let text = fs::read_to_string(log).unwrap();
    let mut begun: BTreeMap<String, String> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let (thread, line) = line.split_once(' ').unwrap();
        let (thread, line) = (thread.to_owned(), line.trim_start());
        // Two threads at once: a call is written in two parts.
        if let Some(start) = line.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, start.to_owned());
            continue;
        }
        let resumed = line.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>"));
        let whole = match resumed {
            Some((_, end)) => begun.remove(&thread).unwrap_or_default() + end,
            None => line.to_owned(),
        };
        if let Some((name, rest)) = whole.split_once('(') {
            calls.push(Call { thread, name: name.to_owned(), rest: rest.to_owned() });
        }
    }
    calls
}
