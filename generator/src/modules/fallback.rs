//! Modules that no longer exist at their source: the published releases still hold them.

use super::tree::Tree;
use crate::error::Result;

/// A place to look for a module that no longer exists at its source.
pub trait Fallback: Sync {
    /// The content of this release of the module `name` from the source `from`; `None` if it is not there.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    fn tree(&self, name: &str, release: &str, from: &str) -> Result<Option<Tree>>;
}
