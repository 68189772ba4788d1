//! An object is what its id says. Git checks that when it fetches an object, but not when it reads one: a user who can
//! write to a mirror could give a commit other files. So each object that is read here is hashed again.

use sha1::{Digest, Sha1};
use stringless_core::hash::Hasher;

use super::{Commit, Repository};
use crate::error::{Error, Result};

impl Repository {
    /// The bytes of the objects with these `ids`, all of this `kind`, in this order.
    ///
    /// # Errors
    /// Temporary when one is missing; refused when one has other content than its id says.
    pub fn objects(&self, kind: &str, ids: &[String]) -> Result<Vec<Vec<u8>>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let input: String = ids.iter().map(|id| format!("{id}\n")).collect();
        let output = self.git().read(&["cat-file", "--batch", "--buffer"], input.as_bytes())?;
        let mut rest = output.as_slice();
        let mut objects = Vec::with_capacity(ids.len());
        for id in ids {
            let content = take(&mut rest, kind).ok_or_else(|| self.missing(id))?;
            if !is_of(id, kind, content) {
                return Err(self.changed(id));
            }
            objects.push(content.to_vec());
        }
        Ok(objects)
    }

    /// The id of the root folder of a commit.
    ///
    /// # Errors
    /// As [`Repository::objects`].
    pub fn root(&self, commit: &Commit) -> Result<String> {
        let found = self.objects("commit", &[commit.to_string()])?.pop().unwrap_or_default();
        let line = found.split(|&b| b == b'\n').next().and_then(|line| line.strip_prefix(b"tree "));
        line.map(|id| String::from_utf8_lossy(id).into_owned()).ok_or_else(|| self.missing(commit.id()))
    }

    /// The id of the folder `name` in the folder with the id `tree`; `None` if it has no such folder.
    ///
    /// # Errors
    /// As [`Repository::objects`].
    pub fn subfolder(&self, tree: &str, name: &str) -> Result<Option<String>> {
        let content = self.objects("tree", &[tree.to_owned()])?.pop().unwrap_or_default();
        let head = [b"40000 ", name.as_bytes(), b"\0"].concat();
        let mut rest = content.as_slice();
        // Each entry: mode, a space, name, a zero byte, the bytes of the id.
        while let Some(end) = rest.iter().position(|&b| b == 0) {
            let Some(id) = rest.get(end + 1..end + 1 + tree.len() / 2) else { break };
            if rest[..=end] == head {
                return Ok(Some(id.iter().map(|byte| format!("{byte:02x}")).collect()));
            }
            rest = &rest[end + 1 + id.len()..];
        }
        Ok(None)
    }

    fn missing(&self, id: &str) -> Error {
        Error::temporary(format!("reading `{}`: the object {id} is missing", self.url())).hint(format!(
            "the cache may be damaged: `rm -r {}`, then the next run fetches it again",
            self.folder().display()
        ))
    }

    fn changed(&self, id: &str) -> Error {
        Error::refused(format!("reading `{}`: the cached object {id} has other content than its id says", self.url()))
            .hint(format!(
                "the disk is damaged, or somebody changed the cache: `rm -r {}`, then the next run fetches it again; a cache that others can write to, such as that of a CI, must not come into a job that signs",
                self.folder().display()
            ))
    }
}

/// Reads the next object in the output of `git cat-file --batch`: `ID TYPE SIZE`, a line end, its bytes, a line end.
fn take<'a>(rest: &mut &'a [u8], kind: &str) -> Option<&'a [u8]> {
    let end = rest.iter().position(|&b| b == b'\n')?;
    let head = str::from_utf8(&rest[..end]).ok()?;
    let mut words = head.split(' ').skip(1);
    let size: usize = (words.next()? == kind).then(|| words.next()?.parse().ok())??;
    let content = rest.get(end + 1..end + 1 + size)?;
    *rest = rest.get(end + 2 + size..)?;
    Some(content)
}

/// Whether this is the object with this id: the hash of its type, its size and its content, by the algorithm that the
/// length of the id shows.
fn is_of(id: &str, kind: &str, content: &[u8]) -> bool {
    let head = format!("{kind} {}\0", content.len());
    let found = if id.len() == 64 {
        let mut hash = Hasher::default();
        hash.update(head.as_bytes());
        hash.update(content);
        hash.finish().to_string()
    } else {
        let hash = Sha1::new().chain_update(head).chain_update(content).finalize();
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    found == id
}
