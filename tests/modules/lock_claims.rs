//! A lock file that was changed by hand: what it says of a module is held against the module.

use e2e::puppet_forge::Release;

use crate::world::{World, unpacked};

/// The value of `key` in a block of the lock file.
fn value(lock: &str, path: &str, key: &str) -> String {
    let block = lock.split("\n\n").find(|block| block.trim_start().starts_with(&format!("{path}:"))).unwrap();
    let line = block.lines().find(|line| line.trim_start().starts_with(&format!("{key}: "))).unwrap();
    line.split_once(": ").unwrap().1.to_owned()
}

/// Two releases of apt, and two commits of a module; everything was built, so all of it is in the cache.
fn world() -> Option<(World, String)> {
    let world = World::new()?;
    for version in ["1.0.0", "2.0.0"] {
        world.forge.release("puppetlabs-apt", version, &[("manifests/init.pp", version)]);
    }
    let first = world.commit("profile", &[("manifests/init.pp", "one")]);
    world.write("Puppetfile", &puppetfile(&world).replace("'puppetlabs/apt'", "'puppetlabs/apt', '1.0.0'"));
    world.ok(&["modules", "update"]);
    world.ok(&["build"]);
    world.commit("profile", &[("manifests/init.pp", "two")]);
    world.write("Puppetfile", &puppetfile(&world));
    world.ok(&["modules", "update"]);
    world.ok(&["build"]);
    Some((world, first))
}

fn puppetfile(world: &World) -> String {
    format!("mod 'puppetlabs/apt'\nmod 'profile', git: '{}', branch: 'main'\n", world.url("profile"))
}

#[test]
fn a_tree_that_is_in_the_cache_is_not_taken_for_another_release() {
    let Some((world, first)) = world() else { return };
    let lock = world.lock();
    let (apt, profile) = (value(&lock, "modules/apt", "tree"), value(&lock, "modules/profile", "tree"));
    let commit = value(&lock, "modules/profile", "commit");
    for (changed, why) in [
        (lock.replace(&apt, &profile), "is locked: it was changed under the same name"),
        (lock.replace("version: 2.0.0", "version: 1.0.0"), "is locked: it was changed under the same name"),
        (lock.replace(&commit, &first), "is locked: it was changed under the same name"),
        (lock.replace(&profile, &apt), "is locked: it was changed under the same name"),
    ] {
        assert_ne!(changed, lock);
        world.write("Puppetfile.lock", &changed);
        let printed = world.refused(&["build"], 3);
        assert!(printed.contains(why), "{printed}");
        assert_eq!(world.run(&["publish"]).status, 3);
    }
    // Nobody can say what the release holds.
    world.write("Puppetfile.lock", &lock.replace(&apt, &profile));
    let printed = world.refused(&["build", "--offline"], 1);
    assert!(printed.contains("`--offline` forbids requests"), "{printed}");
    world.write("Puppetfile.lock", &lock);
    world.ok(&["build", "--offline"]);
}

#[test]
fn a_need_that_the_module_does_not_have_brings_nothing_in() {
    let Some((world, _)) = world() else { return };
    world.forge.release("evil-x", "1.0.0", &[("manifests/init.pp", "evil")]);
    world.commit("evil", &[("manifests/init.pp", "evil")]);
    let lock = world.lock();
    // The lock file of somebody who declares it has the right block.
    world.write("Puppetfile", &format!("{}mod 'evil/x'\n", puppetfile(&world)));
    world.ok(&["modules", "update"]);
    let whole = world.lock();
    world.write("Puppetfile", &puppetfile(&world));
    let block = whole.split("\n\n").find(|block| block.contains("evil/x")).unwrap().trim().to_owned();
    let needed = |block: &str| {
        let tree = value(&lock, "modules/apt", "tree");
        let with = lock.replacen(&tree, &format!("{tree}\n  needs:\n    evil/x: '>= 1.0.0'"), 1);
        format!("{with}\n{block}\n")
    };
    world.write("Puppetfile.lock", &needed(&block));
    let printed = world.refused(&["build"], 3);
    let why = "`evil/x`: by the lock file it needs >= 1.0.0, by its `metadata.json` it does not need it";
    assert!(printed.contains(why) && printed.contains("module `puppetlabs/apt`"), "{printed}");
    world.write("Puppetfile", &format!("{}mod 'evil/x', git: '{}'\n", puppetfile(&world), world.url("evil")));
    world.ok(&["modules", "update"]);
    let whole = world.lock();
    world.write("Puppetfile", &puppetfile(&world));
    let block = whole.split("\n\n").find(|block| block.contains("evil/x")).unwrap().trim().to_owned();
    world.write("Puppetfile.lock", &needed(&block));
    let printed = world.refused(&["build"], 78);
    assert!(printed.contains("and no line declares that"), "{printed}");
}

