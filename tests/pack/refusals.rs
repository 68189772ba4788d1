//! What a release cannot carry is refused where somebody can mend it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Command;

use e2e::process::succeed;

use crate::site::{LIMIT, Site};

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
        ("a pipe", "pipe", "neither a file", |s| {
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
        ("too large", "`d`", "files with 4294967296 bytes", |s| {
            fs::File::create(s.tree().join("d/huge")).unwrap().set_len(5 << 30).unwrap();
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
            let printed = format!("{}{}", run.out, run.err);
            assert!(
                printed.contains(path) && printed.contains(why) && printed.contains("hint: "),
                "{name}: {printed}"
            );
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
