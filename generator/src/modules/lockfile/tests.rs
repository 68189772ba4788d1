use proptest::prelude::*;

use super::*;
use crate::modules::metadata::Metadata;
use crate::puppetfile::Puppetfile;
use crate::puppetfile::model::{Declared, Origin, Want};

fn lock(text: &str) -> Result<Lockfile, Fault> {
    Lockfile::parse(text, LOCK_FILE)
}

fn module(title: &str, origin: Origin) -> Declared {
    let (title, parent) = (title.to_owned(), "modules".to_owned());
    Declared { title, line: 3, parent, exclude_spec: false, origin }
}

fn forge(title: &str, version: Option<&str>) -> Declared {
    module(title, Origin::Forge { version: version.map(str::to_owned) })
}

fn git(title: &str, want: Want) -> Declared {
    let url = "https://example.org/apt.git".to_owned();
    module(title, Origin::Git { url, want, or: None, or_first: None })
}

fn file(modules: Vec<Declared>) -> Puppetfile {
    Puppetfile { forge: None, moduledir: None, modules }
}

const FORGE: &str = "https://forgeapi.puppet.com";
const TREE: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn whole() -> String {
    format!(
        "{HEAD}
modules/apt:
  name: puppetlabs/apt
  forge: https://forgeapi.puppet.com
  version: 9.4.0
  tree: {TREE}
  needs:
    puppetlabs/stdlib: '>= 9.0.0 < 10.0.0'

modules/stdlib:
  name: puppetlabs/stdlib
  git: https://example.org/apt.git
  branch: main
  commit: {COMMIT}
  version: 9.6.0
  exclude_spec: true
  tree: {TREE}
"
    )
}

#[test]
fn what_is_read_is_written_the_same() {
    assert_eq!(lock(&whole()).unwrap().text(), whole());
    assert_eq!(lock(HEAD).unwrap().text(), HEAD);
    assert_eq!(lock("").unwrap(), Lockfile::default());
}

#[test]
fn says_what_is_wrong_with_a_file() {
    let cases: &[(&str, &str)] = &[
        ("<<<<<<< ours\n", "reading Puppetfile.lock:1: an unfinished merge"),
        ("FORGE\n  remote: x\n", "librarian-puppet"),
        ("\r\nGIT\r\n  remote: x\r\n", "librarian-puppet"),
        ("modules/a: 1\n", "modules/a"),
        ("[]\n", "a block for each module"),
    ];
    for (text, why) in cases {
        let fault = lock(text).unwrap_err();
        assert!(fault.message.contains(why), "{text}: {fault}");
    }
    let edits = [
        ("name: puppetlabs/apt", "nme: puppetlabs/apt", "missing field `name`"),
        (
            "modules/apt:",
            "format: 2\nmodules/apt:",
            "format 2 is not supported, only 1: a newer version wrote it",
        ),
        ("modules/apt:", "needs: [x]\nmodules/apt:", "this needs a newer stringless: `x` is unknown"),
        ("  version: 9.4.0\n", "", "version: it is missing"),
        ("  forge: https://forgeapi.puppet.com\n", "", "one of `forge`, `git` and `tarball`"),
        (COMMIT, "abc", "commit: expected 40 or 64 hex digits"),
        (TREE, "abc", "not a SHA-256"),
        ("modules/apt:", "../apt:", "`..`"),
        ("modules/apt:", "modules/stdlib:", "`modules/stdlib` is in it twice"),
    ];
    for (from, to, why) in edits {
        let fault = lock(&whole().replacen(from, to, 1)).unwrap_err();
        assert!(fault.message.contains(why), "{from}: {fault}");
    }
}

#[test]
fn passes_over_what_a_newer_version_may_add() {
    let newer = whole().replacen("modules/apt:", "format: 1\nneeds: []\nmodules/apt:", 1).replacen(
        "  version: 9.6.0\n",
        "  version: 9.6.0\n  signed_by: {key: [a]}\n",
        1,
    );
    assert_eq!(lock(&newer).unwrap(), lock(&whole()).unwrap());
}

#[test]
fn knows_whether_it_is_that_of_a_puppetfile() {
    let lock = lock(&whole().replace("  exclude_spec: true\n", "")).unwrap();
    let apt = || forge("puppetlabs-apt", Some("9.4.0"));
    let branch = |name: &str| git("puppetlabs/stdlib", Want::Branch(name.into()));
    let fits = |modules| lock.differences(&file(modules), FORGE);
    assert_eq!(fits(vec![apt(), branch("main")]), [""; 0]);
    assert_eq!(fits(vec![forge("puppetlabs/apt", None), branch("main")]), [""; 0]);
    assert_eq!(fits(vec![forge("Puppetlabs/apt", None), branch("main")]).join(""), "");
    let cases = [
        (vec![apt(), forge("puppet/archive", None)], "`puppet/archive` of line 3 is not in it"),
        (vec![forge("puppetlabs/apt", Some("9.5.0"))], "it has 9.4.0, not 9.5.0"),
        (vec![forge("other/apt", Some("9.4.0"))], "it has `puppetlabs/apt` in this folder"),
        (vec![apt(), branch("next")], "locked for the branch `main`, not the branch `next`"),
        (vec![apt(), git("puppetlabs/stdlib", Want::Commit("ff".into()))], "not ff"),
        (vec![apt(), forge("puppetlabs/stdlib", None)], "not the forge"),
        (vec![branch("main")], "it has `modules/apt`, which nothing needs"),
        // A module that others need need not be declared, but then it comes from the forge.
        (vec![apt()], "it has `modules/stdlib` from https://example.org/apt.git, and no line declares that"),
        (vec![git("puppetlabs/apt", Want::Head)], "not https://example.org/apt.git"),
        (vec![Declared { exclude_spec: true, ..apt() }], "`spec` must be left out, but was kept"),
    ];
    for (modules, why) in cases {
        let found = fits(modules).join("; ");
        assert!(found.contains(why), "{why}: {found}");
    }
}

