//! Sends a notice after a run that failed, or that went well again: to a program on the node, or to a URL. Nothing
//! here changes the outcome of the run.

use std::fs;
use std::io::{PipeReader, Write, pipe, stderr};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde::Serialize;
use stringless_core::json;
use stringless_core::notify::{Event, Notices, Notify};
use stringless_core::report::{LayerReport, Report};

use crate::disk::{read_capped, write};
use crate::engine::process::{self, End};
use crate::engine::redact::Redactor;
use crate::engine::set_basics;
use crate::error::{At, Error, Result};
use crate::io::Io;
use crate::{log, signals};

/// Where notices go, and with what.
pub struct Notifier<'a> {
    /// The configuration.
    pub notify: &'a Notify,
    /// Network, clock and disk.
    pub io: &'a Io,
    /// The folder of `--root`; `None`: `/` itself.
    pub root: Option<&'a Path>,
    /// Secrets that no output may show.
    pub secrets: &'a [String],
}

impl Notifier<'_> {
    /// Sends a notice if the run ended in another way than the one before.
    pub fn after(&self, report: &Report) {
        // A run that was asked to stop has not failed.
        if signals::stop_requested() {
            return;
        }
        let path = self.io.disk.file(FILE);
        let saved = read_capped(&path).ok().flatten();
        let before: Notices = saved.and_then(|bytes| json::parse(&bytes).ok()).unwrap_or_default();
        let mut notices = before.clone();
        let event = notices.event(report.outcome).filter(|event| self.notify.on.contains(event));
        let place = self.notify.place();
        if let Some(event) = event {
            let left_out = notices.left_out;
            if notices.admit(self.io.clock.now(), self.notify.per_hour) {
                notices.left_out = 0;
                match self.send(&body(event, report, left_out)) {
                    Ok(()) => log::step(format_args!("notice `{}` sent to `{place}`", event.as_str())),
                    Err(error) => {
                        log::warn(format_args!(
                            "sending the notice `{}` to `{place}`: {error}",
                            event.as_str()
                        ));
                        error.hint_text().into_iter().for_each(log::info);
                    }
                }
            } else {
                let most = self.notify.per_hour;
                log::warn(format_args!("no notice sent to `{place}`: there were {most} in this hour"));
            }
        }
        if notices != before
            && let Err(error) = write::replace(&path, &json::write(&notices))
        {
            log::warn(format_args!("saving when notices were sent: {error}"));
        }
    }

    fn send(&self, body: &[u8]) -> Result<()> {
        match (&self.notify.run, &self.notify.url) {
            (Some(program), _) => self.run(program, body),
            (None, Some(url)) => match self.io.http.post(url, body, LIMIT) {
                Ok(200..=299) => Ok(()),
                Ok(status) => Err(Error::temporary(format!("the server answered {status}"))),
                Err(why) => Err(Error::temporary(why)),
            },
            (None, None) => Ok(()),
        }
    }

    fn run(&self, program: &str, body: &[u8]) -> Result<()> {
        if let Some(root) = self.root {
            let message =
                format!("it is not run: with --root {} it could change this machine", root.display());
            return Err(Error::usage(message));
        }
        let program = trusted(Path::new(program))?;
        let mut command = Command::new(&program);
        set_basics(&mut command);
        command.stdin(input(body.to_vec())?).current_dir("/");
        let ran = process::run(&mut command, LIMIT, stderr(), Redactor::new(self.secrets), None);
        match ran.at("running", &program)?.end {
            End::Exit(0) => Ok(()),
            end => Err(Error::temporary(format!("the program {end}"))),
        }
    }
}

