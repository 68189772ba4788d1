//! `upgrade.json`, and the probation of a new agent.

use std::os::unix::process::CommandExt;
use std::process::Command;

use stringless_core::json;
use stringless_core::upgrade::{FORMAT, LeftAlone, Record, STARTS, Start};

use super::place::Place;
use crate::disk::{Disk, read_capped, write};
use crate::error::{Error, Result};
use crate::io::Io;
use crate::{guard, log, version};

/// Reads the record. What is not JSON was damaged on the disk, and counts as none.
///
/// # Errors
/// Configuration: a newer agent wrote it.
pub fn read(disk: &Disk) -> Result<Record> {
    let path = disk.file(FILE);
    let Some(bytes) = read_capped(&path)? else { return Ok(Record::default()) };
    json::check_head(&bytes, FORMAT).map_err(|error| {
        Error::configuration(format!("reading `{}`: {error}", path.display()))
            .hint("use the newer agent again, or remove the file")
    })?;
    Ok(json::parse(&bytes).unwrap_or_default())
}

/// Replaces the record.
///
/// # Errors
/// Temporary.
pub fn save(disk: &Disk, record: &Record) -> Result<()> {
    write::replace(&disk.file(FILE), &json::write(record))
}

/// The start of a run: counts it if this agent is new. An agent that completes none of its runs puts the one before it
/// back, which then does the run.
///
/// # Errors
/// The agent before it cannot be put back.
pub fn begin(io: &Io) -> Result<()> {
    let mut record = match read(&io.disk) {
        Ok(record) => record,
        Err(error) => {
            log::warn(&error);
            return Ok(());
        }
    };
    match record.start(version::own()) {
        Start::Usual => Ok(()),
        Start::Counted => {
            // On a full disk, this run may be the one that makes room.
            let _ = save(&io.disk, &record).inspect_err(|error| log::warn(error));
            Ok(())
        }
        Start::PutBack => put_back(io, record),
    }
}

/// The end of a run. Nothing that goes wrong here changes its outcome.
pub fn complete(io: &Io) {
    if let Ok(mut record) = read(&io.disk)
        && record.complete(version::own())
    {
        let _ = save(&io.disk, &record).inspect_err(|error| log::warn(error));
    }
}

fn put_back(io: &Io, mut record: Record) -> Result<()> {
    let place = Place::of_this_agent()?;
    if let Some(installed) = &record.installed {
        let reason = format!("it was started {STARTS} times and completed no run");
        log::warn(format_args!(
            "agent {}: {reason}; putting agent {} back",
            installed.version, installed.previous
        ));
        let (version, sha256) = (installed.version, installed.sha256);
        record.quarantined = Some(LeftAlone { version, sha256, reason, at: io.clock.now() });
        // Saved first: a kill after it leaves the new agent on probation, and its next start comes here again.
        save(&io.disk, &record)?;
        if let Err(error) = write::rename(&place.previous, &place.exe) {
            log::warn(error);
            record.starts = None;
            return save(&io.disk, &record);
        }
    }
    let mut again = Command::new(&place.exe);
    again.args(std::env::args_os().skip(1));
    let error = guard::with_former_limit(|| again.exec());
    Err(Error::temporary(format!("starting `{}`: {error}", place.exe.display())))
}

/// The record's name in the state folder.
const FILE: &str = "upgrade.json";
