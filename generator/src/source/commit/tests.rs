use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::git::tests::Remote;
use crate::source::scan;

/// The tree of the branch `main`.
fn of(remote: &Remote, below: &str) -> Result<Tree> {
    let cache = tempfile::tempdir().unwrap();
    let mirror = Arc::new(Repository::open(cache.path(), &remote.url()).unwrap());
    mirror.fetch().unwrap();
    let head = mirror.resolve("main").unwrap().unwrap();
    let tree = commit(&mirror, &head, below, &["keys".into(), SITE_FILE.into()])?;
    Ok(tree)
}

/// Each path with what is there.
fn list(tree: &Tree) -> Vec<String> {
    let text = |content: &FileContent| String::from_utf8(content.read().unwrap()).unwrap();
    let text_of_kind = |kind: &EntryKind| match kind {
        EntryKind::Folder => "folder".into(),
        EntryKind::File { executable, content } => format!("file {executable} {}", text(content)),
        EntryKind::Link { target } => format!("link {}", text(target)),
    };
    let of_pack = |(pack, found): (&String, &Vec<super::super::Entry>)| {
        let mut all: Vec<String> =
            found.iter().map(|f| format!("{pack}:{} {}", f.path, text_of_kind(&f.kind))).collect();
        all.sort();
        all.insert(0, pack.clone());
        all
    };
    tree.packs.iter().flat_map(of_pack).collect()
}

fn compare(remote: &Remote) -> Vec<String> {
    let cache = tempfile::tempdir().unwrap();
    let mirror = Arc::new(Repository::open(cache.path(), &remote.url()).unwrap());
    mirror.fetch().unwrap();
    let head = mirror.resolve("main").unwrap().unwrap();
    let of_commit = list(&commit(&mirror, &head, "", &[]).unwrap());
    assert_eq!(of_commit, list(&scan(remote.folder.path(), &[]).unwrap()));
    of_commit
}

