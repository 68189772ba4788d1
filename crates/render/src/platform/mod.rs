//! The platforms: distros, clouds and boot agents, as data; and how far each pair was tested.

mod boot;
mod cloud;
mod distro;
mod level;
mod tags;

use std::cmp::Reverse;
use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};
use stringless_core::fault::Fault;

pub use self::boot::{BootAgent, Encoding, Form};
pub use self::cloud::{Cloud, CloudFormation, Counts, Group, ObjectStore, Terraform};
pub use self::distro::{Distro, OsRelease, Paths, PuppetPackages};
pub use self::level::{Level, Levels};
pub use self::tags::Tags;
use crate::yaml::from_yaml;

/// All distros, clouds and boot agents.
#[derive(Clone, Debug)]
pub struct Platforms {
    /// Sorted by id.
    pub distros: Vec<Distro>,
    /// Sorted by id.
    pub clouds: Vec<Cloud>,
    /// Sorted by id.
    pub boot_agents: Vec<BootAgent>,
    /// How far the tests got with each pair.
    pub levels: Levels,
}

impl Platforms {
    /// The platforms that are embedded in this program.
    ///
    /// # Errors
    /// When an embedded file is invalid; a test keeps such a file from being released.
    pub fn embedded() -> Result<Self, Fault> {
        static PLATFORMS: OnceLock<Result<Platforms, Fault>> = OnceLock::new();
        PLATFORMS.get_or_init(Self::read).clone()
    }

    fn read() -> Result<Self, Fault> {
        let clouds = each("templates/clouds/", |id, text, path| {
            from_yaml(text, path).map(|cloud: Cloud| Cloud { id, ..cloud })
        })?;
        let boot_agents = each("templates/boot/", |id, text, path| {
            from_yaml(text, path).map(|agent: BootAgent| BootAgent { id, ..agent })
        })?;
        let levels = from_yaml(file(LEVELS), LEVELS)?;
        Ok(Self { distros: each("distros/", distro)?, clouds, boot_agents, levels })
    }

    /// The distro with this id or alias.
    ///
    /// # Errors
    /// When there is none; the hint names the nearest id.
    pub fn distro(&self, id: &str) -> Result<&Distro, Fault> {
        find(&self.distros, |distro| (&distro.id, &distro.aliases), id, "distro")
    }

    /// The distros whose ids begin with `name` and a hyphen: the newest release first, what is not yet released
    /// last. `name` is the id without its release.
    #[must_use]
    pub fn releases(&self, name: &str) -> Vec<&Distro> {
        let release = |distro: &Distro| distro.id.strip_prefix(name)?.strip_prefix('-').map(str::to_owned);
        let numbers =
            |text: String| text.split(['.', '-']).map(|n| n.parse().unwrap_or(0)).collect::<Vec<u32>>();
        let mut found: Vec<&Distro> =
            self.distros.iter().filter(|distro| release(distro).is_some()).collect();
        found.sort_by_cached_key(|distro| (!distro.is_released(), Reverse(release(distro).map(numbers))));
        found
    }

    /// The cloud with this id or alias.
    ///
    /// # Errors
    /// When there is none; the hint names the nearest id.
    pub fn cloud(&self, id: &str) -> Result<&Cloud, Fault> {
        find(&self.clouds, |cloud| (&cloud.id, &cloud.aliases), id, "cloud")
    }

    /// The best boot agent that both `distro` and `cloud` have, for user-data of `form` (`None`: of any form).
    #[must_use]
    pub fn boot_agent(&self, distro: &Distro, cloud: &Cloud, form: Option<Form>) -> Option<&BootAgent> {
        self.boot_agents(distro, cloud, form).next()
    }

    /// All such boot agents, the best first: which one runs depends on the image.
    pub fn boot_agents(
        &self,
        distro: &Distro,
        cloud: &Cloud,
        form: Option<Form>,
    ) -> impl Iterator<Item = &BootAgent> {
        let both = cloud.boot_agents.iter().filter(|id| distro.boot_agents.contains(id));
        let agents = both.filter_map(|id| self.boot_agents.iter().find(|agent| agent.id == id.as_str()));
        let through = |form| cloud.forms.is_empty() || cloud.forms.contains(&form);
        agents.filter(move |agent| form.is_none_or(|form| agent.forms.contains(&form) && through(form)))
    }

    /// The forms that the boot agents of the pair accept, the default first; empty if user-data does not
    /// reach the distro on that cloud.
    #[must_use]
    pub fn forms(&self, distro: &Distro, cloud: &Cloud) -> Vec<Form> {
        let mut forms: Vec<Form> =
            self.boot_agent(distro, cloud, None).map_or(Vec::new(), |a| a.forms.clone());
        forms.retain(|form| self.boot_agent(distro, cloud, Some(*form)).is_some());
        let others =
            Form::ALL.into_iter().filter(|form| self.boot_agent(distro, cloud, Some(*form)).is_some());
        for form in others {
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        forms
    }

    /// Every pair that user-data reaches.
    pub fn pairs(&self) -> impl Iterator<Item = (&Distro, &Cloud)> {
        let all = self.distros.iter().flat_map(|distro| self.clouds.iter().map(move |cloud| (distro, cloud)));
        all.filter(|(distro, cloud)| self.boot_agent(distro, cloud, None).is_some())
    }

    /// How far a pair was tested. Every pair is linted by the tests.
    #[must_use]
    pub fn level(&self, distro: &Distro, cloud: &Cloud) -> Level {
        self.levels.of(&distro.id, &cloud.id)
    }
}

/// The embedded templates: the name below `templates/`, and the text.
pub(crate) fn templates() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().filter_map(|(path, text)| {
        let name = path.strip_prefix("templates/")?;
        name.ends_with(".tera").then_some((name, *text))
    })
}

