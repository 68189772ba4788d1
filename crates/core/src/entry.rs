//! The allow-list for archive entries: what may be unpacked.
//!
//! Allowed are regular files, folders, and links that stay inside the pack. Every folder must come before its
//! content. Anything else is refused, not skipped: our own packer makes the packs, so an unexpected entry
//! means damage or an attack.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use crate::hash::Sha256;
use crate::pack::{Pack, check_path};

/// The kind that an archive entry claims to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A regular file.
    File {
        /// The length of its content in bytes.
        size: u64,
    },
    /// A folder.
    Directory,
    /// A symbolic link with this target.
    Symlink {
        /// The link's text.
        target: &'a str,
    },
    /// A hard link, device, FIFO, extension header or anything else.
    Other,
}

/// A refused entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry `{path}` {why}")]
pub struct EntryError {
    /// The entry's name, control characters escaped, at most 200 characters.
    pub path: String,
    /// The rule that it breaks.
    pub why: &'static str,
}

/// Checks the entries of one pack in order, and compares their number and size with the manifest.
#[derive(Debug)]
pub struct AllowList {
    unpacked: u64,
    files: u64,
    folders: BTreeSet<u64>,
    names: BTreeSet<u64>,
}

impl AllowList {
    /// An allow-list for one pack, with the counts from the manifest.
    #[must_use]
    pub fn new(pack: &Pack) -> Self {
        Self { unpacked: pack.unpacked, files: pack.files, folders: BTreeSet::new(), names: BTreeSet::new() }
    }

    /// Checks the next entry.
    ///
    /// `path` is the name in the archive, without a folder's final slash; `mode` is the permission bits.
    ///
    /// # Errors
    /// [`EntryError`] for the first broken rule.
    pub fn admit(&mut self, path: &str, kind: &Kind<'_>, mode: u32) -> Result<(), EntryError> {
        self.rule(path, kind, mode).map_err(|why| EntryError { path: escaped(path), why })
    }

    /// Checks that the archive had exactly the bytes and entries that the manifest announced.
    ///
    /// # Errors
    /// The count that does not match: `unpacked bytes` or `files`.
    pub fn finish(&self) -> Result<(), &'static str> {
        match (self.unpacked, self.files) {
            (0, 0) => Ok(()),
            (0, _) => Err("files"),
            _ => Err("unpacked bytes"),
        }
    }

    fn rule(&mut self, path: &str, kind: &Kind<'_>, mode: u32) -> Result<(), &'static str> {
        check_path(path)?;
        if mode & !0o777 != 0 {
            return Err("is setuid, setgid or sticky");
        }
        if let Some((parent, _)) = path.rsplit_once('/')
            && !self.folders.contains(&mark(parent))
        {
            return Err("comes before its folder");
        }
        if !self.names.insert(mark(&path.to_lowercase())) {
            return Err("occurs twice, or differs from another only in case");
        }
        self.files = self.files.checked_sub(1).ok_or("is one more than the manifest counts")?;
        match kind {
            Kind::File { size } => {
                let left = self.unpacked.checked_sub(*size);
                self.unpacked = left.ok_or("is larger than the manifest allows")?;
            }
            Kind::Directory => {
                self.folders.insert(mark(path));
            }
            Kind::Symlink { target } => check_target(path, target)?,
            Kind::Other => return Err("is neither file, folder nor symbolic link"),
        }
        Ok(())
    }
}

/// Collects GNU long-name records until the entry that they belong to arrives.
///
/// A record holds a name that is too long for a tar header. Packs may use no other extension: our packer
/// needs none, and tar readers disagree about which name is valid if POSIX records are present as well.
#[derive(Debug, Default)]
pub struct LongNames {
    name: Option<String>,
    target: Option<String>,
}

/// Which name a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Long {
    /// The entry's own name.
    Name,
    /// The target of a link.
    Target,
}

impl LongNames {
    /// The longest record in bytes, including its final zero byte. The limit is above the longest allowed
    /// name, so that the error for a name that is too long can quote the name. A reader needs at most one
    /// byte more.
    pub const MAX: usize = 4097;

    /// Adds a record.
    ///
    /// # Errors
    /// The broken rule.
    pub fn take(&mut self, which: Long, record: &[u8]) -> Result<(), &'static str> {
        if record.len() > Self::MAX {
            return Err("a name is longer than 4096 bytes");
        }
        let text = str::from_utf8(record.strip_suffix(b"\0").unwrap_or(record)).map_err(|_| NOT_UTF8)?;
        let place = if which == Long::Name { &mut self.name } else { &mut self.target };
        match place.replace(text.to_owned()) {
            Some(_) => Err("an entry has two long names"),
            None => Ok(()),
        }
    }

    /// The name and target of the entry that follows; `name` and `target` are those in its header.
    ///
    /// # Errors
    /// The name or the target is not UTF-8.
    pub fn of_entry(&mut self, name: &[u8], target: &[u8]) -> Result<(String, String), &'static str> {
        let or = |long: Option<String>, short: &[u8]| match long {
            Some(long) => Ok(long),
            None => String::from_utf8(Vec::from(short)).map_err(|_| NOT_UTF8),
        };
        Ok((or(self.name.take(), name)?, or(self.target.take(), target)?))
    }

    /// Checks that an entry followed every record.
    ///
    /// # Errors
    /// A record without an entry.
    pub fn finish(&self) -> Result<(), &'static str> {
        let none = self.name.is_none() && self.target.is_none();
        if none { Ok(()) } else { Err("a long name has no entry after it") }
    }
}

const NOT_UTF8: &str = "a name or a link's target is not UTF-8";

