//! Which archive entries may be unpacked: an allow-list.
//!
//! Regular files, folders and links that stay inside the pack; every parent folder stands before its
//! content. Everything else is refused, not skipped: a pack is made by our own packer, so an odd entry
//! is damage or an attack.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use crate::hash::Sha256;
use crate::pack::{Pack, check_path};

/// What an archive entry claims to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A regular file of so many bytes.
    File {
        /// Its content, in bytes.
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

/// Checks the entries of one pack in their order, and counts them against the manifest.
#[derive(Debug)]
pub struct AllowList {
    unpacked: u64,
    files: u64,
    folders: BTreeSet<u64>,
    names: BTreeSet<u64>,
}

impl AllowList {
    /// The allow-list for one pack, with the counts that its manifest names.
    #[must_use]
    pub fn new(pack: &Pack) -> Self {
        Self { unpacked: pack.unpacked, files: pack.files, folders: BTreeSet::new(), names: BTreeSet::new() }
    }

    /// Checks the next entry.
    ///
    /// `path` is the name as it stands in the archive, without the final slash of a folder; `mode`
    /// its permission bits.
    ///
    /// # Errors
    /// [`EntryError`] for the first rule that it breaks.
    pub fn admit(&mut self, path: &str, kind: &Kind<'_>, mode: u32) -> Result<(), EntryError> {
        self.rule(path, kind, mode).map_err(|why| EntryError { path: shown(path), why })
    }

    /// Whether exactly the announced bytes and entries came.
    ///
    /// # Errors
    /// What is missing: `unpacked bytes` or `files`.
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
            return Err("has no folder before it");
        }
        if !self.names.insert(mark(&path.to_lowercase())) {
            return Err("stands twice, or differs from another only in case");
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

/// GNU's records of names that are too long for a header, until the entry comes that they belong to.
///
/// They are the one extension that a pack may use: our packer needs no other, and readers disagree on
/// what holds where POSIX's stand beside them.
#[derive(Debug, Default)]
pub struct LongNames {
    name: Option<String>,
    target: Option<String>,
}

/// Which name a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Long {
    /// The entry's.
    Name,
    /// That of what a link leads to.
    Target,
}

impl LongNames {
    /// The longest record, its final zero byte included: more than a name may have, so that one that is too
    /// long is told by its name. Whoever reads one reads at most a byte more.
    pub const MAX: usize = 4097;

    /// Takes a record.
    ///
    /// # Errors
    /// The rule that it breaks.
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

    /// Name and target of the entry that follows, given what its header says.
    ///
    /// # Errors
    /// A name that is not UTF-8.
    pub fn of_entry(&mut self, name: &[u8], target: &[u8]) -> Result<(String, String), &'static str> {
        let or = |long: Option<String>, short: &[u8]| match long {
            Some(long) => Ok(long),
            None => String::from_utf8(Vec::from(short)).map_err(|_| NOT_UTF8),
        };
        Ok((or(self.name.take(), name)?, or(self.target.take(), target)?))
    }

    /// Whether every record had its entry.
    ///
    /// # Errors
    /// When one had none.
    pub fn finish(&self) -> Result<(), &'static str> {
        let none = self.name.is_none() && self.target.is_none();
        if none { Ok(()) } else { Err("a long name is followed by no entry") }
    }
}

const NOT_UTF8: &str = "a name or a link's target is not UTF-8";

/// Checks that a link at `path` with this target cannot leave the pack.
///
/// # Errors
/// The rule that is broken. The target need not exist.
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
            // A `..` after a name could climb out through another link.
            ".." if below => return Err("is a link whose target goes down and up again"),
            ".." => depth = depth.checked_sub(1).ok_or("is a link that leaves the pack")?,
            _ => below = true,
        }
    }
    Ok(())
}

/// A name as eight bytes: a pack may have 100,000 of them, and the agent little memory. Two names
/// with one mark can only make a refusal.
fn mark(name: &str) -> u64 {
    let hash = Sha256::of(name.as_bytes());
    let (first, _) = hash.as_bytes().split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    u64::from_le_bytes(*first)
}

fn shown(path: &str) -> String {
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
    fn long_names_belong_to_the_next_entry_alone() {
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
