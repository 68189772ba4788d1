//! Archives by hand: every header that the usual builders refuse to write.

use e2e::forge::{Forge, gzip};
use stringless_core::pack::Pack;

/// An archive under construction, uncompressed.
#[derive(Clone, Default)]
pub struct Craft(pub Vec<u8>);

impl Craft {
    /// An archive that begins with a good `apply`, so that only what follows can be at fault.
    pub fn new() -> Self {
        Self::default().file("apply", SCRIPT)
    }

    /// A plain file.
    pub fn file(self, name: &str, content: &str) -> Self {
        self.entry(b'0', name, 0o755, content.as_bytes())
    }

    /// A folder; its name ends with a slash, as tar writes it.
    pub fn folder(self, name: &str) -> Self {
        self.entry(b'5', name, 0o755, b"")
    }

    /// A link: `b'2'` symbolic, `b'1'` hard.
    pub fn link(self, kind: u8, name: &str, target: &str) -> Self {
        self.header(kind, name.as_bytes(), target.as_bytes(), 0o777, 0)
    }

    /// An entry of any type with this content.
    pub fn entry(self, kind: u8, name: &str, mode: u32, content: &[u8]) -> Self {
        self.header(kind, name.as_bytes(), b"", mode, content.len() as u64).content(content)
    }

    /// A header alone; what it says of its size is not held against anything.
    pub fn header(mut self, kind: u8, name: &[u8], target: &[u8], mode: u32, size: u64) -> Self {
        let mut header = tar::Header::new_ustar();
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name);
        old.linkname[..target.len()].copy_from_slice(target);
        old.linkflag = [kind];
        header.set_mode(mode);
        header.set_size(size);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self
    }

    /// Content, filled up to whole blocks.
    pub fn content(mut self, content: &[u8]) -> Self {
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// POSIX extended headers for the next entry.
    pub fn pax(self, records: &[(&str, &str)]) -> Self {
        let text: String = records.iter().map(|(key, value)| record(key, value)).collect();
        self.entry(b'x', "PaxHeaders/x", 0o644, text.as_bytes())
    }

    /// GNU's long name (`b'L'`) or long link target (`b'K'`) for the next entry.
    pub fn long(self, kind: u8, text: &str) -> Self {
        self.entry(kind, "././@LongLink", 0o644, format!("{text}\0").as_bytes())
    }

    /// The two empty blocks of the end.
    pub fn end(mut self) -> Self {
        self.0.resize(self.0.len() + 1024, 0);
        self
    }

    /// Ends, compresses and stores it as a top-level pack with these counts beside those of `apply`.
    pub fn pack(self, forge: &Forge, unpacked: u64, files: u64) -> Pack {
        self.end().pack_as_it_is(forge, unpacked, files)
    }

    /// The same without an end.
    pub fn pack_as_it_is(self, forge: &Forge, unpacked: u64, files: u64) -> Pack {
        forge.raw_pack("", &gzip(&self.0), unpacked + SCRIPT.len() as u64, files + 1)
    }
}

/// `<length> <key>=<value>\n`, where the length counts its own digits.
fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    loop {
        let whole = format!("{length}{rest}");
        if whole.len() == length {
            return whole;
        }
        length = whole.len();
    }
}

/// The content of the good entry.
pub const SCRIPT: &str = "#!/bin/sh\nexit 0\n";
