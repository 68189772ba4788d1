//! How far each pair of distro and cloud was tested: `crates/render/levels.yaml`, written from the tests' own record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How far a pair of distro and cloud was tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Its first-boot agent ran it on its init system.
    Booted,
    /// It ran with the same set of tools, in the lab's builds: nothing of the distribution itself ran.
    RanInRoot,
    /// It installed the engine with the same package tool, in the lab's build.
    RanWithPackageTool,
    /// It renders, fits and passes shellcheck.
    Linted,
}

/// Per level the pairs that reached it, as `DISTRO CLOUD`; a pair that is not here is linted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Levels(pub BTreeMap<Level, Vec<String>>);

impl Levels {
    /// The strongest level of a pair.
    #[must_use]
    pub fn of(&self, distro: &str, cloud: &str) -> Level {
        let pair = format!("{distro} {cloud}");
        let strongest = self.0.iter().find(|(_, pairs)| pairs.contains(&pair));
        strongest.map_or(Level::Linted, |(level, _)| *level)
    }

    /// The pairs that claim `level`: ids of distro and cloud.
    pub fn claimed(&self, level: Level) -> impl Iterator<Item = (&str, &str)> {
        self.0.get(&level).into_iter().flatten().filter_map(|pair| pair.split_once(' '))
    }
}

impl Level {
    /// Every level, the strongest first.
    pub const ALL: [Self; 4] = [Self::Booted, Self::RanInRoot, Self::RanWithPackageTool, Self::Linted];

    /// As people read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Booted => "booted",
            Self::RanInRoot => "ran in a root filesystem",
            Self::RanWithPackageTool => "ran with its package tool",
            Self::Linted => "linted",
        }
    }
}
