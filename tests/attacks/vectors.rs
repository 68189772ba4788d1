//! The published odd archives of tar-rs, each as a pack: what is taken equals what GNU tar unpacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::forge::gzip;
use e2e::pair::Pair;
use e2e::process::succeed;
use e2e::tools;

/// Each archive, and the words of its refusal; `None` for what is taken.
const EXPECTED: &[(&str, Option<&str>)] = &[
    // Its modes carry the bits of the type of file.
    ("7z_long_path.tar", Some("setuid")),
    ("biguid_gnu.tar", Some("`./test.txt` holds `.` or `..`")),
    ("biguid_pax.tar", Some("holds `.` or `..`")),
    ("directory.tar", None),
    ("duplicate_dirs.tar", Some("`some_dir` stands twice")),
    ("empty_filename.tar", Some("is empty")),
    ("file_times.tar", None),
    ("link.tar", None),
    // Extended headers of POSIX, of which a pack needs none: what holds beside GNU's, and of two sizes,
    // is read in different ways (CVE-2025-62518).
    ("pax.tar", Some("holds `.` or `..`")),
    ("pax2.tar", Some("comes before its folder")),
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

#[test]
fn archive_vectors() {
    let Some(folder) = vectors() else { return };
    let Some(pair) = Pair::converged() else { return };
    let known: BTreeSet<_> = EXPECTED.iter().map(|(name, _)| PathBuf::from(name)).collect();
    assert_eq!(known, archives(&folder), "each archive has its line in the table");
    for (serial, (name, refused)) in (8..).zip(EXPECTED) {
        let file = folder.join(name);
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
                let _ = succeed(&mut tar, Duration::from_secs(20));
                let (ours, theirs) = (listing(&release.join("v")), listing(other.path()));
                assert!(!theirs.is_empty());
                assert_eq!(ours, theirs, "{name}");
            }
        }
        assert!(!pair.node.root().join("escaped").exists());
    }
}

fn vectors() -> Option<PathBuf> {
    let named = std::env::var_os("STRINGLESS_VECTORS").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| tools::root().join("../shared/vectors")).join("tar");
    let missing = || format!("no archives at {} (STRINGLESS_VECTORS)", folder.display());
    if folder.is_dir() { Some(folder) } else { tools::skip(&missing()) }
}

fn archives(folder: &Path) -> BTreeSet<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| PathBuf::from(entry.unwrap().file_name()));
    files.filter(|name| name.extension().is_some_and(|end| end == "tar")).collect()
}

/// Unpacked bytes and entries, as GNU tar lists them: a manifest that tells the truth.
fn counts(archive: &Path) -> (u64, u64) {
    let text = succeed(Command::new("tar").arg("-tvf").arg(archive), Duration::from_secs(20));
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
