//! Packs: archives of any bytes and any promised counts, unpacked by the agent into a real folder.
//!
//! Whatever the archive is, nothing appears outside the folder; and a folder that appears holds plain
//! files, folders and inner links alone, with the modes and the counts that belong to them.
#![no_main]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arbitrary::Unstructured;
use fuzz::archives::{Entry, gzip, tar};
use fuzz::{damage, seed, start};
use libfuzzer_sys::fuzz_target;
use stringless_agent::release::tree::Tree;
use stringless_agent::release::verified::VerifiedPack;
use stringless_core::hash::Sha256;
use stringless_core::pack::{Pack, check_path};

#[path = "../../tests/attacks/made.rs"]
mod made;

fuzz_target!(init: start(seeds), |input: &[u8]| {
    let Some((mode, rest)) = input.split_first() else { return };
    match mode {
        0 => try_file(rest, None),
        1 => try_file(&gzip(rest), None),
        _ => {
            let entries = Entry::all(rest);
            let mut archive = tar(&entries);
            let honest = mode % 2 == 0;
            // The last bytes say what is damaged.
            let mut bytes = Unstructured::new(&rest[rest.len().saturating_sub(20)..]);
            if !honest && damage::bytes(&mut archive, &mut bytes).is_err() {
                return;
            }
            try_file(&gzip(&archive), honest.then(|| Counts::of(&entries)));
        }
    }
});

/// What the manifest promises of a pack.
#[derive(Clone, Copy, Debug)]
struct Counts {
    unpacked: u64,
    files: u64,
}

impl Counts {
    fn of(entries: &[Entry]) -> Self {
        let sizes = entries.iter().filter(|entry| entry.kind == b'0').map(|entry| entry.content.len() as u64);
        let files = entries.iter().filter(|entry| !matches!(entry.kind, b'L' | b'K'));
        Self { unpacked: sizes.sum(), files: files.count() as u64 }
    }

    /// Those that an honest packer would have found, as far as the archive can be read.
    fn read(packed: &[u8]) -> Self {
        let mut counts = Self { unpacked: 0, files: 0 };
        let mut archive = tar::Archive::new(std::io::Read::take(flate2::read::GzDecoder::new(packed), LIMIT));
        for entry in archive.entries().into_iter().flatten().map_while(Result::ok) {
            counts.files += 1;
            if entry.header().entry_type() == tar::EntryType::Regular {
                counts.unpacked = counts.unpacked.saturating_add(entry.size());
            }
        }
        counts
    }
}

/// Unpacks with the counts that are true, and then with some that are not.
fn try_file(packed: &[u8], known: Option<Counts>) {
    let counts = known.unwrap_or_else(|| Counts::read(packed));
    if counts.unpacked > LIMIT {
        return;
    }
    let sha256 = Sha256::of(packed);
    let pack = |unpacked, files| Pack {
        path: "modules/x".into(),
        sha256,
        size: packed.len() as u64,
        unpacked,
        files,
    };
    let good = pack(counts.unpacked, counts.files);
    if !run(packed, &good) {
        return;
    }
    // The same bytes under other promises, or with another name, are refused.
    for other in [
        pack(counts.unpacked + 1, counts.files),
        pack(counts.unpacked, counts.files + 1),
        pack(counts.unpacked.wrapping_sub(1).min(LIMIT), counts.files.wrapping_sub(1).min(100)),
        Pack { sha256: Sha256::of(b"other"), ..good },
    ] {
        assert!(!run(packed, &other), "taken for {other:?}");
    }
}

