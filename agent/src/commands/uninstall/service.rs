//! Stops services, by the program of the service manager that runs.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use stringless_core::installed::{How, Place};

use crate::error::{Error, Result};

/// Stops the service of this place, if it runs, and returns its name then.
///
/// # Errors
/// Temporary: it still runs.
pub fn stop(place: &Place, noop: bool) -> Result<Option<&'static str>> {
    let name = place.path.rsplit('/').next().unwrap_or_default();
    let is_there = Path::new(place.path).exists();
    let (status, stop): (&[&str], &[&str]) = match place.how {
        How::Unit if Path::new("/run/systemd/system").is_dir() => {
            (&["systemctl", "show", "-p", "ActiveState", name], &["systemctl", "stop", name])
        }
        How::Service if is_there && Path::new("/run/openrc").is_dir() => {
            (&["rc-service", name, "status"], &["rc-service", name, "stop"])
        }
        How::Script if is_there => (&["service", name, "onestatus"], &["service", name, "onestop"]),
        _ => return Ok(None),
    };
    let runs = || {
        call(status).is_some_and(|output| match place.how {
            // One that failed may be about to be started again.
            How::Unit => !String::from_utf8_lossy(&output.stdout).contains("=inactive"),
            _ => output.status.success(),
        })
    };
    if !runs() {
        return Ok(None);
    }
    if noop {
        return Ok(Some(name));
    }
    let why = match call(stop) {
        Some(output) if output.status.success() => return Ok(Some(name)),
        _ if !runs() => return Ok(Some(name)),
        Some(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        None => format!("`{}` cannot be started", stop[0]),
    };
    Err(Error::temporary(format!("stopping `{name}`: {why}")))
}

/// Makes systemd read its units again, and forget those that failed.
pub fn reload() {
    if Path::new("/run/systemd/system").is_dir() {
        call(&["systemctl", "daemon-reload"]);
        call(&["systemctl", "reset-failed", "stringless*"]);
    }
}

/// Runs a program of the system to its end; `None` if it cannot be started.
pub fn call(words: &[&str]) -> Option<Output> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command.env("PATH", format!("{path}:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")).output().ok()
}
