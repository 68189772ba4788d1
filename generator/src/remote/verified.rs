//! A pack whose bytes were checked.

use stringless_archive::reader;
use stringless_archive::writer::Item;
use stringless_core::layout;
use stringless_core::pack::Pack;
use stringless_core::refusal::Refusal;

use crate::error::{Error, Result};
use crate::store::Store;

/// The compressed bytes of a pack, which have the size and the hash of the manifest. [`VerifiedPack::new`]
/// alone makes one.
#[derive(Debug)]
pub struct VerifiedPack<'p> {
    pack: &'p Pack,
    bytes: Vec<u8>,
}

impl<'p> VerifiedPack<'p> {
    /// Checks size and hash.
    ///
    /// # Errors
    /// The [`Refusal`] of a node that gets these bytes.
    pub fn new(pack: &'p Pack, bytes: Vec<u8>) -> std::result::Result<Self, Refusal> {
        reader::check_bytes(pack, &bytes)?;
        Ok(Self { pack, bytes })
    }

    /// Downloads a pack: at most as many bytes as its line of the manifest says.
    ///
    /// # Errors
    /// When the store does not have it, or has other bytes under its name.
    pub fn fetch(store: &Store, pack: &'p Pack) -> Result<Self> {
        let key = layout::pack(&pack.sha256);
        let found = store.get(&key, pack.size);
        match found.map_err(|error| if error.is_refusal() { error.hint(REPLACE) } else { error })? {
            Some(object) => Self::new(pack, object.bytes)
                .map_err(|refusal| Error::refusal("reading", store.url(&key), &refusal).hint(REPLACE)),
            None => Err(Error::refused(format!(
                "reading {}: the manifest names it, and it is not there",
                store.url(&key)
            ))
            .hint(MISSING)),
        }
    }

    /// The compressed bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The line of the manifest.
    #[must_use]
    pub fn pack(&self) -> &'p Pack {
        self.pack
    }

    /// Hands out the items of the pack, as a node unpacks them.
    ///
    /// # Errors
    /// The [`Refusal`] of a node.
    pub fn each(&self, visit: impl FnMut(Item)) -> std::result::Result<(), Refusal> {
        reader::each(self.pack, &self.bytes, visit)
    }
}

/// A pack in a store is never replaced: `publish` overwrites none. A new release holds the packs of the present build, so
/// it repairs the published release alone.
pub(super) const REPLACE: &str = "remove this object; then `stringless publish --force` makes a new release with all its packs. Only a store that has the right object brings back this one: `stringless mirror URL --from STORE`";
const MISSING: &str = "if the published release needs it, `stringless publish --force` makes a new one with all its packs. Only a store that has this object brings it back: `stringless mirror URL --from STORE`";

#[cfg(test)]
mod tests {
    use super::*;
    use stringless_core::hash::Sha256;

    #[test]
    fn other_bytes_are_no_verified_pack() {
        let sha256 = Sha256::of(b"right");
        let pack = Pack { path: "p".into(), sha256, size: 5, unpacked: 0, files: 0 };
        assert_eq!(VerifiedPack::new(&pack, b"right".to_vec()).unwrap().bytes(), b"right");
        let wrong = VerifiedPack::new(&pack, b"wrong".to_vec()).unwrap_err();
        assert!(matches!(wrong, Refusal::Hash { .. }), "{wrong}");
        let longer = VerifiedPack::new(&pack, b"right and more".to_vec()).unwrap_err();
        assert!(matches!(longer, Refusal::Size { what: "bytes", .. }), "{longer}");
    }
}
