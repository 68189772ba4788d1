//! What is fetched: a pack, or the file of an agent.

use std::path::PathBuf;

use stringless_core::hash::Sha256;
use stringless_core::layout;
use stringless_core::pack::Pack;
use stringless_core::refusal::Refusal;

use crate::io::Io;

/// An object of a store whose size and hash are known beforehand.
pub struct Object {
    /// Its name in the store.
    pub key: String,
    /// The path of the file on this node.
    pub path: PathBuf,
    /// The path of the pack; none: it is the file of an agent.
    pub pack: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// The hash of these bytes.
    pub sha256: Sha256,
    /// What to do if a store does not have it.
    pub missing: &'static str,
}

impl Object {
    /// A pack, which is fetched to the state folder.
    pub fn of_pack(pack: &Pack, io: &Io) -> Self {
        Self {
            key: layout::pack(&pack.sha256),
            path: io.disk.pack(&pack.sha256),
            pack: Some(pack.path.clone()),
            size: pack.size,
            sha256: pack.sha256,
            missing: MISSING,
        }
    }

    /// What it belongs to.
    pub fn owner(&self) -> &'static str {
        if self.pack.is_some() { "the release" } else { "the agent" }
    }

    /// The refusal of other bytes: `length` of them, with the hash `found`.
    pub fn wrong(&self, length: u64, found: Sha256) -> Refusal {
        let (expected, too_long) = (self.sha256, length > self.size);
        match self.pack.clone() {
            Some(path) if too_long => Refusal::Size { path, what: "bytes", expected: self.size },
            Some(path) => Refusal::Hash { path, found, expected },
            None if too_long => {
                let expected = format!("{} bytes", self.size);
                Refusal::Agent { found: format!("{length} bytes or more"), expected }
            }
            None => Refusal::Agent { found: found.to_string(), expected: expected.to_string() },
        }
    }
}

const MISSING: &str =
    "the manifest names a pack that the store does not have; `stringless verify` checks the bucket";
