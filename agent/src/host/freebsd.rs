//! FreeBSD: uses kenv(1), sysctl(8) and ps(1) of the base system, because their system calls would need
//! unsafe code.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::time::{ClockId, clock_gettime};
use stringless_core::metadata::DMI;

use super::Process;

/// A text of the firmware, by its Linux name; `None` if it is missing. The folder that is used as `/` makes
/// no difference.
pub fn firmware(_root: &Path, name: &str) -> Option<String> {
    let (_, variable) = DMI.iter().find(|(linux, _)| *linux == name)?;
    output_of("/bin/kenv", &["-q", variable])
}

/// Identifies this boot; `None` if unknown. The value is binary, so sysctl prints it in hex.
pub fn boot(_root: &Path) -> Option<String> {
    let shown = output_of("/sbin/sysctl", &["-nx", "kern.boot_id"])?;
    shown.rsplit(':').next().map(str::to_owned)
}

/// The words of the kernel's command line: FreeBSD has none.
pub fn kernel_words(_root: &Path) -> Vec<String> {
    Vec::new()
}

/// The numbers of the network interfaces that have a link-local address: unknown, because the base system
/// prints only their names. So a service at such an address is not queried here.
pub fn interfaces() -> Vec<u32> {
    Vec::new()
}

/// A process, if it exists and is not a zombie.
pub fn process(pid: u32) -> Option<Process> {
    let shown = output_of("/bin/ps", &["-o", "state=", "-o", "etimes=", "-p", &pid.to_string()])?;
    let mut fields = shown.split_whitespace();
    if fields.next()?.starts_with('Z') {
        return None;
    }
    let age: u64 = fields.next()?.parse().ok()?;
    let uptime = u64::try_from(clock_gettime(ClockId::Monotonic).tv_sec).ok()?;
    Some(Process { started: uptime.saturating_sub(age), age })
}

fn output_of(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}

/// By how much two readings of one process's start time may differ: both clocks give only whole seconds.
pub const TOLERANCE: u64 = 1;
