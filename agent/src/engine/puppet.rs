//! The `puppet` engine: `puppet apply` of OpenVox or Puppet.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::environment_conf::EnvironmentConf;
use super::job::{Found, Job};
use crate::error::Error;

/// The command that applies the release with Puppet.
///
/// The release's folder is named for its environment and stands in a folder of its own: that is the
/// environment path, and Puppet itself reads `environment.conf` and Hiera 5. Over earlier layers the module path
/// is composed here, and takes the place of that of `environment.conf`.
///
/// # Errors
/// An engine error when there is no Puppet.
pub fn command(job: &Job<'_>) -> Found {
    let program = program().ok_or_else(|| {
        Error::engine("looking for puppet: it is neither in /opt/puppetlabs/bin nor in PATH")
            .hint("install `openvox-agent`, or render the bootstrap with the puppet engine: it installs it")
    })?;
    let mut command = Command::new(program);
    command
        .arg("apply")
        .arg("--environmentpath")
        .arg(job.path.parent().unwrap_or(Path::new("/")))
        .arg("--environment")
        .arg(job.release.environment.as_str())
        .args(["--detailed-exitcodes", "--color", "false"]);
    if job.noop {
        command.arg("--noop");
    }
    if let Some(path) = job.modules.path(job.path) {
        command.arg("--modulepath").arg(path);
    }
    // Without one, Puppet takes the environment's.
    command.args(EnvironmentConf::read(job.path).manifest());
    Ok(command)
}

/// What Puppet's exit status means: whether something was changed; `None` for a failure.
///
/// Puppet's `apply` with `--detailed-exitcodes`: 0 nothing, 2 changes, 4 failures, 6 both, 1 no run.
pub fn changed(status: i32) -> Option<bool> {
    match status {
        0 => Some(false),
        2 => Some(true),
        _ => None,
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let outside = |folder: &str| std::iter::once(PathBuf::from(folder));
    // The last is where FreeBSD has its packages, and what runs at boot there has no such PATH.
    let all =
        outside("/opt/puppetlabs/bin").chain(std::env::split_paths(&path)).chain(outside("/usr/local/bin"));
    all.map(|folder| folder.join("puppet")).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_the_exit_status() {
        assert_eq!([0, 2, 1, 4, 6].map(changed), [Some(false), Some(true), None, None, None]);
    }
}
