//! One test for each way in which a pack is not what the manifest says.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use stringless_core::hash::Sha256;
use stringless_core::pack::Pack;
use stringless_core::refusal::Refusal;
use tar::{EntryType, Header};

use super::{ReadError, Sink, check_bytes, each, read};
use crate::writer::{Item, ItemKind, bundle};

/// Archive blocks, made by hand: the usual builder refuses what is odd.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn entry(mut self, kind: EntryType, name: &str, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.entry(EntryType::Regular, name, content.as_bytes())
    }

    /// The two empty blocks at the end.
    fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// One file of one byte, which every test damages in its own way.
fn good() -> Vec<u8> {
    Tar::default().file("a", "x").end()
}

/// The manifest names just these bytes.
fn named(packed: &[u8], unpacked: u64, files: u64) -> Pack {
    Pack { path: "p".into(), sha256: Sha256::of(packed), size: packed.len() as u64, unpacked, files }
}

fn refusal(packed: &[u8], unpacked: u64, files: u64) -> Refusal {
    each(&named(packed, unpacked, files), packed, drop).unwrap_err()
}

fn refused_for(packed: &[u8], why: &str) {
    let printed = refusal(packed, 1, 1).to_string();
    assert!(printed.contains("pack `p`: ") && printed.contains(why), "{printed}, not {why}");
}

#[test]
fn the_undamaged_pack_is_read() {
    let packed = gzip(&good());
    let mut items = Vec::new();
    each(&named(&packed, 1, 1), &packed, |item| items.push(item)).unwrap();
    let kind = ItemKind::File { executable: false, content: b"x".to_vec() };
    assert_eq!(items, [Item { path: "a".into(), kind }]);
}

#[test]
fn refuses_bytes_after_the_end_of_the_archive() {
    refused_for(&gzip(&[good(), b"x".to_vec()].concat()), "something follows the end of the archive");
    let second = Tar::default().file("b", "x").end();
    refused_for(&gzip(&[good(), second].concat()), "something follows the end of the archive");
}

#[test]
fn refuses_bytes_after_the_compressed_archive() {
    let why = "something follows the end of the compressed archive";
    refused_for(&[gzip(&good()), b"x".to_vec()].concat(), why);
}

#[test]
fn refuses_a_second_member_of_gzip() {
    let why = "something follows the end of the compressed archive";
    refused_for(&[gzip(&good()), gzip(b"")].concat(), why);
    let (first, second) = (&good()[..512], &good()[512..]);
    refused_for(&[gzip(first), gzip(second)].concat(), "not a readable archive");
}

#[test]
fn refuses_a_truncated_pack() {
    let packed = gzip(&good());
    for length in [0, 5, packed.len() / 2, packed.len() - 8, packed.len() - 1] {
        refused_for(&packed[..length], "not a readable archive");
    }
    refused_for(&gzip(&good()[..300]), "not a readable archive");
    refused_for(&gzip(&Tar::default().file("a", "x").0[..512]), "not a readable archive");
}

#[test]
fn refuses_what_is_no_gzip() {
    refused_for(&good(), "not a readable archive");
    let mut wrong_checksum = gzip(&good());
    let at = wrong_checksum.len() - 6;
    wrong_checksum[at] ^= 1;
    refused_for(&wrong_checksum, "not a readable archive");
}

#[test]
fn refuses_names_that_are_too_long_doubled_or_for_nothing() {
    let long = |length| Tar::default().entry(EntryType::GNULongName, "././@LongLink", &vec![b'n'; length]);
    refused_for(&gzip(&long(5000).file("a", "x").end()), "a name is longer than 4096 bytes");
    let twice = long(9).entry(EntryType::GNULongName, "././@LongLink", b"second");
    refused_for(&gzip(&twice.file("a", "x").end()), "an entry has two long names");
    let nothing = Tar::default().file("a", "x").entry(EntryType::GNULongLink, "././@LongLink", b"name");
    refused_for(&gzip(&nothing.end()), "a long name has no entry after it");
    let foreign = Tar::default().entry(EntryType::GNULongName, "././@LongLink", b"caf\xe9");
    refused_for(&gzip(&foreign.file("a", "x").end()), "is not UTF-8");
}

