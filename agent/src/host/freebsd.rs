//! FreeBSD: kenv(1), sysctl(8) and ps(1) of its base system. The calls behind them are not to be had
//! without unsafe code.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::time::{ClockId, clock_gettime};
use stringless_core::metadata::DMI;

use super::Process;

/// What the firmware says, by the name that Linux has for it; `None` where it says nothing. There is one
/// firmware only, whatever folder stands for `/`.
pub fn firmware(_root: &Path, name: &str) -> Option<String> {
    let (_, variable) = DMI.iter().find(|(linux, _)| *linux == name)?;
    said_by("/bin/kenv", &["-q", variable])
}

/// Which boot this is; `None` where that cannot be told. The value is no text: it is shown in hex.
pub fn boot(_root: &Path) -> Option<String> {
    let shown = said_by("/sbin/sysctl", &["-nx", "kern.boot_id"])?;
    shown.rsplit(':').next().map(str::to_owned)
}

/// A process, if it is there and no zombie.
pub fn process(pid: u32) -> Option<Process> {
    let shown = said_by("/bin/ps", &["-o", "state=", "-o", "etimes=", "-p", &pid.to_string()])?;
    let mut fields = shown.split_whitespace();
    if fields.next()?.starts_with('Z') {
        return None;
    }
    let age: u64 = fields.next()?.parse().ok()?;
    let uptime = u64::try_from(clock_gettime(ClockId::Monotonic).tv_sec).ok()?;
    Some(Process { began: uptime.saturating_sub(age), age })
}

fn said_by(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}

/// By so much may two looks at one process differ in when it began: of both clocks only whole seconds are
/// told.
pub const APART: u64 = 1;
