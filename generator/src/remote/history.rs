//! The releases of an environment, from the published one backwards.
//!
//! Each manifest names the release that it follows. So reading backwards needs no listing, and it passes by
//! manifests of publications that were interrupted before nodes saw them. A listing, where the store has one,
//! helps past a manifest that names no predecessor.

use std::collections::BTreeSet;

use stringless_core::json::MAX_BYTES;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::verify::Verified;

use crate::error::{Error, Result};
use crate::remote::Published;
use crate::remote::site_store::SiteStore;
use crate::store::Listed;

/// The releases of one environment in one store.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// The store.
    pub from: &'a SiteStore<'a>,
    /// The environment.
    pub environment: &'a Name,
}

/// A release from the history: published now, published earlier, or never published.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its manifest.
    pub manifest: Verified<Manifest>,
    /// The newest trust version whose keys signed it.
    pub trust_version: u64,
}

/// Reads the history backwards. Each item is a serial, and the release under it. An error does not end it: the caller
/// decides whether the next release is read.
#[derive(Debug)]
pub struct Walk<'a> {
    history: History<'a>,
    /// The serials that the store lists, in ascending order; empty when the store cannot list.
    listed: &'a [u64],
    next: Option<u64>,
    seen: BTreeSet<u64>,
}

impl History<'_> {
    /// The release with this serial; `None` when there is no such document.
    ///
    /// # Errors
    /// When the store does not answer, or the site's keys did not sign the document.
    pub fn release(&self, serial: u64) -> Result<Option<Release>> {
        Ok(self.document(serial)?.map(|(_, release)| release))
    }

    /// As [`History::release`], with the bytes of the document.
    ///
    /// # Errors
    /// As [`History::release`].
    pub fn document(&self, serial: u64) -> Result<Option<(Vec<u8>, Release)>> {
        let (store, key) = (&self.from.store, layout::history(self.environment, serial));
        let Some(object) = store.get(&key, MAX_BYTES as u64)? else { return Ok(None) };
        let (manifest, trust_version) = self.from.verified(&key, self.environment, &object.bytes)?;
        if manifest.serial != serial {
            return Err(Error::refused(format!(
                "verifying {}: it holds release {}",
                store.url(&key),
                manifest.serial
            ))
            .hint("somebody moved it: find out how it came there, then remove it from the store"));
        }
        Ok(Some((object.bytes, Release { manifest, trust_version })))
    }

    /// The documents of the history that the store lists, in ascending order of their serials.
    ///
    /// # Errors
    /// When the store cannot list, or does not answer.
    pub fn listed(&self) -> Result<Vec<(u64, Listed)>> {
        let folder = layout::history(self.environment, 0);
        let folder = folder.trim_end_matches('0');
        let mut all: Vec<(u64, Listed)> = Vec::new();
        for listed in self.from.store.list(folder)? {
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
    pub fn before(history: History<'a>, manifest: &Manifest, listed: &'a [u64]) -> Self {
        let mut walk = Self { history, listed, next: None, seen: BTreeSet::from([manifest.serial]) };
        walk.next = manifest.source.follows.or_else(|| walk.listed_before(manifest.serial));
        walk
    }

    fn listed_before(&self, serial: u64) -> Option<u64> {
        self.listed.iter().rev().copied().find(|listed| *listed < serial)
    }
}

impl Iterator for Walk<'_> {
    type Item = (u64, Result<Option<Release>>);

    fn next(&mut self) -> Option<Self::Item> {
        let serial = self.next.take()?;
        // A signed manifest can still name a release that was read before: that would never end.
        if !self.seen.insert(serial) {
            return None;
        }
        let found = self.history.release(serial);
        let follows = found.as_ref().ok().and_then(Option::as_ref).and_then(|r| r.manifest.source.follows);
        self.next = follows.or_else(|| self.listed_before(serial));
        Some((serial, found))
    }
}

impl From<&Published> for Release {
    fn from(published: &Published) -> Self {
        Self { manifest: published.manifest.clone(), trust_version: published.trust_version }
    }
}

/// A serial in its one form: `12`, not `+12` or `012`.
pub(crate) fn serial(text: &str) -> Option<u64> {
    let serial: u64 = text.parse().ok()?;
    (serial.to_string() == text).then_some(serial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_has_one_form() {
        assert_eq!(serial("12"), Some(12));
        for text in ["", "+1", "01", "1.", "-1", ".new-x", "18446744073709551616"] {
            assert_eq!(serial(text), None, "{text}");
        }
    }
}
