//! Objects that the mirror has already: what lies under the right name may have other bytes.

use std::cell::RefCell;
use std::collections::BTreeSet;

use stringless_core::hash::Sha256;
use stringless_core::layout;
use stringless_core::manifest::AgentFile;
use stringless_core::pack::Pack;

use super::Mirror;
use crate::error::Result;
use crate::parallel;
use crate::remote::verified::VerifiedPack;
use crate::store;

/// The hashes of the objects that this run read in the mirror, or wrote there. Environments have most packs in common, so
/// each is read once.
#[derive(Debug, Default)]
pub(super) struct Checked(RefCell<BTreeSet<Sha256>>);

impl Checked {
    pub(super) fn add(&self, sha256: Sha256) {
        self.0.borrow_mut().insert(sha256);
    }

    fn has(&self, sha256: &Sha256) -> bool {
        self.0.borrow().contains(sha256)
    }
}

impl Mirror<'_> {
    /// Reads those of the packs that the mirror has, and checks their hashes. `upload` looks at sizes only.
    ///
    /// # Errors
    /// Refused when one has other bytes.
    pub(super) fn check_packs_there(&self, packs: &[Pack]) -> Result<()> {
        let store = self.to();
        let unread: Vec<&Pack> = packs.iter().filter(|pack| !self.checked.has(&pack.sha256)).collect();
        let read = |pack: &&Pack| {
            let key = layout::pack(&pack.sha256);
            if !store.holds(&key, pack.size)? {
                return Ok(None);
            }
            match VerifiedPack::fetch(store, pack) {
                Ok(_) => Ok(Some(pack.sha256)),
                Err(error) if error.is_refusal() => {
                    Err(store::different_object(store, &key, "packs are named by their hash"))
                }
                Err(error) => Err(error),
            }
        };
        for sha256 in parallel::map(&unread, AT_ONCE, read)?.into_iter().flatten() {
            self.checked.add(sha256);
        }
        Ok(())
    }

    /// Whether the mirror has the file of the agent that the release names.
    ///
    /// # Errors
    /// Refused when it has a file of the same size with other bytes.
    pub(super) fn has_agent(&self, key: &str, file: &AgentFile) -> Result<bool> {
        if !self.to().holds(key, file.size)? {
            return Ok(false);
        }
        if self.checked.has(&file.sha256) {
            return Ok(true);
        }
        let there = self.to().get(key, file.size)?;
        if there.is_some_and(|there| Sha256::of(&there.bytes) == file.sha256) {
            self.checked.add(file.sha256);
            return Ok(true);
        }
        Err(store::different_object(self.to(), key, "a version's files never change"))
    }
}

/// How many packs are read at one time.
const AT_ONCE: usize = 4;