/// Whether the agent takes it; checks what is then on disk.
fn run(packed: &[u8], pack: &Pack) -> bool {
    let place = &*PLACE;
    let path = place.join("incoming");
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    file.write_all(packed).unwrap();
    let tree = place.join("state/tree");
    let _ = fs::remove_dir_all(&tree);
    fs::create_dir(&tree).unwrap();
    let verified = VerifiedPack { packs: std::slice::from_ref(pack), file, path };
    let answer = Tree::open(&tree).and_then(|tree| tree.unpack(verified));
    if let Err(error) = &answer {
        assert!(error.to_string().starts_with("refusing "), "{error}");
        assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
    } else {
        let mut found = Counts { unpacked: 0, files: 0 };
        walk(&tree.join(&pack.path), "", &mut found);
        assert_eq!((found.files, found.unpacked), (pack.files, pack.unpacked));
    }
    for (folder, expected) in [("", ["incoming", "state"].as_slice()), ("state", &["tree"])] {
        assert_eq!(names(&place.join(folder)), expected, "something appeared outside");
    }
    // What is left of a refused pack is in its own folder.
    for (folder, expected) in [("state/tree", "modules"), ("state/tree/modules", "x")] {
        let found = names(&place.join(folder));
        assert!(found.iter().all(|name| name == expected), "{found:?} appeared in {folder}");
    }
    answer.is_ok()
}

/// The names in a folder, sorted; none if it is not there.
fn names(folder: &Path) -> Vec<std::ffi::OsString> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn walk(folder: &Path, below: &str, found: &mut Counts) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, meta) = (entry.path(), entry.metadata().unwrap());
        let name = format!("{below}{}", entry.file_name().to_str().unwrap());
        assert_eq!(check_path(&name), Ok(()));
        found.files += 1;
        let mode = meta.permissions().mode() & 0o7777;
        if meta.is_dir() {
            assert_eq!(mode, 0o755, "{name}");
            walk(&path, &format!("{name}/"), found);
        } else if meta.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            assert!(is_inside(&name, target.to_str().unwrap()), "{name} leads to {target:?}");
            if let Ok(real) = fs::canonicalize(&path) {
                assert!(real.starts_with(PLACE.join("state/tree/modules/x")), "{name} leads to {real:?}");
            }
        } else {
            assert!(meta.is_file() && matches!(mode, 0o644 | 0o755), "{name}: {mode:o}");
            found.unpacked += meta.len();
        }
    }
}

/// Whether a link cannot climb out, whatever the folders are that it goes through.
fn is_inside(name: &str, target: &str) -> bool {
    let mut depth = name.split('/').count() - 1;
    !target.starts_with('/')
        && target.split('/').all(|part| {
            let up = part == "..";
            depth = if up { depth.wrapping_sub(1) } else { depth };
            depth != usize::MAX
        })
}

fn seeds() -> Vec<Vec<u8>> {
    // Folders and files, links within and out of them, what stands below a link or outside.
    let recipes: [&[u8]; 8] = [
        &[8, 7, 0, 0, 0, 1, 0, 200, 10, 0, 4, 0, 0, 3, 0],
        &[8, 7, 0, 0, 0, 12, 10, 0, 0, 3, 4, 0, 0, 3, 0],
        &[11, 10, 0, 0, 5],
        &[11, 10, 0, 0, 9, 13, 0, 0, 4, 0],
        &[18, 0, 0, 9, 0],
        &[0, 13, 0, 0, 1],
        &[29, 14, 0, 99, 0, 0, 0, 0, 9, 0],
        &[29, 14, 0, 200, 3, 0, 0, 0, 9, 0],
    ];
    let mut seeds = vec![seed(0, gzip(&[])), seed(3, (0..=255).collect::<Vec<u8>>())];
    for recipe in recipes {
        let archive = tar(&Entry::all(recipe));
        seeds.extend([seed(0, gzip(&archive)), seed(1, archive), seed(2, recipe), seed(3, recipe)]);
    }
    // The archives that other programs are tested with, where `make setup` has brought them.
    let published = std::env::var_os("STRINGLESS_CACHE").map(|cache| Path::new(&cache).join("vectors/tar"));
    let files = published.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let published = files.map(|file| fs::read(file.unwrap().path()).unwrap());
    let made = made::archives().into_iter().map(|(_, bytes)| bytes);
    seeds.extend(published.chain(made).filter(|bytes| bytes.len() <= 64 * 1024).map(|bytes| seed(1, bytes)));
    seeds
}

/// Each try is brought to the disk: `TMPDIR` had better be in memory.
static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let place = std::env::temp_dir().join(format!("stringless-fuzz-{}", std::process::id()));
    fs::create_dir_all(place.join("state")).unwrap();
    place
});
/// Larger ones only take longer.
const LIMIT: u64 = 1 << 20;
