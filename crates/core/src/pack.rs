//! The pack index of a manifest, and the paths in it.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::hash::Sha256;

/// One pack of a release: the place of its content, and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pack {
    /// The folder of the release that holds the content: `modules/ntp`, or empty for the top level.
    pub path: String,
    /// The hash of the compressed bytes; also the pack's name in the bucket.
    pub sha256: Sha256,
    /// The number of compressed bytes.
    pub size: u64,
    /// The sum of the sizes of its files, in bytes.
    pub unpacked: u64,
    /// The number of archive entries: files, folders and links.
    pub files: u64,
}

/// The name of a pack in messages: its path, or a description for the top level, whose path is empty.
#[must_use]
pub fn title(path: &str) -> String {
    if path.is_empty() { "the top-level pack".into() } else { format!("pack `{path}`") }
}

/// The path of something in `folder`, relative to what `folder` is relative to. An empty folder is the top
/// level.
#[must_use]
pub fn join_path(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.into() } else { format!("{folder}/{path}") }
}

/// `path` relative to `folder`, if it is in it. An empty folder is the top level.
#[must_use]
pub fn relative_path<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

/// The maximum number of packs in a release.
pub const MAX_PACKS: usize = 4096;
/// The maximum size of a compressed pack: 1 GiB.
pub const MAX_PACK_BYTES: u64 = 1 << 30;
/// The maximum size of a pack's content: 4 GiB.
pub const MAX_UNPACKED_BYTES: u64 = 4 << 30;
/// The maximum number of entries in a pack.
pub const MAX_FILES: u64 = 100_000;
/// The maximum size of a release's content, all packs together: 16 GiB.
pub const MAX_RELEASE_BYTES: u64 = 16 << 30;

/// Checks a pack index: the limits, safe relative paths, and no path twice.
///
/// # Errors
/// A sentence that names the pack at fault.
pub fn check_index(packs: &[Pack]) -> Result<(), String> {
    if packs.len() > MAX_PACKS {
        return Err(format!("{} packs, at most {MAX_PACKS} are allowed", packs.len()));
    }
    let mut paths = BTreeSet::new();
    let mut total: u64 = 0;
    for pack in packs {
        let path = &pack.path;
        if !path.is_empty() {
            check_path(path).map_err(|why| format!("pack path `{path}`: {why}"))?;
        }
        if !paths.insert(path.to_lowercase()) {
            return Err(format!("two packs for the path `{path}`"));
        }
        let limits = [
            ("size", pack.size, MAX_PACK_BYTES),
            ("unpacked", pack.unpacked, MAX_UNPACKED_BYTES),
            ("files", pack.files, MAX_FILES),
        ];
        for (what, value, limit) in limits {
            if value > limit {
                return Err(format!("pack `{path}`: {what} {value} is above the limit of {limit}"));
            }
        }
        total = total.saturating_add(pack.unpacked);
    }
    if total > MAX_RELEASE_BYTES {
        return Err(format!("{total} unpacked bytes, at most {MAX_RELEASE_BYTES} are allowed"));
    }
    Ok(())
}

/// Checks that `path` is relative, stays inside, and can be written on any Unix.
///
/// # Errors
/// The broken rule.
pub fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Err("is empty");
    }
    if path.starts_with('/') {
        return Err("is absolute");
    }
    if path.len() > MAX_PATH {
        return Err("is longer than 1024 bytes");
    }
    if path.chars().any(char::is_control) {
        return Err("holds a control character");
    }
    for part in path.split('/') {
        match part {
            "" => return Err("holds an empty part"),
            "." | ".." => return Err("holds `.` or `..`"),
            _ if part.len() > MAX_PART => return Err("holds a part longer than 255 bytes"),
            _ => {}
        }
    }
    Ok(())
}

const MAX_PATH: usize = 1024;
const MAX_PART: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(path: &str) -> Pack {
        Pack { path: path.into(), sha256: Sha256::of(b""), size: 1, unpacked: 1, files: 1 }
    }

    #[test]
    fn accepts_a_usual_index() {
        assert_eq!(check_index(&[pack(""), pack("data"), pack("modules/ntp"), pack("modules")]), Ok(()));
    }

    #[test]
    fn refuses_paths_that_climb_or_repeat() {
        for path in ["/etc", "../x", "a/../b", "a//b", "a/", "./a", "a\n", "a\0"] {
            assert!(check_index(&[pack(path)]).is_err(), "{path:?}");
        }
        assert!(check_index(&[pack("Data"), pack("data")]).is_err());
        assert!(check_index(&[pack(&"a/".repeat(600))]).is_err());
    }

    #[test]
    fn refuses_packs_that_are_too_large() {
        assert!(check_index(&[Pack { size: MAX_PACK_BYTES + 1, ..pack("a") }]).is_err());
        assert!(check_index(&[Pack { unpacked: MAX_UNPACKED_BYTES + 1, ..pack("a") }]).is_err());
        assert!(check_index(&[Pack { files: MAX_FILES + 1, ..pack("a") }]).is_err());
        let many: std::vec::Vec<_> = (0..=MAX_PACKS).map(|n| pack(&format!("m{n}"))).collect();
        assert!(check_index(&many).is_err());
        let heavy = |n| Pack { unpacked: MAX_UNPACKED_BYTES, ..pack(n) };
        assert!(check_index(&[heavy("a"), heavy("b"), heavy("c"), heavy("d"), heavy("e")]).is_err());
    }
}
