//! The first process of a machine, as this machine sees it.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// The first process of the container that `nspawn` runs: number 1 in a namespace of its own. Before it
/// there are short-lived helpers.
pub(super) fn of(nspawn: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{nspawn}/task/{nspawn}/children")).ok()?;
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(|pid| is_first(*pid))
}

fn is_first(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_some_and(|numbers| numbers.split_whitespace().skip(1).last() == Some("1"))
}

/// Ends the first process of the machine on that folder, if it still runs.
pub(super) fn unplug(folder: &str) {
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let mounts = fs::read_to_string(entry.path().join("mountinfo")).unwrap_or_default();
        let on_it = mounts.lines().any(|line| {
            let root = line.split(' ').nth(4) == Some("/");
            root && line.contains(&format!("/{folder}/upper,"))
        });
        if on_it && is_first(pid) {
            end(pid);
        }
    }
}

/// Ends that process, and with it all of its container.
pub(super) fn end(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()).filter(|_| pid > 1) {
        kill_process(pid, Signal::KILL).ok();
    }
}
