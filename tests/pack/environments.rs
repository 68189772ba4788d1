//! Environments from git: what is asked and read, what comes of it wherever it is built, and what is left when a
//! build is cut off.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod index;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::agent::Run;
use e2e::process::{run, succeed};
use e2e::tools;
use serde_json::Value;

use world::{LIMIT, World, real_git, text};

#[test]
fn an_unchanged_build_asks_once_and_reads_no_content() {
    let Some(world) = World::new() else { return };
    let first = world.packs(&["--all"]);
    let paths: Vec<&str> = first["production"].iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["", "data", "manifests", "modules/apt", "site/profile", "site/role"]);
    assert_eq!(first["production"], first["staging"]);
    // What would be read is no longer there.
    let blob = world.control.git(&["rev-parse", "production:data/common.yaml"]);
    let (folder, file) = blob.trim().split_at(2);
    let mirrors = fs::read_dir(world.site.path(".stringless/git")).unwrap();
    let objects = mirrors.map(|mirror| mirror.unwrap().path().join("objects").join(folder).join(file));
    let object: Vec<PathBuf> = objects.filter(|object| object.is_file()).collect();
    assert_eq!(object.len(), 1);
    fs::remove_file(&object[0]).unwrap();
    world.wrap("");
    assert_eq!(world.packs(&["--all"]), first);
    let called = world.called();
    // Of each branch: its commit, its folder, those below, and environment.conf with Puppetfile and the ignore file. All are hashed.
    let reads = ["cat-file"; 4];
    assert_eq!(called, [&reads[..], &reads, &["ls-remote", "ls-tree", "ls-tree"]].concat());
    world.wrap("");
    assert_eq!(world.packs(&["--all", "--offline"]), first);
    assert!(
        !world.called().iter().any(|verb| ["ls-remote", "fetch"].contains(&&**verb)),
        "{:?}",
        world.called()
    );
}

#[test]
fn a_changed_line_makes_one_pack_again() {
    let Some(world) = World::new() else { return };
    let first = world.packs(&["--all"]);
    world.control.change("staging", &[text("data/common.yaml", "a: 2\n")]);
    let second = world.packs(&["--all"]);
    assert_eq!(second["production"], first["production"]);
    let changed: Vec<&String> = second["staging"]
        .iter()
        .filter(|pack| !first["staging"].contains(pack))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(changed, ["data"]);
}

#[test]
fn branches_come_and_go_and_are_rewritten() {
    let Some(world) = World::new() else { return };
    let first = world.packs(&["-e", "staging"]);
    world.control.commit("staging", &[text("manifests/site.pp", "# another history\n")]);
    world.control.branch("fix/one", "production");
    let second = world.packs(&["--all"]);
    assert_ne!(second["staging"], first["staging"]);
    assert_eq!(second.keys().collect::<Vec<_>>(), ["fix_one", "production", "staging"]);
    world.control.git(&["branch", "--delete", "--force", "staging"]);
    let refused = world.build(&["-e", "staging"]).expect(64);
    assert!(refused.err.contains("the site has none of that name"), "{}", refused.err);
    // What was fetched before can still be built with `--offline`.
    assert_eq!(world.packs(&["-e", "production", "--offline"])["production"], first["staging"]);
}

