use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

pub(crate) use self::remote::Remote;
use super::*;

mod checkout;
mod hostile;
mod remote;

/// Opens it as another process would: without the state of this process.
fn open(cache: &Path, remote: &Remote) -> Repository {
    let mirror = Repository::open(cache, &remote.url()).unwrap();
    Repository { state: Arc::default(), ..mirror }
}

fn fetched(cache: &Path, remote: &Remote) -> Repository {
    let mirror = open(cache, remote);
    mirror.fetch().unwrap();
    mirror
}

fn id(mirror: &Repository, revision: &str) -> Option<String> {
    mirror.resolve(revision).unwrap().map(|commit| commit.to_string())
}

#[test]
fn reads_files_links_folders_and_submodules() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a", "d/e/f", "d/é \"x\"\n"]));
    remote.write("run", "#!/bin/sh\n");
    fs::set_permissions(remote.folder.path().join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("a", remote.folder.path().join("l")).unwrap();
    let other = "1".repeat(40);
    remote.git(&["add", "--all"]);
    remote.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{other},sub")]);
    remote.git(&["commit", "--quiet", "--message=m"]);
    let mirror = fetched(cache.path(), &remote);
    let commit = mirror.resolve("main").unwrap().unwrap();
    let entries = mirror.entries(&commit, "").unwrap();
    let found: Vec<_> = entries.iter().map(|e| (e.path.as_str(), e.kind)).collect();
    let file = EntryKind::File { executable: false };
    assert_eq!(
        found,
        [
            ("a", file),
            ("d", EntryKind::Folder),
            ("d/e", EntryKind::Folder),
            ("d/e/f", file),
            ("d/é \"x\"\n", file),
            ("l", EntryKind::Link),
            ("run", EntryKind::File { executable: true }),
            ("sub", EntryKind::Submodule),
        ]
    );
    let ids: Vec<String> = entries
        .iter()
        .filter(|e| ["a", "d/e/f", "l", "run"].contains(&&*e.path))
        .map(|e| e.id.clone())
        .collect();
    let blobs = mirror.blobs(&[ids.clone(), ids[..1].to_vec()].concat()).unwrap();
    assert_eq!(
        blobs,
        [b"a".to_vec(), b"d/e/f".to_vec(), b"a".to_vec(), b"#!/bin/sh\n".to_vec(), b"a".to_vec()]
    );
    let below: Vec<_> = mirror.entries(&commit, "d").unwrap().into_iter().map(|e| e.path).collect();
    assert_eq!(below, ["e", "e/f", "é \"x\"\n"]);
    assert_eq!(mirror.tree_id(&commit, "d").unwrap().as_ref(), Some(&entries[1].id));
    assert!(mirror.tree_id(&commit, "").unwrap().is_some());
    for nothing in ["x", "a", "d/../d", "./d", "sub"] {
        assert_eq!(mirror.tree_id(&commit, nothing).unwrap(), None, "{nothing}");
        assert_eq!(mirror.entries(&commit, nothing).unwrap(), [], "{nothing}");
    }
    let error = mirror.blobs(&["2".repeat(40)]).unwrap_err();
    assert!(error.to_string().contains("missing") && error.hint_text().unwrap().contains("rm -r"), "{error}");
}

