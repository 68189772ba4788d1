use std::os::unix::fs::symlink;

use super::*;

fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        if file.ends_with('/') {
            fs::create_dir_all(path).unwrap();
            continue;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, *file).unwrap();
    }
    folder
}

fn packs(folder: &Path) -> Vec<(String, Vec<String>)> {
    let tree = scan(folder, &[]).unwrap();
    tree.packs.into_iter().map(|(path, found)| (path, found.into_iter().map(|f| f.path).collect())).collect()
}

fn expect(files: &[&str], expected: &[(&str, &[&str])]) {
    let folder = tree(files);
    let expected: Vec<(String, Vec<String>)> = expected
        .iter()
        .map(|(path, found)| ((*path).to_owned(), found.iter().map(|&f| f.to_owned()).collect()))
        .collect();
    assert_eq!(packs(folder.path()), expected);
}

#[test]
fn one_pack_per_module_and_top_level_folder() {
    expect(
        &["apply", "data/a/b.yaml", "modules/ntp/manifests/init.pp", "modules/sudo/x", "manifests/site.pp"],
        &[
            ("", &["apply"]),
            ("data", &["a", "a/b.yaml"]),
            ("manifests", &["site.pp"]),
            ("modules/ntp", &["manifests", "manifests/init.pp"]),
            ("modules/sudo", &["x"]),
        ],
    );
}

#[test]
fn loose_files_beside_modules_get_a_pack() {
    expect(&["modules/README", "modules/ntp/x"], &[("modules", &["README"]), ("modules/ntp", &["x"])]);
}

#[test]
fn the_modulepath_is_read() {
    let folder = tree(&["site/modules/a/x", "site/other/y", "modules/plain/z"]);
    fs::write(
        folder.path().join("environment.conf"),
        "modulepath = ./site/modules/:$basemodulepath:/opt/x\n",
    )
    .unwrap();
    let packs = packs(folder.path());
    let paths: Vec<_> = packs.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["", "modules", "site", "site/modules/a"]);
    assert_eq!(packs[2].1, ["other", "other/y"]);
}

#[test]
fn modulepath_entries_that_lead_elsewhere_are_left_out() {
    let of = |text: &str| parse_modulepath(text).into_iter().collect::<Vec<_>>();
    assert_eq!(of(""), ["modules"]);
    assert_eq!(of("manifest = x"), ["modules"]);
    assert_eq!(of("modulepath=a:b/c/:./d:$x/e:/f:../g:a/../h"), ["a", "b/c", "d"]);
    assert_eq!(of("# modulepath = no\nmodulepath = a\nmodulepath = b\n"), ["b"]);
}

#[test]
fn empty_folders_stay_but_not_those_of_modules() {
    expect(&["empty/", "data/deep/"], &[("data", &["deep"]), ("empty", &[])]);
}

#[test]
fn ignored_files_are_left_out() {
    let folder =
        tree(&["a", "b.tmp", "d/c.tmp", "d/keep", ".git/config", ".stringless/x", "sub/.git", ".hidden"]);
    fs::write(folder.path().join(IGNORE_FILE), "*.tmp\n").unwrap();
    let own = folder.path().join("a");
    let tree = scan(folder.path(), &[own]).unwrap();
    let all: Vec<String> = tree
        .packs
        .iter()
        .flat_map(|(p, found)| found.iter().map(move |f| format!("{p}:{}", f.path)))
        .collect();
    assert_eq!(all, [":.hidden", "d:keep"]);
    assert!(tree.packs.contains_key("sub"));
}

#[test]
fn an_ignore_file_that_is_not_understood_is_an_error() {
    for (place, text) in [
        ("", b"a/[z-a]\n".as_slice()),
        ("", b"\xff\n"),
        ("d", b"{a\n"),
        ("d", b"caf\xe9\nsecret\n"),
        ("e/f", b"[z-a]\n"),
    ] {
        let folder = tree(&["d/secret", "e/f/g"]);
        fs::write(folder.path().join(place).join(IGNORE_FILE), text).unwrap();
        let error = scan(folder.path(), &[]).unwrap_err();
        assert_eq!(error.exit_code(), 78, "{error}");
        assert!(error.to_string().contains(IGNORE_FILE) && !error.to_string().contains('\n'), "{error}");
    }
    let folder = tree(&["d/.stringlessignore/x"]);
    assert_eq!(scan(folder.path(), &[]).unwrap_err().exit_code(), 78);
    let folder = tree(&["a"]);
    symlink("missing", folder.path().join(IGNORE_FILE)).unwrap();
    assert_eq!(scan(folder.path(), &[]).unwrap_err().exit_code(), 78);
}

#[test]
fn gitignore_does_not_count() {
    expect(&[".gitignore"], &[("", &[".gitignore"])]);
    let folder = tree(&["modules/vendored/x"]);
    fs::write(folder.path().join(".gitignore"), "/modules/\n").unwrap();
    assert_eq!(packs(folder.path())[1].0, "modules/vendored");
}

#[test]
fn a_link_in_a_folders_place_belongs_to_its_parent() {
    let folder = tree(&["modules/a/x"]);
    symlink("a", folder.path().join("modules/b")).unwrap();
    symlink("modules", folder.path().join("m")).unwrap();
    assert_eq!(packs(folder.path())[0], (String::new(), vec!["m".to_owned()]));
    assert_eq!(packs(folder.path())[1], ("modules".to_owned(), vec!["b".to_owned()]));
}

#[test]
fn refuses_what_a_release_cannot_carry() {
    let folder = tree(&["Readme", "README"]);
    let error = scan(folder.path(), &[]).unwrap_err();
    assert!(error.to_string().contains("only in case"), "{error}");

    let folder = tree(&["modules/Ntp/x", "modules/ntp/y"]);
    assert!(scan(folder.path(), &[]).is_err());

    use std::os::unix::ffi::OsStrExt;
    let folder = tree(&[]);
    fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "").unwrap();
    let error = scan(folder.path(), &[]).unwrap_err();
    assert!(error.to_string().contains("UTF-8"), "{error}");

    let folder = tree(&["environment.conf/x"]);
    assert_eq!(scan(folder.path(), &[]).unwrap_err().exit_code(), 3);

    let folder = tree(&[]);
    let socket = std::os::unix::net::UnixListener::bind(folder.path().join("s")).unwrap();
    let error = scan(folder.path(), &[]).unwrap_err();
    assert!(error.to_string().contains("neither a file"), "{error}");
    drop(socket);

    assert_eq!(scan(Path::new("/does/not/exist"), &[]).unwrap_err().exit_code(), 78);
}
