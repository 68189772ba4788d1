//! Programs of this machine that the site needs.

use stringless_render::site::{EngineSettings, Want};

use super::Doctor;
use super::findings::Findings;
use crate::checks::tool::Tool;
use crate::error::Error;

impl Doctor<'_> {
    /// Looks for each program that the site needs. `signs_here`: the keys on this machine reach the threshold.
    pub(super) fn tools(self, signs_here: bool, list: &mut Findings) {
        let site = &self.site.site;
        let git = !site.sources.is_empty() || site.environments.values().any(|one| one.source.git.is_some());
        if git {
            match version(&["git"]) {
                Ok(version) => list.ok("tools", version),
                Err(why) => list.error(
                    "tools",
                    &Error::configuration(format!("looking for `git`: {why}"))
                        .hint("install git: the site's environments come from repositories"),
                ),
            }
        }
        let overrides = site.environments.values().filter_map(|one| one.apply.as_ref()?.engine.as_ref());
        let mut engines = overrides.chain([&site.apply.engine]);
        if engines.any(|engine| matches!(engine, EngineSettings::Puppet(_)))
            && site.checks.puppet != Want::Off
        {
            match version(&PUPPET) {
                Ok(version) => list.ok("tools", format!("puppet {version}")),
                Err(why) if site.checks.puppet == Want::Required => list.error(
                    "tools",
                    &Error::configuration(format!("looking for `puppet`: {why}"))
                        .hint("install it: `checks.puppet` in the site file is `required`"),
                ),
                Err(why) => list.warn(
                    "tools",
                    format!("looking for `puppet`: {why}"),
                    "install it, so that manifests are checked before they are published; or `checks: {puppet: off}`",
                ),
            }
        }
        if !signs_here {
            match version(&["minisign"]) {
                Ok(version) => list.ok("tools", version),
                Err(why) => list.warn(
                    "tools",
                    format!("looking for `minisign`: {why}"),
                    "who signs the site's documents elsewhere needs it there, not here",
                ),
            }
        }
    }
}

/// The first line that the program prints for `--version`.
fn version(programs: &[&str]) -> Result<String, String> {
    let tool = Tool::find(programs).ok_or("it is not installed")?;
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let said = tool.run(folder.path(), &["--version".to_owned()])?;
    let line = said.out.lines().chain(said.err.lines()).find(|line| !line.trim().is_empty());
    let line = line.unwrap_or("it prints no version").trim();
    let line: String = line.chars().filter(|c| !c.is_control()).take(80).collect();
    if said.success { Ok(line) } else { Err(line) }
}

const PUPPET: [&str; 2] = ["puppet", "/opt/puppetlabs/bin/puppet"];
