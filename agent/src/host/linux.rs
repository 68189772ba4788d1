//! Linux: reads `/sys` and `/proc`.

use std::fs;
use std::path::Path;

use super::Process;
use crate::disk::read_capped;

/// A text of the firmware, by the name of the kernel's file; `None` if it is missing.
pub fn firmware(root: &Path, name: &str) -> Option<String> {
    text(&root.join("sys/class/dmi/id").join(name))
}

/// Identifies this boot; `None` if unknown.
pub fn boot(root: &Path) -> Option<String> {
    text(&root.join("proc/sys/kernel/random/boot_id"))
}

/// A process, if it exists and is not a zombie: fields 3 and 22 of proc_pid_stat(5).
pub fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name is in brackets and may contain any character.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if fields.next()? == "Z" {
        return None;
    }
    let started = fields.nth(18)?.parse().ok()?;
    let uptime: u64 = fs::read_to_string("/proc/uptime").ok()?.split('.').next()?.parse().ok()?;
    Some(Process { started, age: uptime.saturating_sub(started / TICKS) })
}

fn text(path: &Path) -> Option<String> {
    let text = String::from_utf8(read_capped(path).ok()??).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The units of start times in one second, the same on every Linux: proc(5), USER_HZ.
const TICKS: u64 = 100;
/// By how much two readings of one process's start time may differ.
pub const TOLERANCE: u64 = 0;
