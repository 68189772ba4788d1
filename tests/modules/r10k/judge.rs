//! r10k and g10k, as their packages bring them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use e2e::process::{both, run};
use e2e::tools;

use super::Case;
use super::deployed::{Files, files};
use super::world::World;

/// A tree, or what was said instead.
pub type Judged = Result<Files, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    R10k,
    G10k,
}

impl Judge {
    /// Both, if they are on this machine.
    pub fn both() -> Option<[Self; 2]> {
        tools::program("r10k")?;
        tools::program("g10k")?;
        Some([Self::R10k, Self::G10k])
    }

    /// What it makes of each case.
    pub fn deploy(self, world: &World, cases: &[Case]) -> Vec<Judged> {
        let config = self.config(world);
        let printed = match self {
            Self::R10k => r10k(world, &config, cases),
            Self::G10k => cases.iter().map(|case| g10k(world, &config, case)).collect(),
        };
        assert_eq!(printed.len(), cases.len(), "{printed:?}");
        let judged = cases.iter().zip(printed).map(|(case, (status, output))| match status {
            0 => Ok(files(&self.folder(world).join(&case.name))),
            _ => Err(output),
        });
        judged.collect()
    }

    fn folder(self, world: &World) -> PathBuf {
        world.path(match self {
            Self::R10k => "r10k",
            Self::G10k => "g10k",
        })
    }

    fn config(self, world: &World) -> PathBuf {
        let folder = self.folder(world);
        let cache = folder.with_extension("cache");
        let config = folder.with_extension("yaml");
        let (control, forge) = (world.path("git/control.git"), world.forge.url());
        let text = match self {
            Self::R10k => format!("forge: {{baseurl: '{forge}', allow_puppetfile_override: true}}\n"),
            Self::G10k => format!("forge_base_url: '{forge}'\n"),
        };
        let (control, cache, folder) = (control.display(), cache.display(), folder.display());
        let sources = format!("sources:\n  control:\n    remote: '{control}'\n    basedir: '{folder}'\n");
        let key = if self == Self::R10k { "cachedir" } else { ":cachedir" };
        fs::write(&config, format!("{key}: '{cache}'\n{sources}{text}")).unwrap();
        config
    }
}

/// Exit status and output.
type Printed = (i64, String);

fn r10k(world: &World, config: &Path, cases: &[Case]) -> Vec<Printed> {
    let mut command = Command::new("ruby");
    command.arg(tools::root().join("tests/modules/r10k/one_by_one.rb")).arg(config);
    let output = run(command.args(cases.iter().map(|case| &case.name)).alone(world), LIMIT);
    assert!(output.status.success(), "{}", both(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    let printed = lines.lines().map(|line| {
        let printed: serde_json::Value = serde_json::from_str(line).unwrap();
        (printed["status"].as_i64().unwrap_or(-1), printed["output"].as_str().unwrap_or_default().to_owned())
    });
    printed.collect()
}

fn g10k(world: &World, config: &Path, case: &Case) -> Printed {
    let mut command = Command::new("g10k");
    let output = run(command.arg("-config").arg(config).args(["-branch", &case.name]).alone(world), LIMIT);
    (output.status.code().unwrap_or(-1).into(), both(&output))
}

trait Alone {
    /// With nothing of this machine's settings.
    fn alone(&mut self, world: &World) -> &mut Self;
}

impl Alone for Command {
    fn alone(&mut self, world: &World) -> &mut Self {
        let path = env::var_os("PATH").unwrap_or_default();
        self.env_clear().env("PATH", path).env("HOME", world.path("home")).env("LC_ALL", "C.UTF-8");
        self.current_dir(world.path(""))
    }
}

const LIMIT: Duration = e2e::process::PATIENCE;