/// Reads a distro; the values of its family are the defaults.
fn distro(id: String, text: &str, path: &str) -> Result<Distro, Fault> {
    let own: Mapping = from_yaml(text, path)?;
    let mut all = match own.get("family").and_then(Value::as_str) {
        Some(family) => defaults(family, path)?,
        None => Mapping::new(),
    };
    all.extend(own);
    Ok(Distro { id, ..typed(all, path)? })
}

/// The defaults of a family; `path` is the file that names the family.
fn defaults(family: &str, path: &str) -> Result<Mapping, Fault> {
    if let Some((_, at, text)) = family_files().find(|(id, ..)| *id == family) {
        return from_yaml(text, at);
    }
    let ids: Vec<String> = family_files().map(|(id, ..)| format!("`{id}`")).collect();
    let what = format!("family: unknown variant `{family}`, expected one of {}", ids.join(", "));
    Err(Fault::new(format!("reading {path}: {what}")).nearest())
}

/// The files of families: name, path and text.
fn family_files() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    FILES.iter().filter_map(|(at, text)| {
        let id = at.strip_prefix("templates/families/")?.strip_suffix(".yaml")?;
        Some((id, *at, *text))
    })
}

/// Each family with the values that its distros need not have themselves.
#[cfg(feature = "schema")]
pub(crate) fn families() -> Result<Vec<(&'static str, Mapping)>, Fault> {
    family_files().map(|(id, at, text)| Ok((id, from_yaml(text, at)?))).collect()
}

fn typed<T: DeserializeOwned>(map: Mapping, path: &str) -> Result<T, Fault> {
    serde_yaml::from_value(Value::Mapping(map))
        .map_err(|error| Fault::new(format!("reading {path}: {error}")).nearest())
}

/// Reads every embedded `folder<id>.yaml`, sorted by id.
fn each<T>(
    folder: &str,
    read: impl Fn(String, &'static str, &'static str) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let files = FILES.iter().filter_map(|(path, text)| {
        let id = path.strip_prefix(folder)?.strip_suffix(".yaml")?;
        Some(read(id.to_owned(), text, path))
    });
    files.collect()
}

fn file(path: &str) -> &'static str {
    FILES.iter().find(|(at, _)| *at == path).map_or("", |(_, text)| text)
}

fn find<'a, T>(
    all: &'a [T],
    names_of: impl Fn(&T) -> (&String, &Vec<String>),
    name: &str,
    kind: &str,
) -> Result<&'a T, Fault> {
    let matches = |one: &&T| {
        let (id, aliases) = names_of(one);
        id == name || aliases.iter().any(|alias| alias == name)
    };
    all.iter().find(matches).ok_or_else(|| {
        let ids = all.iter().flat_map(|one| {
            let (id, aliases) = names_of(one);
            std::iter::once(id).chain(aliases).map(|id| format!("`{id}`")).collect::<Vec<_>>()
        });
        let known = format!("unknown field `{name}`, expected one of {}", ids.collect::<Vec<_>>().join(", "));
        let fault = Fault::new(format!("looking up the {kind} `{name}`: there is none with this name"));
        match stringless_core::suggest::nearest(&known) {
            Some(near) => fault.hint(format!("did you mean `{near}`? `stringless list` names all")),
            None => fault.hint("`stringless list` names all"),
        }
    })
}

const LEVELS: &str = "crates/render/levels.yaml";
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/platforms.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_listed_the_newest_first() {
        let platforms = Platforms::embedded().unwrap();
        let number = |id: &str| {
            let (_, release) = id.rsplit_once('-')?;
            release.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()
        };
        let mut listed = 0;
        for distro in &platforms.distros {
            assert!(platforms.releases(&distro.id).is_empty(), "{}", distro.id);
            let Some((name, _)) = distro.id.rsplit_once('-') else { continue };
            let releases = platforms.releases(name);
            assert!(releases.is_sorted_by_key(|one| !one.is_released()), "{name}: {releases:?}");
            for part in releases.chunk_by(|one, next| one.is_released() == next.is_released()) {
                let numbers: Vec<_> = part.iter().filter_map(|one| number(&one.id)).collect();
                assert!(numbers.is_sorted_by(|newer, older| newer > older), "{name}: {numbers:?}");
                listed += numbers.len();
            }
            assert!(platforms.releases(&name[..name.len() - 1]).is_empty(), "only whole names count");
        }
        assert!(listed > platforms.distros.len(), "{listed}");
    }

    #[test]
    fn the_fault_of_a_mistyped_distro_names_the_key() {
        let (path, text) = FILES.iter().find(|(at, _)| at.starts_with("distros/")).unwrap();
        let read = |text: &str| distro("id".into(), text, path);
        let family = read(text).unwrap().family;
        let fault = read(&text.replace("family: ", "family: x")).unwrap_err();
        assert!(
            fault.message.starts_with(&format!("reading {path}: family: unknown variant `x{family}`")),
            "{fault}"
        );
        assert_eq!(fault.hint, Some(format!("did you mean `{family}`?")));
        let fault = read(&text.replace("first_boot", "firstboot")).unwrap_err();
        assert_eq!(fault.hint.as_deref(), Some("did you mean `first_boot`?"));
        let fault = read(&text.replace("family: ", "# ")).unwrap_err();
        assert_eq!(fault.message, format!("reading {path}: missing field `family`"));
    }
}
