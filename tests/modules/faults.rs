//! Those who have modules fail, lie or go away.

use std::fs;

use e2e::http::{Delivery, Reply};
use e2e::process::both;
use e2e::puppet_forge::Release;

use crate::world::World;

/// A site whose one module of the Forge is locked, and nothing of it in the cache.
fn locked() -> Option<World> {
    let world = World::new()?;
    world.forge.release("puppetlabs-apt", "1.0.0", &[("manifests/init.pp", "one")]);
    world.write("Puppetfile", "mod 'puppetlabs/apt', '1.0.0'\n");
    world.ok(&["modules", "update"]);
    Some(world)
}

#[test]
fn a_forge_that_is_down_does_not_matter_once_it_was_there() {
    let Some(world) = locked() else { return };
    let before = world.packs(&[]);
    world.forge.down(true);
    assert_eq!(world.packs(&[]), before);
    world.forget();
    let printed = world.refused(&["build"], 1);
    assert!(printed.contains("module `puppetlabs/apt` (Puppetfile:1)"), "{printed}");
}

#[test]
fn a_busy_forge_is_asked_again() {
    let Some(world) = locked() else { return };
    world.forget();
    world.forge.fault("/v3/files/puppetlabs-apt-1.0.0.tar.gz", Reply::new(503, "busy"), 1);
    world.ok(&["build"]);
}

#[test]
fn bytes_damaged_on_the_way_are_refused() {
    let Some(world) = locked() else { return };
    world.forget();
    world.forge.damage("puppetlabs-apt", "1.0.0");
    let printed = world.refused(&["build"], 3);
    assert!(printed.contains("the archive has the hash"), "{printed}");
    assert!(!printed.contains("production:"), "nothing was built");
}

#[test]
fn half_an_archive_is_refused() {
    let Some(world) = locked() else { return };
    world.forget();
    world.forge.deliver("/v3/files/puppetlabs-apt-1.0.0.tar.gz", Delivery::Short(100), 9);
    let done = world.run(&["build"]);
    assert!([1, 3].contains(&done.status), "{}", done.text);
}

/// The Forge was broken into: it tells the truth about other bytes.
#[test]
fn another_archive_under_the_same_version_is_caught_by_the_lock() {
    let Some(world) = locked() else { return };
    let release = Release {
        module: "puppetlabs-apt",
        version: "1.0.0",
        files: &[("manifests/init.pp", "evil")],
        ..Release::default()
    };
    world.forge.replace(&release);
    world.forget();
    let printed = world.refused(&["build"], 3);
    assert!(printed.contains("it was changed under the same name"), "{printed}");
    // Not by the way: only where it is named.
    let lock = world.lock();
    world.ok(&["modules", "update"]);
    assert_eq!(world.lock(), lock);
    let printed = world.ok(&["modules", "update", "apt"]);
    assert!(printed.contains("different content under the same name"), "{printed}");
    assert_ne!(world.lock(), lock);
    world.ok(&["build"]);
}

#[test]
fn a_module_that_vanished_builds_from_the_cache_and_from_the_last_release() {
    let Some(world) = locked() else { return };
    world.ok(&["publish"]);
    let before = world.packs(&[]);
    world.forge.remove("puppetlabs-apt");
    assert_eq!(world.packs(&[]), before, "from the cache");
    world.forget();
    assert_eq!(world.packs(&[]), before, "from the last release");
    // What was published is held against the lock like everything else.
    world.forget();
    let lock = world.lock();
    let tree = lock.lines().find(|line| line.contains("tree:")).unwrap();
    world.write("Puppetfile.lock", &lock.replace(tree, &format!("  tree: {}", "0".repeat(64))));
    let printed = world.refused(&["build"], 3);
    assert!(printed.contains("it has none"), "{printed}");
}