#[test]
fn odd_metadata_is_noted_and_the_module_is_locked_without_its_needs() {
    let Some(world) = World::new() else { return };
    let odd = [
        r#"{"name": "me-x", "version": "1.0.0", "dependencies": [{"name": "a/b"}],}"#,
        "\u{feff}{\"name\": \"me-x\", \"dependencies\": [{\"name\": \"a/b\"}]}",
        r#"{"name": "me-x", "version": "1.0.0", "dependencies": null}"#,
        r#"{"name": "me-x", "version": "1.0.0", "dependencies": {}}"#,
        "not JSON",
    ];
    for (n, text) in odd.iter().enumerate() {
        world.commit("x", &[("manifests/init.pp", "class x {}"), ("metadata.json", text)]);
        world.write("Puppetfile", &format!("mod 'me/x', git: '{}', branch: 'main'\n", world.url("x")));
        let printed = world.ok(&["modules", "update"]);
        assert!(printed.contains("note: module `me/x`: its `metadata.json`"), "{n}: {printed}");
        assert!(!world.lock().contains("needs:"), "{n}");
        let packs = world.packs(&[]);
        assert_eq!(
            unpacked(&world, &packs["modules/x"], "manifests/init.pp"),
            Some("class x {}".into()),
            "{n}"
        );
    }
    // The forge hands on what it was given.
    let files = [
        ("manifests/init.pp", "x"),
        ("metadata.json", r#"{"name": "o-odd", "version": "1.0.0", "dependencies": null}"#),
    ];
    world.forge.release("o-odd", "1.0.0", &files);
    world.write("Puppetfile", "mod 'o/odd'\n");
    world.ok(&["modules", "update"]);
    world.ok(&["build"]);
}

#[test]
fn a_dependency_spelled_in_another_case_is_the_declared_module() {
    let Some(world) = World::new() else { return };
    world.forge.release("a-std", "1.0.0", &[("manifests/init.pp", "std")]);
    let needs = [("A-Std", ">= 1.0.0 < 2.0.0")];
    world.forge.publish(&Release {
        module: "b-dep",
        version: "1.0.0",
        dependencies: &needs,
        ..Release::default()
    });
    world.write("Puppetfile", "mod 'a/std', '1.0.0'\nmod 'b/dep'\n");
    let printed = world.ok(&["modules", "update"]);
    assert!(printed.contains("2 modules"), "{printed}");
    assert!(!world.lock().contains("modules/Std"), "{}", world.lock());
    let packs = world.packs(&[]);
    assert_eq!(packs.keys().filter(|path| path.starts_with("modules/")).count(), 2, "{packs:?}");
}

#[test]
fn another_source_is_not_a_tag_that_moved() {
    let Some(world) = World::new() else { return };
    for name in ["one", "two"] {
        world.commit(name, &[("a", name)]);
        world.git(name, &["tag", "v1"]);
    }
    let line = |name: &str| format!("mod 'x', git: '{}', tag: 'v1'\n", world.url(name));
    world.write("Puppetfile", &line("one"));
    world.ok(&["modules", "update"]);
    world.write("Puppetfile", &line("two"));
    let printed = world.ok(&["modules", "update"]);
    assert!(printed.contains("from another source") && !printed.contains("the tag moved"), "{printed}");
    world.commit("two", &[("a", "three")]);
    world.git("two", &["tag", "--force", "v1"]);
    let printed = world.ok(&["modules", "update"]);
    assert!(printed.contains("the tag moved"), "{printed}");
}

#[test]
fn a_release_that_says_it_is_another_is_noted() {
    let Some(world) = World::new() else { return };
    let metadata = r#"{"name": "evil-x", "version": "9.9.9", "dependencies": []}"#;
    world.forge.release("puppetlabs-apt", "1.0.0", &[("metadata.json", metadata), ("a", "x")]);
    world.write("Puppetfile", "mod 'puppetlabs/apt', '1.0.0'\n");
    for command in [&["build"][..], &["modules", "update"]] {
        let printed = world.ok(command);
        for part in
            ["note: module `puppetlabs/apt` 1.0.0 from http", "the name `evil-x`", "the version `9.9.9`"]
        {
            assert!(printed.contains(part), "{command:?}: {part}\n{printed}");
        }
    }
}
