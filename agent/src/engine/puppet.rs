//! The `puppet` engine: `puppet apply` of OpenVox or Puppet.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::environment_conf::EnvironmentConf;
use super::job::Job;
use crate::error::{Error, Result};

/// The command that applies the release with Puppet.
///
/// The release's folder has the name of its environment, and its parent contains nothing else. So the parent
/// is the environment path, and Puppet itself reads `environment.conf` and Hiera 5. Two of its settings are
/// replaced: the version of the configuration always, and the module path if there are earlier layers.
///
/// # Errors
/// Engine: Puppet is not installed.
pub fn command(job: &Job<'_>) -> Result<Command> {
    let program = program().ok_or_else(|| {
        Error::engine("looking for puppet: not found in /opt/puppetlabs/bin or PATH")
            .hint("install `openvox-agent`; a bootstrap for the puppet engine does that")
    })?;
    let mut command = Command::new(program);
    command
        .arg("apply")
        .arg("--environmentpath")
        .arg(job.path.parent().unwrap_or(Path::new("/")))
        .arg("--environment")
        .arg(job.release.environment.as_str())
        .args(["--detailed-exitcodes", "--color", "false"])
        // Replaces `config_version` of `environment.conf`, which would fail the run: it usually asks git, and
        // a release has no repository. Puppet runs the value as a command, and it holds no sign of a shell.
        .arg("--config_version")
        .arg(format!("echo {}", job.version()));
    if job.noop {
        command.arg("--noop");
    }
    if let Some(path) = job.modules.path(job.path) {
        command.arg("--modulepath").arg(path);
    }
    // Without a manifest argument, Puppet uses the environment's.
    command.args(EnvironmentConf::read(job.path).manifest());
    Ok(command)
}

/// Whether something changed, by Puppet's exit status; `None` for a failure.
///
/// `puppet apply --detailed-exitcodes`: 0 nothing changed, 2 changes, 4 failures, 6 both, 1 no run.
pub fn changed(status: i32) -> Option<bool> {
    match status {
        0 => Some(false),
        2 => Some(true),
        _ => None,
    }
}

/// Puppet's program, if it is installed.
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let outside = |folder: &str| std::iter::once(PathBuf::from(folder));
    // FreeBSD installs packages in /usr/local/bin, which is not in the PATH of programs started at boot.
    let all =
        outside("/opt/puppetlabs/bin").chain(std::env::split_paths(&path)).chain(outside("/usr/local/bin"));
    all.map(|folder| folder.join("puppet")).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_the_exit_status_to_changed() {
        assert_eq!([0, 2, 1, 4, 6].map(changed), [Some(false), Some(true), None, None, None]);
    }
}
