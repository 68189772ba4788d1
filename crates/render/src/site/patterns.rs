//! Patterns of branches. This module needs the feature `patterns`.

use globset::{Glob, GlobSet, GlobSetBuilder};

/// What is wrong with the patterns; `None` if they are valid.
#[must_use]
pub fn check_patterns(patterns: &[String]) -> Option<String> {
    self::patterns(patterns).err().map(|e| e.to_string())
}

/// The patterns as one set.
///
/// # Errors
/// When one of them is not a valid pattern.
pub fn patterns(patterns: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern)?);
    }
    set.build()
}