#[test]
fn a_commit_and_its_checkout_make_the_same_tree() {
    let remote = Remote::with(&[
        "apply",
        "site/profile/manifests/init.pp",
        "site/profile.d/x",
        "modules/.gitkeep",
        "modules/ntp/a",
        "data/deep/er/x.yaml",
        "data/deep/er/x.tmp",
        "data/kept.tmp",
        "data/secret/a",
        "data/secret/b/c",
        "data/secret-not/a",
        "docs/a/b",
        ".hidden",
    ]);
    remote.write(".gitignore", "/nothing\n");
    remote.write("environment.conf", "modulepath = site:modules:$basemodulepath\n");
    remote.write(IGNORE_FILE, "\u{feff}*.tmp\r\n/docs\nsecret/\n# comment\n");
    remote.write("data/.stringlessignore", "!kept.tmp\n/deep/er\n");
    // Below what is left out: never looked at.
    remote.write("docs/a/.stringlessignore", "[z-a]\n");
    fs::set_permissions(remote.folder.path().join("apply"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("ntp", remote.folder.path().join("modules/link")).unwrap();
    remote.commit();
    let all = compare(&remote);
    let has = |path: &str| all.iter().any(|one| one.starts_with(path));
    assert!(
        has("data:kept.tmp file false data/kept.tmp")
            && has("data:secret-not/a")
            && has("modules:link link ntp")
    );
    assert!(has(":apply file true") && has("site/profile.d:x") && has(":.gitignore"));
    for gone in ["data:secret/", "data:deep/er", "docs", ":.stringlessignore"] {
        assert!(!has(gone), "{gone}: {all:?}");
    }
}

#[test]
fn an_empty_commit_is_an_empty_tree() {
    let remote = Remote::new();
    remote.commit();
    assert!(compare(&remote).is_empty());
}

#[test]
fn a_folder_of_a_repository_is_a_tree_of_its_own() {
    let remote = Remote::with(&["a/modules/x/y", "a/apply", "b/z", IGNORE_FILE]);
    remote.write("b/environment.conf", "modulepath = m\n");
    remote.write("b/m/n/o", "");
    remote.commit();
    let packs = |below| of(&remote, below).unwrap().packs.into_keys().collect::<Vec<_>>();
    assert_eq!(packs("a"), ["", "modules/x"]);
    assert_eq!(packs("b"), ["", "m/n"]);
    let error = of(&remote, "c").unwrap_err();
    assert_eq!(error.exit_code(), 78);
    assert!(error.to_string().contains("no folder `c`"), "{error}");
    assert!(of(&remote, "a/apply").is_err());
}

#[test]
fn what_belongs_to_a_site_is_left_out_of_its_own_repository() {
    let remote = Remote::with(&[SITE_FILE, "keys/a.key", "data/keys/b", "apply"]);
    let all = |remote| of(remote, "").unwrap().packs.into_keys().collect::<Vec<_>>();
    assert_eq!(all(&remote), ["", "data"]);
    let tree = of(&remote, "").unwrap();
    assert!(tree.find("apply").is_some() && tree.find(SITE_FILE).is_none());
    // Without a site, it is a folder like others.
    assert_eq!(all(&Remote::with(&["keys/a", "apply"])), ["", "keys"]);
}

#[test]
fn refuses_what_a_release_cannot_carry() {
    let remote = Remote::with(&["Readme", "README"]);
    let error = of(&remote, "").unwrap_err();
    assert!(error.to_string().contains("only in case"), "{error}");

    let remote = Remote::with(&["a"]);
    remote.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},modules/x", "1".repeat(40))]);
    remote.git(&["commit", "--quiet", "--message=m"]);
    let error = of(&remote, "").unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("`modules/x`: it is a git submodule"), "{error}");
    fs::write(remote.folder.path().join(IGNORE_FILE), "/modules/x\n").unwrap();
    remote.git(&["add", IGNORE_FILE]);
    remote.git(&["commit", "--quiet", "--message=m"]);
    assert!(!of(&remote, "").unwrap().holds("modules/x"));

    let remote = Remote::with(&["a"]);
    fs::create_dir(remote.folder.path().join("d")).unwrap();
    symlink("../a", remote.folder.path().join("d").join(IGNORE_FILE)).unwrap();
    remote.commit();
    assert!(of(&remote, "").unwrap_err().to_string().contains("not a regular file"));

    let remote = Remote::with(&["environment.conf/x"]);
    assert_eq!(of(&remote, "").unwrap_err().exit_code(), 3);
}

#[test]
fn an_ignore_file_that_is_not_understood_is_an_error() {
    for (place, text) in [("", b"a/[z-a]\n".as_slice()), ("", b"\xff\n"), ("d", b"{a\n"), ("e/f", b"[z-a]\n")]
    {
        let remote = Remote::with(&["d/secret", "e/f/g"]);
        fs::write(remote.folder.path().join(place).join(IGNORE_FILE), text).unwrap();
        remote.commit();
        let error = of(&remote, "").unwrap_err();
        assert_eq!(error.exit_code(), 78, "{error}");
        assert!(error.to_string().contains(IGNORE_FILE) && !error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn texts_are_read_once() {
    let remote = Remote::with(&["Puppetfile", "d/e", "environment.conf"]);
    let cache = tempfile::tempdir().unwrap();
    let mirror = Arc::new(Repository::open(cache.path(), &remote.url()).unwrap());
    mirror.fetch().unwrap();
    let tree = commit(&mirror, &mirror.resolve("main").unwrap().unwrap(), "", &[]).unwrap();
    assert_eq!(tree.text("d/e").unwrap().as_deref(), Some("d/e"));
    drop(cache);
    assert_eq!(tree.text("Puppetfile").unwrap().as_deref(), Some("Puppetfile"));
    assert_eq!((tree.text("d").unwrap(), tree.text("x").unwrap()), (None, None));
    assert!(tree.holds("d") && tree.holds("d/e") && tree.holds("") && !tree.holds("d/f") && !tree.holds("e"));
}
