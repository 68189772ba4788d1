//! What assembles a control repo: a program, its settings, and what it made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::control_repo::ControlRepo;
use e2e::process::succeed;
use e2e::repository::Text;
use e2e::tools;

/// A program in a folder of its own.
pub struct Contender {
    kind: Kind,
    program: PathBuf,
    folder: PathBuf,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    R10k,
    G10k,
    Stringless,
}

impl Contender {
    /// All of them, the peers first; `None` after saying which one is missing.
    pub fn all(folder: &Path, repo: &ControlRepo) -> Option<Vec<Self>> {
        let programs = [
            (Kind::R10k, tools::program("r10k")?),
            (Kind::G10k, tools::program("g10k")?),
            (Kind::Stringless, tools::generator()?),
        ];
        let contenders = programs.map(|(kind, program)| {
            let folder = folder.join(kind.name());
            fs::create_dir_all(&folder).unwrap();
            let contender = Self { kind, program, folder };
            contender.set_up(repo);
            contender
        });
        Some(contenders.into())
    }

    /// What it is, and its version where it tells one.
    pub fn title(&self) -> String {
        let version = match self.kind {
            Kind::G10k => package_version("g10k"),
            Kind::R10k => package_version("r10k"),
            Kind::Stringless => env!("CARGO_PKG_VERSION").to_owned(),
        };
        format!("{} {version}", self.kind.name())
    }

    /// Assembles all environments.
    pub fn run(&self) -> Duration {
        let mut command = self.command();
        match self.kind {
            Kind::R10k => command.args(["deploy", "environment", "--modules", "--config", SETTINGS]),
            Kind::G10k => command.args(["-quiet", "-config", SETTINGS]),
            Kind::Stringless => command.args(["build", "--all"]),
        };
        let start = Instant::now();
        succeed(&mut command, LIMIT);
        start.elapsed()
    }

    /// Takes away what it made; what it fetched stays.
    pub fn forget(&self) {
        let made: &[&str] = match self.kind {
            Kind::R10k | Kind::G10k => &["environments"],
            Kind::Stringless => &[".stringless/packs", ".stringless/index"],
        };
        for folder in made {
            fs::remove_dir_all(self.folder.join(folder)).unwrap();
        }
    }

    /// What locks a Puppetfile: the path and the text of the file beside it.
    pub fn lock(&self, puppetfile: &str) -> Text {
        let folder = self.folder.join("work");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("Puppetfile"), puppetfile).unwrap();
        succeed(self.command().args(["modules", "update", "--puppetfile", "work/Puppetfile"]), LIMIT);
        (LOCK.into(), fs::read_to_string(folder.join(LOCK)).unwrap())
    }

    fn set_up(&self, repo: &ControlRepo) {
        let (git, forge, folder) = (repo.git.url(), repo.forge.url(), self.folder.display());
        if self.kind == Kind::Stringless {
            let store = format!("file://{folder}/store");
            let init = ["init", ".", "--site", "example", "--no-password", "--store", &store];
            succeed(self.command().args(init), LIMIT);
            let text = format!(
                "site: example\nstores: [{{url: '{store}'}}]\nsources: {{control: {{git: '{git}'}}}}\nmodules: {{forge: '{forge}'}}\n\
                 apply: {{engine: {{puppet: {{}}}}}}\n"
            );
            fs::write(self.folder.join("stringless.yaml"), text).unwrap();
            return;
        }
        let sources = format!("sources:\n  control: {{remote: '{git}', basedir: '{folder}/environments'}}\n");
        let forge = match self.kind {
            Kind::R10k => format!("forge: {{baseurl: '{forge}'}}\n"),
            _ => format!("forge_base_url: '{forge}'\n"),
        };
        let settings = format!("cachedir: '{folder}/cache'\n{forge}{sources}");
        fs::write(self.folder.join(SETTINGS), settings).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).env("HOME", &self.folder).env_remove("CI");
        command
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::R10k => "r10k",
            Self::G10k => "g10k",
            Self::Stringless => "stringless",
        }
    }
}

/// As the system's package has it: g10k does not tell its own.
fn package_version(package: &str) -> String {
    let printed = Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]).output();
    printed.map(|printed| String::from_utf8_lossy(&printed.stdout).trim().to_owned()).unwrap_or_default()
}

const LOCK: &str = "Puppetfile.lock";
const SETTINGS: &str = "settings.yaml";
const LIMIT: Duration = e2e::process::PATIENCE;
