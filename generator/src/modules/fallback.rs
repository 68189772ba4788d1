//! Modules that are gone where they came from: what was published still has them.

use super::tree::Tree;
use crate::error::Result;

/// Where to look for a module that is nowhere else any more.
pub trait Vanished: Sync {
    /// The content of the module `name`, of that release; `None` where it is not.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn tree(&self, name: &str, release: &str) -> Result<Option<Tree>>;
}