#[test]
fn a_need_that_is_missing_is_reported() {
    let text = whole();
    let only = text.split("\nmodules/stdlib:").next().unwrap();
    let lock = lock(only).unwrap();
    let apt = || forge("puppetlabs/apt", Some("9.4.0"));
    assert!(
        lock.differences(&file(vec![apt()]), FORGE)
            .join("")
            .contains("`puppetlabs/stdlib`, which `modules/apt` needs")
    );
    // The environment's own counts.
    assert_eq!(lock.differences(&file(vec![apt(), module("stdlib", Origin::Local)]), FORGE), [""; 0]);
}

/// The lock file of `apt` alone, with these blocks behind it.
fn with(blocks: &str) -> Lockfile {
    let text = whole();
    let apt = text.split("\nmodules/stdlib:").next().unwrap();
    lock(&format!("{apt}\n{blocks}")).unwrap()
}

#[test]
fn only_a_line_or_a_need_brings_a_module_in() {
    let block = |path: &str, name: &str, forge: &str| {
        format!("{path}:\n  name: {name}\n  forge: {forge}\n  version: 9.6.0\n  tree: {TREE}\n")
    };
    let declared = || file(vec![forge("puppetlabs/apt", Some("9.4.0"))]);
    let needed = block("modules/stdlib", "puppetlabs/stdlib", FORGE);
    assert_eq!(with(&needed).differences(&declared(), FORGE), [""; 0]);
    let cases = [
        (
            block("modules/stdlib", "evil/stdlib", FORGE),
            "`puppetlabs/stdlib`, which `modules/apt` needs, is not in it",
        ),
        (block("modules/stdlib", "evil/stdlib", FORGE), "it has `modules/stdlib`, which nothing needs"),
        (block("site/stdlib", "puppetlabs/stdlib", FORGE), "it has `puppetlabs/stdlib` in `site/stdlib`"),
        (
            block("modules/stdlib", "puppetlabs/stdlib", "https://evil.test"),
            "from the forge https://evil.test",
        ),
        (
            format!("{needed}\n{}", block("modules/x", "evil/x", FORGE)),
            "it has `modules/x`, which nothing needs",
        ),
    ];
    for (blocks, why) in cases {
        let found = with(&blocks).differences(&declared(), FORGE).join("; ");
        assert!(found.contains(why), "{why}: {found}");
    }
    // Another forge than the one that is asked.
    let found = with(&needed).differences(&declared(), "https://forge.example").join("; ");
    assert!(found.contains("line 3: it is from the forge https://forgeapi.puppet.com"), "{found}");
}

#[test]
fn a_block_says_what_the_module_says() {
    let lock = lock(&whole()).unwrap();
    let (apt, stdlib) = (&lock.modules["modules/apt"], &lock.modules["modules/stdlib"]);
    let metadata = |version: &str, needs: &[(&str, &str)]| Metadata {
        version: Some(version.into()),
        needs: needs.iter().map(|(name, range)| ((*name).to_owned(), (*range).to_owned())).collect(),
        ..Metadata::default()
    };
    let right = metadata("9.4.0", &[("puppetlabs/stdlib", ">= 9.0.0 < 10.0.0")]);
    assert_eq!(apt.misdescribes(&right, true), None);
    assert_eq!(stdlib.misdescribes(&metadata("9.6.0", &[]), true), None);
    for (locked, metadata, why) in [
        (
            apt,
            metadata("9.4.0", &[]),
            "`puppetlabs/stdlib`: by the lock file it needs >= 9.0.0 < 10.0.0, by its `metadata.json` it does not need it",
        ),
        (
            apt,
            metadata("9.4.0", &[("puppetlabs/stdlib", "")]),
            "by its `metadata.json` it needs any version of it",
        ),
        (stdlib, metadata("9.6.0", &[("evil/x", "")]), "`evil/x`: by the lock file it does not need it"),
        (stdlib, metadata("9.7.0", &[]), "it has the version 9.6.0, and its `metadata.json` 9.7.0"),
        (stdlib, Metadata::default(), "and its `metadata.json` none"),
    ] {
        let found = locked.misdescribes(&metadata, true).unwrap();
        assert!(found.contains(why), "{why}: {found}");
    }
    // Locked without dependencies.
    assert_eq!(stdlib.misdescribes(&metadata("9.6.0", &[("a/b", "")]), false), None);
    assert!(apt.misdescribes(&metadata("9.4.0", &[]), false).is_some());
    // A forge read it, and nothing else can.
    let broken = Metadata { fault: Some("is broken".into()), ..Metadata::default() };
    assert_eq!(apt.misdescribes(&broken, true), None);
}

proptest! {
    /// A damaged lock file is refused, or it is read, written and read again with the same result.
    #[test]
    fn an_accepted_damaged_file_is_written_and_read_back(at in 0..700usize, text in "[ a-z0-9:\\n'/<>.-]{0,8}") {
        let mut damaged = whole();
        let at = at % damaged.len();
        damaged.insert_str(at, &text);
        if let Ok(lock) = lock(&damaged) {
            prop_assert_eq!(Lockfile::parse(&lock.text(), LOCK_FILE).unwrap(), lock);
        }
    }
}
