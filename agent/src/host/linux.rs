//! Linux: reads `/sys` and `/proc`.

use std::fs;
use std::path::Path;

use super::Process;
use crate::disk::read_text as text;

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

/// The words of the kernel's command line.
pub fn kernel_words(root: &Path) -> Vec<String> {
    let line = text(&root.join("proc/cmdline")).unwrap_or_default();
    line.split_whitespace().map(str::to_owned).collect()
}

/// The numbers of the network interfaces that have a link-local address of IPv6, the lowest first.
pub fn interfaces() -> Vec<u32> {
    numbers(&fs::read_to_string("/proc/net/if_inet6").unwrap_or_default())
}

/// The numbers in the kernel's table of addresses: address, interface, length of the prefix, scope, flags,
/// name; all numbers in hex.
fn numbers(table: &str) -> Vec<u32> {
    let link = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (*fields.get(3)? == LINK).then(|| u32::from_str_radix(fields[1], 16).ok())?
    });
    let mut numbers: Vec<u32> = link.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// The units of start times in one second, the same on every Linux: proc(5), USER_HZ.
const TICKS: u64 = 100;
/// By how much two readings of one process's start time may differ.
pub const TOLERANCE: u64 = 0;
/// The scope of an address that is valid on one link only.
const LINK: &str = "20";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_interfaces_with_a_link_local_address_count() {
        let table = "\
            fe80000000000000505400fffe123456 0a 40 20 80     ens5\n\
            00000000000000000000000000000001 01 80 10 80       lo\n\
            fd0000000000000000000000000000a1 02 40 00 80     eth0\n\
            fe800000000000000000000000000001 02 40 20 80     eth0\n\
            fe800000000000000000000000000002 02 40 20 80     eth0\n\
            short\n";
        assert_eq!(numbers(table), [2, 10]);
        assert_eq!(numbers(""), [] as [u32; 0]);
    }
}
