//! Carries out the steps of a publication.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::json::MAX_BYTES;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::pack::Pack;

use crate::error::{Error, Result};
use crate::pack::cache;
use crate::parallel;
use crate::progress::Progress;
use crate::release::claim::Claim;
use crate::release::gc::mark;
use crate::release::plan::Step;
use crate::remote::Published;
use crate::remote::verified::VerifiedPack;
use crate::signals;
use crate::site::trust_chain::TrustFile;
use crate::store::{Condition, Put, Store, different_object, put_immutable};
use crate::trust::sync;

/// A publication that is ready for upload.
#[derive(Debug)]
pub struct Upload<'a> {
    /// The store to write to.
    pub store: &'a Store,
    /// The site's trust documents.
    pub trust: &'a [TrustFile],
    /// Where the packs come from.
    pub packs: Packs<'a>,
    /// The manifest.
    pub manifest: &'a Manifest,
    /// The signed manifest.
    pub signed: &'a [u8],
    /// What nodes read: the signed manifest, or the head that names it.
    pub pointer: &'a [u8],
    /// The ETag of the pointer that is replaced; `None` if there is no pointer.
    pub after: Option<&'a str>,
    /// The packs of the published release: gc does not delete them.
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

/// The packs that were uploaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Moved {
    /// How many packs the store did not have.
    pub packs: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Whether the upload used a claim, because the store ignores conditional writes.
    pub claimed: bool,
}

/// How an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uploaded {
    /// The release is published.
    Done(Moved),
    /// The history has another manifest with this serial, of a publication that was interrupted or is in progress.
    SerialTaken,
}

/// Writes what the store lacks, the pointer last.
///
/// # Errors
/// When the store fails, or another publisher was faster.
pub fn run(upload: &Upload<'_>, steps: &[Step], progress: &Progress) -> Result<Uploaded> {
    let mut moved = Moved::default();
    let total = upload.manifest.packs.iter().map(|pack| pack.size).sum();
    let bar = progress.bytes("uploading", total);
    let environment = &upload.manifest.environment;
    let mut claim = None;
    for step in steps {
        signals::check("publishing")?;
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
                if !put_immutable(upload.store, &layout::history(environment, *serial), upload.signed)? {
                    return Ok(Uploaded::SerialTaken);
                }
            }
            Step::CheckPacks(packs) => {
                mark::refuse_marked(upload.store, packs)?;
                let others: Vec<&Pack> = packs.iter().filter(|pack| !upload.kept.contains(pack)).collect();
                parallel::map(&others, AT_ONCE, |pack| put_pack(upload, pack))?;
            }
            Step::Pointer => put_pointer(upload, claim.is_some())?,
        }
    }
    bar.finish_and_clear();
    Ok(Uploaded::Done(moved))
}

/// Writes a pack unless the store has it; returns its size if it was written.
fn put_pack(upload: &Upload<'_>, pack: &Pack) -> Result<Option<u64>> {
    signals::check("publishing")?;
    let key = layout::pack(&pack.sha256);
    if upload.store.holds(&key, pack.size)? {
        return Ok(None);
    }
    let verified = upload.packs.read(pack)?;
    match upload.store.put(&key, verified.bytes(), Condition::Absent)? {
        Put::Written => Ok(Some(pack.size)),
        // Another publisher wrote the same pack meanwhile.
        Put::Rejected if upload.store.holds(&key, pack.size)? => Ok(None),
        Put::Rejected => Err(different_object(upload.store, &key, "packs are named by their hash")),
    }
}

impl Packs<'_> {
    /// Reads a pack, and checks it: the store keeps forever what is written under a hash.
    fn read<'p>(&self, pack: &'p Pack) -> Result<VerifiedPack<'p>> {
        let folder = match self {
            Self::Folder(folder) => folder,
            Self::Store(store) => return VerifiedPack::fetch(store, pack),
        };
        cache::open(folder, pack)
    }
}

fn put_pointer(upload: &Upload<'_>, claimed: bool) -> Result<()> {
    let key = layout::head(&upload.manifest.environment);
    if claimed {
        check_pointer(upload, &key)?;
    }
    let condition = upload.after.map_or(Condition::Absent, Condition::Unchanged);
    // If the first response was lost, the retry finds our own object.
    if upload.store.put(&key, upload.pointer, condition)? == Put::Rejected
        && !put_immutable(upload.store, &key, upload.pointer)?
    {
        return Err(overtaken(upload.store, &key));
    }
    Ok(())
}

/// Replaces what nodes read of an environment, and nothing else.
///
/// # Errors
/// When the store fails, or a publisher was faster.
pub fn replace_pointer(
    store: &Store,
    trust: &[TrustFile],
    published: &Published,
    pointer: &[u8],
) -> Result<()> {
    let upload = Upload {
        store,
        trust,
        packs: Packs::Store(store),
        manifest: &published.manifest,
        signed: &published.document,
        pointer,
        after: published.etag.as_deref(),
        kept: &[],
    };
    let claim = claim_if_needed(&upload)?;
    put_pointer(&upload, claim.is_some())
}

/// Acquires a claim if the store ignores conditional writes.
fn claim_if_needed<'a>(upload: &Upload<'a>) -> Result<Option<Claim<'a>>> {
    let Some(newest) = upload.trust.last() else { return Ok(None) };
    if upload.store.supports_conditions(&layout::trust(newest.trust.version), &newest.bytes)? {
        return Ok(None);
    }
    Claim::acquire(upload.store, &upload.manifest.environment).map(Some)
}

/// Refuses to replace another pointer than the one that the manifest follows. Only under a claim: otherwise the
/// conditional write checks it.
fn check_pointer(upload: &Upload<'_>, key: &str) -> Result<()> {
    let now = upload.store.get(key, MAX_BYTES as u64)?.and_then(|object| object.etag);
    if now.as_deref() == upload.after { Ok(()) } else { Err(overtaken(upload.store, key)) }
}

pub(crate) fn overtaken(store: &Store, key: &str) -> Error {
    Error::temporary(format!("writing {}: another publisher was faster", store.url(key)))
        .hint("see what it published with `stringless diff`, then publish again")
}

/// How many packs are uploaded at one time.
const AT_ONCE: usize = 4;
