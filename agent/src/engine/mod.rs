//! The engines that apply a release; see `stringless_core::manifest::Engine`.

pub mod job;
pub mod modulepath;
pub mod orphan;
pub mod process;
pub mod puppet;
pub mod redact;
pub mod root;

mod environment_conf;
mod facts;
mod script;

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use stringless_core::label;
use stringless_core::manifest::{Apply, Engine};
use stringless_core::name::Name;
use stringless_core::report::Outcome;

use crate::args::SCHEDULE;
use crate::error::Error;
use crate::log;
use job::{Applied, Failed, Job};
use process::{End, Finished};
use redact::Redactor;

/// Runs the engine of a release.
///
/// # Errors
/// The failure, with the exit status and the end of the output.
pub fn apply(apply: &Apply, job: &Job<'_>) -> Result<Applied, Failed> {
    let unable = |error| Failed { error, status: None, output: String::new() };
    if job.noop && !root::keeps_to(&apply.engine, job.root) {
        let serial = job.release.serial;
        log::info(format_args!("noop: would run the engine of release {serial}; {NO_ROOT}"));
        return Ok(Applied { changed: true, status: None, output: String::new() });
    }
    root::check(&apply.engine, job.root, job.release.serial).map_err(unable)?;
    let (name, command) = match &apply.engine {
        Engine::Script(script) if job.noop && !script.noop => {
            let serial = job.release.serial;
            log::info(format_args!("noop: would run `{}` of release {serial}; {NO_NOOP}", script.run));
            return Ok(Applied { changed: true, status: None, output: String::new() });
        }
        Engine::Script(script) => ("script", script::command(script, job)),
        Engine::Puppet(_) => ("puppet", puppet::command(job).and_then(|command| facts::add(command, job))),
    };
    let mut command = command.map_err(unable)?;
    set_environment(&mut command, job);
    command.stdin(Stdio::null());
    let output: Box<dyn Write + Send> =
        if job.json { Box::new(std::io::stderr()) } else { Box::new(std::io::stdout()) };
    let limit = Duration::from_secs(apply.timeout);
    let finished = process::run(&mut command, limit, output, Redactor::new(job.secrets), Some(&job.record))
        .map_err(|error| {
        let failed = Error::engine(format!("starting the {name} engine: {error}"));
        unable(match error.kind() {
            ErrorKind::PermissionDenied => failed.hint("is the file system of `state_dir` mounted noexec?"),
            // The machine lacks threads, files or memory: the release is not at fault.
            _ if error.raw_os_error().is_some_and(is_exhaustion) => failed.with_outcome(Outcome::Temporary),
            _ => failed.hint("does its first line, `#!…`, name an installed interpreter?"),
        })
    })?;
    let changed = match (&apply.engine, &finished.end) {
        (Engine::Script(_), End::Exit(0)) => Some(!script::says_unchanged(&finished.output)),
        (Engine::Puppet(_), End::Exit(status)) => puppet::changed(*status),
        _ => None,
    };
    conclude(name, changed, finished)
}

fn conclude(name: &str, changed: Option<bool>, finished: Finished) -> Result<Applied, Failed> {
    let Finished { end, output } = finished;
    let status = if let End::Exit(status) = end { Some(status) } else { None };
    match changed {
        Some(changed) => Ok(Applied { changed, status, output }),
        None => {
            let error = Error::engine(format!("the {name} engine {end}"))
                .hint("see its output above; last-run.json has the end of it");
            Err(Failed { error, status, output })
        }
    }
}

/// Whether the error says that the machine has no more of something.
fn is_exhaustion(error: i32) -> bool {
    use rustix::io::Errno;
    [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE].iter().any(|one| one.raw_os_error() == error)
}

/// Sets what every program of the agent gets of its environment: all but credentials, and a `PATH` and a `HOME`.
pub fn set_basics(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        // A label that this node does not have must not come from the caller's shell.
        if text.starts_with("AWS_") || text.starts_with(label::PREFIX) {
            command.env_remove(name);
        }
    }
    if std::env::var_os("PATH").is_none() {
        command.env("PATH", PATH);
    }
    if std::env::var_os("HOME").is_none() {
        command.env("HOME", "/root");
    }
}

/// Sets the environment of every engine: the agent's own without credentials, and the `STRINGLESS_*`
/// variables.
fn set_environment(command: &mut Command, job: &Job<'_>) {
    set_basics(command);
    if let Some((proxy, direct)) = job.proxy {
        for (name, value) in [("http_proxy", proxy), ("https_proxy", proxy), ("no_proxy", direct)] {
            command.env(name, value).env(name.to_ascii_uppercase(), value);
        }
    }
    command
        .env_remove(SCHEDULE)
        .env("STRINGLESS_SITE", job.site.as_str())
        .env("STRINGLESS_ENVIRONMENT", job.release.environment.as_str())
        .env("STRINGLESS_SERIAL", job.release.serial.to_string())
        .env("STRINGLESS_COMMIT", job.commit())
        .env("STRINGLESS_RELEASE", job.path)
        .env("STRINGLESS_NODE", &job.node.id)
        .env("STRINGLESS_REGION", job.node.region.as_ref().map_or("", Name::as_str))
        .env("STRINGLESS_ROLE", job.node.role.as_ref().map_or("", Name::as_str))
        .envs(job.node.labels.variables())
        // These two are set in every run, so that a value from the caller's shell never turns a real run into
        // a dry run, and never moves it to another folder.
        .env("STRINGLESS_NOOP", if job.noop { "1" } else { "" })
        .env("STRINGLESS_ROOT", job.root.unwrap_or(Path::new("")))
        .current_dir(job.path);
}

const NO_NOOP: &str = "it is not run: the site file does not say that it supports `noop`";
const NO_ROOT: &str = "it is not run: with --root it could change this machine";
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
