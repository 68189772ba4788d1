//! Downloads one object from the stores. Resumes after an interruption, and computes the hash meanwhile.

use std::fs::File;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use stringless_core::answer::Foreign;
use stringless_core::pack::Pack;
use stringless_core::{answer, backoff};

use super::Work;
use super::fault::FetchError;
use super::object::Object;
use super::partial::{Owner, Partial};
use crate::disk::write;
use crate::error::{Error, Result};
use crate::io::random;
use crate::log;
use crate::release::verified::VerifiedPack;
use crate::store::document::pause;
use crate::store::{Answer, GetRequest, RequestError, StoreClient};

/// One store's turn for a pack.
struct Turn<'a> {
    number: usize,
    source: &'a StoreClient,
    /// When the turn of the next store begins.
    end: Instant,
}

/// Verifies a pack on disk, and downloads what is missing or wrong. `packs` have the same bytes; `None`: there
/// are none of them.
///
/// # Errors
/// As [`download`].
pub fn pack<'p>(packs: &'p [Pack], work: &Work) -> Result<Option<VerifiedPack<'p>>> {
    let Some(first) = packs.first() else { return Ok(None) };
    let object = Object::of_pack(first, &work.io);
    let file = download(&object, work)?;
    Ok(Some(VerifiedPack { packs, file, path: object.path }))
}

/// Downloads an object, trying every store in turn, in several rounds. Each store gets an equal share of the
/// remaining time, so that a slow store does not use up the time of the others.
///
/// # Errors
/// Refused if a store sent wrong bytes and none sent the right ones; else temporary.
pub fn download(object: &Object, work: &Work) -> Result<File> {
    let mut partial = Partial::open(&object.path, object.size)?;
    if partial.length == object.size && partial.sha256() == object.sha256 {
        return Ok(partial.file);
    }
    let mut faults: Vec<Option<FetchError>> = work.sources.iter().map(|_| None).collect();
    let mut may_mix = true;
    let mut tried = 0;
    loop {
        let before = partial.length;
        let mut order = work.order();
        order.retain(|number| !faults[*number].as_ref().is_some_and(FetchError::is_permanent));
        for (position, &number) in order.iter().enumerate() {
            work.check().map_err(|error| with_store_errors(error, work, &faults))?;
            let left = work.deadline().saturating_duration_since(Instant::now());
            let share = left / u32::try_from(order.len() - position).unwrap_or(u32::MAX);
            let turn = Turn { number, source: &work.sources[number], end: Instant::now() + share };
            match from_store(&turn, &mut partial, &mut may_mix, object, work) {
                Ok(()) => {
                    work.fetched.fetch_add(1, Ordering::Relaxed);
                    let (from, size) = (&turn.source.name, object.size);
                    log::step(format_args!("`{}`: {size} bytes from `{from}`", object.key));
                    return Ok(partial.file);
                }
                Err(FetchError::Local(error)) => return Err(with_store_errors(error, work, &faults)),
                Err(fault) => {
                    log::step(format_args!("`{}` from `{}`: {fault}", object.key, turn.source.name));
                    faults[number] = Some(fault);
                }
            }
            work.demote(number);
        }
        work.check().map_err(|error| with_store_errors(error, work, &faults))?;
        // A round with progress is not a failed try; only the deadline limits such rounds.
        tried = if partial.length >= before + PROGRESS { 1 } else { tried + 1 };
        let retryable = faults.iter().flatten().any(|fault| !fault.is_permanent());
        let Some(wait) = backoff::wait(tried, random()).filter(|_| retryable) else {
            if partial.length == 0 {
                write::remove_file(&object.path)?;
            }
            return Err(all_failed(object, work, &faults, tried));
        };
        let pause_ms = faults.iter().flatten().map(FetchError::retry_after_ms).max().unwrap_or(0);
        pause(Duration::from_millis(wait.max(pause_ms)), || work.check().is_err());
    }
}

