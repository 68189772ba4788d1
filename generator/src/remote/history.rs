//! The releases of an environment, from the published one backwards.
//!
//! Each manifest says which release it took over from, so the way back needs no listing, and passes what
//! was cut off before nodes saw it. A listing, where there is one, bridges what does not say so.

use std::collections::BTreeSet;

use stringless_core::json::MAX_BYTES;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::trust::TrustedKeys;
use stringless_core::verify::Verified;

use crate::error::{Error, Result};
use crate::remote::{self, Published};
use crate::store::{Listed, Store};

/// Where an environment's releases are, and whose signatures count there.
#[derive(Clone, Copy, Debug)]
pub struct Shelf<'a> {
    /// The store.
    pub store: &'a Store,
    /// The site.
    pub site: &'a Name,
    /// The environment.
    pub environment: &'a Name,
    /// The keys of each trust version.
    pub keys: &'a [TrustedKeys],
}

/// A release that was published, or was to be.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its manifest.
    pub manifest: Verified<Manifest>,
    /// The newest trust version by whose keys it is signed.
    pub trust_version: u64,
}

/// The way back: each step is a serial, and what is there.
#[derive(Debug)]
pub struct Walk<'a> {
    shelf: Shelf<'a>,
    /// The serials that the store lists, in rising order; empty where it lists none.
    listed: &'a [u64],
    next: Option<u64>,
    seen: BTreeSet<u64>,
}

impl Shelf<'_> {
    /// The release with this serial; none where there is no such document.
    ///
    /// # Errors
    /// When the store does not answer, or nobody who counts signed what is there.
    pub fn release(&self, serial: u64) -> Result<Option<Release>> {
        Ok(self.document(serial)?.map(|(_, release)| release))
    }

    /// The same with the document's bytes.
    ///
    /// # Errors
    /// As [`Shelf::release`].
    pub fn document(&self, serial: u64) -> Result<Option<(Vec<u8>, Release)>> {
        let key = layout::history(self.environment, serial);
        let Some(object) = self.store.get(&key, MAX_BYTES as u64)? else { return Ok(None) };
        let (store, site, environment) = (self.store, self.site, self.environment);
        let (manifest, trust_version) =
            remote::verified(store, &key, site, environment, &object.bytes, self.keys)?;
        if manifest.serial != serial {
            return Err(Error::refused(format!(
                "verifying {}: it is release {}",
                self.store.url(&key),
                manifest.serial
            ))
            .hint("somebody moved it: remove it from the store, once you know how it came there"));
        }
        Ok(Some((object.bytes, Release { manifest, trust_version })))
    }

    /// What the store lists of the history, by rising serial.
    ///
    /// # Errors
    /// When it does not list.
    pub fn listed(&self) -> Result<Vec<(u64, Listed)>> {
        let folder = layout::history(self.environment, 0);
        let folder = folder.trim_end_matches('0');
        let mut all: Vec<(u64, Listed)> = Vec::new();
        for listed in self.store.list(folder)? {
            if let Some(serial) = serial(&listed.key[folder.len()..]) {
                all.push((serial, listed));
            }
        }
        all.sort_by_key(|(serial, _)| *serial);
        Ok(all)
    }
}

impl<'a> Walk<'a> {
    /// The releases before `manifest`, the newest first.
    #[must_use]
    pub fn before(shelf: Shelf<'a>, manifest: &Manifest, listed: &'a [u64]) -> Self {
        let mut walk = Self { shelf, listed, next: None, seen: BTreeSet::from([manifest.serial]) };
        walk.next = manifest.source.follows.or_else(|| walk.below(manifest.serial));
        walk
    }

    fn below(&self, serial: u64) -> Option<u64> {
        self.listed.iter().rev().copied().find(|listed| *listed < serial)
    }
}

impl Iterator for Walk<'_> {
    type Item = (u64, Result<Option<Release>>);

    fn next(&mut self) -> Option<Self::Item> {
        let serial = self.next.take()?;
        // Signed by people, and still no reason to go in circles.
        if !self.seen.insert(serial) {
            return None;
        }
        let found = self.shelf.release(serial);
        let follows = found.as_ref().ok().and_then(Option::as_ref).and_then(|r| r.manifest.source.follows);
        // One that the store cannot reach is asked for again by whoever reads on.
        let unreachable = found.as_ref().is_err_and(|error| error.exit_code() != REFUSED);
        self.next = if unreachable { None } else { follows.or_else(|| self.below(serial)) };
        Some((serial, found))
    }
}

impl From<&Published> for Release {
    fn from(published: &Published) -> Self {
        Self { manifest: published.manifest.clone(), trust_version: published.trust_version }
    }
}

/// A serial as it is written: `12`, not `+12` or `012`.
pub(crate) fn serial(text: &str) -> Option<u64> {
    let serial: u64 = text.parse().ok()?;
    (serial.to_string() == text).then_some(serial)
}

const REFUSED: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_have_one_form() {
        assert_eq!(serial("12"), Some(12));
        for text in ["", "+1", "01", "1.", "-1", ".new-x", "18446744073709551616"] {
            assert_eq!(serial(text), None, "{text}");
        }
    }
}
