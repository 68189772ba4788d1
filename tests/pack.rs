//! Packs and signatures against the stock tools: the same bytes from any copy of a tree, the same tree
//! from any tar, and minisign on either side.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use e2e::agent::Run;
use e2e::process::succeed;
use e2e::tools;
use serde_json::Value;

/// A site in a folder of its own, with what is built and published below the same folder.
struct Site {
    generator: PathBuf,
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Option<Self> {
        let site = Self { generator: tools::generator()?, folder: tempfile::tempdir().unwrap() };
        let store = format!("file://{}", site.path("bucket").display());
        let _ =
            site.run(&["init", "site", "--site", "example", "--store", &store, "--no-password"]).expect(0);
        site.edit("source: {path: .}", "source: {path: tree}");
        site.write("apply", "#!/bin/sh\n", 0o755);
        Some(site)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn tree(&self) -> PathBuf {
        self.path("site/tree")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.generator);
        command.args(args).current_dir(self.folder.path()).env_remove("STRINGLESS_PASSWORD");
        command.env("STRINGLESS_SITE_FILE", if args[0] == "init" { "" } else { "site" });
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }

    fn edit(&self, part: &str, other: &str) {
        let file = self.path("site/stringless.yaml");
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(part), "{text}");
        fs::write(file, text.replacen(part, other, 1)).unwrap();
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>, mode: u32) {
        let file = self.tree().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The pack index: path and hash.
    fn index(&self) -> Vec<(String, String)> {
        let told: Value = serde_json::from_str(&self.run(&["build", "--json"]).expect(0).out).unwrap();
        let packs = told["environments"][0]["packs"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        packs.iter().map(|pack| (text(&pack["path"]), text(&pack["sha256"]))).collect()
    }

    fn manifest(&self) -> PathBuf {
        self.path("bucket/env/production/manifest")
    }
}

/// A tree with everything that is hard to pack.
fn odd_tree(site: &Site) {
    let deep: Vec<String> = (0..9).map(|n| format!("{n}{}", "d".repeat(95))).collect();
    site.write(&format!("{}/file", deep.join("/")), "deep\n", 0o644);
    site.write(&format!("long/{}", "n".repeat(255)), "long\n", 0o644);
    site.write(&format!("exact/{}", "e".repeat(94)), "100 bytes\n", 0o644);
    site.write("names/café – naïve ∞ .txt", "unicode\n", 0o644);
    site.write("names/-rf *", "shell\n", 0o644);
    site.write("names/a\\b", "backslash\n", 0o644);
    site.write("modes/run", "#!/bin/sh\n", 0o755);
    site.write("modes/setuid", "x", 0o4755);
    site.write("modes/private", "x", 0o600);
    site.write("modes/group-run", "x", 0o654);
    site.write("empty/file", "", 0o644);
    site.write("binary", (0..=255).cycle().take(100_000).collect::<Vec<u8>>(), 0o644);
    site.write("modules/ntp/manifests/init.pp", "class ntp {}\n", 0o644);
    site.write("modules/README", "loose\n", 0o644);
    fs::create_dir_all(site.tree().join("folders/empty")).unwrap();
    fs::create_dir_all(site.tree().join("bare")).unwrap();
    symlink("run", site.tree().join("modes/link")).unwrap();
    symlink("../missing", site.tree().join("folders/empty/dangling")).unwrap();
    symlink(format!("{}x", "./".repeat(100)), site.tree().join("folders/far")).unwrap();
    fs::hard_link(site.tree().join("binary"), site.tree().join("twin")).unwrap();
}

fn sum(path: &Path) -> String {
    agent_core::hash::Sha256::of(&fs::read(path).unwrap()).to_string()
}

/// The first difference between two listings.
fn differ(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Option<String> {
    let names = a.keys().chain(b.keys()).find(|name| a.get(*name) != b.get(*name))?;
    Some(format!("{names}: {:?}, {:?}", a.get(names), b.get(names)))
}

/// What a release must bring back of a tree: kind, whether it runs, content.
fn listing(root: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let kind = if metadata.is_dir() {
                walk(root, &path, found);
                "folder".to_owned()
            } else if metadata.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else {
                let runs = metadata.mode() & 0o100 != 0;
                format!("file {runs} {}", sum(&path))
            };
            found.insert(name, kind);
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

#[test]
fn any_copy_of_a_tree_makes_the_same_bytes() {
    let Some(site) = Site::new() else { return };
    odd_tree(&site);
    let expected = site.index();
    assert!(expected.len() > 8, "{expected:?}");
    let original = site.path("original");
    fs::rename(site.tree(), &original).unwrap();
    for (umask, order) in [("077", "sort"), ("000", "sort -r"), ("027", "shuf")] {
        fs::remove_dir_all(site.tree()).ok();
        // Another order of creation, another umask, other times, other owners.
        let script = format!(
            "set -e; umask {umask}; mkdir \"$2\"; cd \"$1\"; find . -mindepth 1 -type d | sort | while read -r d; do mkdir -p \"$2/$d\"; done
             find . ! -type d | {order} | while IFS= read -r f; do cp -P \"$f\" \"$2/$f\"; done
             cd \"$2\"; find . -exec touch -h -d '1999-01-0{} 00:00' {{}} +
             if [ \"$(id -u)\" = 0 ]; then chown -hR 1234:4321 .; fi",
            umask.len() + usize::from(order == "shuf")
        );
        succeed(Command::new("sh").args(["-c", &script, "sh"]).arg(&original).arg(site.tree()), LIMIT);
        assert_eq!(site.index(), expected, "umask {umask}, {order}");
    }
    // Another place, time zone, language and user name.
    fs::remove_dir_all(site.path("site/.stringless")).unwrap();
    let mut command = site.command(&["build", "--out", "packs"]);
    command
        .env("TZ", "Pacific/Kiritimati")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("USER", "other")
        .env("HOME", "/");
    let _ = Run::of(&mut command).expect(0);
    for (_, sha256) in &expected {
        let bytes = fs::read(site.path(&format!("packs/{sha256}.tar.gz"))).unwrap();
        // Header: no name, no time, an unknown system.
        assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
        let sum = succeed(Command::new("sha256sum").arg(site.path(&format!("packs/{sha256}.tar.gz"))), LIMIT);
        assert!(sum.starts_with(sha256), "{sum}");
    }
}

#[test]
fn a_touched_tree_is_no_new_release() {
    let Some(site) = Site::new() else { return };
    odd_tree(&site);
    let _ = site.run(&["publish"]).expect(0);
    let past = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    File::open(site.tree().join("binary")).unwrap().set_modified(past).unwrap();
    assert!(site.run(&["publish"]).expect(0).out.starts_with("nothing to do"));
    let _ = site.run(&["diff"]).expect(0);
}

/// Unpacks every pack in its place with `tar`, and compares.
fn unpacks_with(tar: &[&str]) {
    let Some(program) = tools::program(tar[0]) else { return };
    let Some(site) = Site::new() else { return };
    odd_tree(&site);
    let _ = site.run(&["build", "--out", "packs"]).expect(0);
    let release = site.path("release");
    for (path, sha256) in site.index() {
        let place = release.join(path);
        fs::create_dir_all(&place).unwrap();
        let mut command = Command::new(&program);
        command
            .args(&tar[1..])
            .arg("-xzf")
            .arg(site.path(&format!("packs/{sha256}.tar.gz")))
            .current_dir(place);
        succeed(&mut command, LIMIT);
    }
    assert_eq!(differ(&listing(&release), &listing(&site.tree())), None);
}

#[test]
fn stock_tar_unpacks_to_the_same_tree() {
    unpacks_with(&["tar"]);
}

#[test]
fn busybox_tar_unpacks_to_the_same_tree() {
    unpacks_with(&["busybox", "tar"]);
}

#[test]
fn the_example_sites_come_back_from_stock_tar() {
    for fixture in ["control-repo", "script-site"] {
        let Some(site) = Site::new() else { return };
        fs::remove_dir_all(site.tree()).unwrap();
        let source = tools::root().join("tests/fixtures").join(fixture);
        succeed(Command::new("cp").arg("-a").arg(&source).arg(site.tree()), LIMIT);
        if fixture == "control-repo" {
            site.edit("{script: {run: apply}}", "{puppet: {}}");
        }
        let _ = site.run(&["build", "--out", "packs"]).expect(0);
        let release = site.path("release");
        for (path, sha256) in site.index() {
            fs::create_dir_all(release.join(&path)).unwrap();
            let pack = site.path(&format!("packs/{sha256}.tar.gz"));
            succeed(Command::new("tar").arg("-xzf").arg(pack).arg("-C").arg(release.join(&path)), LIMIT);
        }
        assert_eq!(differ(&listing(&release), &listing(&source)), None, "{fixture}");
    }
}

#[test]
fn what_a_release_cannot_carry_is_refused_with_its_path() {
    type Make = fn(&Site);
    let cases: &[(&str, &str, &str, Make)] = &[
        ("a link out", "up", "leaves the pack", |s| symlink("../../etc", s.tree().join("d/up")).unwrap()),
        ("a link to another pack", "side", "leaves the pack", |s| {
            symlink("../names", s.tree().join("d/side")).unwrap();
        }),
        ("an absolute link", "abs", "absolute path", |s| {
            symlink("/etc/passwd", s.tree().join("abs")).unwrap();
        }),
        ("a link down and up", "zig", "down and up", |s| {
            symlink("a/../../x", s.tree().join("d/zig")).unwrap();
        }),
        ("a pipe", "pipe", "neither file", |s| {
            succeed(Command::new("mkfifo").arg(s.tree().join("d/pipe")), LIMIT);
        }),
        ("case", "readme", "only in case", |s| {
            s.write("d/README", "", 0o644);
            s.write("d/readme", "", 0o644);
        }),
        ("case of folders", "ntp", "only in case", |s| {
            s.write("modules/Ntp/a", "", 0o644);
            s.write("modules/ntp/b", "", 0o644);
        }),
        ("not UTF-8", "caf", "not UTF-8", |s| {
            fs::write(s.tree().join(OsStr::from_bytes(b"d/caf\xe9")), "").unwrap();
        }),
        ("a line feed", "a\\nb", "control character", |s| s.write("d/a\nb", "", 0o644)),
        ("an escape", "u{1b}", "control character", |s| s.write("d/\u{1b}[2J", "", 0o644)),
        ("a secret key", "d/backup.txt", "secret key", |s| {
            let key = fs::read(s.path("site/keys/release.key")).unwrap();
            s.write("d/backup.txt", [b"notes\n".as_slice(), &key].concat(), 0o644);
        }),
        ("no script", "apply", "no script", |s| fs::remove_file(s.tree().join("apply")).unwrap()),
        ("a script that cannot run", "apply", "not executable", |s| s.write("apply", "", 0o644)),
        ("a folder for a script", "apply", "no script", |s| {
            fs::remove_file(s.tree().join("apply")).unwrap();
            s.write("apply/x", "", 0o755);
        }),
        ("too deep", "dddd", "longer than 1024", |s| {
            let deep: Vec<String> = (0..11).map(|_| "d".repeat(99)).collect();
            s.write(&format!("d/{}/file", deep.join("/")), "", 0o644);
        }),
        ("no tree", "tree", "No such file", |s| fs::remove_dir_all(s.tree()).unwrap()),
    ];
    for (name, path, why, make) in cases {
        let Some(site) = Site::new() else { return };
        site.write("d/file", "x", 0o644);
        make(&site);
        for command in ["build", "publish", "check"] {
            let run = site.run(&[command]);
            assert!(
                matches!(run.code, 3 | 78),
                "{name}: {command} ended with {}: {}{}",
                run.code,
                run.out,
                run.err
            );
            let told = format!("{}{}", run.out, run.err);
            assert!(told.contains(path) && told.contains(why) && told.contains("hint: "), "{name}: {told}");
        }
        assert!(!site.manifest().exists(), "{name}");
    }
}

#[test]
fn an_ignored_file_is_no_hindrance() {
    let Some(site) = Site::new() else { return };
    let key = fs::read(site.path("site/keys/release.key")).unwrap();
    site.write("d/backup.key", key, 0o600);
    site.write("d/kept", "", 0o644);
    assert_eq!(site.run(&["build"]).code, 3);
    site.write(".stringlessignore", "*.key\n/d/kept\n!/d/kept\n", 0o644);
    let _ = site.run(&["build", "--out", "packs"]).expect(0);
    let d = site.index().into_iter().find(|(path, _)| path == "d").unwrap().1;
    let names = succeed(Command::new("tar").arg("-tzf").arg(site.path(&format!("packs/{d}.tar.gz"))), LIMIT);
    assert_eq!(names, "kept\n");
}

/// Splits a signed document as the documentation says: blocks, an empty line, the payload.
fn split(document: &Path, folder: &Path) -> (PathBuf, PathBuf) {
    let bytes = fs::read(document).unwrap();
    let at = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
    let (signature, payload) = (folder.join("payload.minisig"), folder.join("payload"));
    fs::write(&signature, &bytes[..=at]).unwrap();
    fs::write(&payload, &bytes[at + 2..]).unwrap();
    (signature, payload)
}

#[test]
fn stock_minisign_verifies_our_documents() {
    let Some(minisign) = tools::program("minisign") else { return };
    let Some(site) = Site::new() else { return };
    let _ = site.run(&["publish"]).expect(0);
    let documents = [
        (site.manifest(), "manifest example production 1"),
        (site.path("bucket/env/production/history/1"), "manifest example production 1"),
        (site.path("bucket/trust/1.json"), "trust example keys 1"),
    ];
    for (document, comment) in documents {
        let (signature, payload) = split(&document, site.folder.path());
        let verify = |payload: &Path| {
            let mut command = Command::new(&minisign);
            command.args(["-V", "-H", "-p"]).arg(site.path("site/keys/release.pub"));
            Run::of(command.arg("-x").arg(&signature).arg("-m").arg(payload))
        };
        let run = verify(&payload).expect(0);
        assert!(run.out.contains(comment), "{}", run.out);
        let mut bytes = fs::read(&payload).unwrap();
        bytes[20] ^= 1;
        fs::write(&payload, bytes).unwrap();
        assert_ne!(verify(&payload).code, 0);
    }
}

#[test]
fn we_verify_stock_minisigns_documents() {
    let Some(minisign) = tools::program("minisign") else { return };
    let Some(site) = Site::new() else { return };
    let _ = site.run(&["publish"]).expect(0);
    let (_, payload) = split(&site.manifest(), site.folder.path());
    let next = fs::read_to_string(&payload).unwrap().replace("\"serial\": 1", "\"serial\": 7");
    fs::write(&payload, next).unwrap();
    let sign = |comment: &str| {
        let mut command = Command::new(&minisign);
        command.args(["-S", "-H", "-t", comment, "-s"]).arg(site.path("site/keys/release.key"));
        succeed(command.arg("-m").arg(&payload), LIMIT);
        let signature = fs::read(site.path("payload.minisig")).unwrap();
        let document = [signature.as_slice(), b"\n", &fs::read(&payload).unwrap()].concat();
        fs::write(site.manifest(), document).unwrap();
    };
    sign("manifest example production 7");
    let _ = site.run(&["verify"]).expect(0);
    let _ = site.run(&["verify", "bucket/env/production/manifest"]).expect(0);
    // A release that another tool published is followed, not written over.
    site.write("apply", "#!/bin/sh\nexit 0\n", 0o755);
    assert!(site.run(&["publish"]).expect(0).out.starts_with("published example production 8"));
    // A comment that says something else than the payload is a replay of another signature.
    for comment in ["manifest example production 8", "manifest example staging 7", "timestamp:1"] {
        sign(comment);
        assert!(site.run(&["verify"]).expect(3).err.contains("trusted comment"), "{comment}");
    }
}

#[test]
fn keys_of_stock_minisign_sign_for_a_site() {
    let Some(minisign) = tools::program("minisign") else { return };
    let Some(site) = Site::new() else { return };
    let pipe = "printf 'secret\\nsecret\\n' | \"$1\" -G -p locked.pub -s locked.key; \"$1\" -G -W -p open.pub -s open.key";
    succeed(
        Command::new("sh").args(["-ec", pipe, "sh"]).arg(&minisign).current_dir(site.folder.path()),
        LIMIT,
    );
    for (key, password) in [("locked", Some("secret")), ("open", None)] {
        let store = format!("file://{}", site.path(&format!("{key}-bucket")).display());
        let key_file = format!("{key}.key");
        let run = |args: &[&str]| {
            let mut command = site.command(args);
            command.env("STRINGLESS_SITE_FILE", key);
            if let Some(password) = password {
                command.env("STRINGLESS_PASSWORD", password);
            }
            Run::of(&mut command)
        };
        let _ = run(&["init", key, "--site", key, "--store", &store, "--key", &key_file]).expect(0);
        fs::copy(site.tree().join("apply"), site.path(key).join("apply")).unwrap();
        let _ = run(&["publish", "--key", &key_file]).expect(0);
        let _ = run(&["verify"]).expect(0);
    }
    // Without a password, with a wrong one, and for another site it is no key.
    let locked = ["publish", "--force", "--key", "locked.key"];
    let mut command = site.command(&locked);
    assert!(
        Run::of(command.env("STRINGLESS_SITE_FILE", "locked")).expect(78).err.contains("STRINGLESS_PASSWORD")
    );
    let mut command = site.command(&locked);
    command.env("STRINGLESS_SITE_FILE", "locked").env("STRINGLESS_PASSWORD", "guess");
    assert!(Run::of(&mut command).expect(78).err.contains("Wrong password"));
    assert!(site.run(&["publish", "--key", "open.key"]).expect(3).err.contains("0 of 1 needed signatures"));
}

#[test]
fn our_keys_sign_with_stock_minisign() {
    let Some(minisign) = tools::program("minisign") else { return };
    let Some(site) = Site::new() else { return };
    let mut command = site.command(&["keygen", "locked.key"]);
    let _ = Run::of(command.env("STRINGLESS_PASSWORD", "secret")).expect(0);
    let _ = site.run(&["keygen", "open.key", "--no-password"]).expect(0);
    fs::write(site.path("file"), "content").unwrap();
    for key in ["locked", "open"] {
        let sign = format!("echo secret | \"$1\" -S -s {key}.key -m file && \"$1\" -V -p {key}.pub -m file");
        let mut command = Command::new("sh");
        succeed(command.args(["-ec", &sign, "sh"]).arg(&minisign).current_dir(site.folder.path()), LIMIT);
        assert_eq!(fs::metadata(site.path(&format!("{key}.key"))).unwrap().mode() & 0o777, 0o600);
    }
}

const LIMIT: Duration = Duration::from_secs(60);
