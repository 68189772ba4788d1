//! Builds archives as an attacker might: with any names, kinds, modes and sizes.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// An entry of an archive.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name in the archive.
    pub name: &'static [u8],
    /// The tar type: `b'0'` is a file, `b'5'` a folder, `b'2'` a link.
    pub kind: u8,
    /// The mode field: the permission bits and any other bits.
    pub mode: u32,
    /// The content of a file.
    pub content: Vec<u8>,
    /// The target of a link.
    pub link: &'static [u8],
    /// The size in its header, which may differ from the length of `content`.
    pub size: u64,
}

impl Entry {
    /// Makes an entry from five of the fuzzer's bytes. So few bytes let the fuzzer build whole archives.
    #[must_use]
    pub fn new([name, kind, mode, length, link]: [u8; 5]) -> Self {
        let kind = match kind % 16 {
            0..=6 => b'0',
            7..=9 => b'5',
            10..=12 => b'2',
            13 => b'1',
            14 => b"LKxgSD37"[usize::from(kind / 16 % 8)],
            _ => kind,
        };
        let bare = matches!(kind, b'2' | b'5');
        let content = match kind {
            _ if bare => Vec::new(),
            // A GNU record with the long name of the next entry.
            b'L' | b'K' => {
                [LINKS[usize::from(link) % LINKS.len()], &vec![b'n'; length.into()], b"\0"].concat()
            }
            _ => vec![name; length.into()],
        };
        let size = match length {
            0..250 => content.len() as u64,
            250..252 => content.len() as u64 + 1,
            252 => 0,
            253 => 1 << 20,
            254 => 1 << 33,
            255 => u64::MAX,
        };
        Self {
            name: NAMES[usize::from(name) % NAMES.len()],
            kind,
            mode: match mode {
                0..120 => 0o644,
                120..240 => 0o755,
                _ => u32::from(mode & 15) << 9 | 0o755,
            },
            content,
            link: LINKS[usize::from(link) % LINKS.len()],
            size,
        }
    }

    /// Makes entries from these bytes.
    #[must_use]
    pub fn all(bytes: &[u8]) -> Vec<Self> {
        bytes.as_chunks::<5>().0.iter().take(40).map(|bytes| Self::new(*bytes)).collect()
    }
}

/// An uncompressed archive with exactly these names. The usual builder refuses strange names.
#[must_use]
pub fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        let old = header.as_old_mut();
        old.name[..entry.name.len()].copy_from_slice(entry.name);
        old.linkname[..entry.link.len()].copy_from_slice(entry.link);
        old.linkflag = [entry.kind];
        header.set_mode(entry.mode);
        header.set_size(entry.size);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&entry.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// Compresses an archive like a pack.
///
/// # Panics
/// Never: it writes to memory.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const NAMES: [&[u8]; 30] = [
    b"a",
    b"a/b",
    b"a/c",
    b"a/b/c",
    b"b",
    b"b/a",
    b"c",
    b"d",
    b"a/",
    b"b/",
    b"a/b/",
    b"l",
    b"a/l",
    b"l/x",
    b"a/l/x",
    b"A",
    b"a/B",
    b"..",
    b"../x",
    b"../incoming",
    b"a/../../x",
    b"/etc/x",
    b"/dev/shm/x",
    b"./a",
    b"a//b",
    b"",
    b"a\x1b[2J",
    b"\xff",
    b"\xc3\xa9",
    b"././@LongLink",
];
const LINKS: [&[u8]; 20] = [
    b"b",
    b"a",
    b"a/b",
    b"../b",
    b"../a/b",
    b"..",
    b"../..",
    b"../x",
    b"../../incoming",
    b"a/..",
    b"a/../..",
    b"./b",
    b"./..",
    b".",
    b"",
    b"/",
    b"/etc",
    b"a\n",
    b"\xff",
    b"../a/../..",
];
