//! One pack: from the first store that has it whole, taken up where a cut left it, hashed as it comes.

use std::time::{Duration, Instant};

use stringless_core::pack::Pack;
use stringless_core::refusal::Refusal;
use stringless_core::{backoff, layout};

use super::Work;
use super::fault::Fault;
use super::partial::{Owner, Partial};
use super::verified::VerifiedPack;
use crate::disk::write;
use crate::error::{Error, Result};
use crate::io::random;
use crate::store::document::pause;
use crate::store::{Answer, Source, Trouble, Wanted};

/// What a store is given for one pack.
struct Turn<'a> {
    number: usize,
    source: &'a Source,
    /// When the others come to it.
    end: Instant,
}

/// Fetches a pack, trying every store in turn, round after round. Of the time that is left each has its
/// share, so that a slow one does not take that of the others.
///
/// # Errors
/// Refused when a store sent other bytes and none had the right ones; else temporary.
pub fn download<'p>(pack: &'p Pack, work: &Work) -> Result<VerifiedPack<'p>> {
    let path = work.io.disk.incoming(&pack.sha256);
    let mut partial = Partial::open(&path, pack)?;
    let mut faults: Vec<Option<Fault>> = work.sources.iter().map(|_| None).collect();
    let mut mixed = true;
    let mut tried = 0;
    loop {
        let before = partial.length;
        let mut order = work.order();
        order.retain(|number| !faults[*number].as_ref().is_some_and(Fault::is_lasting));
        for (place, &number) in order.iter().enumerate() {
            work.check().map_err(|error| after(error, work, &faults))?;
            let left = work.deadline().saturating_duration_since(Instant::now());
            let share = left / u32::try_from(order.len() - place).unwrap_or(u32::MAX);
            let turn = Turn { number, source: &work.sources[number], end: Instant::now() + share };
            match from_one(&turn, &mut partial, &mut mixed, pack, work) {
                Ok(()) => return Ok(VerifiedPack { pack, file: partial.file, path }),
                Err(Fault::Here(error)) => return Err(after(error, work, &faults)),
                Err(fault) => faults[number] = Some(fault),
            }
            work.demote(number);
        }
        work.check().map_err(|error| after(error, work, &faults))?;
        // What goes forward is no failed try; the deadline bounds it.
        tried = if partial.length >= before + PROGRESS { 1 } else { tried + 1 };
        let hopeful = faults.iter().flatten().any(|fault| !fault.is_lasting());
        let Some(wait) = backoff::wait(tried, random()).filter(|_| hopeful) else {
            if partial.length == 0 {
                write::remove_file(&path)?;
            }
            return Err(concluded(pack, work, &faults, tried));
        };
        let asked = faults.iter().flatten().map(Fault::asked_wait).max().unwrap_or(0);
        pause(Duration::from_millis(wait.max(asked)), || work.check().is_err());
    }
}

/// Completes the pack from one store, which may take up what others have left. Where that came out wrong
/// nobody is to blame, and from then on (`mixed`) no store goes on with bytes of another: one that sends a
/// wrong byte and hangs up would spoil them all. Parts of one store are given a second chance, as a cache
/// before it may have mixed them up.
fn from_one(
    turn: &Turn<'_>,
    partial: &mut Partial,
    mixed: &mut bool,
    pack: &Pack,
    work: &Work,
) -> std::result::Result<(), Fault> {
    let own = Owner::Store(turn.number);
    let mut wrong = 0;
    if !*mixed && partial.owner != own {
        partial.restart()?;
    }
    loop {
        let before = partial.length;
        match continued(turn, partial, pack, work) {
            Ok(()) => {}
            // It was cut, and goes forward: the same store goes on.
            Err(Fault::Trouble(trouble)) if !trouble.is_lasting() && partial.length >= before + PROGRESS => {
                continue;
            }
            Err(fault) => return Err(fault),
        }
        let found = partial.found();
        if partial.length == pack.size && found == pack.sha256 {
            return Ok(());
        }
        let path = pack.path.clone();
        let refusal = match partial.length > pack.size {
            true => Refusal::Size { path, what: "bytes", expected: pack.size },
            false => Refusal::Hash { path, found, expected: pack.sha256 },
        };
        let (alone, parts) = (partial.owner != Owner::Several, partial.answers > 1);
        partial.restart()?;
        wrong += u32::from(alone);
        if alone && (!parts || wrong > 1) {
            return Err(Fault::Wrong(refusal));
        }
        *mixed &= alone;
    }
}

