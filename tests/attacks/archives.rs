//! Hostile archives, well signed: every rule of the allow-list, broken.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use e2e::forge::{Forge, gzip};
use e2e::pair::Pair;
use stringless_core::pack::Pack;

use crate::craft::{Craft, SCRIPT};

/// The serial of the next release: above that of the live one, and never used before.
static SERIAL: AtomicU64 = AtomicU64::new(8);

/// What is wrong, the archive, its unpacked bytes and entries beside the good one's.
type Case<'a> = (&'a str, Craft, u64, u64);

/// Publishes each pack, and sees each refused for a reason that holds this text.
fn refuses_each(cases: impl IntoIterator<Item = (impl AsRef<str>, Pack)>, pair: &Pair, why: &str) {
    let mut taken = Vec::new();
    for (what, pack) in cases {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        pair.forge.publish(&pair.forge.manifest(serial, vec![pack]));
        let run = pair.run(&["--once"]);
        if run.code != 3 || !run.err.contains(why) {
            taken.push(format!("{}: {} {}", what.as_ref(), run.code, run.err));
            continue;
        }
        pair.goes_on();
        assert!(
            names(pair, "packs").len() <= 2,
            "{}: only the live release's pack and this one",
            what.as_ref()
        );
        assert_eq!(names(pair, "layers/example/releases").len(), 1, "{}: nothing is unpacked", what.as_ref());
    }
    assert!(taken.is_empty(), "not refused for `{why}`:\n{}", taken.join("\n"));
}

fn names(pair: &Pair, folder: &str) -> Vec<String> {
    let read = fs::read_dir(pair.state(folder)).unwrap();
    read.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn packed<'a>(forge: &Forge, cases: Vec<Case<'a>>) -> Vec<(&'a str, Pack)> {
    let pack = |(what, craft, unpacked, files): Case<'a>| (what, craft.pack(forge, unpacked, files));
    cases.into_iter().map(pack).collect()
}

#[test]
fn archive_kinds_that_no_pack_needs() {
    let Some(pair) = Pair::converged() else { return };
    let cases = (0..=127u8).filter(|kind| !b"\x0005xgKLS2".contains(kind)).map(|kind| {
        let craft = Craft::new().header(kind, b"odd", b"apply", 0o644, 0);
        (format!("type {:?}", char::from(kind)), craft.pack(&pair.forge, 0, 1))
    });
    refuses_each(cases, &pair, "is neither file, folder nor symbolic link");
}

#[test]
fn archive_names_that_lead_out() {
    let Some(pair) = Pair::converged() else { return };
    let out = pair.node.root().join("escaped").display().to_string();
    let up = "../../../../../../escaped";
    let file = |name: &str| Craft::new().file(name, "x");
    let cases: Vec<Case<'_>> = vec![
        ("absolute", file(&out), 1, 1),
        ("absolute, twice", file(&format!("/{out}")), 1, 1),
        ("up", file(up), 1, 1),
        ("down and up", Craft::new().folder("d/").file(&format!("d/{up}"), "x"), 1, 2),
        ("up, in the middle", Craft::new().folder("d/").file("d/../../escaped", "x"), 1, 2),
        ("a dot", file("./x"), 1, 1),
        ("dots alone", file(".."), 1, 1),
        ("a dot alone", Craft::new().folder("./"), 0, 1),
        ("an empty part", Craft::new().folder("d/").file("d//x", "x"), 1, 2),
        ("no name", file(""), 1, 1),
        ("a slash alone", Craft::new().folder("/"), 0, 1),
        ("up, by an extended header", Craft::new().pax(&[("path", up)]).file("x", "x"), 1, 1),
        ("absolute, by an extended header", Craft::new().pax(&[("path", &out)]).file("x", "x"), 1, 1),
        ("up, by a long name", Craft::new().long(b'L', up).file("x", "x"), 1, 1),
        ("absolute, by a long name", Craft::new().long(b'L', &out).file("x", "x"), 1, 1),
    ];
    refuses_each(packed(&pair.forge, cases), &pair, "[archive]");
}

