//! Linux: `/sys` and `/proc`.

use std::fs;
use std::path::Path;

use super::Process;
use crate::disk::read_capped;

/// What the firmware says, by the name that the kernel's file of it has; `None` where it says nothing.
pub fn firmware(root: &Path, name: &str) -> Option<String> {
    text(&root.join("sys/class/dmi/id").join(name))
}

/// Which boot this is; `None` where that cannot be told.
pub fn boot(root: &Path) -> Option<String> {
    text(&root.join("proc/sys/kernel/random/boot_id"))
}

/// A process, if it is there and no zombie: fields 3 and 22 of proc_pid_stat(5).
pub fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command's name, in brackets, may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if fields.next()? == "Z" {
        return None;
    }
    let began = fields.nth(18)?.parse().ok()?;
    let uptime: u64 = fs::read_to_string("/proc/uptime").ok()?.split('.').next()?.parse().ok()?;
    Some(Process { began, age: uptime.saturating_sub(began / TICKS) })
}

fn text(path: &Path) -> Option<String> {
    let text = String::from_utf8(read_capped(path).ok()??).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A second of start times, on every Linux: proc(5), USER_HZ.
const TICKS: u64 = 100;
/// By so much may two looks at one process differ in when it began.
pub const APART: u64 = 0;
