//! A site that follows a control repo, and a `git` that tells how it is called.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use e2e::agent::Run;
use e2e::netns::Net;
use e2e::process::succeed;
use e2e::repository::Repository;
use e2e::site::Site;
use serde_json::Value;

/// A site that follows the branches of a repository.
pub struct World {
    pub site: Site,
    pub control: Repository,
    /// Stands before the real `git` on the path, and writes down how it was called.
    pub git: PathBuf,
    _folder: tempfile::TempDir,
}

impl World {
    /// With the branches `production` and `staging`, and a Puppetfile that brings a module of git.
    pub fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let control = Repository::make(&folder.path().join("control.git"));
        let module = Repository::make(&folder.path().join("apt.git"));
        module.commit("main", &[text("manifests/init.pp", "class apt {}\n")]);
        let puppetfile =
            format!("mod 'apt', :git => '{}', :commit => '{}'\n", module.url(), module.commit_of("main"));
        let files = [
            text("environment.conf", "modulepath = site:modules\n"),
            text("manifests/site.pp", "node default {}\n"),
            text("site/profile/manifests/init.pp", "class profile {}\n"),
            text("site/role/files/run.sh", "#!/bin/sh\n"),
            text("data/common.yaml", "a: 1\n"),
            text(".stringlessignore", "*.tmp\n"),
            text("data/x.tmp", "x\n"),
            text("Puppetfile", &puppetfile),
        ];
        control.commit("production", &files);
        control.branch("staging", "production");
        let store = format!("file://{}", folder.path().join("bucket").display());
        let mut site = Site::init(&Net::host(), &["--store", &store, "--engine", "puppet"])?;
        fs::create_dir(folder.path().join("bucket")).unwrap();
        // Puppet's parser takes longer than all else here, and nothing here is about what it says.
        let sources = format!(
            "sources: {{control: {{git: '{}'}}}}\nchecks: {{puppet: off, epp: off, erb: off}}\n",
            control.url()
        );
        site.edit("environments:\n  production:\n    source: {path: .}\n", &sources);
        let git = folder.path().join("bin");
        fs::create_dir(&git).unwrap();
        site.set("PATH", &format!("{}:{}", git.display(), std::env::var("PATH").unwrap()));
        let world = Self { site, control, git, _folder: folder };
        world.wrap("");
        Some(world)
    }

    /// Has each run of git do `first`, where `n` is how many there were.
    pub fn wrap(&self, first: &str) {
        let (log, real) = (self.log().display().to_string(), real_git().display().to_string());
        fs::remove_file(self.log()).ok();
        let script =
            format!("#!/bin/sh\necho \"$*\" >>{log}\nn=$(wc -l <{log})\n{first}\nexec {real} \"$@\"\n");
        fs::write(self.git.join("git"), script).unwrap();
        succeed(Command::new("chmod").arg("755").arg(self.git.join("git")), LIMIT);
    }

    fn log(&self) -> PathBuf {
        self.git.join("log")
    }

    /// The commands of git that were run since it was wrapped, without their options; not those about the
    /// module, which is not locked.
    pub fn called(&self) -> Vec<String> {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let known =
            ["ls-remote", "fetch", "ls-tree", "cat-file", "init", "for-each-ref", "status", "ls-files"];
        let verb = |line: &str| line.split(' ').find(|word| known.contains(word)).unwrap_or(line).to_owned();
        let mut called: Vec<String> = log.lines().filter(|line| !line.contains("-apt ")).map(verb).collect();
        called.sort();
        called
    }

    pub fn build(&self, args: &[&str]) -> Run {
        self.site.run(&[&["build", "--json"], args].concat())
    }

    /// The packs of each environment: its path and hash.
    pub fn packs(&self, args: &[&str]) -> BTreeMap<String, Vec<(String, String)>> {
        let printed: Value = serde_json::from_str(&self.build(args).expect(0).out).unwrap();
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let environments = printed["environments"].as_array().unwrap().iter();
        environments
            .map(|one| {
                let packs = one["packs"].as_array().unwrap().iter();
                (word(&one["environment"]), packs.map(|p| (word(&p["path"]), word(&p["sha256"]))).collect())
            })
            .collect()
    }

    pub fn forget(&self) {
        fs::remove_dir_all(self.site.path(".stringless")).ok();
    }
}

pub fn text(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), text.to_owned())
}

pub fn real_git() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.is_file()).unwrap()
}

pub const LIMIT: Duration = e2e::process::PATIENCE;