#[test]
fn a_commit_is_the_same_release_wherever_it_is_built() {
    let Some(world) = World::new() else { return };
    let expected = world.packs(&["-e", "production"]);
    let clone = |umask: &str, name: &str| {
        let path = world.site.path(name);
        let script = format!(
            "umask {umask}; git clone --quiet --branch production {} {}",
            world.control.url(),
            path.display()
        );
        succeed(Command::new("sh").args(["-c", &script]), LIMIT);
    };
    clone("077", "private");
    clone("000", "open");
    for (source, umask, variables) in [
        ("git: $URL, branch: production", "000", [("LC_ALL", "tr_TR.UTF-8"), ("TZ", "Pacific/Kiritimati")]),
        ("git: $URL, branch: production", "077", [("LANG", "C"), ("USER", "other")]),
        ("path: private", "022", [("LC_ALL", "C.UTF-8"), ("TZ", "UTC")]),
        ("path: open", "077", [("LC_COLLATE", "de_DE.UTF-8"), ("TZ", "America/St_Johns")]),
    ] {
        world.forget();
        let source = source.replace("$URL", &format!("'{}'", world.control.url()));
        let original = fs::read_to_string(world.site.path("stringless.yaml")).unwrap();
        let sources = format!("sources: {{control: {{git: '{}'}}}}\n", world.control.url());
        world.site.edit(&sources, &format!("environments: {{production: {{source: {{{source}}}}}}}\n"));
        let mut build = Command::new("sh");
        let script = format!("umask {umask}; exec \"$@\" build --json");
        let whole = world.site.command(&[]);
        build.args(["-c", &script, "sh"]).arg(whole.get_program()).current_dir(world.site.path(""));
        build
            .env_clear()
            .envs(whole.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .envs(variables);
        let printed: Value = serde_json::from_str(&Run::of(&mut build).expect(0).out).unwrap();
        let packs = printed["environments"][0]["packs"].as_array().unwrap();
        let hashes: Vec<&str> = packs.iter().map(|pack| pack["sha256"].as_str().unwrap()).collect();
        let same: Vec<&str> = expected["production"].iter().map(|(_, hash)| hash.as_str()).collect();
        assert_eq!(hashes, same, "{source}");
        fs::write(world.site.path("stringless.yaml"), original).unwrap();
    }
}

#[test]
fn what_a_release_was_built_from_is_reported() {
    let Some(world) = World::new() else { return };
    let source = |args: &[&str]| -> Value {
        let printed: Value = serde_json::from_str(&world.build(args).expect(0).out).unwrap();
        printed["environments"][0]["source"].clone()
    };
    let commit = world.control.commit_of("staging");
    let printed = source(&["-e", "staging"]);
    assert_eq!(
        (&printed["commit"], &printed["branch"], &printed["dirty"]),
        (&commit.clone().into(), &"staging".into(), &false.into())
    );
    assert_eq!(printed["modules"][0]["path"], "modules/apt");

    let work = world.site.path("work");
    succeed(
        Command::new("git")
            .args(["clone", "--quiet", "--branch", "staging", &world.control.url()])
            .arg(&work),
        LIMIT,
    );
    let sources = format!("sources: {{control: {{git: '{}'}}}}\n", world.control.url());
    world.site.edit(&sources, "environments: {staging: {source: {path: work}}}\n");
    let printed = source(&[]);
    assert_eq!(
        (&printed["commit"], &printed["branch"], &printed["dirty"]),
        (&commit.into(), &"staging".into(), &false.into())
    );
    for (change, dirty) in [
        ("echo x >x.tmp", true),
        ("rm x.tmp; echo 'a: 3' >data/common.yaml", true),
        ("git checkout --quiet data; echo '*.log' >.git/info/exclude; echo x >x.log", false),
        ("git checkout --quiet --detach; git mv manifests/site.pp manifests/nodes.pp", true),
    ] {
        succeed(Command::new("sh").args(["-c", change]).current_dir(&work), LIMIT);
        assert_eq!(source(&[])["dirty"], dirty, "{change}");
    }
    assert_eq!(source(&[])["branch"], Value::Null, "on no branch");
    fs::remove_dir_all(work.join(".git")).unwrap();
    let printed = source(&[]);
    assert_eq!((&printed["commit"], &printed["dirty"]), (&Value::Null, &false.into()), "of no repository");
}

#[test]
fn a_build_that_is_cut_off_leaves_nothing_half_done() {
    let Some(world) = World::new() else { return };
    let expected = world.packs(&["--all"]);
    world.forget();
    let mut cut = 0;
    for at in 1.. {
        // Half of what git was to do is done.
        world.wrap(&format!(
            "[ \"$n\" -ne {at} ] || {{ {} \"$@\" | head -c 40; kill -9 $PPID; exit 1; }}",
            real_git().display()
        ));
        let run = world.build(&["--all"]);
        if run.code == 0 {
            break;
        }
        cut += 1;
        world.wrap("");
        assert_eq!(world.packs(&["--all"]), expected, "cut off at {at}");
        world.forget();
    }
    assert!(cut >= 8, "{cut}");
}

#[test]
fn a_disk_that_is_full_at_any_point_leaves_nothing_half_done() {
    too_small((2..).step_by(6).map(|pages: u32| format!("size={}k", pages * 4)), "remount,size=64m", 5);
}

#[test]
fn a_disk_without_inodes_at_any_point_leaves_nothing_half_done() {
    let options = (4..).step_by(16).map(|inodes: u32| format!("size=64m,nr_inodes={inodes}"));
    too_small(options, "remount,nr_inodes=100k", 5);
}

/// Builds with a cache on ever larger file systems, until it fits, and each time again after `enlarge`. It fails at
/// least `times` times.
fn too_small(file_systems: impl Iterator<Item = String>, enlarge: &str, times: u32) {
    let Some(world) = World::new() else { return };
    if tools::superuser().is_none() {
        return;
    }
    let expected = world.packs(&["--all"]);
    let cache = world.site.path(".stringless");
    let mount = |options: &str| {
        succeed(Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(&cache), LIMIT);
    };
    let mut full = 0;
    for options in file_systems {
        world.forget();
        fs::create_dir(&cache).unwrap();
        mount(&format!("{options},mode=700"));
        let _mounted = Mounted(&cache);
        let run = world.build(&["--all"]);
        if run.code != 0 {
            full += 1;
            assert_eq!(run.code, 1, "{options}: {}", run.err);
            // Git names what it could not write, and not always why.
            let printed = ["o space left on device", "couldn't write ", "unable to write ", "write error"];
            assert!(printed.iter().any(|printed| run.err.contains(printed)), "{options}: {}", run.err);
            let named = !run.err.contains("fetching `") || run.err.contains("hint: is the disk of `");
            assert!(named, "{options}: {}", run.err);
        }
        mount(enlarge);
        let after = world.packs(&["--all"]);
        assert_eq!(after, expected, "{options}");
        if run.code == 0 {
            break;
        }
    }
    assert!(full >= times, "{full}");
}

struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        run(Command::new("umount").arg(self.0), LIMIT);
    }
}

