//! Settings of mirrors and of work trees that name programs: none of them runs.

use std::fs::OpenOptions;
use std::io::Write;

use super::*;
use crate::git::WorkTree;

fn add(path: &Path, text: &str) {
    OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_changed_config_of_the_mirror_sends_nobody_elsewhere() {
    let (cache, remote, other) = (tempfile::tempdir().unwrap(), Remote::with(&["a"]), Remote::with(&["b"]));
    let mirror = fetched(cache.path(), &remote);
    let config = mirror.folder().join("config");
    add(&config, &format!("[url \"{}\"]\n\tinsteadOf = {}\n", other.url(), remote.url()));
    remote.write("c", "c");
    let commit = remote.commit();
    let mirror = fetched(cache.path(), &remote);
    assert_eq!(id(&mirror, "main"), Some(commit));
    assert!(!fs::read_to_string(&config).unwrap().contains("insteadOf"));
}

#[test]
fn a_changed_config_of_the_mirror_runs_nothing_when_it_is_read() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a"]));
    let mirror = fetched(cache.path(), &remote);
    let ran = cache.path().join("ran");
    let evil = format!(
        "[core]\n\trepositoryformatversion = 1\n\tsshCommand = touch {} ;\n[extensions]\n\tpartialClone = evil\n\
         [remote \"evil\"]\n\tpromisor = true\n\turl = ssh://localhost/x\n",
        ran.display()
    );
    add(&mirror.folder().join("config"), &evil);
    fs::write(mirror.folder().join("objects/info/alternates"), format!("{}\n", cache.path().display()))
        .unwrap();
    let _ = mirror.blobs(&["1".repeat(40)]).unwrap_err();
    assert!(!ran.exists() && !mirror.folder().join("objects/info/alternates").exists());
}

#[test]
fn an_object_that_replaces_another_is_not_read() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a"]));
    let first = remote.git(&["rev-parse", "HEAD"]);
    remote.write("b", "b");
    let second = remote.commit();
    let mirror = fetched(cache.path(), &remote);
    let replace = mirror.folder().join("refs/replace");
    fs::create_dir_all(&replace).unwrap();
    fs::write(replace.join(&second), format!("{first}\n")).unwrap();
    let commit = mirror.resolve(&second).unwrap().unwrap();
    let paths: Vec<_> = mirror.entries(&commit, "").unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(paths, ["a", "b"]);
}

#[test]
fn a_mirror_that_others_can_write_to_is_refused() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a"]));
    let mirror = fetched(cache.path(), &remote);
    fs::set_permissions(mirror.folder(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = Repository::open(cache.path(), &remote.url()).unwrap_err();
    assert!(error.is_refusal() && error.to_string().contains("other users may write to it"), "{error}");
}

/// Settings of a filter that leaves a file behind when it runs.
fn filter(name: &str, ran: &Path) -> String {
    format!(
        "[filter \"{name}\"]\n\tclean = \"touch {0}; cat\"\n\tprocess = touch {0}\n\trequired\n",
        ran.display()
    )
}

#[test]
fn the_filters_of_a_work_tree_do_not_run() {
    let (remote, inner) = (Remote::with(&["a"]), Remote::with(&["i"]));
    let ran = tempfile::tempdir().unwrap();
    let ran = ran.path().join("ran");
    remote.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &inner.url(), "sub"]);
    remote.write(".gitattributes", "a filter=x=y.z\n");
    remote.write("sub/.gitattributes", "i filter=other\n");
    remote.commit();
    let status = ["status", "--porcelain=v2", "--branch", "-z", "--", "."];
    let quiet = WorkTree::open(remote.folder.path()).unwrap().unwrap().read(&status).unwrap().unwrap();
    add(&remote.folder.path().join(".git/config"), &filter("x=y.z", &ran));
    add(&remote.folder.path().join(".git/modules/sub/config"), &filter("other", &ran));
    // As long as before, so that git has to read them.
    for (path, text) in [("a", "b"), ("sub/i", "j")] {
        remote.write(path, text);
    }
    let output = WorkTree::open(remote.folder.path()).unwrap().unwrap().read(&status).unwrap().unwrap();
    assert!(!ran.exists());
    let output = String::from_utf8_lossy(&output).into_owned();
    assert!(output.contains(" a\0") && output.contains(" sub\0"), "{output}");
    assert!(!String::from_utf8_lossy(&quiet).contains(" a\0"));
}

#[test]
fn a_folder_that_git_does_not_know_is_no_work_tree() {
    let folder = tempfile::tempdir().unwrap();
    assert!(WorkTree::open(folder.path()).unwrap().is_none());
}

#[test]
fn a_lock_that_a_killed_git_left_does_not_block_the_next_fetch() {
    let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a"]));
    let mirror = fetched(cache.path(), &remote);
    remote.write("b", "b");
    let second = remote.commit();
    let locks = ["refs/heads/main.lock", "packed-refs.lock"].map(|name| mirror.folder().join(name));
    for lock in &locks {
        fs::write(lock, "").unwrap();
    }
    assert_eq!(id(&fetched(cache.path(), &remote), "main"), Some(second));
    assert!(!locks.iter().any(|lock| lock.exists()));
}

/// Gives the object `id` of the mirror other content, as an object of this kind.
fn forge(mirror: &Repository, id: &str, kind: &str, content: &[u8]) {
    let head = format!("{kind} {}\0", content.len());
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(&[head.as_bytes(), content].concat()).unwrap();
    let folder = mirror.folder().join("objects").join(&id[..2]);
    fs::remove_file(folder.join(&id[2..])).unwrap();
    fs::write(folder.join(&id[2..]), out.finish().unwrap()).unwrap();
}

#[test]
fn an_object_with_other_content_than_its_id_says_is_refused() {
    let of = |what: &str| {
        let (cache, remote) = (tempfile::tempdir().unwrap(), Remote::with(&["a", "d/e/f"]));
        let mirror = fetched(cache.path(), &remote);
        let commit = mirror.resolve("main").unwrap().unwrap();
        let blob = remote.git(&["rev-parse", "HEAD:d/e/f"]);
        let other = remote.git(&["rev-parse", "HEAD:d"]);
        let id = remote.git(&["rev-parse", what]);
        match what {
            "HEAD" => forge(&mirror, &id, "commit", format!("tree {other}\n\nm\n").as_bytes()),
            "HEAD:d/e/f" => forge(&mirror, &id, "blob", b"evil"),
            // A folder without files.
            _ => forge(&mirror, &id, "tree", b""),
        }
        let read = |below: &str| {
            mirror.entries(&commit, below).and_then(|_| mirror.blobs(std::slice::from_ref(&blob)))
        };
        [read("").err(), read("d/e").err()].map(|e| e.map(|e| (e.is_refusal(), e.to_string())))
    };
    let refused = |error: &Option<(bool, String)>| {
        error
            .as_ref()
            .is_some_and(|(refused, text)| *refused && text.contains("has other content than its id says"))
    };
    for what in ["HEAD", "HEAD^{tree}", "HEAD:d", "HEAD:d/e", "HEAD:d/e/f"] {
        let [whole, below] = of(what);
        assert!(refused(&whole) && refused(&below), "{what}: {whole:?} {below:?}");
    }
}
