//! The agent's own folders, in the hands of somebody else: links planted, files swapped, races run.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::agent::{Node, Run};
use e2e::forge::{Entry, Forge};
use e2e::held;
use e2e::netns::Net;
use e2e::pair::Pair;
use e2e::process::until;
use e2e::tools;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::{Pid, Signal, kill_process};
use stringless_core::document::Document;
use stringless_core::hash::Sha256;
use stringless_core::layout;

/// Runs the agent, holds it at this point, acts, and lets it go on.
fn held_at(pair: &Pair, point: &str, act: impl FnOnce()) -> Run {
    let mut command = pair.node.command(&["--once"]);
    command.env("OUT", pair.node.root()).env("STRINGLESS_STOP_AT", point);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (id, stat) = (Pid::from_child(&child), format!("/proc/{}/stat", child.id()));
    let stopped = || fs::read_to_string(&stat).unwrap_or_default().contains(") T ");
    assert!(until(e2e::process::PATIENCE, stopped), "it did not come to {point}");
    act();
    kill_process(id, Signal::CONT).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run {
        code: output.status.code().unwrap_or(-1),
        out: text(&output.stdout),
        err: text(&output.stderr),
        took: Duration::ZERO,
    }
}

/// A node with release 7, whose agent can be held.
fn holdable() -> Option<Pair> {
    let forge = Forge::new();
    forge.release(7, "seven");
    let node = Node::with(tools::agent_with_checkpoints()?, &Net::host(), &forge.config(&forge.url()));
    let pair = Pair { forge, node };
    let _ = pair.run(&["--once"]).expect(0);
    Some(pair)
}

#[test]
fn file_swapped_between_verify_and_use() {
    let Some(pair) = holdable() else { return };
    // Of the same length, so that only its bytes tell.
    let good = pair.forge.release(8, "eight");
    let evil = pair.forge.script("echo 'evilx' >\"$OUT/applied\"; echo applied evilx");
    let path = |key| pair.forge.bucket().join(layout::pack(key));
    let mut swapped = fs::read(path(&evil.sha256)).unwrap();
    swapped.resize(usize::try_from(good.packs[0].size).unwrap(), 0);
    let file = pair.state("packs").join(good.packs[0].sha256.to_string());
    // Written over, in place.
    let run = held_at(&pair, "Fetched", || fs::write(&file, &swapped).unwrap());
    assert!(run.code == 3, "{}", run.err);
    pair.goes_on();
    assert!(!pair.state(&format!("layers/example/{}", next_of(&pair, 8))).exists());
    // One byte of it, in the middle of a stream that unpacks all the same.
    let stored = stored(&pair.forge, "echo eight >\"$OUT/applied\"");
    pair.forge.publish(&pair.forge.manifest(9, vec![stored.clone()]));
    let file = pair.state("packs").join(stored.sha256.to_string());
    let run = held_at(&pair, "Fetched", || {
        let mut bytes = fs::read(&file).unwrap();
        let at = bytes.windows(5).position(|five| five == b"eight").unwrap();
        bytes[at] = b'E';
        fs::write(&file, bytes).unwrap();
    });
    assert!(run.code == 3, "{}", run.err);
    pair.goes_on();
    // Another file under its name: what was verified is what is used. The damaged one is fetched again before.
    let run = held_at(&pair, "Fetched", || {
        fs::write(file.with_extension("x"), &swapped).unwrap();
        fs::rename(file.with_extension("x"), &file).unwrap();
    });
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(pair.applied().as_deref(), Some("eight\n"));
}

/// A script's pack whose text stands in it as it is, with a checksum that was turned off by turning it right.
fn stored(forge: &Forge, text: &str) -> stringless_core::pack::Pack {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;
    let script = format!("#!/bin/sh\n{text}\n");
    let tar = e2e::forge::tar(&[Entry::file("apply", 0o755, &script)]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&tar).unwrap();
    forge.raw_pack("", &encoder.finish().unwrap(), script.len() as u64, 1)
}

