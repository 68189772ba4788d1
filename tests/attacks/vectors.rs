//! The published odd archives of tar libraries, each as a pack: what is taken equals what GNU tar unpacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::forge::gzip;
use e2e::pair::Pair;
use e2e::process::{run, succeed};
use e2e::tools;
use stringless_core::hash::Sha256;
use tempfile::TempDir;

use crate::made;

/// Each archive, and the words of its refusal; `None` for what is taken.
const EXPECTED: &[(&str, Option<&str>)] = &[
    // Its modes carry the bits of the type of file.
    ("7z_long_path.tar", Some("setuid")),
    ("biguid_gnu.tar", Some("`./test.txt` holds `.` or `..`")),
    ("biguid_pax.tar", Some("holds `.` or `..`")),
    ("diff-014-unterminated-pax.tar", Some("comes before its folder")),
    ("diff-024-pending-pax-boundary.tar", Some("comes before its folder")),
    ("diff-039-truncated-entry-body.tar", Some("not a readable archive")),
    ("directory.tar", None),
    ("duplicate_dirs.tar", Some("`some_dir` occurs twice")),
    ("empty_filename.tar", Some("is empty")),
    ("file_times.tar", None),
    ("link.tar", None),
    ("pax-header-precedence.tar", Some("comes before its folder")),
    ("pax-hidden-entry.tar", Some("comes before its folder")),
    ("pax-overrides-extension-header.tar", Some("setuid")),
    ("pax-phantom-entry.tar", Some("comes before its folder")),
    // Extended headers of POSIX, of which a pack needs none: what holds beside GNU's, and of two sizes,
    // is read in different ways (CVE-2025-62518).
    ("pax.tar", Some("holds `.` or `..`")),
    ("pax2.tar", Some("comes before its folder")),
    ("pax2_links.tar", Some("comes before its folder")),
    ("paxlongname.tar", Some("holds `.` or `..`")),
    ("pax_size.tar", Some("holds `.` or `..`")),
    ("reading_files.tar", None),
    ("simple.tar", None),
    ("simple_missing_last_header.tar", None),
    // Its modes carry the bits of the type, too.
    ("spaces.tar", Some("setuid")),
    ("sparse-1.tar", Some(KIND)),
    ("sparse-large.tar", Some("unpacked 12626929280 is above the limit")),
    ("sparse.tar", Some(KIND)),
    ("xattrs.tar", Some("holds `.` or `..`")),
];

const KIND: &str = "is neither file, folder nor symbolic link";

/// What they are in the tar crate's tests.
#[test]
fn the_made_archives_are_the_published_ones() {
    let hashes = made::archives().map(|(name, bytes)| (name, Sha256::of(&bytes).to_string()));
    let published = [
        ("biguid_gnu.tar", "ac9aab362d706ee006a081c05e2135d18338b9698890d6bff2cb6efee64ff1fb"),
        ("biguid_pax.tar", "e7776573ff8d82b263b444d40dfcdf894d3c3804e4226c5cd2e96f5c96208d81"),
        ("pax2_links.tar", "bbd054e96aa2ecee67943aea2d41921214951b03021ec183af7e5a8caceb8a60"),
        ("pax_size.tar", "d14a823c48acb84dfa36ddbaed11cfd0fc16449da4e2003801db0b4f74f4f585"),
    ];
    assert_eq!(hashes.each_ref().map(|(name, hash)| (*name, hash.as_str())), published);
}

#[test]
fn archive_vectors() {
    let Some(folder) = vectors() else { return };
    let Some(pair) = Pair::converged() else { return };
    let known: BTreeSet<_> = EXPECTED.iter().map(|(name, _)| PathBuf::from(name)).collect();
    assert_eq!(known, archives(folder.path()), "each archive has its line in the table");
    for (serial, (name, refused)) in (8..).zip(EXPECTED) {
        let file = folder.path().join(name);
        let (unpacked, files) = counts(&file);
        let pack = pair.forge.raw_pack("v", &gzip(&fs::read(&file).unwrap()), unpacked, files);
        pair.forge.publish(&pair.forge.manifest(serial, vec![pair.forge.script("true"), pack]));
        let run = pair.run(&["--once"]);
        let release = pair.state("layers/example/current");
        match refused {
            Some(why) => {
                assert_eq!(run.code, 3, "{name}: {}", run.err);
                assert!(run.err.contains(why), "{name}: {}", run.err);
                assert!(!pair.live().starts_with(&format!("releases/{serial}-")), "{name} is live");
            }
            None => {
                assert_eq!(run.code, 0, "{name}: {}", run.err);
                let other = tempfile::tempdir().unwrap();
                let mut tar = Command::new("tar");
                tar.args(["--no-same-owner", "-xf"]).arg(&file).arg("-C").arg(other.path());
                let _ = succeed(&mut tar, e2e::process::PATIENCE);
                let (ours, theirs) = (listing(&release.join("v")), listing(other.path()));
                assert!(!theirs.is_empty());
                assert_eq!(ours, theirs, "{name}");
            }
        }
        assert!(!pair.node.root().join("escaped").exists());
    }
}

/// The published archives and those that no package ships, in one folder.
fn vectors() -> Option<TempDir> {
    let published = tools::vectors("tar")?;
    let folder = tempfile::tempdir().unwrap();
    for name in archives(&published) {
        fs::copy(published.join(&name), folder.path().join(&name)).unwrap();
    }
    for (name, bytes) in made::archives() {
        let file = folder.path().join(name);
        assert!(!file.exists(), "{name} is published: it need not be made");
        fs::write(file, bytes).unwrap();
    }
    Some(folder)
}

fn archives(folder: &Path) -> BTreeSet<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| PathBuf::from(entry.unwrap().file_name()));
    files.filter(|name| name.extension().is_some_and(|end| end == "tar")).collect()
}

/// Unpacked bytes and entries, as GNU tar lists them before it finds the archive damaged: a true manifest.
fn counts(archive: &Path) -> (u64, u64) {
    let output = run(Command::new("tar").arg("-tvf").arg(archive), e2e::process::PATIENCE);
    let text = String::from_utf8(output.stdout).unwrap();
    let sizes = text.lines().map(|line| {
        let size = line.split_whitespace().nth(2).unwrap().parse::<u64>().unwrap();
        if line.starts_with('-') { size } else { 0 }
    });
    (sizes.sum(), text.lines().count() as u64)
}

/// Every path with its content, its target or its being a folder, and whether it can be executed.
fn listing(root: &Path) -> BTreeMap<PathBuf, (Vec<u8>, bool)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = if meta.is_dir() {
                folders.push(path.clone());
                b"a folder".to_vec()
            } else if meta.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else {
                fs::read(&path).unwrap()
            };
            let runs = meta.is_file() && meta.permissions().mode() & 0o100 != 0;
            found.insert(path.strip_prefix(root).unwrap().to_path_buf(), (content, runs));
        }
    }
    found
}