#[test]
fn a_repository_that_is_gone_builds_from_the_cache_and_from_the_last_release() {
    let Some(world) = World::new() else { return };
    world.commit("apt", &[("manifests/init.pp", "one")]);
    world.write("Puppetfile", &format!("mod 'apt', git: '{}', branch: 'main'\n", world.url("apt")));
    world.ok(&["modules", "update"]);
    world.ok(&["publish"]);
    let before = world.packs(&[]);
    fs::rename(world.path("apt"), world.path("away")).unwrap();
    assert_eq!(world.packs(&[]), before);
    world.forget();
    assert_eq!(world.packs(&[]), before);
    world.forget();
    fs::remove_dir_all(world.path("bucket")).unwrap();
    world.refused(&["build"], 1);
}

#[test]
fn a_history_that_was_rewritten_is_reported() {
    let Some(world) = World::new() else { return };
    world.commit("apt", &[("a", "one")]);
    world.write("Puppetfile", &format!("mod 'apt', git: '{}', branch: 'main'\n", world.url("apt")));
    world.ok(&["modules", "update"]);
    let before = world.packs(&[]);
    world.git("apt", &["commit", "-q", "--amend", "-m", "other", "--date", "2001-01-01T00:00:00Z"]);
    world.git("apt", &["reflog", "expire", "--expire=now", "--all"]);
    world.git("apt", &["gc", "-q", "--prune=now"]);
    assert_eq!(world.packs(&[]), before, "from the cache");
    world.forget();
    let printed = world.refused(&["build"], 3);
    assert!(
        printed.contains("its history was rewritten") && printed.contains("modules update apt"),
        "{printed}"
    );
    world.ok(&["modules", "update", "apt"]);
    world.ok(&["build"]);
}

#[test]
fn a_tag_that_moved_moves_nothing_here_and_is_reported() {
    let Some(world) = World::new() else { return };
    let first = world.commit("apt", &[("a", "one")]);
    world.git("apt", &["tag", "v1"]);
    world.write("Puppetfile", &format!("mod 'apt', git: '{}', tag: 'v1'\n", world.url("apt")));
    world.ok(&["modules", "update"]);
    let before = world.packs(&[]);
    world.commit("apt", &[("a", "two")]);
    world.git("apt", &["tag", "-f", "v1"]);
    world.forget();
    assert_eq!(world.packs(&[]), before, "what was locked");
    assert!(world.lock().contains(&first));
    let printed = world.run(&["modules", "outdated"]);
    assert!(printed.status == 2 && printed.text.contains("the tag moved"), "{}", printed.text);
    let printed = world.ok(&["modules", "update"]);
    assert!(printed.contains("the tag moved"), "{printed}");
}

#[test]
fn a_tarball_is_held_to_its_hash() {
    let Some(world) = World::new() else { return };
    let pack = |text: &str| {
        fs::create_dir_all(world.path("t")).unwrap();
        fs::write(world.path("t/init.pp"), text).unwrap();
        let mut tar = std::process::Command::new("tar");
        let output = e2e::process::run(
            tar.args(["-czf", "apt.tar.gz", "-C", "t", "."]).current_dir(world.path("")),
            e2e::process::PATIENCE,
        );
        assert!(output.status.success(), "{}", both(&output));
    };
    pack("one");
    let line = format!("mod 'apt', type: 'tarball', source: 'file://{}'", world.path("apt.tar.gz").display());
    world.write("Puppetfile", &format!("{line}\n"));
    world.ok(&["modules", "update"]);
    let before = world.packs(&[]);
    pack("two");
    assert_eq!(world.packs(&[]), before);
    world.forget();
    let printed = world.refused(&["build"], 3);
    assert!(printed.contains("it has the hash"), "{printed}");
    world.write("Puppetfile", &format!("{line}, version: '{}'\n", "0".repeat(64)));
    world.refused(&["build"], 78);
    world.refused(&["modules", "update"], 3);
}

