//! What `stringless modules` writes and tells.

use e2e::puppet_forge::Release;
use serde_json::Value;

use crate::world::{World, unpacked};

/// apt needs stdlib; the newest stdlib is too new for it.
fn shelf(world: &World) {
    let stdlib = [("puppetlabs-stdlib", ">= 4.13.1 < 9.0.0")];
    for version in ["8.5.0", "8.6.0", "9.0.0", "9.1.0-rc1"] {
        world.forge.release("puppetlabs-stdlib", version, &[("manifests/init.pp", version)]);
    }
    for version in ["9.0.0", "9.1.0"] {
        let files = [("manifests/init.pp", version), ("spec/classes/a_spec.rb", "x")];
        let release = Release { module: "puppetlabs-apt", version, dependencies: &stdlib, files: &files };
        world.forge.publish(&release);
    }
}

#[test]
fn update_locks_what_is_declared_and_what_that_needs() {
    let Some(world) = World::new() else { return };
    shelf(&world);
    world.commit(
        "profile",
        &[
            ("manifests/init.pp", "class profile {}"),
            (
                "metadata.json",
                r#"{"name": "me-profile", "version": "1.0.0", "dependencies": [{"name": "puppetlabs/apt"}]}"#,
            ),
        ],
    );
    world.write(
        "Puppetfile",
        &format!("mod 'puppetlabs/apt'\nmod 'profile', git: '{}', branch: 'main'\n", world.url("profile")),
    );
    let printed = world.ok(&["modules", "update", "--dry-run"]);
    assert!(printed.contains("would write") && !world.path("site/Puppetfile.lock").exists(), "{printed}");
    let printed = world.ok(&["modules", "update"]);
    for part in ["puppetlabs/apt     -     9.1.0", "puppetlabs/stdlib  -     8.6.0", "wrote", "3 modules"] {
        assert!(printed.contains(part), "{part}\n{printed}");
    }
    let lock = world.lock();
    assert!(lock.contains("modules/stdlib:\n  name: puppetlabs/stdlib\n"), "{lock}");
    assert!(lock.contains("    puppetlabs/stdlib: '>= 4.13.1 < 9.0.0'"), "{lock}");
    let again = world.ok(&["modules", "update"]);
    assert!(again.contains("is unchanged"), "{again}");
    assert_eq!(world.lock(), lock);

    let tree = world.ok(&["modules", "tree"]);
    assert!(tree.contains("└── puppetlabs/stdlib 8.6.0 (>= 4.13.1 < 9.0.0)"), "{tree}");
    let why = world.ok(&["modules", "why", "stdlib"]);
    assert!(
        why.contains("puppetlabs/apt 9.1.0 needs >= 4.13.1 < 9.0.0\n    Puppetfile:1 declares it"),
        "{why}"
    );
    let json: Value = serde_json::from_str(&world.ok(&["modules", "why", "stdlib", "--json"])).unwrap();
    assert_eq!(json["needed_by"][0]["name"], "puppetlabs/apt");
    let json: Value = serde_json::from_str(&world.ok(&["modules", "tree", "--json"])).unwrap();
    assert_eq!(json["modules"].as_array().unwrap().len(), 3);
}

#[test]
fn a_conflict_is_explained_and_nothing_is_written() {
    let Some(world) = World::new() else { return };
    shelf(&world);
    world.write("Puppetfile", "mod 'puppetlabs/apt', '9.1.0'\nmod 'puppetlabs/stdlib', '9.0.0'\n");
    let printed = world.refused(&["modules", "update"], 78);
    for part in [
        "line 1 of the Puppetfile declares `puppetlabs/apt` 9.1.0",
        "line 2 of the Puppetfile declares `puppetlabs/stdlib` 9.0.0",
        "`puppetlabs/apt` 9.1.0 needs `puppetlabs/stdlib` >= 4.13.1 < 9.0.0",
        "modules: {override:",
    ] {
        assert!(printed.contains(part), "{part}\n{printed}");
    }
    assert!(!world.path("site/Puppetfile.lock").exists());
    let settings = std::fs::read_to_string(world.path("site/stringless.yaml")).unwrap();
    world.write("stringless.yaml", &format!("{settings}  override: [puppetlabs/stdlib]\n"));
    let printed = world.ok(&["modules", "update"]);
    assert!(printed.contains("replaces it"), "{printed}");
    assert!(world.lock().contains("version: 9.0.0"));
    // Without what modules need there is nothing that could conflict.
    world.write("stringless.yaml", &format!("{settings}  dependencies: false\n"));
    world.ok(&["modules", "update"]);
    assert!(!world.lock().contains("needs:"));
}

