use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use stringless_archive::{reader, writer};
use tar::{Builder, EntryType, Header};

use super::*;
use crate::modules::tree::Tree;

/// Adds an entry without checks.
fn add(tar: &mut Builder<Vec<u8>>, name: &str, kind: EntryType, target: &str, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o4755);
    header.set_size(content.len() as u64);
    header.set_cksum();
    tar.append(&header, content).unwrap();
}

fn packed(entries: &[(&str, EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (name, kind, target, content) in entries {
        add(&mut tar, name, *kind, target, content);
    }
    gzip(&tar.into_inner().unwrap())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn refusal(entries: &[(&str, EntryType, &str, &[u8])]) -> String {
    let read = read(&packed(entries), Layout::Plain).and_then(|items| Tree::new(items).map(drop));
    read.unwrap_err()
}

#[test]
fn reads_archives_of_authors() {
    let bytes = packed(&[
        ("pax_global_header", EntryType::XGlobalHeader, "", b"16 comment=0123\n"),
        ("./apt-1.0/", EntryType::Directory, "", b""),
        ("././@LongLink", EntryType::GNULongName, "", b"apt-1.0/long/name\0"),
        ("apt-1.0/lo", EntryType::Regular, "", b"one"),
        ("x", EntryType::XHeader, "", b"22 path=apt-1.0/a b/c\n"),
        ("y", EntryType::Regular, "", b"two"),
        ("./apt-1.0/l", EntryType::Symlink, "long/name", b""),
    ]);
    let items = read(&bytes, Layout::OneFolder).unwrap();
    let paths: Vec<_> = items.iter().map(|item| &*item.path).collect();
    assert_eq!(paths, ["long/name", "a b/c", "l"]);
    assert_eq!(items[0].kind, ItemKind::File { executable: true, content: b"one".to_vec() });
    let plain = read(&bytes, Layout::Plain).unwrap();
    assert_eq!(plain[2].path, "apt-1.0/l");
}

#[test]
fn refuses_all_but_files_folders_and_links_within() {
    use EntryType as E;
    let cases: [(&str, E, &str, &str); 9] = [
        ("a", E::Link, "b", "is a hard link"),
        ("a", E::Char, "", "is a device"),
        ("a", E::Block, "", "is a device"),
        ("a", E::Fifo, "", "is a named pipe"),
        ("a", E::GNUSparse, "", "neither a file"),
        ("a", E::Symlink, "../b", "leaves the pack"),
        ("a", E::Symlink, "/etc/shadow", "absolute"),
        ("../a", E::Regular, "", "`..`"),
        ("/a", E::Regular, "", "absolute"),
    ];
    for (name, kind, target, why) in cases {
        let why_not = refusal(&[(name, kind, target, b"")]);
        assert!(why_not.contains(why), "{name} {kind:?}: {why_not}");
    }
    let why_not = refusal(&[("a\nb", E::Regular, "", b"")]);
    assert!(why_not.contains("a\\nb") && why_not.contains("control character"), "{why_not}");
    let twice = refusal(&[("README", E::Regular, "", b""), ("readme", E::Regular, "", b"")]);
    assert!(twice.contains("only in case"), "{twice}");
}

/// GNU tar gives each of these the name `posix`; the order of the records does not matter.
#[test]
fn the_name_of_posix_counts_before_that_of_gnu() {
    use EntryType as E;
    let posix: (&str, E, &str, &[u8]) = ("x", E::XHeader, "", b"14 path=posix\n");
    let gnu: (&str, E, &str, &[u8]) = ("././@LongLink", E::GNULongName, "", b"gnu\0");
    for records in [[posix, gnu], [gnu, posix]] {
        let entries = [&records[..], &[("short", E::Regular, "", b"")]].concat();
        let items = read(&packed(&entries), Layout::Plain).unwrap();
        assert_eq!(items[0].path, "posix");
    }
    let posix: (&str, E, &str, &[u8]) = ("x", E::XHeader, "", b"18 linkpath=posix\n");
    let gnu: (&str, E, &str, &[u8]) = ("././@LongLink", E::GNULongLink, "", b"gnu\0");
    for records in [[posix, gnu], [gnu, posix]] {
        let entries = [&records[..], &[("l", E::Symlink, "short", b"")]].concat();
        let items = read(&packed(&entries), Layout::Plain).unwrap();
        assert_eq!(items[0].kind, ItemKind::Link { target: "posix".into() });
    }
}

#[test]
fn refuses_malformed_extensions() {
    use EntryType as E;
    let malformed: [&[u8]; 10] = [
        b"99 path=evil\n",
        b"13 path=evil!",
        b"\n13 path=evil\n",
        b"13 path=evil\n\n",
        b"+13 path=evi\n",
        b"12 path=evil\n",
        b"path=evil\n",
        b"13 path evil\n",
        b"9 =evil!\n",
        b"13 path=evil\n0 ",
    ];
    for record in malformed {
        let why = refusal(&[("x", E::XHeader, "", record), ("short", E::Regular, "", b"")]);
        assert!(why.contains("malformed"), "{record:?}: {why}");
    }
    // A value may contain anything.
    let odd = packed(&[("x", E::XHeader, "", b"18 comment=a\n\nb=c\n"), ("a", E::Regular, "", b"")]);
    assert_eq!(read(&odd, Layout::Plain).unwrap()[0].path, "a");
}

#[test]
fn refuses_an_archive_without_an_end() {
    use EntryType as E;
    let mut tar = Builder::new(Vec::new());
    add(&mut tar, "a", E::Regular, "", &[0; 2048]);
    let whole = tar.into_inner().unwrap();
    let body = whole.len() - 1024;
    assert!(whole[body..].iter().all(|byte| *byte == 0));
    for (length, good) in
        [(body + 1024, true), (body + 512, true), (body, false), (body - 512, false), (0, false)]
    {
        let read = read(&gzip(&whole[..length]), Layout::Plain);
        assert_eq!(read.is_ok(), good, "{length}: {read:?}");
    }
    let why = refusal(&[("a", E::Regular, "", b""), ("././@LongLink", E::GNULongName, "", b"b\0")]);
    assert!(why.contains("an entry that is missing"), "{why}");
}

#[test]
fn leaves_out_what_git_keeps() {
    use EntryType as E;
    let bytes = packed(&[
        (".git/", E::Directory, "", b""),
        (".git/config", E::Regular, "", b"x"),
        ("sub/.git", E::Regular, "", b"gitdir: ../x"),
        (".git/link", E::Link, ".git/config", b""),
        (".gitignore", E::Regular, "", b"x"),
        ("a", E::Regular, "", b"x"),
    ]);
    let paths: Vec<_> = read(&bytes, Layout::Plain).unwrap().into_iter().map(|item| item.path).collect();
    assert_eq!(paths, [".gitignore", "a"]);
}

#[test]
fn refuses_extensions_that_change_sizes_or_all_names() {
    use EntryType as E;
    let sized = refusal(&[("x", E::XHeader, "", b"9 size=1\n"), ("a", E::Regular, "", b"")]);
    assert!(sized.contains("size"), "{sized}");
    let all = refusal(&[("g", E::XGlobalHeader, "", b"10 path=a\n"), ("b", E::Regular, "", b"")]);
    assert!(all.contains("one name"), "{all}");
    let long = refusal(&[("x", E::GNULongName, "", &vec![b'a'; 65 * 1024]), ("a", E::Regular, "", b"")]);
    assert!(long.contains("longer"), "{long}");
}

#[test]
fn refuses_two_folders_and_no_folder() {
    use EntryType as E;
    for entries in [
        vec![("a/x", E::Regular, "", &b""[..]), ("b/x", E::Regular, "", b"")],
        vec![("x", E::Regular, "", b"")],
        vec![("../x", E::Regular, "", b"")],
    ] {
        let error = read(&packed(&entries), Layout::OneFolder).unwrap_err();
        assert!(error.contains("one folder"), "{error}");
    }
}

/// A gigabyte of zeros compresses to a megabyte; the archive never ends.
#[test]
fn an_endless_archive_ends() {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[0] = b'a';
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(2 << 30);
    header.set_cksum();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(header.as_bytes()).unwrap();
    gzip.write_all(&vec![0; 1 << 20]).unwrap();
    assert_eq!(read(&gzip.finish().unwrap(), Layout::Plain).unwrap_err(), TOO_LARGE);
}

#[test]
fn refuses_truncated_archives_and_other_files() {
    let whole = packed(&[("a", EntryType::Regular, "", &[7; 3000])]);
    for bytes in [&whole[..whole.len() / 2], b"", b"<html>", &gzip(&[1; 600])] {
        assert!(read(bytes, Layout::Plain).is_err(), "{} bytes", bytes.len());
    }
}

proptest! {
    /// If a damaged archive is accepted, nodes accept its content, too.
    #[test]
    fn damage_is_refused_or_harmless(damage in proptest::collection::vec((0..4096usize, any::<u8>()), 0..6)) {
        let mut tar = Builder::new(Vec::new());
        add(&mut tar, "m/", EntryType::Directory, "", b"");
        add(&mut tar, "m/a", EntryType::Regular, "", b"content");
        add(&mut tar, "x", EntryType::XHeader, "", b"22 path=m/b c/d e f/g\n");
        add(&mut tar, "y", EntryType::Regular, "", b"more");
        add(&mut tar, "m/l", EntryType::Symlink, "a", b"");
        let mut bytes = tar.into_inner().unwrap();
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        for layout in [Layout::OneFolder, Layout::Plain] {
            let read = read(&gzip(&bytes), layout).and_then(Tree::new);
            if let Ok(tree) = read {
                let (pack, packed) = writer::bundle("modules/m", tree.into_items());
                prop_assert!(reader::each(&pack, &packed, drop).is_ok());
            }
        }
    }
}