#[test]
fn follows_branches_and_tags_wherever_they_go() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a"]));
    let first = remote.git(&["rev-parse", "HEAD"]);
    remote.git(&["tag", "v1"]);
    remote.git(&["tag", "--annotate", "--message=m", "signed"]);
    remote.git(&["branch", "old"]);
    let mirror = fetched(cache.path(), &remote);
    let names =
        |mirror: &Repository| -> Vec<String> { mirror.refs().unwrap().into_iter().map(|r| r.name).collect() };
    assert_eq!(names(&mirror), ["refs/heads/main", "refs/heads/old", "refs/tags/signed", "refs/tags/v1"]);
    assert_eq!(mirror.head().unwrap().as_deref(), Some("main"));
    for name in ["v1", "signed", "old", "HEAD", &first, &first[..7], "refs/heads/main"] {
        assert_eq!(id(&mirror, name).as_ref(), Some(&first), "{name}");
    }

    // The branch is rewritten, the tag moved, the other branch gone, and its name a folder.
    remote.write("b", "b");
    remote.git(&["add", "--all"]);
    remote.git(&["commit", "--quiet", "--amend", "--message=other"]);
    let second = remote.git(&["rev-parse", "HEAD"]);
    remote.git(&["tag", "--force", "v1"]);
    remote.git(&["branch", "--delete", "--force", "old"]);
    remote.git(&["branch", "old/new"]);
    assert_eq!(id(&mirror, "v1"), Some(first.clone()), "once in a process");
    mirror.fetch().unwrap();
    assert_eq!(id(&mirror, "v1"), Some(first.clone()), "once in a process");
    let mirror = fetched(cache.path(), &remote);
    assert_eq!(names(&mirror), ["refs/heads/main", "refs/heads/old/new", "refs/tags/signed", "refs/tags/v1"]);
    assert_eq!((id(&mirror, "v1"), id(&mirror, "main")), (Some(second.clone()), Some(second)));
    assert_eq!(id(&mirror, &first), Some(first), "what a lock file may name stays");
}

#[test]
fn a_revision_is_a_name_or_an_id_and_nothing_else() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a"]));
    remote.commit();
    let mirror = fetched(cache.path(), &remote);
    let gone = "1".repeat(40);
    let upper = remote.git(&["rev-parse", "HEAD"]).to_uppercase();
    let blob = remote.git(&["rev-parse", "HEAD:a"]);
    for nothing in
        ["main~1", "main@{0}", ":/m", "--all", "", "main^{tree}", "abc", "main\n", "-", &gone, &upper, &blob]
    {
        assert_eq!(id(&mirror, nothing), None, "{nothing}");
    }
    remote.git(&["tag", "of-a-file", &blob]);
    assert_eq!(id(&fetched(cache.path(), &remote), "of-a-file"), None);
}

#[test]
fn what_is_cached_is_read_without_the_repository() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a"]));
    let error = open(cache.path(), &remote).refs().unwrap_err();
    assert!(error.hint_text().unwrap().contains("--offline"), "{error}");
    fetched(cache.path(), &remote);
    let url = remote.url();
    drop(remote);
    let mirror = Repository { state: Arc::default(), ..Repository::open(cache.path(), &url).unwrap() };
    assert!(mirror.is_cached());
    let error = mirror.fetch().unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().starts_with(&format!("fetching `{url}`: ")), "{error}");
    assert!(error.hint_text().unwrap().contains("`stringless build --offline` builds from the cache"));
    let commit = mirror.resolve("main").unwrap().unwrap();
    assert_eq!(mirror.entries(&commit, "").unwrap().len(), 1);
}

#[test]
fn a_mirror_that_is_half_made_is_made_again() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a"]));
    let mirror = fetched(cache.path(), &remote);
    fs::remove_file(mirror.folder().join(refs::FILE)).unwrap();
    fs::remove_dir_all(mirror.folder().join("objects")).unwrap();
    let new = PathBuf::from(format!("{}.new", mirror.folder().display()));
    fs::create_dir(&new).unwrap();
    fs::write(new.join("HEAD"), "junk").unwrap();
    let mirror = fetched(cache.path(), &remote);
    assert!(id(&mirror, "main").is_some() && !new.exists());
}