#[test]
fn refuses_entries_outside_of_the_allow_list() {
    let archive = |tar: Tar| refusal(&gzip(&tar.end()), 2, 2);
    for tar in [
        Tar::default().file("a", "x").file("a", "y"),
        Tar::default().file("a", "x").file("A", "y"),
        Tar::default().file("../a", "x"),
        Tar::default().file("missing/a", "x"),
        Tar::default().file("a", "xyz"),
        Tar::default().file("a", "").file("b", "").file("c", ""),
        // POSIX's extended header: readers disagree on what holds.
        Tar::default().entry(EntryType::XHeader, "h", b"10 path=b\n").file("a", "x"),
        Tar::default().entry(EntryType::Link, "a", b""),
    ] {
        let refusal = archive(tar);
        assert!(matches!(refusal, Refusal::Archive { .. }), "{refusal}");
    }
}

#[test]
fn refuses_other_counts_size_or_hash_than_the_manifest_names() {
    let packed = gzip(&good());
    let what = |unpacked, files| match refusal(&packed, unpacked, files) {
        Refusal::Size { what, .. } => what,
        other => panic!("{other}"),
    };
    assert_eq!((what(2, 1), what(1, 2)), ("unpacked bytes", "files"));
    let right = named(&packed, 1, 1);
    let longer = Pack { size: right.size + 1, ..right.clone() };
    let other = Pack { sha256: Sha256::of(b"other"), ..right.clone() };
    for refusal in [each(&longer, &packed, drop), check_bytes(&longer, &packed)] {
        assert!(matches!(refusal, Err(Refusal::Size { what: "bytes", .. })), "{refusal:?}");
    }
    for refusal in [each(&other, &packed, drop), check_bytes(&other, &packed)] {
        assert!(matches!(refusal, Err(Refusal::Hash { .. })), "{refusal:?}");
    }
    assert_eq!(check_bytes(&right, &packed), Ok(()));
}

#[test]
fn refuses_a_bomb_before_it_is_unpacked() {
    // 4 MiB of zeros after the end: they are read to the cap, and no further.
    let bomb = gzip(&[good(), vec![0; 4 << 20]].concat());
    refused_for(&bomb, "something follows the end of the compressed archive");
}

/// Fails at one of the two ends.
struct Failing {
    /// At the sink, instead of at the source.
    sink: bool,
}

impl Sink for Failing {
    type Error = &'static str;

    fn folder(&mut self, _: &str) -> Result<(), Self::Error> {
        Ok(())
    }

    fn file(&mut self, _: &str, _: bool, content: &mut dyn Read) -> Result<(), Self::Error> {
        let read = io::copy(content, &mut io::sink());
        if self.sink || read.is_err() { Err("the sink's own words") } else { Ok(()) }
    }

    fn link(&mut self, _: &str, _: &str) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// The first bytes, then an error of the operating system.
struct Torn<'b>(&'b [u8]);

impl Read for Torn<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::Error::from_raw_os_error(5)) } else { self.0.read(buffer) }
    }
}

#[test]
fn a_fault_of_the_disk_is_no_refusal() {
    // Random enough to be as long compressed: the source fails in the middle of the file.
    let content = (0..40_000u64).flat_map(|n| *Sha256::of(&n.to_le_bytes()).as_bytes()).collect();
    let kind = ItemKind::File { executable: false, content };
    let (pack, packed) = bundle("p", vec![Item { path: "f".into(), kind }]);
    for length in [0, 1000, packed.len() / 2, packed.len() - 1] {
        let failed = read(&pack, Torn(&packed[..length]), &mut Failing { sink: false }).unwrap_err();
        assert!(matches!(&failed, ReadError::Io(error) if error.raw_os_error() == Some(5)), "{failed:?}");
    }
    let failed = read(&pack, packed.as_slice(), &mut Failing { sink: true }).unwrap_err();
    assert!(matches!(failed, ReadError::Sink("the sink's own words")), "{failed:?}");
    // A cut is the archive's fault, whatever the sink made of it.
    let failed = read(&pack, &packed[..packed.len() / 2], &mut Failing { sink: false }).unwrap_err();
    assert!(matches!(failed, ReadError::Refused(Refusal::Invalid(_))), "{failed:?}");
}
