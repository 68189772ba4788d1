//! The catalog: `distros/*.yaml`, `templates/clouds/*.yaml` and what each pair was tested with.

use std::collections::BTreeMap;

use agent_core::name::Name;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, from_yaml};
use crate::site::CredentialKind;

/// Everything that can be rendered for.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Sorted by id.
    pub distros: Vec<Distro>,
    /// Sorted by id.
    pub clouds: Vec<Cloud>,
    levels: BTreeMap<Level, Vec<String>>,
}

/// A release of an operating system: one file of `distros/`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distro {
    /// The stem of its file.
    #[serde(skip_deserializing)]
    pub id: String,
    /// As people write it.
    pub name: String,
    /// Picks `templates/families/<family>.tera`.
    pub family: Name,
    /// How the system tells at run time what it is.
    pub os_release: OsRelease,
    /// The agent's targets for its CPUs.
    pub targets: Vec<Name>,
    /// Picks `templates/init/<init>.tera`.
    pub init: Name,
    /// The program that runs user-data, and its version on the stock images.
    pub first_boot: String,
    /// Where that program leaves the script's output.
    pub log: String,
    /// The end of its support, `YYYY-MM-DD`.
    pub eol: String,
    /// How it gets the Puppet engine.
    pub puppet: PuppetPackages,
}

/// `ID` and `VERSION_ID` of `/etc/os-release`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OsRelease {
    /// `ID`.
    pub id: Name,
    /// `VERSION_ID`, or its parts before a dot.
    pub version: Name,
}

/// Packages of the Puppet engine; null where there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PuppetPackages {
    /// The URL of the package that adds OpenVox's repository and its signing key.
    pub openvox: Option<String>,
    /// The name of the distribution's own package.
    pub distro: Option<String>,
}

/// A place where machines are started: one file of `templates/clouds/`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cloud {
    /// The stem of its file.
    #[serde(skip_deserializing)]
    pub id: String,
    /// As people write it.
    pub name: String,
    /// The forms that it accepts; the first is the default.
    pub forms: Vec<Form>,
    /// The largest user-data that it accepts; null: no limit stated.
    pub max_bytes: Option<usize>,
    /// What of the user-data is counted.
    pub counted: String,
    /// The field of its console, or where the file goes.
    pub paste_into: String,
    /// The ways to object-store credentials that it offers.
    pub credentials: Vec<CredentialKind>,
    /// The protocol of its metadata service.
    pub metadata: String,
    /// What the agent takes as the node's id there.
    pub node_id: String,
    /// Who can read the user-data.
    pub readable_by: String,
    /// Its own documentation of user-data.
    pub docs: String,
    /// What to know before pasting.
    pub notes: Vec<String>,
}

/// A form of user-data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A POSIX shell script.
    Script,
    /// `#cloud-config` that writes the script and runs it.
    CloudConfig,
}

/// How far a pair of distro and cloud was tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Its first-boot agent ran it on its init system.
    Booted,
    /// It ran in the distribution's root file system, without a boot.
    RanInRoot,
    /// It renders, fits and passes shellcheck.
    Linted,
}

impl Catalog {
    /// The catalog that is built into this program.
    ///
    /// # Errors
    /// When one of its files is wrong: a test keeps that from being released.
    pub fn embedded() -> Result<Self, Fault> {
        let mut distros = Vec::new();
        let mut clouds = Vec::new();
        for (path, text) in FILES {
            if let Some(id) = stem(path, "distros/") {
                let distro: Distro = from_yaml(text, path)?;
                distros.push(Distro { id, ..distro });
            } else if let Some(id) = stem(path, "templates/clouds/") {
                let cloud: Cloud = from_yaml(text, path)?;
                clouds.push(Cloud { id, ..cloud });
            }
        }
        let levels = from_yaml(file(LEVELS), LEVELS)?;
        Ok(Self { distros, clouds, levels })
    }

    /// The distro `id`.
    ///
    /// # Errors
    /// With the nearest id when there is none.
    pub fn distro(&self, id: &str) -> Result<&Distro, Fault> {
        find(&self.distros, |distro| &distro.id, id, "distro")
    }

    /// The cloud `id`.
    ///
    /// # Errors
    /// With the nearest id when there is none.
    pub fn cloud(&self, id: &str) -> Result<&Cloud, Fault> {
        find(&self.clouds, |cloud| &cloud.id, id, "cloud")
    }

    /// How far a pair was tested. Every pair is linted by the tests.
    #[must_use]
    pub fn level(&self, distro: &Distro, cloud: &Cloud) -> Level {
        let pair = format!("{} {}", distro.id, cloud.id);
        let strongest = self.levels.iter().find(|(_, pairs)| pairs.contains(&pair));
        strongest.map_or(Level::Linted, |(level, _)| *level)
    }

    /// The pairs that claim `level`: the tests run each of them, so that no claim outlives its proof.
    ///
    /// # Errors
    /// When the record names a distro or cloud that does not exist.
    pub fn claimed(&self, level: Level) -> Result<Vec<(&Distro, &Cloud)>, Fault> {
        let pairs = self.levels.get(&level).map(Vec::as_slice).unwrap_or_default();
        pairs
            .iter()
            .map(|pair| {
                let (distro, cloud) = pair
                    .split_once(' ')
                    .ok_or_else(|| Fault::new(format!("reading {LEVELS}: `{pair}` is not `DISTRO CLOUD`")))?;
                Ok((self.distro(distro)?, self.cloud(cloud)?))
            })
            .collect()
    }
}

impl Form {
    /// As it is written in flags and data.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::CloudConfig => "cloud-config",
        }
    }
}

impl Level {
    /// As people read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Booted => "booted",
            Self::RanInRoot => "ran in a root filesystem",
            Self::Linted => "linted",
        }
    }
}

/// The embedded templates: names below `templates/`, and texts.
pub(crate) fn templates() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().filter_map(|(path, text)| {
        let name = path.strip_prefix("templates/")?;
        name.ends_with(".tera").then_some((name, *text))
    })
}

fn file(path: &str) -> &'static str {
    FILES.iter().find(|(at, _)| *at == path).map_or("", |(_, text)| text)
}

fn stem(path: &str, folder: &str) -> Option<String> {
    Some(path.strip_prefix(folder)?.strip_suffix(".yaml")?.to_owned())
}

fn find<'a, T>(all: &'a [T], id_of: impl Fn(&T) -> &String, id: &str, kind: &str) -> Result<&'a T, Fault> {
    all.iter().find(|one| id_of(one) == id).ok_or_else(|| {
        let ids: Vec<String> = all.iter().map(|one| format!("`{}`", id_of(one))).collect();
        let known = format!("unknown field `{id}`, expected one of {}", ids.join(", "));
        let fault = Fault::new(format!("looking up the {kind} `{id}`: there is none of that name"));
        match agent_core::nearest::nearest(&known) {
            Some(near) => fault.hint(format!("did you mean `{near}`? `stringless list` names all")),
            None => fault.hint("`stringless list` names all"),
        }
    })
}

const LEVELS: &str = "tests/levels.yaml";
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalog.rs"));