#[test]
fn archive_names_that_no_file_should_have() {
    let Some(pair) = Pair::converged() else { return };
    let file = |name: &str| Craft::new().file(name, "x");
    let long = |name: &str| Craft::new().long(b'L', name).file("x", "x");
    let deep = "d/".repeat(600);
    let cases: Vec<Case<'_>> = vec![
        ("a line feed", file("a\nb"), 1, 1),
        ("an escape", file("a\x1b[2Jb"), 1, 1),
        ("a control character of Unicode", file("a\u{85}b"), 1, 1),
        ("a zero byte", long("a\0b"), 1, 1),
        ("a part too long", long(&"n".repeat(256)), 1, 1),
        ("no folder before it", file("d/x"), 1, 1),
        ("twice", Craft::new().file("x", "1").file("x", "2"), 2, 2),
        ("the script, twice", Craft::new().file("apply", SCRIPT), SCRIPT.len() as u64, 1),
        ("a folder, twice", Craft::new().folder("d/").folder("d/"), 0, 2),
        ("a folder, then a file", Craft::new().folder("d/").file("d", "x"), 1, 2),
        ("a file, then a folder", Craft::new().file("d", "x").folder("d/"), 1, 2),
        ("case", Craft::new().file("readme", "1").file("README", "2"), 2, 2),
        ("case of folders", Craft::new().folder("d/").folder("D/"), 0, 2),
        ("case beyond ASCII", Craft::new().file("ä", "1").file("Ä", "2"), 2, 2),
        ("a file as a folder", Craft::new().file("f", "x").file("f/x", "x"), 2, 2),
    ];
    refuses_each(packed(&pair.forge, cases), &pair, "[archive]");
    let cases = vec![("too deep", long(&format!("{deep}x")), 1, 1)];
    refuses_each(packed(&pair.forge, cases), &pair, "is longer than 1024 bytes");
    let raw = |name: &[u8]| Craft::new().header(b'0', name, b"", 0o644, 0).pack(&pair.forge, 0, 1);
    let link = Craft::new().header(b'2', b"l", b"caf\xe9", 0o777, 0).pack(&pair.forge, 0, 1);
    let cases = [("latin", raw(b"caf\xe9")), ("overlong", raw(b"\xc0\xaf")), ("a link's target", link)];
    refuses_each(cases, &pair, "is not UTF-8");
}

#[test]
fn archive_links_that_lead_out() {
    let Some(pair) = Pair::converged() else { return };
    let link = |target: &str| Craft::new().folder("d/").link(b'2', "d/l", target);
    let hard = |target: &str| Craft::new().link(b'1', "h", target);
    let cases: Vec<Case<'_>> = vec![
        ("absolute", link("/etc/passwd"), 0, 2),
        ("up", link("../.."), 0, 2),
        ("up and down", link("../../x"), 0, 2),
        ("down and up", link("x/../../../y"), 0, 2),
        ("no target", link(""), 0, 2),
        ("an escape in the target", link("\x1b[2J"), 0, 2),
        ("up, by an extended header", Craft::new().pax(&[("linkpath", "../x")]).link(b'2', "l", "y"), 0, 1),
        ("up, by a long target", Craft::new().long(b'K', "../x").link(b'2', "l", "y"), 0, 1),
        (
            "a link, then a file through it",
            Craft::new().folder("d/").link(b'2', "l", "d").file("l/x", "x"),
            1,
            3,
        ),
        ("a link, then a file in its place", Craft::new().link(b'2', "l", "d").file("l", "x"), 1, 2),
        ("a link, then a folder in its place", Craft::new().link(b'2', "l", ".").folder("l/"), 0, 2),
        ("a link, then one below it", Craft::new().link(b'2', "l", ".").link(b'2', "l/m", "x"), 0, 2),
        ("a hard link inside", hard("apply"), 0, 1),
        ("a hard link out", hard("../../../../../etc/passwd"), 0, 1),
        ("an absolute hard link", hard("/etc/passwd"), 0, 1),
        ("a hard link to a link", Craft::new().link(b'2', "l", "apply").link(b'1', "h", "l"), 0, 2),
    ];
    refuses_each(packed(&pair.forge, cases), &pair, "[archive]");
}

#[test]
fn archive_modes_that_give_rights_away() {
    let Some(pair) = Pair::converged() else { return };
    let modes = [0o4755, 0o2755, 0o1755, 0o6711, 0o10644, 0o100_644, 0o7777, 0o17_777_777];
    let kinds = [(b'0', "f"), (b'5', "d/"), (b'2', "l")];
    let cases = modes.into_iter().flat_map(|mode| kinds.map(|(kind, name)| (mode, kind, name)));
    let cases = cases.map(|(mode, kind, name)| {
        let craft = Craft::new().header(kind, name.as_bytes(), b"apply", mode, 0);
        (format!("{mode:o} of {name}"), craft.pack(&pair.forge, 0, 1))
    });
    refuses_each(cases, &pair, "is setuid, setgid or sticky");
}