#[test]
fn update_of_one_module_leaves_the_others() {
    let Some(world) = World::new() else { return };
    world.forge.release("puppetlabs-stdlib", "8.5.0", &[("a", "1")]);
    world.forge.release("puppet-archive", "6.0.0", &[("a", "1")]);
    let first = world.commit("profile", &[("a", "1")]);
    world.write(
        "Puppetfile",
        &format!(
            "mod 'puppetlabs/stdlib'\nmod 'puppet/archive'\nmod 'profile', git: '{}', branch: 'main'\n",
            world.url("profile")
        ),
    );
    world.ok(&["modules", "update"]);
    world.forge.release("puppetlabs-stdlib", "8.6.0", &[("a", "2")]);
    world.forge.release("puppet-archive", "7.0.0", &[("a", "2")]);
    let second = world.commit("profile", &[("a", "2")]);
    let outdated = world.run(&["modules", "outdated"]);
    assert_eq!(outdated.status, 2, "{}", outdated.text);
    for part in ["puppetlabs/stdlib  8.5.0", "8.6.0", "puppet/archive", "7.0.0", &second[..12]] {
        assert!(outdated.text.contains(part), "{part}\n{}", outdated.text);
    }
    world.ok(&["modules", "update", "stdlib"]);
    let lock = world.lock();
    assert!(lock.contains("8.6.0") && lock.contains("6.0.0") && lock.contains(&first), "{lock}");
    world.ok(&["modules", "update"]);
    let lock = world.lock();
    assert!(lock.contains("7.0.0") && lock.contains(&second), "{lock}");
    assert_eq!(world.run(&["modules", "outdated"]).status, 0);
    world.forge.deprecate("puppet-archive");
    let printed = world.run(&["modules", "outdated"]);
    assert!(printed.status == 2 && printed.text.contains("deprecated it"), "{}", printed.text);
    let printed = world.refused(&["modules", "update", "nothing"], 64);
    assert!(printed.contains("no such module"), "{printed}");
}

#[test]
fn a_build_takes_what_is_locked_and_no_more_requests_than_it_needs() {
    let Some(world) = World::new() else { return };
    shelf(&world);
    world.write("Puppetfile", "mod 'puppetlabs/apt', type: 'forge', exclude_spec: true\n");
    let floating = world.run(&["build"]);
    assert!(floating.text.contains("note: there is no Puppetfile.lock"), "{}", floating.text);
    world.ok(&["modules", "update"]);
    let before = world.packs(&[]);
    assert_eq!(unpacked(&world, &before["modules/stdlib"], "manifests/init.pp"), Some("8.6.0".into()));
    assert_eq!(unpacked(&world, &before["modules/apt"], "spec/classes/a_spec.rb"), None);
    world.forge.release("puppetlabs-stdlib", "8.7.0", &[("manifests/init.pp", "8.7.0")]);
    world.forge.take();
    assert_eq!(world.packs(&[]), before);
    assert_eq!(world.forge.take().len(), 0, "everything is here");
    world.forget();
    assert_eq!(world.packs(&[]), before, "another machine");
    assert_eq!(world.packs(&["--offline"]), before);
}

#[test]
fn a_lock_that_is_not_that_of_the_puppetfile_stops_the_build() {
    let Some(world) = World::new() else { return };
    shelf(&world);
    world.write("Puppetfile", "mod 'puppetlabs/stdlib', '8.5.0'\n");
    world.ok(&["modules", "update"]);
    world.write("Puppetfile", "mod 'puppetlabs/stdlib', '8.6.0'\n");
    let printed = world.refused(&["build"], 78);
    assert!(printed.contains("it has 8.5.0, not 8.6.0") && printed.contains("modules update"), "{printed}");
    let lock = world.lock();
    world.write("Puppetfile.lock", &format!("<<<<<<< ours\n{lock}"));
    let printed = world.refused(&["build"], 78);
    assert!(printed.contains("an unfinished merge"), "{printed}");
    std::fs::remove_file(world.path("site/Puppetfile.lock")).unwrap();
    let settings = std::fs::read_to_string(world.path("site/stringless.yaml")).unwrap();
    world.write("stringless.yaml", &format!("{settings}  lock: required\n"));
    let printed = world.refused(&["build"], 78);
    assert!(printed.contains("there is no Puppetfile.lock"), "{printed}");
}

/// Two branches add a module each: git merges the lock file, and the result is that of the merged Puppetfile.
#[test]
fn git_merges_lock_files() {
    let Some(world) = World::new() else { return };
    for name in ["apt", "ntp", "zfs"] {
        world.forge.release(&format!("puppetlabs-{name}"), "1.0.0", &[("a", name)]);
    }
    let base = "mod 'puppetlabs/ntp'\n";
    let both = ["mod 'puppetlabs/apt'\n\n", "\nmod 'puppetlabs/ntp'\n\n", "\nmod 'puppetlabs/zfs'\n"];
    let step = |text: &str| {
        world.write("Puppetfile", text);
        world.ok(&["modules", "update"]);
        let lock = world.lock();
        world.commit("site", &[("Puppetfile", text), ("Puppetfile.lock", &lock)]);
    };
    step(&format!("\n\n{base}\n\n"));
    world.git("site", &["checkout", "-q", "-b", "other"]);
    step(&format!("{}\n\n{base}\n\n", both[0]));
    world.git("site", &["checkout", "-q", "main"]);
    step(&format!("\n\n{base}\n\n{}", both[2]));
    world.git("site", &["merge", "-q", "-m", "m", "other"]);
    assert_eq!(world.packs(&[]).len(), 5, "three modules, data, the top level");
}