#[test]
fn a_cache_that_is_half_written_or_changed_is_fetched_again() {
    let Some(world) = locked() else { return };
    let before = world.packs(&[]);
    let trees = world.path("site/.stringless/modules/trees");
    for damage in ["", "half", "junk"] {
        for entry in fs::read_dir(&trees).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let bad = if damage == "half" { bytes[..bytes.len() / 2].to_vec() } else { damage.into() };
            fs::write(path, bad).unwrap();
        }
        fs::remove_dir_all(world.path("site/.stringless/packs")).unwrap();
        fs::remove_dir_all(world.path("site/.stringless/index")).unwrap();
        assert_eq!(world.packs(&[]), before, "{damage}");
    }
}

#[test]
fn a_full_disk_is_reported_and_nothing_half_stays_behind() {
    let Some(world) = World::new() else { return };
    // Nothing that compresses well.
    let noise = e2e::random::hex(8000);
    world.forge.release("puppetlabs-apt", "1.0.0", &[("noise", &noise)]);
    world.write("Puppetfile", "mod 'puppetlabs/apt', '1.0.0'\n");
    let done = world.full(&["modules", "update"]);
    assert_eq!(done.status, 1, "{}", done.text);
    assert!(done.text.contains("writing `") && !world.path("site/Puppetfile.lock").exists(), "{}", done.text);
    let done = world.full(&["build"]);
    assert_eq!(done.status, 1, "{}", done.text);
    let left: Vec<_> = fs::read_dir(world.path("site/.stringless/modules/trees")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    world.ok(&["modules", "update"]);
    let before = world.packs(&[]);
    world.forget();
    let done = world.full(&["build"]);
    assert_eq!(done.status, 1, "{}", done.text);
    assert_eq!(world.packs(&[]), before);
}

#[test]
fn a_cache_that_cannot_be_made_is_reported() {
    let Some(world) = locked() else { return };
    world.forget();
    fs::create_dir_all(world.path("site/.stringless/modules")).unwrap();
    // Root writes everywhere; a file where a folder belongs stops anybody.
    fs::write(world.path("site/.stringless/modules/trees"), "").unwrap();
    let done = world.run(&["build"]);
    assert_eq!(done.status, 1, "{}", done.text);
    assert!(done.text.contains(".stringless/modules"), "{}", done.text);
}

#[test]
fn offline_asks_nobody() {
    let Some(world) = locked() else { return };
    world.forget();
    world.forge.take();
    let printed = world.refused(&["build", "--offline"], 1);
    assert!(printed.contains("--offline"), "{printed}");
    world.refused(&["modules", "update", "apt", "--offline"], 1);
    assert_eq!(world.forge.take().len(), 0);
}

/// Others can still be updated, and the command says so.
#[test]
fn a_module_that_vanished_does_not_hold_up_the_others() {
    let Some(world) = World::new() else { return };
    world.forge.release("puppetlabs-stdlib", "1.0.0", &[("a", "1")]);
    let needs = [("puppetlabs-stdlib", ">= 1.0.0 < 2.0.0")];
    let apt =
        Release { module: "puppetlabs-apt", version: "1.0.0", dependencies: &needs, files: &[("a", "1")] };
    world.forge.publish(&apt);
    world.write("Puppetfile", "mod 'puppetlabs/apt', '1.0.0'\nmod 'puppetlabs/stdlib'\n");
    world.ok(&["modules", "update"]);
    world.forge.remove("puppetlabs-apt");
    for version in ["1.1.0", "2.0.0"] {
        world.forge.release("puppetlabs-stdlib", version, &[("a", "2")]);
    }
    let printed = world.run(&["modules", "outdated"]);
    assert!(printed.status == 2 && printed.text.contains("the forge no longer has it"), "{}", printed.text);
    world.ok(&["modules", "update", "stdlib"]);
    assert!(world.lock().contains("version: 1.1.0"), "what it needs still counts\n{}", world.lock());
}