/// Completes the pack from one store, which may continue with the bytes of other stores. If such mixed bytes
/// have a wrong hash, no store is blamed; but from then on (`may_mix` is false) no store continues with
/// another's bytes. Otherwise a store that sends one wrong byte and hangs up would spoil the downloads of
/// all. If the bytes came from one store in several parts, it gets a second chance, because a cache in front
/// of it may have mixed up the parts.
fn from_store(
    turn: &Turn<'_>,
    partial: &mut Partial,
    may_mix: &mut bool,
    object: &Object,
    work: &Work,
) -> std::result::Result<(), FetchError> {
    let own = Owner::Store(turn.number);
    let mut wrong = 0;
    if !*may_mix && partial.owner != own {
        partial.restart()?;
    }
    loop {
        let before = partial.length;
        match resume(turn, partial, object, work) {
            Ok(()) => {}
            // Interrupted, but with progress: continue with the same store.
            Err(FetchError::Request(failure))
                if !failure.is_permanent() && partial.length >= before + PROGRESS =>
            {
                continue;
            }
            Err(fault) => return Err(fault),
        }
        let found = partial.sha256();
        if partial.length == object.size && found == object.sha256 {
            return Ok(());
        }
        let refusal = object.wrong(partial.length, found);
        if partial.encoded {
            partial.restart()?;
            let Foreign { what, hint } = answer::COMPRESSED;
            let message = format!("the answer is wrong: {what}");
            return Err(FetchError::Request(RequestError::permanent(message, Some(hint))));
        }
        let (alone, parts) = (partial.owner != Owner::Several, partial.answers > 1);
        partial.restart()?;
        wrong += u32::from(alone);
        if alone && (!parts || wrong > 1) {
            return Err(FetchError::WrongBytes(refusal));
        }
        *may_mix &= alone;
    }
}

/// Requests the missing bytes, or all bytes if the store rejects a range.
fn resume(
    turn: &Turn<'_>,
    partial: &mut Partial,
    object: &Object,
    work: &Work,
) -> std::result::Result<(), FetchError> {
    if partial.length == object.size {
        return Ok(());
    }
    let limit = turn.end.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
    let part = GetRequest { key: &object.key, etag: None, from: partial.length, limit };
    let answer = match turn.source.get(&part) {
        Err(failure) if part.from > 0 && failure.may_reject_range() => {
            turn.source.get(&GetRequest { from: 0, ..part })
        }
        other => other,
    };
    let answer = answer.map_err(FetchError::Request)?;
    let Answer::Content { from, body, encoding, .. } = answer else {
        return Err(FetchError::Request(RequestError::permanent(
            "there is no such object".into(),
            Some(object.missing),
        )));
    };
    if from != partial.length {
        partial.restart()?;
    }
    partial.encoded |= answer::is_encoded(encoding.as_deref());
    let taken = partial.receive(turn.number, body, object.size, &work.io, || {
        work.check()?;
        if Instant::now() >= turn.end { Err(too_slow()) } else { Ok(()) }
    });
    match taken {
        // The request has the same time limit as the turn; either may end first.
        Err(FetchError::Request(_)) if Instant::now() >= turn.end => Err(too_slow()),
        taken => taken,
    }
}

fn too_slow() -> FetchError {
    FetchError::Request(RequestError::retryable("too slow: its share of the time is over".into()))
}

/// Adds the stores' errors so far to an error that no store caused.
fn with_store_errors(error: Error, work: &Work, faults: &[Option<FetchError>]) -> Error {
    work.sources.iter().zip(faults).fold(error, |error, (source, fault)| match fault {
        Some(FetchError::Request(failure)) => {
            error.append(format_args!("; `{}`: {}", source.name, failure.message))
        }
        Some(FetchError::WrongBytes(refusal)) => error.append(format_args!("; `{}`: {refusal}", source.name)),
        Some(FetchError::Local(_)) | None => error,
    })
}

/// The error after all stores failed: refusals first, then all other errors.
fn all_failed(object: &Object, work: &Work, faults: &[Option<FetchError>], tried: u32) -> Error {
    let mut errors: Vec<(bool, Error)> = Vec::new();
    for (source, fault) in work.sources.iter().zip(faults) {
        match fault {
            Some(FetchError::WrongBytes(refusal)) => {
                let what = format!("{}, from `{}`", object.owner(), source.name);
                errors.push((true, Error::refused(what, refusal)));
            }
            Some(FetchError::Request(failure)) => {
                errors.push((false, source.error(&object.key, failure, tried)));
            }
            Some(FetchError::Local(_)) | None => {}
        }
    }
    errors.sort_by_key(|(refused, _)| !refused);
    let mut errors = errors.into_iter().map(|(_, error)| error);
    let first = errors.next().unwrap_or_else(|| Error::temporary("there is no store to fetch packs from"));
    errors.fold(first, |first, other| first.append(format_args!("; {other}")))
}

/// The number of new bytes that count as progress.
const PROGRESS: u64 = 256 * 1024;