/// Checks that a link at `path` to `target` cannot leave the pack. The target need not exist.
///
/// # Errors
/// The broken rule.
pub fn check_target(path: &str, target: &str) -> Result<(), &'static str> {
    if target.is_empty() || target.len() > 1024 || target.chars().any(char::is_control) {
        return Err("is a link with an empty, overlong or unprintable target");
    }
    if target.starts_with('/') {
        return Err("is a link to an absolute path");
    }
    let mut depth = path.matches('/').count();
    let mut below = false;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            // The name before `..` could be another link, which leads out of the pack.
            ".." if below => return Err("is a link whose target goes down and up again"),
            ".." => depth = depth.checked_sub(1).ok_or("is a link that leaves the pack")?,
            _ => below = true,
        }
    }
    Ok(())
}

/// The first eight bytes of a name's hash. A pack may have 100,000 names, and the agent should need little
/// memory. If two names had the same mark, the pack would be refused, nothing worse.
fn mark(name: &str) -> u64 {
    let hash = Sha256::of(name.as_bytes());
    let (first, _) = hash.as_bytes().split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    u64::from_le_bytes(*first)
}

fn escaped(path: &str) -> String {
    path.chars().take(200).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn list() -> AllowList {
        let pack = Pack { path: String::new(), sha256: Sha256::of(b""), size: 0, unpacked: 100, files: 20 };
        AllowList::new(&pack)
    }

    fn file(size: u64) -> Kind<'static> {
        Kind::File { size }
    }

    #[test]
    fn admits_files_folders_and_inner_links() {
        let mut list = list();
        list.admit("a", &Kind::Directory, 0o755).unwrap();
        list.admit("a/b", &file(60), 0o644).unwrap();
        list.admit("a/c", &Kind::Symlink { target: "../d" }, 0o777).unwrap();
        list.admit("d", &file(40), 0o755).unwrap();
        assert_eq!(list.finish(), Err("files"));
    }

    #[test]
    fn refuses_each_broken_rule() {
        let climb = |target| Kind::Symlink { target };
        let cases: Vec<(&str, Kind<'_>, u32)> = alloc::vec![
            ("/etc/passwd", file(1), 0o644),
            ("../up", file(1), 0o644),
            ("a/../../up", file(1), 0o644),
            ("missing/x", file(1), 0o644),
            ("s", file(1), 0o4755),
            ("s", file(1), 0o2755),
            ("s", Kind::Directory, 0o1777),
            ("h", Kind::Other, 0o644),
            ("big", file(101), 0o644),
            ("l", climb("/etc"), 0o777),
            ("l", climb(".."), 0o777),
            ("l", climb("../x"), 0o777),
            ("l", climb("x/../../y"), 0o777),
            ("l", climb(""), 0o777),
            ("x\u{7}", file(1), 0o644),
            ("", file(1), 0o644),
        ];
        for (path, kind, mode) in cases {
            assert!(list().admit(path, &kind, mode).is_err(), "{path:?} {kind:?}");
        }
    }

    #[test]
    fn refuses_duplicates_and_case_collisions() {
        let mut list = list();
        list.admit("Readme", &file(1), 0o644).unwrap();
        assert!(list.admit("Readme", &file(1), 0o644).is_err());
        assert!(list.admit("README", &file(1), 0o644).is_err());
    }

    #[test]
    fn refuses_content_below_a_link_or_file() {
        let mut list = list();
        list.admit("l", &Kind::Symlink { target: "d" }, 0o777).unwrap();
        assert!(list.admit("l/x", &file(1), 0o644).is_err());
        list.admit("f", &file(1), 0o644).unwrap();
        assert!(list.admit("f/x", &file(1), 0o644).is_err());
    }

    #[test]
    fn a_long_name_belongs_to_the_next_entry_only() {
        let mut long = LongNames::default();
        assert_eq!(long.of_entry(b"short", b""), Ok(("short".into(), "".into())));
        long.take(Long::Target, b"a target\0").unwrap();
        long.take(Long::Name, b"a name").unwrap();
        assert!(long.finish().is_err());
        assert_eq!(long.of_entry(b"cut", b"cut"), Ok(("a name".into(), "a target".into())));
        assert_eq!(long.finish(), Ok(()));
        assert_eq!(long.of_entry(b"short", b"t"), Ok(("short".into(), "t".into())));
        assert!(long.of_entry(b"caf\xe9", b"").is_err());
        assert!(long.take(Long::Name, b"caf\xe9").is_err());
        assert!(long.take(Long::Name, &[b'n'; LongNames::MAX + 1]).is_err());
        long.take(Long::Name, &[b'n'; LongNames::MAX]).unwrap();
        assert!(long.take(Long::Name, b"two").is_err());
    }

    #[test]
    fn counts_against_the_manifest() {
        let mut list = list();
        for n in 0..20 {
            list.admit(&alloc::format!("f{n}"), &file(5), 0o644).unwrap();
        }
        assert_eq!(list.finish(), Ok(()));
        assert!(list.admit("one-more", &file(0), 0o644).is_err());
    }

    proptest! {
        #[test]
        fn admitted_links_stay_inside(target in "(\\.\\./|\\./|a/|b/|/){0,5}(\\.\\.|c)?", deep in 0usize..4) {
            let path: String = (0..deep).map(|_| "d/").chain(["link"]).collect();
            if check_target(&path, &target).is_ok() {
                let mut depth = deep as i64;
                for part in target.split('/') {
                    depth += match part { ".." => -1, "" | "." => 0, _ => 1 };
                    prop_assert!(depth >= 0, "{path} -> {target}");
                }
            }
        }
    }
}