#[test]
fn archive_parsers_that_disagree() {
    let Some(pair) = Pair::converged() else { return };
    // One size in the header, another in the extension: what is content for one reader is an entry for
    // the next (CVE-2025-62518).
    let inner = Craft::default().file("smuggled", "x");
    let size = inner.0.len().to_string();
    let desync = Craft::new().pax(&[("size", &size)]).header(b'0', b"f", b"", 0o644, 0).content(&inner.0);
    let other = Craft::new().pax(&[("size", "0")]).file("f", "12345");
    let both = |craft: Craft| craft.file("x", "x");
    let sparse = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "f"),
        ("GNU.sparse.realsize", "1"),
    ];
    let cases: Vec<Case<'_>> = vec![
        ("two sizes, the larger one hidden", desync, 0, 1),
        ("two sizes, the smaller one hidden", other, 5, 1),
        ("two names, GNU's first", both(Craft::new().long(b'L', "gnu").pax(&[("path", "posix")])), 1, 1),
        ("two names, POSIX's first", both(Craft::new().pax(&[("path", "posix")]).long(b'L', "gnu")), 1, 1),
        ("two long names", both(Craft::new().long(b'L', "one").long(b'L', "two")), 1, 1),
        ("a long name for nothing", Craft::new().long(b'L', "one"), 0, 0),
        ("two extended headers", both(Craft::new().pax(&[("path", "one")]).pax(&[("path", "two")])), 1, 1),
        ("one key twice", both(Craft::new().pax(&[("path", "one"), ("path", "two")])), 1, 1),
        ("a sparse file by extension", both(Craft::new().pax(&sparse)), 1, 1),
        ("a global header", both(Craft::new().entry(b'g', "g", 0o644, b"12 path=one\n")), 1, 1),
        ("an extended header for nothing", Craft::new().pax(&[("path", "one")]), 0, 0),
        ("an extended header that is none", both(Craft::new().entry(b'x', "x", 0o644, b"path=one\n")), 1, 1),
        (
            "a record longer than the header",
            both(Craft::new().entry(b'x', "x", 0o644, b"99 path=one\n")),
            1,
            1,
        ),
        ("a wrong checksum", wrong_checksum(), 1, 1),
        (
            "a name that runs into the next field",
            Craft::new().file(&"n".repeat(100), "x").file("n", "y"),
            9,
            9,
        ),
    ];
    refuses_each(packed(&pair.forge, cases), &pair, "refus");
}

fn wrong_checksum() -> Craft {
    let mut craft = Craft::new();
    let at = craft.0.len();
    craft = craft.file("f", "x");
    craft.0[at] = b'g';
    craft
}

#[test]
fn archive_ends_that_are_not_the_end() {
    let Some(pair) = Pair::converged() else { return };
    let good = || Craft::new().end();
    let more = Craft::default().file("second", "x").end();
    let stored = |bytes: &[u8]| pair.forge.raw_pack("", bytes, SCRIPT.len() as u64, 1);
    let whole = gzip(&good().0);
    let concatenated = [good().0, more.0.clone()].concat();
    let cases = vec![
        ("bytes after the end", stored(&gzip(&[good().0, b"x".to_vec()].concat()))),
        ("a second archive after the end", stored(&gzip(&concatenated))),
        ("a second member of gzip", stored(&[whole.clone(), gzip(&more.0)].concat())),
        ("a member of gzip cut in two", stored(&two_members(&good().0))),
        ("bytes after the compressed ones", stored(&[whole.clone(), b"x".to_vec()].concat())),
        ("cut in the compressed bytes", stored(&whole[..whole.len() / 2])),
        ("cut before the checksum of gzip", stored(&whole[..whole.len() - 8])),
        ("a wrong checksum of gzip", stored(&flipped(&whole, whole.len() - 6))),
        ("a wrong length of gzip", stored(&flipped(&whole, whole.len() - 2))),
        ("cut in an entry", Craft(good().0[..520].to_vec()).pack_as_it_is(&pair.forge, 0, 0)),
        ("cut in a header", Craft(good().0[..300].to_vec()).pack_as_it_is(&pair.forge, 0, 0)),
        ("one empty block, then an entry", one_block(&pair.forge)),
        ("nothing at all", stored(b"")),
        ("no gzip", stored(&good().0)),
        ("other compression", stored(b"\x28\xb5\x2f\xfd\x04\x00\x01\x00\x00\x99\xe9\xd8\x51")),
    ];
    refuses_each(cases, &pair, "refus");
}

fn one_block(forge: &Forge) -> Pack {
    let mut craft = Craft::new();
    craft.0.resize(craft.0.len() + 512, 0);
    craft.file("late", "x").pack(forge, 0, 0)
}

fn two_members(bytes: &[u8]) -> Vec<u8> {
    let (first, second) = bytes.split_at(512);
    [gzip(first), gzip(second)].concat()
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}
