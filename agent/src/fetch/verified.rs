//! A pack whose bytes were checked.

use std::fs::File;
use std::path::PathBuf;

use stringless_core::pack::Pack;

/// A pack whose bytes are those that the manifest names. `download` alone makes one.
pub struct VerifiedPack<'p> {
    /// Its entry in the manifest.
    pub pack: &'p Pack,
    /// The compressed file, open since it was verified.
    pub file: File,
    /// Its name, for messages.
    pub path: PathBuf,
}
