//! The same commit and the same lock file give the same packs and the same manifest, for any user, at any place and
//! when: another user, umask, locale, time zone, clock, home and git. And a changed line publishes its pack alone.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::agent::Run;
use e2e::control_repo::{BRANCHES, ControlRepo, NEW, OLD, Shape};
use e2e::netns::Net;
use e2e::process::succeed;
use e2e::site::Site;
use e2e::tools;
use serde_json::Value;
use stringless_core::document::Document;

#[test]
fn two_machines_make_the_same_release_of_a_commit() {
    let Some(()) = tools::superuser() else { return };
    let (Some(faketime), Some(setpriv)) = (faketime(), tools::program("setpriv")) else { return };
    let Some(world) = World::new() else { return };
    let gits = gits();
    println!("git: {gits:?}");
    let one = Machine::new(&world, "one");
    let other = Machine::new(&world, "other");
    fs::write(other.folder.join(".gitconfig"), "[safe]\n\tdirectory = *\n[core]\n\tautocrlf = true\n")
        .unwrap();
    succeed(Command::new("chown").args(["-R", OTHER_USER]).arg(&other.folder), LIMIT);

    let _ = Run::of(&mut one.command(&gits[0], "umask 022; exec \"$0\" \"$@\"")).expect(0);
    let mut command = other.command(
        &gits[gits.len() - 1],
        &format!(
            "umask 077; exec {} --reuid=65534 --regid=65534 --clear-groups env LD_PRELOAD={} \"$0\" \"$@\"",
            setpriv.display(),
            faketime.display()
        ),
    );
    command.env("LC_ALL", "tr_TR.UTF-8").env("LANGUAGE", "tr").env("TZ", "Pacific/Kiritimati");
    command.env("FAKETIME", "+40d").env("FAKETIME_DONT_RESET", "1");
    let _ = Run::of(&mut command).expect(0);

    for branch in BRANCHES {
        let (mine, theirs) = (one.manifest(branch), other.manifest(branch));
        assert_ne!(mine["created"], theirs["created"], "the clock was another one");
        assert_eq!(without_time(mine), without_time(theirs), "{branch}");
    }
    let packs = one.packs();
    assert!(packs.len() > 12, "{packs:?}");
    assert_eq!(packs, other.packs());
}