#[test]
fn builds_at_the_same_time_do_not_disturb_each_other() {
    let Some(world) = World::new() else { return };
    let expected = world.packs(&["--all"]);
    world.forget();
    let all: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| world.packs(&["--all"]))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(all.iter().all(|packs| *packs == expected));
}

#[test]
fn publish_all_goes_on_past_an_environment_that_cannot_be_built() {
    let Some(world) = World::new() else { return };
    let pointer = |name: &str| world.git.with_file_name("bucket").join(format!("env/{name}/head")).exists();
    world.control.change("staging", &[text("data/big", "version https://git-lfs.github.com/spec/v1\n")]);
    let refused = world.site.run(&["publish", "--all"]).expect(3);
    assert!(refused.err.contains("`data/big`: it is a Git LFS pointer"), "{}", refused.err);
    assert!(pointer("production") && !pointer("staging"));
    world.control.change("staging", &[text("data/big", "here\n")]);
    let dry: Value =
        serde_json::from_str(&world.site.run(&["publish", "--all", "--dry-run", "--json"]).expect(0).out)
            .unwrap();
    assert_eq!(
        (dry["environments"][1]["environment"].as_str(), pointer("staging")),
        (Some("staging"), false)
    );
    let printed: Value =
        serde_json::from_str(&world.site.run(&["publish", "--all", "--json"]).expect(0).out).unwrap();
    let serials: Vec<&Value> =
        printed["environments"].as_array().unwrap().iter().map(|one| &one["serial"]).collect();
    assert_eq!(serials, [1, 1]);
    assert!(pointer("production") && pointer("staging"));
}

#[test]
fn a_damaged_pack_is_not_published_and_made_again() {
    let Some(world) = World::new() else { return };
    let packs = world.packs(&["-e", "production"]);
    let (_, data) = packs["production"].iter().find(|(path, _)| path == "data").unwrap();
    let file = world.site.path(&format!(".stringless/packs/{data}.tar.gz"));
    let mut bytes = fs::read(&file).unwrap();
    bytes[20] ^= 1;
    fs::write(&file, bytes).unwrap();
    let refused = world.site.run(&["publish", "-e", "production"]).expect(1);
    assert!(refused.err.contains("the cached pack is damaged"), "{}", refused.err);
    let _ = world.site.run(&["publish", "-e", "production"]).expect(0);
    let _ = world.site.run(&["verify", "-e", "production"]).expect(0);
}
