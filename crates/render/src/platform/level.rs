//! How far each pair of distro and cloud was tested: `crates/render/levels.yaml`, written from the tests' own record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How far a pair of distro and cloud was tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The distro's boot agent ran the user-data on the distro's init system.
    Booted,
    /// The user-data ran with builds of the same tools; nothing of the distribution itself ran.
    RanInRoot,
    /// The user-data installed the engine with a build of the same package tool.
    RanWithPackageTool,
    /// The user-data renders, fits into the cloud's limit and passes shellcheck.
    Linted,
}

/// For each level the pairs that reached it, as `DISTRO CLOUD`; a pair that is not listed is linted.
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

    /// The text for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Booted => "booted",
            Self::RanInRoot => "ran in a root filesystem",
            Self::RanWithPackageTool => "ran with its package tool",
            Self::Linted => "linted",
        }
    }
    /// What it means: a sentence for people, about the user-data of the pair.
    #[must_use]
    pub fn means(self) -> &'static str {
        match self {
            Self::Booted => "its own first-boot agent ran it, on its own init system",
            Self::RanInRoot => {
                "it ran to its end with the same shell and set of tools, in the builds of the lab's own distribution: \
                 nothing of the named distribution itself ran"
            }
            Self::RanWithPackageTool => {
                "the engine was installed with the same package tool, in the build of the lab's own distribution, \
                 from a repository of the lab"
            }
            Self::Linted => {
                "it renders, fits, and passes shellcheck, four shells and the checkers of its form"
            }
        }
    }
}