#[test]
fn file_swapped_that_was_kept() {
    let Some(pair) = Pair::converged() else { return };
    let kept = pair.state("layers/example/manifests/production");
    let good = fs::read(&kept).unwrap();
    // An older release, well signed; a stranger's; and nonsense: everything is fetched from the store again.
    pair.forge.release(6, "six");
    let old = fs::read(pair.forge.bucket().join("env/production/head")).unwrap();
    pair.forge.put("env/production/head", &good);
    let _ = pair.run(&["--once"]).expect(0);
    for other in [old.as_slice(), b"nonsense", b""] {
        fs::write(&kept, other).unwrap();
        let _ = pair.run(&["--once"]).expect(0);
        assert_eq!(fs::read(&kept).unwrap(), good);
        pair.goes_on();
    }
}

/// Where a link may be planted: paths below the state folder.
fn places(pair: &Pair, sha256: &str) -> (Vec<String>, Vec<String>) {
    let release = pair.live();
    let release = release.strip_suffix("/production").unwrap();
    let next = release.replace("releases/7-", "releases/8-");
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut folders = own(&["packs", "layers", "layers/example"]);
    folders.extend(own(&["layers/example/releases", "layers/example/manifests"]));
    let mut files =
        own(&["lock", "last-run.json", ".last-run.json.new", "runs.json", "engine", ".engine.new"]);
    for name in ["state.json", "checked", "trust", "current", "manifests/production"] {
        let (folder, file) = name.rsplit_once('/').map_or(("", name), |(folder, file)| (folder, file));
        let slash = if folder.is_empty() { "" } else { "/" };
        files.push(format!("layers/example/{name}"));
        files.push(format!("layers/example/{folder}{slash}.{file}.new"));
        files.push(format!("layers/example/{name}.new"));
    }
    files.push(format!("packs/{sha256}"));
    files.push(format!("layers/example/{next}"));
    files.push(format!("layers/example/{release}/.production.new"));
    (folders, files)
}

#[test]
fn symlink_planted() {
    let Some(base) = Pair::converged() else { return };
    let next = base.forge.release(8, "eight");
    let sha256 = next.packs[0].sha256.to_string();
    let (folders, files) = places(&base, &sha256);
    let all = folders.iter().map(|path| (path, true)).chain(files.iter().map(|path| (path, false)));
    for (path, folder) in all {
        for target in ["outside", "outside/file", "outside/missing"] {
            let node = base.node.copy();
            let outside = node.root().join("outside");
            fs::create_dir(&outside).unwrap();
            fs::write(outside.join("file"), "precious").unwrap();
            // Taken for a pack or a release, it would run.
            fs::write(outside.join("apply"), "#!/bin/sh\necho evil >\"$OUT/applied\"\n").unwrap();
            fs::set_permissions(outside.join("apply"), fs::Permissions::from_mode(0o755)).unwrap();
            let before = held::tree(&outside);
            plant(&node, path, &node.root().join(target), folder && target == "outside");
            let mut command = node.command(&["--once"]);
            let run = Run::of(command.env("OUT", node.root()));
            let what = format!("`{path}` leads to {target}: {} {}", run.code, run.err);
            let after = held::tree(&outside);
            let moved = folder && target == "outside";
            if moved {
                assert!(run.code != 0, "{what}");
            } else {
                assert_eq!(after, before, "{what}");
            }
            assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "precious", "{what}");
            let applied = node.read("applied");
            assert!(matches!(applied.as_deref(), Some("seven\n" | "eight\n")), "{what}");
            assert!(run.code != 0 || applied.as_deref() == Some("eight\n"), "{what}");
        }
    }
}

/// Puts a link in the place of `path`; with what was there behind it, if `moved`.
fn plant(node: &Node, path: &str, target: &Path, moved: bool) {
    let place = node.root().join("var/lib/stringless").join(path);
    if moved && place.is_dir() {
        let there = target.join("moved");
        fs::rename(&place, &there).unwrap();
        symlink(there, &place).unwrap();
        return;
    }
    let _ = fs::remove_dir_all(&place);
    let _ = fs::remove_file(&place);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    symlink(target, &place).unwrap();
}

