use proptest::prelude::*;

use super::*;
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
        ("modules/a: 1\n", "modules/a"),
        ("[]\n", "a block for each module"),
    ];
    for (text, why) in cases {
        let fault = lock(text).unwrap_err();
        assert!(fault.message.contains(why), "{text}: {fault}");
    }
    let edits = [
        ("name: puppetlabs/apt", "nme: puppetlabs/apt", "unknown field `nme`"),
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
fn knows_whether_it_is_that_of_a_puppetfile() {
    let lock = lock(&whole().replace("  exclude_spec: true\n", "")).unwrap();
    let apt = || forge("puppetlabs-apt", Some("9.4.0"));
    let branch = |name: &str| git("puppetlabs/stdlib", Want::Branch(name.into()));
    let fits = |modules| lock.differences(&file(modules));
    assert_eq!(fits(vec![apt(), branch("main")]), [""; 0]);
    // A module that others need need not be declared.
    assert_eq!(fits(vec![apt()]), [""; 0]);
    assert_eq!(fits(vec![forge("puppetlabs/apt", None)]), [""; 0]);
    let cases = [
        (vec![apt(), forge("puppet/archive", None)], "`puppet/archive` of line 3 is not in it"),
        (vec![forge("puppetlabs/apt", Some("9.5.0"))], "it has 9.4.0, not 9.5.0"),
        (vec![forge("other/apt", Some("9.4.0"))], "it has `puppetlabs/apt` in this folder"),
        (vec![apt(), branch("next")], "locked for the branch `main`, not the branch `next`"),
        (vec![apt(), git("puppetlabs/stdlib", Want::Commit("ff".into()))], "not ff"),
        (vec![apt(), forge("puppetlabs/stdlib", None)], "not the forge"),
        (vec![branch("main")], "it has `modules/apt`, which nothing needs"),
        (vec![git("puppetlabs/apt", Want::Head)], "not https://example.org/apt.git"),
        (vec![Declared { exclude_spec: true, ..apt() }], "`spec` must be left out, but was kept"),
    ];
    for (modules, why) in cases {
        let found = fits(modules).join("; ");
        assert!(found.contains(why), "{why}: {found}");
    }
}

#[test]
fn a_need_that_is_missing_is_told() {
    let text = whole();
    let only = text.split("\nmodules/stdlib:").next().unwrap();
    let lock = lock(only).unwrap();
    let apt = || forge("puppetlabs/apt", Some("9.4.0"));
    assert!(
        lock.differences(&file(vec![apt()]))
            .join("")
            .contains("`puppetlabs/stdlib`, which `modules/apt` needs")
    );
    // The environment's own counts.
    assert_eq!(lock.differences(&file(vec![apt(), module("stdlib", Origin::Local)])), [""; 0]);
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