#[test]
fn nothing_of_a_repository_is_run() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a"]));
    let ran = remote.folder.path().join("ran");
    let script = format!("#!/bin/sh\ntouch {}\n", ran.display());
    let mirror = fetched(cache.path(), &remote);
    for hooks in [remote.folder.path().join(".git/hooks"), mirror.folder().join("hooks")] {
        fs::create_dir_all(&hooks).unwrap();
        for hook in ["reference-transaction", "post-update", "pre-auto-gc", "post-checkout"] {
            fs::write(hooks.join(hook), &script).unwrap();
            fs::set_permissions(hooks.join(hook), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    fs::remove_file(&ran).ok();
    fs::create_dir_all(remote.folder.path().join("d")).unwrap();
    // Written by hand: the test's own git would run the hooks.
    let head = remote.folder.path().join(".git/refs/heads/other");
    fs::write(head, remote.git(&["rev-parse", "HEAD"]) + "\n").unwrap();
    assert!(id(&fetched(cache.path(), &remote), "other").is_some());
    assert!(!ran.exists());
}

#[test]
fn refuses_urls_that_are_no_urls() {
    let cache = tempfile::tempdir().unwrap();
    for (url, why) in [
        ("", "empty"),
        ("--upload-pack=touch /tmp/x", "option"),
        ("ext::sh -c touch% /tmp/x", "program"),
        ("EXT::sh", "program"),
        ("fd::17", "program"),
        ("::x", "program"),
        ("ssh://-oProxyCommand=touch/x", "ssh"),
        ("ssh://user@-oProxyCommand=touch/x", "ssh"),
        ("-oProxyCommand=x:y", "option"),
        ("u@-oProxyCommand=x:y", "ssh"),
        ("https://host/a\nb", "control"),
    ] {
        let error = Repository::open(cache.path(), url).unwrap_err();
        assert_eq!(error.exit_code(), 3, "{url}");
        assert!(error.to_string().contains(why), "{error}");
    }
    for url in [
        "git@host:a/b.git",
        "ssh://git@host:22/a",
        "https://h/a",
        "/a/b",
        "../a",
        "file:///a",
        "git://[::1]/a",
    ] {
        assert!(Repository::open(cache.path(), url).is_ok(), "{url}");
    }
    // Even if a helper with this name is installed.
    let mirror = Repository::open(cache.path(), "nothing::x").unwrap();
    assert!(mirror.fetch().unwrap_err().to_string().contains("nothing"));
}

#[test]
fn passwords_are_not_printed() {
    for (url, expected) in [
        ("https://u:secret@h/a", "https://u:…@h/a"),
        ("https://ghp_secret@h/a", "https://…@h/a"),
        ("https://u:s@e@h/a@b", "https://u:…@h/a@b"),
        ("ssh://git@h/a", "ssh://git@h/a"),
        ("git@h:a", "git@h:a"),
        ("https://h/a", "https://h/a"),
    ] {
        assert_eq!(redacted(url), expected);
    }
    let cache = tempfile::tempdir().unwrap();
    let error = Repository::open(cache.path(), "http://u:secret@127.0.0.1:1/a").unwrap().fetch().unwrap_err();
    let all = format!("{error} {}", error.hint_text().unwrap());
    assert!(!all.contains("secret") && all.contains("http://u:…@127.0.0.1:1/a"), "{all}");
}

#[test]
fn refuses_names_that_lead_elsewhere() {
    for name in ["..", ".", "a/../../b", "/etc/x", "a//b"] {
        let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a"]));
        let blob = remote.git(&["rev-parse", "HEAD:a"]);
        let bytes = (0..20).map(|n| u8::from_str_radix(&blob[2 * n..2 * n + 2], 16).unwrap());
        let tree: Vec<u8> = format!("100644 {name}\0").into_bytes().into_iter().chain(bytes).collect();
        let file = remote.folder.path().join("tree");
        fs::write(&file, tree).unwrap();
        let tree = remote.git(&["hash-object", "-w", "--literally", "-t", "tree", "tree"]);
        let commit = remote.git(&["commit-tree", &tree, "-m", "m"]);
        remote.git(&["update-ref", "refs/heads/main", &commit]);
        let mirror = fetched(cache.path(), &remote);
        let commit = mirror.resolve("main").unwrap().unwrap();
        let error = mirror.entries(&commit, "").unwrap_err();
        assert_eq!(error.exit_code(), 3, "{error}");
        assert!(error.to_string().ends_with(&format!("the name `{name}` leaves the repository")), "{error}");
    }
}

#[test]
fn ids_of_the_newer_hash_are_read_too() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote { folder: tempfile::tempdir().unwrap() });
    remote.git(&["init", "--quiet", "--initial-branch=main", "--object-format=sha256", "."]);
    remote.write("a", "a");
    let commit = remote.commit();
    let mirror = fetched(cache.path(), &remote);
    assert_eq!((commit.len(), id(&mirror, "main")), (64, Some(commit)));
}

#[test]
fn two_at_once_make_one_mirror() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a"]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(id(&fetched(cache.path(), &remote), "main").is_some()));
        }
    });
}