#[test]
fn folders_of_others() {
    let Some(base) = Pair::converged() else { return };
    if tools::superuser().is_none() {
        return;
    }
    let next = base.forge.release(8, "eight");
    let (folders, _) = places(&base, &next.packs[0].sha256.to_string());
    for path in folders.iter().map(String::as_str).chain([""]) {
        type Harm<'a> = (&'a str, &'a dyn Fn(&Path));
        let harms: [Harm<'_>; 3] = [
            ("of another user", &|path| chown(path, Some(12_345), None).unwrap()),
            ("open to all", &|path| fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap()),
            ("open to a group", &|path| {
                fs::set_permissions(path, fs::Permissions::from_mode(0o770)).unwrap();
            }),
        ];
        for (what, harm) in harms {
            let node = base.node.copy();
            harm(&node.root().join("var/lib/stringless").join(path));
            let run = Run::of(node.command(&["--once"]).env("OUT", node.root()));
            assert!(
                run.code != 0 && run.err.contains("using the folder"),
                "`{path}` {what}: {} {}",
                run.code,
                run.err
            );
            assert_eq!(node.read("applied").as_deref(), Some("seven\n"), "`{path}` {what}");
        }
    }
}

#[test]
fn unpacking_raced_by_links() {
    let Some(pair) = Pair::converged() else { return };
    let names: Vec<String> = (0..400).map(|n| format!("a/b/f{n}")).collect();
    let mut entries =
        vec![Entry::file("apply", 0o755, "#!/bin/sh\n"), Entry::folder("a/"), Entry::folder("a/b/")];
    entries.extend(names.iter().map(|name| Entry::file(name, 0o644, "x")));
    let pack = pair.forge.pack("", &entries);
    pair.forge.publish(&pair.forge.manifest(8, vec![pack]));
    let release = pair.state(&format!("layers/example/{}", next_of(&pair, 8)));
    let fresh = release.with_file_name(".production.new");
    let (over, bait) = (AtomicBool::new(false), pair.node.root().join("bait"));
    fs::create_dir_all(bait.join("b")).unwrap();
    let swaps = std::thread::scope(|scope| {
        let racer = scope.spawn(|| race(&fresh, &bait, &over));
        for _ in 0..RACES {
            // Whichever way it ends: by the disk's error, or with the release in place.
            let run = pair.run(&["--once", "--force"]);
            assert!(matches!(run.code, 0 | 1 | 3), "{} {}", run.code, run.err);
        }
        over.store(true, Ordering::Relaxed);
        racer.join().unwrap()
    });
    assert!(swaps > 0, "the race never began");
    let files: Vec<PathBuf> = walk(&bait);
    assert!(files.is_empty(), "{} files climbed out, after {swaps} swaps: {:?}", files.len(), files[0]);
}

/// The folder, below the layer, of the published release with this serial.
fn next_of(pair: &Pair, serial: u64) -> String {
    let document = fs::read(pair.forge.bucket().join("env/production/head")).unwrap();
    let id = Sha256::of(Document::parse(&document).unwrap().payload).to_string();
    format!("releases/{serial}-{}/production", &id[..16])
}

/// Swaps a folder of the fresh tree for a link that leads out, and back, as fast as it can.
fn race(fresh: &Path, bait: &Path, over: &AtomicBool) -> u32 {
    let (folder, link) = (fresh.join("a"), bait.with_extension("link"));
    symlink(bait, &link).unwrap();
    let swap = || renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).is_ok();
    let mut swaps = 0;
    while !over.load(Ordering::Relaxed) {
        if swap() {
            swaps += 1;
            std::thread::yield_now();
            // Back again, so that there is something to go on with.
            let _ = swap();
        }
    }
    swaps
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let below = |path: PathBuf| if path.is_dir() { walk(&path) } else { vec![path] };
    entries.into_iter().flat_map(below).collect()
}

const RACES: u32 = 40;
