//! Modules that want something else than to be modules.

use std::fs;
use std::os::unix::fs::symlink;

use e2e::forge::{Entry, gzip, tar};
use e2e::http::Reply;
use e2e::puppet_forge::PuppetForge;

use crate::world::World;

/// What is said of a release with these entries.
fn release(entries: &[Entry<'_>]) -> Option<String> {
    let world = World::new()?;
    world.forge.archive("evil-module", "1.0.0", gzip(&tar(entries)));
    world.write("Puppetfile", "mod 'evil/module', '1.0.0'\n");
    let printed = world.refused(&["build"], 3);
    world.refused(&["modules", "update"], 3);
    assert!(printed.contains("module `evil/module` (Puppetfile:1)"), "{printed}");
    assert!(!world.path("site/Puppetfile.lock").exists());
    Some(printed)
}

#[test]
fn archives_that_a_node_would_refuse_are_refused_by_name() {
    let top = Entry::folder("evil-module-1.0.0/");
    let place = |name: &'static str| Entry::file(name, 0o644, "x");
    let cases: [(&[Entry<'_>], &str); 9] = [
        (
            &[top, Entry::link("evil-module-1.0.0/a", b'2', "../../../etc/passwd")],
            "is a link that leaves the pack",
        ),
        (&[top, Entry::link("evil-module-1.0.0/a", b'2', "/etc/passwd")], "is a link to an absolute path"),
        (&[top, Entry::link("evil-module-1.0.0/a", b'1', "/etc/passwd")], "is a hard link"),
        (&[top, Entry::link("evil-module-1.0.0/a", b'3', "")], "is a device"),
        (&[top, Entry::link("evil-module-1.0.0/a", b'6', "")], "is a named pipe"),
        (&[top, place("evil-module-1.0.0/Init.pp"), place("evil-module-1.0.0/init.pp")], "only in case"),
        (&[top, place("evil-module-1.0.0/a\nb")], "control character"),
        (&[top, place("evil-module-1.0.0/../../a")], "`..`"),
        (&[place("one/a"), place("two/a")], "not in the one folder"),
    ];
    for (entries, why) in cases {
        let Some(printed) = release(entries) else { return };
        assert!(printed.contains(why), "{why}\n{printed}");
        assert!(!printed.contains("a\nb"), "{printed}");
    }
}

#[test]
fn metadata_of_a_hundred_megabytes_is_refused() {
    let Some(world) = World::new() else { return };
    let mut content = vec![b' '; 100 << 20];
    content[0] = b'{';
    let entry = Entry { name: "evil-module-1.0.0/metadata.json", kind: b'0', mode: 0o644, content: &content };
    fs::write(world.path("big.tar.gz"), gzip(&tar(&[Entry { name: "metadata.json", ..entry }]))).unwrap();
    drop(content);
    let line =
        format!("mod 'module', type: 'tarball', source: 'file://{}'\n", world.path("big.tar.gz").display());
    world.write("Puppetfile", &line);
    let printed = world.refused(&["modules", "update"], 3);
    assert!(printed.contains("`metadata.json` has 104857600 bytes"), "{printed}");
}

#[test]
fn a_submodule_runs_nothing_and_is_refused() {
    let Some(world) = World::new() else { return };
    let commit = world.commit("module", &[("manifests/init.pp", "x")]);
    let witness = world.path("pwned");
    world.git("module", &["update-index", "--add", "--cacheinfo", &format!("160000,{commit},sub")]);
    let config = format!(
        "[submodule \"sub\"]\n\tpath = sub\n\turl = ext::sh -c touch% {}\n\tupdate = !touch {}\n",
        witness.display(),
        witness.display()
    );
    fs::write(world.path("module/.gitmodules"), config).unwrap();
    world.git("module", &["add", ".gitmodules"]);
    world.git("module", &["commit", "-q", "-m", "evil"]);
    world.write("Puppetfile", &format!("mod 'module', git: '{}'\n", world.url("module")));
    let printed = world.refused(&["build"], 3);
    assert!(printed.contains("`sub` is a submodule"), "{printed}");
    for url in [
        format!("ext::sh -c 'touch {}'", witness.display()),
        format!("--upload-pack=touch {}", witness.display()),
    ] {
        world.write("Puppetfile", &format!("mod 'module', git: \"{url}\"\n"));
        let done = world.run(&["build"]);
        assert!(done.status != 0 && done.text.contains("hint: "), "{}", done.text);
    }
    assert!(!witness.exists());
}

#[test]
fn a_repository_that_leaves_itself_is_refused() {
    let Some(world) = World::new() else { return };
    world.commit(
        "module",
        &[("a", "x"), ("pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")],
    );
    world.write("Puppetfile", &format!("mod 'module', git: '{}'\n", world.url("module")));
    let printed = world.refused(&["build"], 3);
    assert!(printed.contains("`pointer` is stored in git LFS"), "{printed}");
    fs::remove_file(world.path("module/pointer")).unwrap();
    symlink("../../../../etc/passwd", world.path("module/l")).unwrap();
    world.commit("module", &[]);
    let printed = world.refused(&["build"], 3);
    assert!(printed.contains("`l` is a link that leaves the pack"), "{printed}");
    fs::remove_file(world.path("module/l")).unwrap();
    world.commit("module", &[("A", "x")]);
    let printed = world.refused(&["build"], 3);
    assert!(printed.contains("only in case"), "{printed}");
}

/// The token is for the forge; where that leads to is somebody else.
#[test]
fn the_token_goes_to_no_other_host() {
    let Some(mut world) = World::new() else { return };
    let other = PuppetForge::start();
    for forge in [&world.forge, &other] {
        forge.release("puppetlabs-apt", "1.0.0", &[("a", "x")]);
    }
    world.token = Some("s3cr3t".into());
    world.write("Puppetfile", "mod 'puppetlabs/apt', '1.0.0'\n");
    let path = "/v3/files/puppetlabs-apt-1.0.0.tar.gz";
    let elsewhere = format!("{}{path}", other.url());
    world.forge.fault(path, Reply::new(302, "").with("location", elsewhere), 1);
    let printed = world.ok(&["build"]);
    let bearer = |forge: &PuppetForge| {
        forge
            .take()
            .iter()
            .filter(|seen| seen.request.header("authorization") == Some("Bearer s3cr3t"))
            .count()
    };
    assert_eq!(bearer(&world.forge), 2, "the release and its file");
    assert_eq!(bearer(&other), 0);
    assert!(!printed.contains("s3cr3t"), "{printed}");
}

#[test]
fn a_forge_may_not_lead_in_a_circle_nor_off_the_web() {
    let Some(world) = World::new() else { return };
    world.forge.release("puppetlabs-apt", "1.0.0", &[("a", "x")]);
    world.write("Puppetfile", "mod 'puppetlabs/apt', '1.0.0'\n");
    let path = "/v3/releases/puppetlabs-apt-1.0.0";
    world.forge.fault(path, Reply::new(302, "").with("location", path), 100);
    let printed = world.refused(&["build"], 1);
    assert!(printed.contains("too many redirections"), "{printed}");
    world.forge.fault(path, Reply::new(302, "").with("location", "file:///etc/passwd"), 1);
    let printed = world.refused(&["build"], 78);
    assert!(printed.contains("not a web address"), "{printed}");
    world.forge.fault(path, Reply::new(200, "<html>"), 1);
    let printed = world.refused(&["build"], 1);
    assert!(printed.contains("not the response of a forge"), "{printed}");
}
