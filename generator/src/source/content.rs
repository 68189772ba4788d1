//! The bytes of a release's files. They are read only for a pack that was not built before.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use stringless_core::hash::{Hasher, Sha256};

use crate::error::{Error, Result};
use crate::git::{Conversion, Repository};

/// The bytes of a file, or the target of a link.
#[derive(Clone, Debug)]
pub enum FileContent {
    /// A file on disk.
    Disk {
        /// Its path.
        path: PathBuf,
        /// Its metadata when the tree was read.
        stamp: FileStamp,
    },
    /// A file in a git repository.
    Blob {
        /// The mirror of the repository.
        repository: Arc<Repository>,
        /// The id of its blob.
        id: String,
        /// What a checkout changes in it.
        conversion: Option<Arc<Conversion>>,
    },
    /// The bytes themselves.
    Bytes(Arc<[u8]>),
}

/// Metadata that changes with a file's content, unless both changes happen at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    /// In seconds and nanoseconds.
    modified: (i64, i64),
    /// The time of the inode's last change, which no program can set back.
    changed: (i64, i64),
}

impl FileContent {
    /// The bytes.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(&self) -> Result<Vec<u8>> {
        Ok(Self::read_all(&[self])?.pop().unwrap_or_default())
    }

    /// The bytes of each, in this order; one run of git for all files of one repository.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn read_all(all: &[&Self]) -> Result<Vec<Vec<u8>>> {
        let mut read: Vec<Option<Vec<u8>>> = Vec::with_capacity(all.len());
        for one in all {
            read.push(match one {
                Self::Disk { path, .. } => Some(fs::read(path).map_err(|e| Error::io("reading", path, e))?),
                Self::Bytes(bytes) => Some(bytes.to_vec()),
                Self::Blob { .. } => None,
            });
        }
        while let Some(first) = read.iter().position(Option::is_none) {
            let Self::Blob { repository: mirror, .. } = all[first] else { break };
            let of_mirror = all.iter().enumerate().filter_map(|(n, one)| match one {
                Self::Blob { repository, id, .. } if Arc::ptr_eq(repository, mirror) => Some((n, id.clone())),
                _ => None,
            });
            let (places, ids): (Vec<usize>, Vec<String>) = of_mirror.unzip();
            for (n, bytes) in places.into_iter().zip(mirror.blobs(&ids)?) {
                read[n] = Some(match all[n] {
                    Self::Blob { conversion: Some(conversion), id, .. } => {
                        conversion.apply(bytes, id).map_err(|why| {
                            Error::refused(format!("reading `{}`: the blob {id} {why}", mirror.url()))
                                .hint("build from a checkout instead: `source: {path: …}`")
                        })?
                    }
                    _ => bytes,
                });
            }
        }
        Ok(read.into_iter().flatten().collect())
    }

    /// Its size in bytes, if it is known without reading.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Disk { stamp, .. } => stamp.size,
            Self::Blob { .. } => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// Adds to `hash` a value that differs for different bytes. False if a change at this moment might not
    /// show: then the caller must not cache the result.
    pub fn mark(&self, hash: &mut Hasher) -> bool {
        match self {
            Self::Disk { stamp, .. } => {
                hash.update(format!("disk {stamp:?}\n").as_bytes());
                stamp.is_settled()
            }
            Self::Blob { id, conversion, .. } => {
                hash.update(format!("blob {id}\n").as_bytes());
                if let Some(conversion) = conversion {
                    hash.update(format!("checkout {conversion:?}\n").as_bytes());
                }
                true
            }
            Self::Bytes(bytes) => {
                hash.update(format!("bytes {}\n", Sha256::of(bytes)).as_bytes());
                true
            }
        }
    }
}

impl FileStamp {
    /// The stamp of a file's metadata.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the next change will have another time, because clocks of file systems are coarse.
    fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let newest = self.changed.0.max(self.modified.0);
        u64::try_from(newest).is_ok_and(|newest| newest + SETTLED < now.as_secs())
    }
}

/// Seconds.
const SETTLED: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::Remote;
    use std::time::Duration;

    fn marked(content: &FileContent) -> (Sha256, bool) {
        let mut hash = Hasher::default();
        let certain = content.mark(&mut hash);
        (hash.finish(), certain)
    }

    #[test]
    fn reads_from_everywhere_in_one_go() {
        let (cache, one, two) =
            (tempfile::tempdir().unwrap(), Remote::with(&["a", "b"]), Remote::with(&["c"]));
        let file = cache.path().join("file");
        fs::write(&file, "disk").unwrap();
        let blob = |remote: &Remote, path: &str| {
            let mirror = Repository::open(cache.path(), &remote.url()).unwrap();
            mirror.fetch().unwrap();
            let id = remote.git(&["rev-parse", &format!("HEAD:{path}")]);
            FileContent::Blob { repository: Arc::new(mirror), id, conversion: None }
        };
        let (a, b, c) = (blob(&one, "a"), blob(&one, "b"), blob(&two, "c"));
        let disk = FileContent::Disk { stamp: FileStamp::of(&fs::metadata(&file).unwrap()), path: file };
        let bytes = FileContent::Bytes(b"bytes".as_slice().into());
        let read = FileContent::read_all(&[&c, &a, &disk, &b, &bytes, &a]).unwrap();
        assert_eq!(read, [&b"c"[..], b"a", b"disk", b"b", b"bytes", b"a"]);
        assert_eq!((disk.size(), bytes.size(), bytes.read().unwrap()), (4, 5, b"bytes".to_vec()));
    }

    #[test]
    fn a_change_in_the_same_moment_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let at = |text: &str| {
            fs::write(&path, text).unwrap();
            FileContent::Disk { path: path.clone(), stamp: FileStamp::of(&fs::metadata(&path).unwrap()) }
        };
        assert!(!marked(&at("a")).1, "written just now");
        assert_ne!(marked(&at("a")).0, marked(&at("ab")).0);
        let mut stamp = FileStamp::of(&fs::metadata(&path).unwrap());
        let ago = SystemTime::now() - Duration::from_secs(60);
        let ago = ago.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
        stamp.modified.0 = ago;
        assert!(!stamp.is_settled(), "its mode, owner or content changed, and the time was set back");
        stamp.changed.0 = ago;
        assert!(stamp.is_settled());
        stamp.modified.0 = -5;
        assert!(stamp.is_settled());
        stamp.changed.0 += 1000;
        assert!(!stamp.is_settled(), "of the future");
    }
}
