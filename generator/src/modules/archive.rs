//! A module's archive → its files. Authors use many versions of tar. No IO.
//!
//! Everything that a pack must not hold is refused here, by name. Harmless oddities (missing folders, odd
//! modes, `./` before names) are corrected.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use stringless_archive::writer::{Item, ItemKind};
use stringless_core::pack::MAX_FILES;
use tar::{Archive, Entry, EntryType};

use super::tree::quoted;

/// Where an archive holds the files of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Below one folder, which is not part of the module, as in releases of a forge.
    OneFolder,
    /// At the top level.
    Plain,
}

/// The files and links of a compressed archive.
///
/// # Errors
/// A sentence about the archive, or about the first entry that a module must not hold.
pub fn read(bytes: &[u8], layout: Layout) -> Result<Vec<Item>, String> {
    let broken = |e: std::io::Error| format!("it is not a readable archive: {e}");
    // Allows for headers and padding besides the content; a decompression bomb ends here.
    let cap = MAX_CONTENT + MAX_FILES * 4096;
    let mut archive = Archive::new(Counted { inner: MultiGzDecoder::new(bytes).take(cap), count: 0 });
    let (mut items, mut left, mut count) = (Vec::new(), MAX_CONTENT, 0);
    let (mut names, mut end) = (Names::default(), 0);
    // Raw entries: otherwise the library would read records before an entry into memory, at any length.
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let mut entry = entry.map_err(broken)?;
        count += 1;
        if count > 2 * MAX_FILES {
            return Err(format!("it has more than {MAX_FILES} entries"));
        }
        let size = entry.header().entry_size().map_err(broken)?;
        end = entry.raw_file_position().saturating_add(size.div_ceil(BLOCK).saturating_mul(BLOCK));
        if names.take(&mut entry)? {
            continue;
        }
        let Some(item) = item(&mut entry, &mut names, &mut left)? else { continue };
        items.push(item);
    }
    let Counted { inner: mut rest, count: read } = archive.into_inner();
    std::io::copy(&mut rest, &mut std::io::sink()).map_err(broken)?;
    if rest.limit() == 0 {
        return Err(TOO_LARGE.into());
    }
    // The block of zeros behind the last entry was read.
    if read <= end {
        return Err("it has no end: it may have been cut off".into());
    }
    if !names.is_empty() {
        return Err("it ends with a record about an entry that is missing".into());
    }
    if layout == Layout::OneFolder { without_folder(items) } else { Ok(items) }
}

/// Counts the bytes that are read.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count += read as u64;
        Ok(read)
    }
}

/// Names for the next entry, from records before it.
#[derive(Default)]
struct Names {
    path: Name,
    target: Name,
}

/// A name from records of both kinds. As in GNU tar, that of POSIX counts, whichever comes first.
#[derive(Default)]
struct Name {
    posix: Option<String>,
    gnu: Option<String>,
}

impl Name {
    fn take(&mut self) -> Option<String> {
        let Self { posix, gnu } = std::mem::take(self);
        posix.or(gnu)
    }

    fn is_empty(&self) -> bool {
        self.posix.is_none() && self.gnu.is_none()
    }
}

impl Names {
    fn is_empty(&self) -> bool {
        self.path.is_empty() && self.target.is_empty()
    }

    /// Whether the entry is such a record.
    fn take<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<bool, String> {
        let kind = entry.header().entry_type();
        let known = matches!(
            kind,
            EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader
        );
        if !known {
            return Ok(false);
        }
        let mut record = Vec::new();
        let read = entry.take(MAX_RECORD + 1).read_to_end(&mut record);
        read.map_err(|e| format!("it is not a readable archive: {e}"))?;
        if record.len() as u64 > MAX_RECORD {
            return Err(format!("a record before an entry is longer than {MAX_RECORD} bytes"));
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| NOT_UTF8.to_owned());
        match kind {
            EntryType::GNULongName => {
                self.path.gnu = Some(text(record.strip_suffix(b"\0").unwrap_or(&record))?);
            }
            EntryType::GNULongLink => {
                self.target.gnu = Some(text(record.strip_suffix(b"\0").unwrap_or(&record))?);
            }
            _ => self.extensions(&record, kind == EntryType::XGlobalHeader)?,
        }
        Ok(true)
    }

