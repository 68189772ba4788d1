//! What Puppetfiles name: repositories and archives on disk, a Forge, and the control repo with a branch for each.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::forge::{Entry, gzip, tar};
use e2e::process::succeed;
use e2e::puppet_forge::{PuppetForge, Release};
use e2e::tools;
use stringless_core::hash::Sha256;

use super::Case;

pub struct World {
    folder: tempfile::TempDir,
    pub forge: PuppetForge,
    /// The first commit of `ntp.git`.
    commit: String,
    sha256: String,
}

impl World {
    pub fn new(cases: &[Case]) -> Self {
        let folder = tempfile::tempdir_in(tools::memory()).unwrap();
        let git = folder.path().join("git");
        let commit = ntp(&git.join("ntp.git"));
        let motd = Repository::new(&git.join("motd.git"), "main");
        motd.commit(&[("manifests/init.pp", "class motd { }\n")]);
        let archive = profile();
        fs::create_dir(folder.path().join("files")).unwrap();
        fs::write(folder.path().join("files/profile.tar.gz"), &archive).unwrap();
        let world = Self { folder, forge: forge(), commit, sha256: Sha256::of(&archive).to_string() };
        world.control(cases);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The Puppetfile of a case, with the addresses of this world.
    pub fn puppetfile(&self, case: &Case) -> String {
        let path = |name: &str| self.path(name).to_str().unwrap().to_owned();
        [
            ("{git}", path("git")),
            ("{files}", path("files")),
            ("{forge}", self.forge.url()),
            ("{commit}", self.commit.clone()),
            ("{short}", self.commit[..8].to_owned()),
            ("{sha256}", self.sha256.clone()),
        ]
        .iter()
        .fold(case.puppetfile.clone(), |text, (name, value)| text.replace(name, value))
    }

    /// A branch for each case.
    fn control(&self, cases: &[Case]) {
        let control = Repository::new(&self.path("git/control.git"), "production");
        for case in cases {
            git(&control.work, &["switch", "--quiet", "--orphan", &case.name]);
            let puppetfile = self.puppetfile(case);
            let mut files = vec![("Puppetfile", puppetfile.as_str())];
            files.extend(case.files.iter().map(|(path, content)| (path.as_str(), content.as_str())));
            control.commit(&files);
        }
    }
}

/// A repository with a work tree, which is what others clone from.
struct Repository {
    work: PathBuf,
}

impl Repository {
    fn new(work: &Path, branch: &str) -> Self {
        fs::create_dir_all(work).unwrap();
        git(work, &["init", "--quiet", &format!("--initial-branch={branch}")]);
        Self { work: work.to_path_buf() }
    }

    fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            let file = self.work.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        git(&self.work, &["add", "--all"]);
        git(&self.work, &["commit", "--quiet", "--message=change"]);
        git(&self.work, &["rev-parse", "HEAD"]).trim().to_owned()
    }
}

/// Two commits on `master`, each with a tag, and branches that differ; with what a module may hold: a program, a link,
/// a name with a space.
fn ntp(work: &Path) -> String {
    let ntp = Repository::new(work, "master");
    fs::create_dir_all(work.join("files")).unwrap();
    fs::write(work.join("files/check"), "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(work.join("files/check"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("files/check", work.join("check")).unwrap();
    let first = ntp.commit(&[
        ("manifests/init.pp", "class ntp { }\n"),
        ("templates/with space.epp", "<% | | %>\n"),
        ("spec/classes/ntp_spec.rb", "describe 'ntp'\n"),
        (".fixtures.yml", "fixtures: {}\n"),
    ]);
    git(work, &["tag", "v1.0.0"]);
    for branch in ["stable", "feature/x", "control_branch"] {
        git(work, &["switch", "--quiet", "--create", branch, "master"]);
        ntp.commit(&[("branch", branch)]);
    }
    git(work, &["switch", "--quiet", "master"]);
    ntp.commit(&[("manifests/init.pp", "class ntp { notify { 'new': } }\n")]);
    git(work, &["tag", "--annotate", "--message=two", "v2.0.0"]);
    first
}

/// An archive as r10k wants it: the module's files, without a folder around them.
fn profile() -> Vec<u8> {
    gzip(&tar(&[
        Entry::folder("manifests/"),
        Entry::file("manifests/init.pp", 0o644, "class profile { }\n"),
        Entry::folder("files/"),
        Entry::file("files/run", 0o755, "#!/bin/sh\n"),
        Entry::folder("spec/"),
        Entry::file("spec/profile_spec.rb", 0o644, "describe\n"),
    ]))
}

fn forge() -> PuppetForge {
    let forge = PuppetForge::start();
    for version in ["8.0.0", "9.0.0", "10.0.0-rc1"] {
        forge.release(
            "puppetlabs-stdlib",
            version,
            &[("lib/version", version), ("spec/spec_helper.rb", "require\n"), ("README.md", "stdlib\n")],
        );
    }
    forge.publish(&Release {
        module: "puppetlabs-apt",
        version: "1.0.0",
        dependencies: &[("puppetlabs-stdlib", ">= 4.0.0 < 9.0.0")],
        files: &[("manifests/init.pp", "class apt { }\n")],
    });
    forge.release("old-apt", "1.0.0", &[("manifests/init.pp", "class apt { }\n")]);
    forge.deprecate("old-apt");
    forge.release(
        "old-apache",
        "0.1.0",
        &[("manifests/deep/er/vhost.pp", "define apache::deep::er::vhost { }\n")],
    );
    forge
}

fn git(work: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(work).args(arguments);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@example.test");
        command.env(format!("GIT_{who}_DATE"), "2026-01-01T00:00:00Z");
    }
    succeed(&mut command, e2e::process::PATIENCE)
}
