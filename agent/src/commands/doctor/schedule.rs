//! What starts the agent: whether it is there, enabled, and run by something.

use stringless_core::diagnosis::Finding;
use stringless_core::status::{Kind, Schedule};

use std::io::sink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::engine::process::{self, End};
use crate::engine::redact::Redactor;
use crate::host::schedule::{self, SERVICE, TIMER};

/// Looks at all that starts the agent.
pub fn look(root: &Path, config: &Path) -> Vec<Finding> {
    let found = schedule::find(root);
    let mut findings: Vec<Finding> = found.iter().map(|schedule| judge(schedule, root)).collect();
    if found.is_empty() {
        let hint =
            "run the user-data of this node again as root; with `schedule: boot`, nothing else is expected";
        findings.push(Finding::warning(CHECK, "nothing starts the agent", hint));
    }
    if found.len() > 1 {
        let kinds: Vec<&str> = found.iter().map(|schedule| schedule.kind.as_str()).collect();
        let found = format!("the agent is started by {}", kinds.join(" and "));
        findings.push(Finding::warning(CHECK, found, "keep one of them, and remove the other's file"));
    }
    if let Some(script) = schedule::pending_bootstrap(config) {
        let found = format!("the first boot is not complete: `{}` is still repeated", script.display());
        findings.push(Finding::warning(
            CHECK,
            found,
            "its log says why; the guide to the first boot says where that is",
        ));
    }
    findings
}

fn judge(schedule: &Schedule, root: &Path) -> Finding {
    let (kind, file) = (schedule.kind, &schedule.file);
    let found = format!("{}, `{file}`", kind.as_str());
    if !schedule.enabled {
        return Finding::failure(CHECK, format!("{found}: not enabled, so no boot starts it"), enable(kind));
    }
    match schedule::is_managed(kind, root) {
        Some(false) if kind == Kind::Cron => {
            Finding::failure(CHECK, format!("{found}: no cron runs"), "start cron, and enable it")
        }
        Some(false) => {
            Finding::failure(CHECK, format!("{found}: its service manager does not run here"), OTHER)
        }
        _ if root == Path::new("/") && !is_active(kind) => {
            Finding::failure(CHECK, format!("{found}: enabled, but not active"), enable(kind))
        }
        _ => Finding::ok(CHECK, found),
    }
}

/// Whether the service manager says that it is active; true if there is nothing to ask.
fn is_active(kind: Kind) -> bool {
    let (program, arguments): (&str, &[&str]) = match kind {
        Kind::SystemdTimer => ("systemctl", &["-q", "is-active", TIMER]),
        Kind::SystemdService => ("systemctl", &["-q", "is-active", SERVICE]),
        Kind::Openrc => ("rc-service", &["-q", "stringless", "status"]),
        Kind::Rc | Kind::Cron => return true,
    };
    let mut command = Command::new(program);
    crate::engine::set_basics(&mut command);
    command.args(arguments).stdin(Stdio::null());
    match process::run(&mut command, STATUS, sink(), Redactor::new(&[]), None) {
        Ok(finished) => matches!(finished.end, End::Exit(0) | End::TimedOut(_)),
        Err(_) => true,
    }
}

fn enable(kind: Kind) -> &'static str {
    match kind {
        Kind::SystemdTimer => "systemctl enable --now stringless.timer",
        Kind::SystemdService => "systemctl enable --now stringless.service",
        Kind::Openrc => "rc-update add stringless default, then rc-service stringless start",
        Kind::Rc => "sysrc stringless_enable=YES, then service stringless start",
        Kind::Cron => "start cron, and enable it",
    }
}

const CHECK: &str = "schedule";
const STATUS: Duration = Duration::from_secs(15);
const OTHER: &str = "run the user-data of this node again as root: it writes the schedule for this system";
