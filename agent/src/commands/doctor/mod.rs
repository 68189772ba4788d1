//! `doctor`: looks at everything that a run needs, and says what to do about what is wrong. It changes nothing.
//!
//! Each check runs in a thread of its own and has a time limit, so that one that hangs or fails does not stop the
//! others.

mod configuration;
mod disk;
mod engine;
mod finding;
mod metadata;
mod network;
mod schedule;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use stringless_core::config::{Config, Layer};
use stringless_core::diagnosis::{Diagnosis, Finding, Verdict};
use stringless_core::json;
use stringless_core::manifest::Manifest;
use stringless_core::report::Outcome;
use stringless_core::verify::{self, Verified};

use crate::args::Args;
use crate::error::Result;
use crate::io::Io;
use crate::log;
use crate::output::print;
use crate::session::{Session, config_path, root_of};
use crate::trust::TrustInUse;
use crate::version;

/// What the checks look at.
struct Node {
    config: Config,
    /// The folder that is used as `/`, and whether it is another one.
    root: PathBuf,
    is_other_root: bool,
    io: Arc<Io>,
}

/// Runs all checks and prints what they found. The outcome is temporary (exit code 1) if one failed.
///
/// # Errors
/// The output cannot be printed.
pub fn doctor(args: &Args) -> Result<Outcome> {
    let root = root_of(args)?;
    let path = config_path(args, &root);
    let session = Session::open(args);
    let mut findings = configuration::look(&path, session.as_ref().err());
    let mut jobs: Vec<Job> = Vec::new();
    let (at, config) = (root.clone(), path.clone());
    jobs.push(Job::start("schedule", LIMIT, move || schedule::look(&at, &config)));
    jobs.push(Job::start("program", LIMIT, disk::program));
    if let Ok(session) = session {
        let is_other_root = session.other_root().is_some();
        let Session { config, root, io, .. } = session;
        jobs.extend(Node { config, root, is_other_root, io }.jobs());
    }
    for job in jobs {
        log::step(format_args!("doctor: waiting for the check `{}`", job.check));
        findings.extend(job.wait());
    }
    let ok = findings.iter().all(|finding| finding.result != Verdict::Failure);
    if args.json {
        let output = Diagnosis { format: 1, agent: version::text(), ok, checks: findings };
        print(&log::masked(&String::from_utf8_lossy(&json::write(&output))))?;
    } else {
        print(&log::masked(&text(&findings)))?;
    }
    Ok(if ok { Outcome::Converged } else { Outcome::Temporary })
}

impl Node {
    /// The checks that need the configuration.
    fn jobs(self) -> Vec<Job> {
        let node = Arc::new(self);
        let mut jobs = Vec::new();
        for (l, layer) in node.config.layers.iter().enumerate() {
            for s in 0..layer.stores.len() {
                let node = Arc::clone(&node);
                let about = format!("`{}`: ", layer.stores[s].url);
                let job = Job::start("store", LIMIT, move || network::look(&node, l, s));
                jobs.push(Job { about, ..job });
            }
        }
        type Check = fn(&Node) -> Vec<Finding>;
        let others: [(&'static str, Duration, Check); 3] = [
            ("metadata", LIMIT, metadata::look),
            ("disk", LIMIT, disk::look),
            ("engine", ENGINE, engine::look),
        ];
        for (check, limit, look) in others {
            let node = Arc::clone(&node);
            jobs.push(Job::start(check, limit, move || look(&node)));
        }
        jobs
    }

    /// The last accepted manifest of a layer, verified again.
    fn manifest(&self, layer: &Layer) -> Option<Verified<Manifest>> {
        let disk = self.io.disk.layer(&layer.site);
        let trust = TrustInUse::load(&layer.trust, &layer.site, &disk).ok()?;
        let bytes = disk.manifest(&layer.environment).ok()??;
        verify::manifest(&bytes, &trust.keys, &layer.site, &layer.environment).ok()
    }
}

/// A check that runs.
struct Job {
    check: &'static str,
    /// What it looks at, before the message of a check that hangs.
    about: String,
    result: Receiver<Vec<Finding>>,
    limit: Duration,
    end: Instant,
}

impl Job {
    fn start(
        check: &'static str,
        limit: Duration,
        look: impl FnOnce() -> Vec<Finding> + Send + 'static,
    ) -> Self {
        let (send, result) = mpsc::sync_channel(1);
        // Without a thread, the channel is closed at once.
        let _ = thread::Builder::new().spawn(move || send.send(look()));
        Self { check, about: String::new(), result, limit, end: Instant::now() + limit }
    }

    fn wait(self) -> Vec<Finding> {
        let left = self.end.saturating_duration_since(Instant::now());
        self.result.recv_timeout(left).unwrap_or_else(|error| {
            let found = match error {
                mpsc::RecvTimeoutError::Timeout => format!("no result within {} s", self.limit.as_secs()),
                mpsc::RecvTimeoutError::Disconnected => "the check could not be started".to_owned(),
            };
            let found = format!("{}{found}", self.about);
            vec![Finding::failure(self.check, found, "something hangs: a file system, a server or a program")]
        })
    }
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { check, result, found, hint } in findings {
        text += &format!("{:<8} {check:<14} {found}\n", result.as_str());
        if let Some(hint) = hint {
            text += &format!("{:<23} hint: {hint}\n", "");
        }
    }
    let count = |verdict| findings.iter().filter(|finding| finding.result == verdict).count();
    text + &format!(
        "\n{} checks: {} failed, {} need attention\n",
        findings.len(),
        count(Verdict::Failure),
        count(Verdict::Warning)
    )
}

/// The time limit of a check. Those of its requests are shorter.
const LIMIT: Duration = Duration::from_secs(45);
/// Puppet takes long to say its version on a busy machine.
const ENGINE: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_hangs_or_ends_without_a_result_is_a_failure() {
        let (hold, wait) = mpsc::channel::<()>();
        let hanging = Job::start("store", Duration::from_millis(50), move || {
            let _ = wait.recv();
            Vec::new()
        });
        let found = hanging.wait();
        assert!(found[0].found.starts_with("no result within") && found[0].result == Verdict::Failure);
        drop(hold);
        let good = Job::start("disk", LIMIT, || vec![Finding::ok("disk", "fine")]);
        assert_eq!(good.wait(), [Finding::ok("disk", "fine")]);
    }

    #[test]
    fn the_text_has_a_line_for_each_finding_and_its_hint() {
        let findings =
            [Finding::ok("disk", "fine"), Finding::failure("store", "it said\n\u{1b}no", "ask it")];
        assert_eq!(
            text(&findings),
            "ok       disk           fine\nfailure  store          it said  no\n                        hint: ask it\n\n\
             2 checks: 1 failed, 0 need attention\n"
        );
    }
}
