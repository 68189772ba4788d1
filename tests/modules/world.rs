//! A site with a Puppetfile, a Forge and git repositories beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use e2e::process::{both, run};
use e2e::puppet_forge::PuppetForge;
use e2e::tools;
use serde_json::Value;

pub struct World {
    folder: tempfile::TempDir,
    generator: PathBuf,
    pub forge: PuppetForge,
    /// What the forge asks for.
    pub token: Option<String>,
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub status: i32,
    pub text: String,
}

impl World {
    /// A site of the engine `puppet` with one environment, in the site's own folder.
    pub fn new() -> Option<Self> {
        let generator = tools::generator()?;
        tools::program("git")?;
        let folder = tempfile::tempdir().unwrap();
        let world = Self { folder, generator, forge: PuppetForge::start(), token: None };
        fs::create_dir_all(world.path("site/data")).unwrap();
        let store = format!("file://{}", world.path("bucket").display());
        let made = world.run(&[
            "init",
            ".",
            "--site",
            "example",
            "--store",
            &store,
            "--no-password",
            "--engine",
            "puppet",
        ]);
        assert_eq!(made.status, 0, "{}", made.text);
        let settings = fs::read_to_string(world.path("site/stringless.yaml")).unwrap();
        world.write("stringless.yaml", &format!("{settings}\nmodules:\n  forge: {}\n", world.forge.url()));
        world.write("data/common.yaml", "a: 1\n");
        Some(world)
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file of the site.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path("site").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The lock file's text.
    pub fn lock(&self) -> String {
        fs::read_to_string(self.path("site/Puppetfile.lock")).unwrap()
    }

    pub fn run(&self, args: &[&str]) -> Done {
        let mut command = Command::new(&self.generator);
        command.args(args).current_dir(self.path("site"));
        self.done(&mut command)
    }

    /// A command that must do what it should.
    pub fn ok(&self, args: &[&str]) -> String {
        let done = self.run(args);
        assert_eq!(done.status, 0, "{args:?}\n{}", done.text);
        done.text
    }

    /// What it says when it ends with this code; there must be a hint.
    pub fn refused(&self, args: &[&str], status: i32) -> String {
        let done = self.run(args);
        assert_eq!(done.status, status, "{args:?}\n{}", done.text);
        assert!(done.text.contains("\nhint: "), "{args:?}\n{}", done.text);
        done.text
    }

    /// A command while no file may grow beyond a kilobyte, as on a disk that is full.
    pub fn full(&self, args: &[&str]) -> Done {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\""]).arg(&self.generator);
        self.done(command.args(args).current_dir(self.path("site")))
    }

    /// What the build tells as JSON: path and hash of each pack.
    pub fn packs(&self, args: &[&str]) -> BTreeMap<String, String> {
        let mut command = Command::new(&self.generator);
        command.args([&["build", "--json"], args].concat()).current_dir(self.path("site"));
        let output = self.output(&mut command);
        assert!(output.status.success(), "{}", both(&output));
        let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
        let packs = printed["environments"][0]["packs"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        packs.iter().map(|pack| (text(&pack["path"]), text(&pack["sha256"]))).collect()
    }

    /// The cache forgets everything, as on another machine.
    pub fn forget(&self) {
        fs::remove_dir_all(self.path("site/.stringless")).unwrap();
    }

    /// Runs git in a repository of the world, making it first.
    pub fn git(&self, repository: &str, args: &[&str]) -> String {
        let path = self.path(repository);
        if !path.join(".git").is_dir() && args != INIT {
            fs::create_dir_all(&path).unwrap();
            self.git(repository, INIT);
        }
        let mut command = Command::new("git");
        command.args(["-c", "protocol.file.allow=always"]).args(args).current_dir(&path);
        let output = self.output(&mut command);
        assert!(output.status.success(), "git {args:?}\n{}", both(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits these files, and gives the commit.
    pub fn commit(&self, repository: &str, files: &[(&str, &str)]) -> String {
        self.git(repository, &["status"]);
        for (path, text) in files {
            let path = self.path(repository).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        self.git(repository, &["add", "-A"]);
        self.git(repository, &["commit", "-q", "-m", "x"]);
        self.git(repository, &["rev-parse", "HEAD"])
    }

    /// A repository's address.
    pub fn url(&self, repository: &str) -> String {
        format!("file://{}", self.path(repository).display())
    }

    fn done(&self, command: &mut Command) -> Done {
        let output = self.output(command);
        Done { status: output.status.code().unwrap_or(-1), text: both(&output) }
    }

    fn output(&self, command: &mut Command) -> Output {
        let path = std::env::var_os("PATH").unwrap();
        command.env_clear().env("PATH", path).env("HOME", self.path("home")).env("TERM", "dumb");
        command.envs(self.token.iter().map(|token| ("STRINGLESS_FORGE_TOKEN", token)));
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@example.org");
        }
        run(command, LIMIT)
    }
}

/// The text of a file of a built pack, if it is there.
pub fn unpacked(world: &World, pack: &str, file: &str) -> Option<String> {
    let path = world.path("site/.stringless/packs").join(format!("{pack}.tar.gz"));
    let bytes = fs::read(&path).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&*bytes));
    let mut entries = archive.entries().unwrap().map(Result::unwrap);
    let mut entry = entries.find(|entry| entry.path().unwrap() == Path::new(file))?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
    Some(text)
}

const INIT: &[&str] = &["init", "-q", "-b", "main"];
const LIMIT: Duration = e2e::process::PATIENCE;
