//! Carries the steps of a publication out.

use std::fs;
use std::path::Path;

use serde::Serialize;
use stringless_core::json::MAX_BYTES;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::pack::Pack;

use crate::error::{Error, Result};
use crate::pack::cache::pack_file;
use crate::parallel;
use crate::progress::Progress;
use crate::release::claim::Claim;
use crate::release::gc::mark;
use crate::release::plan::Step;
use crate::remote::verified::VerifiedPack;
use crate::site::trust_chain::TrustFile;
use crate::store::{Condition, Put, Store, put_same, taken};
use crate::trust::sync;

/// A publication that is ready to be carried out.
#[derive(Debug)]
pub struct Upload<'a> {
    /// Where to.
    pub store: &'a Store,
    /// The site's trust documents.
    pub trust: &'a [TrustFile],
    /// Where the packs are.
    pub packs: Packs<'a>,
    /// The manifest.
    pub manifest: &'a Manifest,
    /// The manifest, signed.
    pub signed: &'a [u8],
    /// The validator of the pointer that it follows.
    pub after: Option<&'a str>,
    /// The packs of that one: nobody removes them while it is published.
    pub kept: &'a [Pack],
}

/// Where the packs of a publication come from.
#[derive(Clone, Copy, Debug)]
pub enum Packs<'a> {
    /// A folder of built packs.
    Folder(&'a Path),
    /// Another store.
    Store(&'a Store),
}

/// What was moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Packs that were not there.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether a claim stood in for conditional writes, which the store does not heed.
    pub claimed: bool,
}

/// How an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploaded {
    /// Nodes see the release.
    Done(Moved),
    /// There is another manifest under this serial, of a publication that was cut off or is under way.
    SerialTaken,
}

/// Writes what is missing, the pointer last.
///
/// # Errors
/// When the store fails, or somebody else published in the meantime.
pub fn run(upload: &Upload<'_>, steps: &[Step], progress: &Progress) -> Result<Uploaded> {
    let mut moved = Moved::default();
    let total = upload.manifest.packs.iter().map(|pack| pack.size).sum();
    let bar = progress.bytes("uploading", total);
    let environment = &upload.manifest.environment;
    let mut claim = None;
    for step in steps {
        match step {
            Step::Trust(version) => {
                if let Some(file) = upload.trust.iter().find(|file| file.trust.version == *version) {
                    sync::put(upload.store, file)?;
                }
            }
            Step::Packs(packs) => {
                let put = |pack: &Pack| {
                    let put = put_pack(upload, pack);
                    bar.inc(pack.size);
                    put
                };
                for bytes in parallel::map(packs, AT_ONCE, put)?.into_iter().flatten() {
                    moved.packs += 1;
                    moved.bytes += bytes;
                }
            }
            Step::History(serial) => {
                claim = claim_if_needed(upload)?;
                moved.claimed = claim.is_some();
                if !put_same(upload.store, &layout::history(environment, *serial), upload.signed)? {
                    return Ok(Uploaded::SerialTaken);
                }
            }
            Step::Still(packs) => {
                mark::refuse(upload.store, packs)?;
                let others: Vec<&Pack> = packs.iter().filter(|pack| !upload.kept.contains(pack)).collect();
                parallel::map(&others, AT_ONCE, |pack| put_pack(upload, pack))?;
            }
            Step::Pointer => put_pointer(upload, claim.is_some())?,
        }
    }
    bar.finish_and_clear();
    Ok(Uploaded::Done(moved))
}

/// Writes a pack that is not there; returns its bytes if it was written.
fn put_pack(upload: &Upload<'_>, pack: &Pack) -> Result<Option<u64>> {
    let key = layout::pack(&pack.sha256);
    if upload.store.holds(&key, pack.size)? {
        return Ok(None);
    }
    let verified = upload.packs.read(pack)?;
    match upload.store.put(&key, verified.bytes(), Condition::Absent)? {
        Put::Written => Ok(Some(pack.size)),
        // Somebody else wrote the same in the meantime.
        Put::NotHeld if upload.store.holds(&key, pack.size)? => Ok(None),
        Put::NotHeld => Err(taken(upload.store, &key, "packs are named by their hash")),
    }
}

impl Packs<'_> {
    /// Reads a pack, and checks it: the store keeps forever what is written under a hash.
    fn read<'p>(&self, pack: &'p Pack) -> Result<VerifiedPack<'p>> {
        let folder = match self {
            Self::Folder(folder) => folder,
            Self::Store(store) => return VerifiedPack::fetch(store, pack),
        };
        let path = pack_file(folder, pack);
        let bytes = fs::read(&path).map_err(|e| {
            Error::io("reading", &path, e)
                .hint("the store lacks this pack; `stringless publish` builds it anew")
        })?;
        VerifiedPack::new(pack, bytes).map_err(|_| {
            fs::remove_file(&path).ok();
            Error::temporary(format!("reading `{}`: the cached pack is damaged", path.display()))
                .hint("it was removed; run it again")
        })
    }
}

fn put_pointer(upload: &Upload<'_>, claimed: bool) -> Result<()> {
    let key = layout::manifest(&upload.manifest.environment);
    if claimed {
        still_the_same(upload, &key)?;
    }
    let condition = upload.after.map_or(Condition::Absent, Condition::Unchanged);
    // A write whose answer was lost is tried again, and meets itself.
    if upload.store.put(&key, upload.signed, condition)? == Put::NotHeld
        && !put_same(upload.store, &key, upload.signed)?
    {
        return Err(overtaken(upload.store, &key));
    }
    Ok(())
}

/// Where the store does not heed conditions, publishers take turns by a claim.
fn claim_if_needed<'a>(upload: &Upload<'a>) -> Result<Option<Claim<'a>>> {
    let Some(newest) = upload.trust.last() else { return Ok(None) };
    if upload.store.heeds_conditions(&layout::trust(newest.trust.version), &newest.bytes)? {
        return Ok(None);
    }
    Claim::take(upload.store, &upload.manifest.environment).map(Some)
}

/// Under a claim: whether the pointer is still the one that the manifest follows.
fn still_the_same(upload: &Upload<'_>, key: &str) -> Result<()> {
    let now = upload.store.get(key, MAX_BYTES as u64)?.and_then(|object| object.etag);
    if now.as_deref() == upload.after { Ok(()) } else { Err(overtaken(upload.store, key)) }
}

pub(crate) fn overtaken(store: &Store, key: &str) -> Error {
    Error::temporary(format!("writing {}: another publisher was faster", store.url(key)))
        .hint("look at what it published with `stringless diff`, then publish again")
}

/// Packs that are asked for and written at one time.
const AT_ONCE: usize = 4;