    /// POSIX records: names are used; a record that would change the end of an entry is refused.
    fn extensions(&mut self, record: &[u8], global: bool) -> Result<(), String> {
        let mut rest = record;
        while !rest.is_empty() {
            let (key, value, after) = extension(rest).ok_or("an extension record in it is malformed")?;
            rest = after;
            let value = || String::from_utf8(value.to_vec()).map_err(|_| NOT_UTF8.to_owned());
            match key {
                b"size" => return Err("an extension sets the size of an entry".into()),
                b"path" | b"linkpath" if global => {
                    return Err("an extension gives all entries one name".into());
                }
                b"path" => self.path.posix = Some(value()?),
                b"linkpath" => self.target.posix = Some(value()?),
                _ if key.starts_with(b"GNU.sparse.") => return Err("it holds a sparse file".into()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The first of the records `LENGTH KEY=VALUE\n` in `text`, and what follows it; the length is that of the whole record,
/// in decimal digits. `None` if it is malformed: tars differ in what they make of such a record.
fn extension(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let digits =
        str::from_utf8(&text[..space]).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let (record, after) = text.split_at_checked(digits.parse().ok()?)?;
    let pair = record.strip_suffix(b"\n")?.get(space + 1..)?;
    let equals = pair.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    Some((&pair[..equals], &pair[equals + 1..], after))
}

/// A file or link; `None` for a folder, because folders follow from the files, and for what is in a `.git`.
fn item<R: Read>(
    entry: &mut Entry<'_, R>,
    names: &mut Names,
    left: &mut u64,
) -> Result<Option<Item>, String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| NOT_UTF8.to_owned());
    let name = names.path.take().map_or_else(|| text(&entry.path_bytes()), Ok)?;
    let target = names.target.take();
    let path = tidy(&name);
    let refused = |why: &str| format!("`{}` {why}", quoted(&name));
    let kind = entry.header().entry_type();
    if path.split('/').any(|part| part == ".git") {
        return Ok(None);
    }
    match kind {
        EntryType::Directory => return Ok(None),
        EntryType::Regular | EntryType::Continuous if name.ends_with('/') => return Ok(None),
        EntryType::Regular | EntryType::Continuous => {}
        EntryType::Symlink => {
            let target = target.map_or_else(|| text(&entry.link_name_bytes().unwrap_or_default()), Ok)?;
            return Ok(Some(Item { path, kind: ItemKind::Link { target } }));
        }
        EntryType::Link => return Err(refused("is a hard link")),
        EntryType::Block | EntryType::Char => return Err(refused("is a device")),
        EntryType::Fifo => return Err(refused("is a named pipe")),
        _ => return Err(refused("is neither a file, a folder nor a symbolic link")),
    }
    let size = entry.header().entry_size().map_err(|e| refused(&format!("has no size: {e}")))?;
    *left = left.checked_sub(size).ok_or(TOO_LARGE)?;
    let mut content = Vec::new();
    entry.read_to_end(&mut content).map_err(|e| format!("it is not a readable archive: {e}"))?;
    if content.len() as u64 != size {
        return Err(format!("it ends in the middle of `{}`", quoted(&name)));
    }
    let executable = entry.header().mode().unwrap_or(0o644) & 0o100 != 0;
    Ok(Some(Item { path, kind: ItemKind::File { executable, content } }))
}

/// Removes `./` at the start; the allow-list refuses other oddities.
fn tidy(name: &str) -> String {
    let mut rest = name;
    while let Some(after) = rest.strip_prefix("./") {
        rest = after;
    }
    rest.to_owned()
}

fn without_folder(items: Vec<Item>) -> Result<Vec<Item>, String> {
    let mut folder: Option<String> = None;
    let mut inner = Vec::new();
    for item in items {
        let odd =
            || format!("`{}` is not in the one folder that a release of a forge has", quoted(&item.path));
        let (first, rest) = item.path.split_once('/').ok_or_else(odd)?;
        if folder.get_or_insert_with(|| first.to_owned()) != first || first == ".." || first.is_empty() {
            return Err(odd());
        }
        inner.push(Item { path: rest.to_owned(), kind: item.kind });
    }
    Ok(inner)
}

/// The largest total size of a module's files: 1 GiB.
const MAX_CONTENT: u64 = 1 << 30;
/// The longest record: names have at most 4096 bytes, other records (times, owners) are short.
const MAX_RECORD: u64 = 64 * 1024;
/// Archives are written in blocks of this size.
const BLOCK: u64 = 512;
const TOO_LARGE: &str = "it holds more than 1 GiB";
const NOT_UTF8: &str = "a name in it is not UTF-8";

#[cfg(test)]
mod tests;