/// The program with its real path, if only root can change it.
fn trusted(path: &Path) -> Result<PathBuf> {
    let real = fs::canonicalize(path).at("looking for", path)?;
    let refuse = |at: &Path, why: &str| {
        let message = format!("not running `{}`: `{}` {why}", path.display(), at.display());
        Err(Error::tampered(message)
            .hint("a program that root runs must be writable by root only: chown, chmod"))
    };
    for at in real.ancestors() {
        let meta = fs::symlink_metadata(at).at("looking at", at)?;
        let own = rustix::process::geteuid().as_raw();
        if meta.uid() != 0 && meta.uid() != own {
            return refuse(at, "belongs to another user");
        }
        // In a folder with the sticky bit, others cannot replace what is not theirs.
        let is_sticky = meta.is_dir() && meta.mode() & 0o1000 != 0;
        if meta.mode() & 0o022 != 0 && !is_sticky {
            return refuse(at, "can be written by other users");
        }
    }
    let meta = fs::metadata(&real).at("looking at", &real)?;
    if meta.is_file() && meta.permissions().mode() & 0o100 != 0 {
        Ok(real)
    } else {
        refuse(&real, "is not an executable file")
    }
}

/// A pipe with the bytes. A thread writes them, because a program need not read.
fn input(bytes: Vec<u8>) -> Result<PipeReader> {
    let (read, mut write) = pipe().at("making a pipe for", "the notice")?;
    let work = move || {
        let _ = write.write_all(&bytes);
    };
    thread::Builder::new().spawn(work).at("starting a thread for", "the notice")?;
    Ok(read)
}

/// The public part of a report: no output of engines.
#[derive(Serialize)]
struct Notice<'a> {
    format: u32,
    event: Event,
    node: &'a str,
    agent: &'a str,
    started: String,
    outcome: &'a str,
    exit_code: u8,
    /// Notices that were left out before this one.
    left_out: u64,
    layers: Vec<Layer>,
}

#[derive(Serialize)]
struct Layer {
    site: String,
    environment: String,
    outcome: &'static str,
    live: Option<u64>,
    reason: Option<String>,
    error: Option<String>,
    warnings: Vec<String>,
}

fn body(event: Event, report: &Report, left_out: u64) -> Vec<u8> {
    let short = |text: &String| -> String { log::masked(text).chars().take(TEXT).collect() };
    let layer = |layer: &LayerReport| Layer {
        site: layer.site.to_string(),
        environment: layer.environment.to_string(),
        outcome: layer.outcome.word(),
        live: layer.live.as_ref().map(|live| live.serial),
        reason: layer.reason.clone(),
        error: layer.error.as_ref().map(short),
        warnings: layer.warnings.iter().take(WARNINGS).map(short).collect(),
    };
    json::write(&Notice {
        format: 1,
        event,
        node: &report.node,
        agent: &report.agent,
        started: report.started.to_string(),
        outcome: report.outcome.word(),
        exit_code: report.exit_code,
        left_out,
        layers: report.layers.iter().take(LAYERS).map(layer).collect(),
    })
}

/// The file of the notices in the state folder.
const FILE: &str = "notices.json";
const LIMIT: Duration = Duration::from_secs(30);
/// The most characters of an error or a warning, and the most of both: a notice has at most 64 KiB.
const TEXT: usize = 500;
const WARNINGS: usize = 4;
const LAYERS: usize = 8;

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests prepare the disk")]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_that_root_alone_can_change_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("notice");
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let why = || trusted(&program).unwrap_err().to_string();
        assert!(why().contains("looking for"));
        fs::write(&program, "#!/bin/sh\n").unwrap();
        mode(&program, 0o600);
        assert!(why().contains("is not an executable file"));
        mode(&program, 0o700);
        assert!(trusted(&program).is_ok());
        for bad in [0o720, 0o702] {
            mode(&program, bad);
            assert!(why().contains("can be written by other users"));
        }
        mode(&program, 0o700);
        mode(folder.path(), 0o777);
        assert!(why().contains("can be written by other users"));
        mode(folder.path(), 0o1777);
        assert!(trusted(&program).is_ok());
    }
}
