//! Runs the new agent before it is installed: first its check, which changes nothing, then its first run.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use stringless_core::report::Outcome;
use stringless_core::version::Version;

use super::{Failure, Node};
use crate::engine::process::{self, END_GRACE, End, Finished, Limits};
use crate::engine::redact::Redactor;
use crate::error::Error;
use crate::guard::FAULT;
use crate::signals;

/// A new agent on trial.
pub struct Trial<'a> {
    /// The node.
    pub node: &'a Node<'a>,
    /// The new file.
    pub new: &'a Path,
    /// Whether the agent at work cannot use the manifest: then its own refusal says nothing about the stores.
    pub blocked: bool,
}

impl Trial<'_> {
    /// The new agent reads configuration and state, and checks every layer.
    pub fn check(&self) -> Result<(), Failure> {
        let layers = u32::try_from(self.node.config.layers.len()).unwrap_or(u32::MAX);
        let check = || self.run("check", &["check"], CHECK.saturating_mul(layers));
        let is_fine = |status| status == 0 || self.is_expected(status);
        match check()? {
            status if is_fine(status) => Ok(()),
            1 => Err(Failure::Passing(Error::temporary("its check found no store that answers"))),
            // A store that is behind another one makes a refusal that passes.
            REFUSED => match check()? {
                status if is_fine(status) => Ok(()),
                REFUSED if !self.blocked && (self.node.probe)() == Some(Outcome::Refused) => {
                    Err(Failure::Passing(Error::temporary("its check was refused, as this agent's is now")))
                }
                status => Err(unfit_check(status)),
            },
            status => Err(unfit_check(status)),
        }
    }

    /// The new agent is of the version that the manifest names: otherwise every run would install it again.
    pub fn version(&self, wanted: Version) -> Result<(), Failure> {
        let mut command = Command::new(self.new);
        command.arg("version").stdin(Stdio::null());
        let limits = Limits { run: shortened(VERSION), end: END_GRACE };
        let redactor = Redactor::new(self.node.secrets);
        let finished = process::run(&mut command, limits, std::io::sink(), redactor, None);
        let Finished { end, output } = finished.map_err(|error| self.not_started(&error))?;
        let said = output.trim();
        match end {
            End::Exit(0) if said == format!("stringless-agent {wanted}") => Ok(()),
            End::Exit(0) => Err(Failure::Unfit(format!("it is another version: it says `{said}`"))),
            End::Stopped => Err(Failure::Passing(Error::temporary("stopped by a signal"))),
            end => Err(Failure::Unfit(format!("its answer to `version` {end}"))),
        }
    }

    /// The new agent does a whole run.
    pub fn first_run(&self) -> Result<Outcome, Failure> {
        let limit = Duration::from_secs(self.node.engines) + RUN;
        let mut words = vec!["--once", "--detailed-exitcodes"];
        // A layer that is not due stays so.
        if self.node.args.due || self.node.args.action == crate::args::Action::Daemon {
            words.push("--due");
        }
        let status = self.run("first run", &words, limit)?;
        let outcome = Outcome::ALL.into_iter().find(|outcome| i32::from(outcome.exit_code(true)) == status);
        let fine = matches!(status, 0 | 1 | 2 | 4) || self.is_expected(status);
        outcome
            .filter(|_| fine)
            .ok_or_else(|| Failure::Unfit(format!("its first run ended with status {status}")))
    }

    /// Whether the agent at work ends like that, too, for a reason that no newer agent mends.
    fn is_expected(&self, status: i32) -> bool {
        let bad = self.node.expected.iter().filter(|outcome| **outcome > Outcome::Changed);
        bad.map(|outcome| i32::from(outcome.exit_code(true))).any(|expected| expected == status)
    }

    fn run(&self, what: &str, words: &[&str], limit: Duration) -> Result<i32, Failure> {
        let args = self.node.args;
        let mut command = Command::new(self.new);
        command.args(words);
        let paths: [(&str, &Option<PathBuf>); 2] = [("--config", &args.config), ("--root", &args.root)];
        for (flag, path) in paths {
            if let Some(path) = path {
                command.arg(flag).arg(path);
            }
        }
        for (site, environment) in &args.environments {
            let site = site.as_ref().map(|site| format!("{site}/")).unwrap_or_default();
            command.arg("--environment").arg(format!("{site}{environment}"));
        }
        #[cfg(feature = "checkpoints")]
        for name in ["STRINGLESS_KILL_AT", "STRINGLESS_STOP_AT", "STRINGLESS_PASSED", "STRINGLESS_PANIC_AT"] {
            command.env_remove(name);
        }
        let redactor = Redactor::new(self.node.secrets);
        // It gives its engine time to end, too.
        let limits = Limits { run: shortened(limit), end: 3 * END_GRACE };
        command.stdin(Stdio::null());
        let finished = process::run(&mut command, limits, std::io::stderr(), redactor, None);
        let Finished { end, output } = finished.map_err(|error| self.not_started(&error))?;
        let last = output.lines().rev().find(|line| !line.trim().is_empty());
        let last = last.map(|line| format!("; its last words: {}", line.trim())).unwrap_or_default();
        match end {
            End::Exit(0) => Ok(0),
            _ if output.contains(FAULT) => Err(Failure::Unfit(format!("its {what} {end}{last}"))),
            End::Exit(status) if Outcome::ALL.iter().any(|one| i32::from(one.exit_code(true)) == status) => {
                Ok(status)
            }
            End::Stopped => Err(Failure::Passing(Error::temporary("stopped by a signal"))),
            // The agent at work was asked to stop, and the whole group got the signal.
            _ if signals::stop_requested() => Err(Failure::Passing(Error::temporary("stopped by a signal"))),
            end => Err(Failure::Unfit(format!("its {what} {end}{last}"))),
        }
    }

    fn not_started(&self, error: &std::io::Error) -> Failure {
        let path = self.new.display();
        match error.kind() {
            _ if error.raw_os_error() == Some(ENOEXEC) => {
                Failure::Unfit("this machine cannot run it: it is for another CPU or system".into())
            }
            ErrorKind::PermissionDenied => Failure::Unwritable(format!("`{path}` may not be run: {error}")),
            _ => Failure::Passing(Error::temporary(format!("starting `{path}`: {error}"))),
        }
    }
}

fn unfit_check(status: i32) -> Failure {
    Failure::Unfit(format!("its check ended with status {status}"))
}

/// The limit, or the one of a test.
fn shortened(limit: Duration) -> Duration {
    #[cfg(feature = "checkpoints")]
    if let Some(seconds) = std::env::var("STRINGLESS_TRIAL_SECONDS").ok().and_then(|text| text.parse().ok()) {
        return Duration::from_secs(seconds);
    }
    limit
}

/// How long a check may take for each layer: a store that hangs is asked several times.
const CHECK: Duration = Duration::from_secs(300);
/// How long it may take to say its version.
const VERSION: Duration = Duration::from_secs(60);
/// The exit code of what was refused.
const REFUSED: i32 = 3;
/// How long a run may take besides its engines.
const RUN: Duration = Duration::from_secs(1800);
const ENOEXEC: i32 = 8;