#[test]
fn a_changed_line_publishes_its_pack_alone() {
    let Some(world) = World::new() else { return };
    let machine = Machine::new(&world, "one");
    let git = &gits()[0];
    let publish = || {
        let before = machine.packs();
        let _ = Run::of(&mut machine.command(git, "exec \"$0\" \"$@\"")).expect(0);
        machine.packs().difference(&before).cloned().collect::<Vec<_>>()
    };
    let path_of = |pack: &String, branch: &str| {
        let manifest = machine.manifest(branch);
        let packs = manifest["packs"].as_array().unwrap().iter();
        let found = packs.filter(|known| pack.starts_with(known["sha256"].as_str().unwrap()));
        found.map(|known| known["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(publish().len() > 12);
    assert_eq!(publish(), Vec::<String>::new(), "nothing changed");

    let line = "class profile::part_3 {\n}\n";
    let file = ("site-modules/profile/manifests/part_3.pp".to_owned(), line.to_owned());
    world.repo.git.change("staging", &[file]);
    let new = publish();
    assert_eq!(new.len(), 1, "{new:?}");
    assert_eq!(path_of(&new[0], "staging"), ["site-modules/profile"]);
    assert!(path_of(&new[0], "production").is_empty());

    // A module's other version is in its pack, and in the Puppetfile and what locks it, at the top level.
    world.commit("production", &[(0, NEW)]);
    let mut paths: Vec<String> = publish().iter().flat_map(|pack| path_of(pack, "production")).collect();
    paths.sort();
    // What staging or development has already is not sent again.
    assert!(paths == [""] || paths == ["", "modules/module_00"], "{paths:?}");
    world.commit("production", &[(0, OLD)]);
    assert_eq!(publish(), Vec::<String>::new(), "all of it was there before");
}

/// What is upstream of two machines.
struct World {
    folder: tempfile::TempDir,
    repo: ControlRepo,
    site: Site,
}

impl World {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let repo = ControlRepo::make(&folder.path().join("upstream"), Shape { modules: 6, manifests: 2 });
        let site = Site::init(&Net::host(), &["--store", "file:///nowhere"])?;
        let world = Self { folder, repo, site };
        for branch in BRANCHES {
            world.commit(branch, &[]);
        }
        Some(world)
    }

    /// Commits a branch's Puppetfile with its lock file, made in a working folder.
    fn commit(&self, branch: &str, others: &[(usize, &str)]) {
        let (name, text) = self.repo.puppetfile(branch, others);
        self.site.write("stringless.yaml", self.settings("file:///nowhere"), 0o644);
        self.site.write(&format!("work/{name}"), &text, 0o644);
        let _ = self.site.run(&["modules", "update", "--puppetfile", "work/Puppetfile"]).expect(0);
        let lock = fs::read_to_string(self.site.path("work/Puppetfile.lock")).unwrap();
        self.repo.git.change(branch, &[(name, text), ("Puppetfile.lock".into(), lock)]);
    }

    fn settings(&self, store: &str) -> String {
        format!(
            "site: example\nstores: [{{url: '{store}'}}]\nsources: {{control: {{git: '{}'}}}}\n\
             modules: {{forge: '{}', lock: required}}\napply: {{engine: {{puppet: {{}}}}}}\n",
            self.repo.git.url(),
            self.repo.forge.url()
        )
    }
}

/// A copy of the site with a store, a home and a program of its own.
struct Machine {
    folder: PathBuf,
}

impl Machine {
    fn new(world: &World, name: &str) -> Self {
        let folder = world.folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        for part in ["keys", "trust"] {
            succeed(Command::new("cp").arg("-a").arg(world.site.path(part)).arg(&folder), LIMIT);
        }
        fs::copy(tools::generator().unwrap(), folder.join("stringless")).unwrap();
        fs::create_dir(folder.join("store")).unwrap();
        let store = format!("file://{}/store", folder.display());
        fs::write(folder.join("stringless.yaml"), world.settings(&store)).unwrap();
        Self { folder }
    }

    /// `publish --all` by this git, started by a script that gets the command as `$0` and what follows.
    fn command(&self, git: &Path, script: &str) -> Command {
        let program = self.folder.join("stringless");
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(program).args(["publish", "--all"]).env_clear();
        let path = format!("{}:/usr/bin:/bin", git.parent().unwrap().display());
        command.current_dir(&self.folder).env("HOME", &self.folder).env("PATH", path);
        command
    }

    fn manifest(&self, environment: &str) -> Value {
        let bytes = fs::read(self.folder.join("store/env").join(environment).join("head")).unwrap();
        serde_json::from_slice(Document::parse(&bytes).unwrap().payload).unwrap()
    }

    /// The names of the packs in the store, which are their hashes.
    fn packs(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder.join("store/packs")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn without_time(mut manifest: Value) -> Value {
    for key in ["created", "expires"] {
        assert!(manifest[key].is_string(), "{manifest}");
        manifest[key] = Value::Null;
    }
    manifest
}

/// The gits of this machine, each version once.
fn gits() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/bin".into()]);
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for git in folders.map(|folder| folder.join("git")).filter(|git| git.is_file()) {
        let version = succeed(Command::new(&git).arg("--version"), LIMIT);
        if found.iter().all(|(known, _)| *known != version) {
            found.push((version, git));
        }
    }
    found.into_iter().map(|(_, git)| git).collect()
}

fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut files = folders.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    files.find(|file| file.is_file()).or_else(|| tools::skip("no libfaketime on this machine"))
}

const OTHER_USER: &str = "65534:65534";
const LIMIT: Duration = e2e::process::PATIENCE;
