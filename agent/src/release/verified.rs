//! A pack with a verified hash.

use std::fs::File;
use std::path::PathBuf;

use stringless_core::pack::Pack;

/// A pack whose bytes have the hash in the manifest. Only `fetch::download` creates one.
pub struct VerifiedPack<'p> {
    /// Its entries in the manifest: one for each folder of the release that it belongs to.
    pub packs: &'p [Pack],
    /// The compressed file, still open since its verification.
    pub file: File,
    /// The file's path, for messages.
    pub path: PathBuf,
}