/// Asks for what is missing, or for all of it where a store does not like to be asked for a part.
fn continued(
    turn: &Turn<'_>,
    partial: &mut Partial,
    pack: &Pack,
    work: &Work,
) -> std::result::Result<(), Fault> {
    if partial.length == pack.size {
        return Ok(());
    }
    let key = layout::pack(&pack.sha256);
    let limit = turn.end.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
    let part = Wanted { key: &key, etag: None, from: partial.length, limit };
    let answer = match turn.source.ask(&part) {
        Err(trouble) if part.from > 0 && trouble.dislikes_range() => {
            turn.source.ask(&Wanted { from: 0, ..part })
        }
        other => other,
    };
    let answer = answer.map_err(Fault::Trouble)?;
    let Answer::Content { from, body, .. } = answer else {
        return Err(Fault::Trouble(Trouble::lasting("there is no such object".into(), Some(MISSING))));
    };
    if from != partial.length {
        partial.restart()?;
    }
    let taken = partial.take(turn.number, body, pack, &work.io, || {
        work.check()?;
        if Instant::now() >= turn.end { Err(too_slow()) } else { Ok(()) }
    });
    match taken {
        // The time limit of the exchange is the same, and whichever comes first ends it.
        Err(Fault::Trouble(_)) if Instant::now() >= turn.end => Err(too_slow()),
        taken => taken,
    }
}

fn too_slow() -> Fault {
    Fault::Trouble(Trouble::worth_a_retry("too slow: the time that it had is over".into()))
}

/// An end that is not the stores' fault, with what went wrong at them before it.
fn after(error: Error, work: &Work, faults: &[Option<Fault>]) -> Error {
    work.sources.iter().zip(faults).fold(error, |error, (source, fault)| match fault {
        Some(Fault::Trouble(trouble)) => error.and(format_args!("; `{}`: {}", source.name, trouble.message)),
        Some(Fault::Wrong(refusal)) => error.and(format_args!("; `{}`: {refusal}", source.name)),
        Some(Fault::Here(_)) | None => error,
    })
}

/// All stores failed: the first refusal, else every trouble.
fn concluded(pack: &Pack, work: &Work, faults: &[Option<Fault>], tried: u32) -> Error {
    let key = layout::pack(&pack.sha256);
    let mut told: Vec<(bool, Error)> = Vec::new();
    for (source, fault) in work.sources.iter().zip(faults) {
        match fault {
            Some(Fault::Wrong(refusal)) => {
                let what = format!("the release, from `{}`", source.name);
                told.push((true, Error::refused(what, refusal)));
            }
            Some(Fault::Trouble(trouble)) => told.push((false, source.error(&key, trouble, tried))),
            Some(Fault::Here(_)) | None => {}
        }
    }
    told.sort_by_key(|(refused, _)| !refused);
    let mut errors = told.into_iter().map(|(_, error)| error);
    let first = errors.next().unwrap_or_else(|| Error::temporary("there is no store to fetch packs from"));
    errors.fold(first, |first, other| first.and(format_args!("; {other}")))
}

/// So many more bytes make a round worth another.
const PROGRESS: u64 = 256 * 1024;
const MISSING: &str =
    "the manifest names a pack that the store does not have; `stringless verify` checks the bucket";
