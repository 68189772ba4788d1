//! Patterns of branches. Matching them needs the feature `patterns`.

use globset::{Glob, GlobSet, GlobSetBuilder};

/// What is wrong with patterns of branches.
#[must_use]
pub fn check_patterns(patterns: &[String]) -> Option<String> {
    self::patterns(patterns).err().map(|e| e.to_string())
}

/// The patterns as one set.
///
/// # Errors
/// When one of them is not a pattern.
pub fn patterns(patterns: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern)?);
    }
    set.build()
}
