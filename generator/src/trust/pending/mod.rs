//! Documents that wait for signatures made elsewhere: each a payload in `.stringless/pending/`, with the
//! signatures that were brought back beside it.

pub mod signature;

use std::fs;
use std::path::{Path, PathBuf};

use stringless_core::document::Document;
use stringless_core::json;
use stringless_core::key::PublicKey;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::pack::Pack;
use stringless_core::trust::Trust;

use self::signature::{Expected, Signature};
use crate::error::{Error, Result};
use crate::fs::write_whole;
use crate::site::{CACHE, SiteFolder};
use crate::trust::quorum::Quorum;

/// A document that waits.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The payload's file.
    pub file: PathBuf,
    /// Exactly the bytes to sign.
    pub payload: Vec<u8>,
    /// What it says.
    pub content: Content,
}

/// What a payload says; not yet verified by anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A release.
    Manifest(Box<Manifest>),
    /// A change of the keys.
    Trust(Box<Trust>),
}

/// Every document of the site that waits, trust documents first.
///
/// # Errors
/// When one is not understood.
pub fn all(site: &SiteFolder) -> Result<Vec<Pending>> {
    let mut found = Vec::new();
    for file in files(&folder(site), "json") {
        let payload = fs::read(&file).map_err(|e| Error::io("reading", &file, e))?;
        found.push(Pending { content: Content::read(&file, &payload)?, file, payload });
    }
    found.sort_by_key(|pending| (matches!(pending.content, Content::Manifest(_)), pending.file.clone()));
    Ok(found)
}

/// The release of `environment` that waits.
///
/// # Errors
/// As [`all`].
pub fn release(site: &SiteFolder, environment: &Name) -> Result<Option<Pending>> {
    let is =
        |pending: &Pending| matches!(&pending.content, Content::Manifest(m) if m.environment == *environment);
    Ok(all(site)?.into_iter().find(is))
}

/// The packs of every release that waits.
///
/// # Errors
/// As [`all`].
pub fn packs(site: &SiteFolder) -> Result<Vec<Pack>> {
    let all = all(site)?.into_iter();
    let of = |pending: Pending| match pending.content {
        Content::Manifest(manifest) => manifest.packs,
        Content::Trust(_) => Vec::new(),
    };
    Ok(all.flat_map(of).collect())
}

/// The change of the keys that waits.
///
/// # Errors
/// As [`all`].
pub fn trust(site: &SiteFolder) -> Result<Option<Pending>> {
    Ok(all(site)?.into_iter().find(|pending| matches!(pending.content, Content::Trust(_))))
}

/// Signature files that belong to no document that waits.
#[must_use]
pub fn strays(site: &SiteFolder, all: &[Pending]) -> Vec<PathBuf> {
    let belongs = |path: &PathBuf| all.iter().any(|pending| pending.owns(path));
    files(&folder(site), "minisig").into_iter().filter(|path| !belongs(path)).collect()
}

impl Content {
    fn read(file: &Path, payload: &[u8]) -> Result<Self> {
        let trust = json::parse::<Trust>(payload).map(|trust| Self::Trust(Box::new(trust)));
        let read = trust.or_else(|_| json::parse(payload).map(|manifest| Self::Manifest(Box::new(manifest))));
        read.map_err(|why| {
            Error::configuration(format!("reading `{}`: not what was written: {why}", file.display()))
                .hint("remove it, and run the command that wrote it again")
        })
    }

    /// The bytes to sign.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        match self {
            Self::Manifest(manifest) => json::write(&**manifest),
            Self::Trust(trust) => json::write(&**trust),
        }
    }

    /// The trusted comment of each signature.
    #[must_use]
    pub fn comment(&self) -> String {
        match self {
            Self::Manifest(manifest) => manifest.comment(),
            Self::Trust(trust) => trust.comment(),
        }
    }

    /// `manifest-production-12.json`, `trust-2.json`.
    fn file_name(&self) -> String {
        match self {
            Self::Manifest(manifest) => format!("manifest-{}-{}.json", manifest.environment, manifest.serial),
            Self::Trust(trust) => format!("trust-{}.json", trust.version),
        }
    }

    /// Whether both say the same, made at different times.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Manifest(a), Self::Manifest(b)) => {
                let b = &**b;
                let timeless = Manifest { created: b.created, expires: b.expires, ..(**a).clone() };
                timeless == *b && a.expires.is_some() == b.expires.is_some()
            }
            (Self::Trust(a), Self::Trust(b)) => {
                let timeless = Trust { expires: b.expires, ..(**a).clone() };
                timeless == **b && a.expires.is_some() == b.expires.is_some()
            }
            _ => false,
        }
    }
}

impl Pending {
    /// Writes what is to be signed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(site: &SiteFolder, content: Content) -> Result<Self> {
        let file = site.cache(PENDING)?.join(content.file_name());
        let payload = content.payload();
        write_whole(&file, &payload)?;
        Ok(Self { file, payload, content })
    }

    /// The signatures that were brought back, each checked, each key once.
    ///
    /// # Errors
    /// Refused: the first that does not count, and why.
    pub fn signatures(&self, quorum: &Quorum<'_>) -> Result<Vec<Signature>> {
        let comment = self.content.comment();
        let expected = Expected { payload: &self.payload, comment: &comment, quorum };
        let mut found: Vec<Signature> = Vec::new();
        for path in self.signature_files() {
            let signature = signature::read(&path, &expected)?;
            // The plain name is the one that the next person's minisign writes, too.
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

    /// Keeps a signature that was made here.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, signature: &Signature) -> Result<()> {
        write_whole(&self.signature_file(&signature.by.key), signature.block.as_bytes())
    }

    /// Whether somebody has signed it.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        !self.signature_files().is_empty()
    }

    /// Removes it with its signatures: it is published, or never will be.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self) -> Result<()> {
        // The payload last: a signature alone belongs to nothing.
        for path in self.signature_files().iter().chain([&self.file]) {
            fs::remove_file(path).map_err(|e| Error::io("removing", path, e))?;
        }
        Ok(())
    }

    /// The payload's file without its folder.
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

    /// `FILE.minisig`, as minisign calls it, or `FILE.anything.minisig`.
    fn owns(&self, signature: &Path) -> bool {
        let name = signature.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(&self.name()).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// A signed document of these signatures.
#[must_use]
pub fn assemble(signatures: &[Signature], payload: &[u8]) -> Vec<u8> {
    let blocks: Vec<&str> = signatures.iter().map(|signature| signature.block.as_str()).collect();
    Document::assemble(&blocks, payload)
}

fn folder(site: &SiteFolder) -> PathBuf {
    site.root.join(CACHE).join(PENDING)
}

/// The files that end so, sorted; none where there is no folder.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> =
        entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

const PENDING: &str = "pending";
