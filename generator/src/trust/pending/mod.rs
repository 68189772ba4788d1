//! Documents that wait for signatures from elsewhere: each is a payload in `.stringless/pending/`, with its signature
//! files beside it.

pub mod signature;

mod document;

use std::fs;
use std::path::{Path, PathBuf};

use stringless_core::document::Document;
use stringless_core::key::PublicKey;
use stringless_core::name::Name;
use stringless_core::pack::Pack;

pub use self::document::PendingDocument;
use self::signature::{Expected, Signature};
use crate::cache;
use crate::error::{Error, Result};
use crate::fs::write_atomic;
use crate::site::{CACHE, SiteDir};
use crate::trust::quorum::Quorum;

/// A document that waits for signatures.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The file of the payload.
    pub file: PathBuf,
    /// The exact bytes to sign.
    pub payload: Vec<u8>,
    /// The parsed payload.
    pub content: PendingDocument,
}

/// Every document of the site that waits for signatures, trust documents first.
///
/// # Errors
/// When one cannot be read or parsed.
pub fn all(site: &SiteDir) -> Result<Vec<Pending>> {
    each(site).into_iter().collect()
}

/// As [`all`], with an error in the place of each document that cannot be read or parsed; the errors come last.
#[must_use]
pub fn each(site: &SiteDir) -> Vec<Result<Pending>> {
    let mut found: Vec<_> = match payloads(site) {
        Ok(files) => files.into_iter().map(Pending::read).collect(),
        Err(error) => vec![Err(error)],
    };
    found.sort_by_key(|pending| match pending.as_ref().map(|pending| &pending.content) {
        Ok(PendingDocument::Trust(_)) => 0,
        Ok(PendingDocument::Manifest(_)) => 1,
        Err(_) => 2,
    });
    found
}

/// The release of `environment` that waits for signatures. A damaged document of another environment does not matter.
///
/// # Errors
/// When the document of this environment cannot be read or parsed.
pub fn release(site: &SiteDir, environment: &Name) -> Result<Option<Pending>> {
    let own = |file: &Path| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let serial = name.strip_prefix(&format!("manifest-{environment}-")).map(str::to_owned);
        serial.is_some_and(|rest| rest.trim_end_matches(".json").bytes().all(|b| b.is_ascii_digit()))
    };
    let matches = |pending: &Pending| matches!(&pending.content, PendingDocument::Manifest(m) if m.environment == *environment);
    find(site, own, matches)
}

/// The first document that `matches`. One that cannot be read is an error if its file is `own`, and is skipped if not.
fn find(
    site: &SiteDir,
    own: impl Fn(&Path) -> bool,
    matches: impl Fn(&Pending) -> bool,
) -> Result<Option<Pending>> {
    for file in payloads(site)? {
        match Pending::read(file.clone()) {
            Ok(pending) if matches(&pending) => return Ok(Some(pending)),
            Err(error) if own(&file) => return Err(error),
            _ => {}
        }
    }
    Ok(None)
}

/// The packs of every release that waits for signatures.
///
/// # Errors
/// As [`all`].
pub fn packs(site: &SiteDir) -> Result<Vec<Pack>> {
    let all = all(site)?.into_iter();
    let packs = |pending: Pending| match pending.content {
        PendingDocument::Manifest(manifest) => manifest.packs,
        PendingDocument::Trust(_) => Vec::new(),
    };
    Ok(all.flat_map(packs).collect())
}

/// The change of the keys that waits for signatures.
///
/// # Errors
/// When its document cannot be read or parsed.
pub fn trust(site: &SiteDir) -> Result<Option<Pending>> {
    let own = |file: &Path| file.file_name().unwrap_or_default().to_string_lossy().starts_with("trust-");
    find(site, own, |pending| matches!(pending.content, PendingDocument::Trust(_)))
}

/// The signature files that belong to no waiting document.
#[must_use]
pub fn unmatched_signatures(site: &SiteDir, all: &[Pending]) -> Vec<PathBuf> {
    let belongs = |path: &PathBuf| all.iter().any(|pending| pending.owns(path));
    files(&folder(site), "minisig").into_iter().filter(|path| !belongs(path)).collect()
}

impl Pending {
    fn read(file: PathBuf) -> Result<Self> {
        let payload = fs::read(&file).map_err(|e| Error::io("reading", &file, e))?;
        Ok(Self { content: PendingDocument::read(&file, &payload)?, file, payload })
    }

    /// Writes the payload to its file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(site: &SiteDir, content: PendingDocument) -> Result<Self> {
        let file = site.cache(PENDING)?.join(content.file_name());
        let payload = content.payload();
        write_atomic(&file, &payload)?;
        Ok(Self { file, payload, content })
    }

    /// The signatures beside the payload. Each is checked, and each key counts once.
    ///
    /// # Errors
    /// Refused at the first signature that does not count, with the reason.
    pub fn signatures(&self, quorum: &Quorum<'_>) -> Result<Vec<Signature>> {
        let comment = self.content.comment();
        let expected = Expected { payload: &self.payload, comment: &comment, quorum };
        let mut found: Vec<Signature> = Vec::new();
        for path in self.signature_files() {
            let signature = signature::read(&path, &expected)?;
            // Rename it to a name with the key's id: the next person's minisign would overwrite `FILE.minisig`.
            let own = self.signature_file(&signature.by.key);
            if path != own {
                fs::rename(&path, &own).map_err(|e| Error::io("renaming", &path, e))?;
            }
            if !found.iter().any(|one| one.by.key.same_key(&signature.by.key)) {
                found.push(signature);
            }
        }
        Ok(found)
    }

    /// Saves a signature that was made on this machine.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, signature: &Signature) -> Result<()> {
        write_atomic(&self.signature_file(&signature.by.key), signature.block.as_bytes())
    }

    /// Whether there is a signature file beside it.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        !self.signature_files().is_empty()
    }

    /// Removes the document and its signatures: it was published, or never will be.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self) -> Result<()> {
        // Remove the payload last: a signature without its payload would belong to no document.
        for path in self.signature_files().iter().chain([&self.file]) {
            fs::remove_file(path).map_err(|e| Error::io("removing", path, e))?;
        }
        Ok(())
    }

    /// The name of the payload's file, without its folder.
    #[must_use]
    pub fn name(&self) -> String {
        self.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn signature_file(&self, key: &PublicKey) -> PathBuf {
        self.file.with_file_name(format!("{}.{}.minisig", self.name(), key.id()))
    }

    fn signature_files(&self) -> Vec<PathBuf> {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        files(folder, "minisig").into_iter().filter(|path| self.owns(path)).collect()
    }

    /// Whether a signature file belongs to this document: `FILE.minisig`, as minisign names it, or
    /// `FILE.anything.minisig`.
    fn owns(&self, signature: &Path) -> bool {
        let name = signature.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(&self.name()).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// The signed document: these signatures, then the payload.
#[must_use]
pub fn assemble(signatures: &[Signature], payload: &[u8]) -> Vec<u8> {
    let blocks: Vec<&str> = signatures.iter().map(|signature| signature.block.as_str()).collect();
    Document::assemble(&blocks, payload)
}

fn folder(site: &SiteDir) -> PathBuf {
    site.root.join(CACHE).join(PENDING)
}

/// The files of the documents that wait.
fn payloads(site: &SiteDir) -> Result<Vec<PathBuf>> {
    let folder = cache::find(&site.root.join(CACHE), PENDING)?;
    Ok(folder.map(|folder| files(&folder, "json")).unwrap_or_default())
}

/// The files in `folder` with this extension, sorted; none if there is no folder.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> =
        entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

const PENDING: &str = "pending";
