//! The settings `puppet` of the site file: how nodes get the Puppet engine.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor, value};
use serde::{Deserialize, Deserializer, Serialize};
use stringless_core::hash::Sha256;

/// How nodes get the Puppet engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct PuppetSettings {
    /// Which package. Default: `auto`.
    pub package: PackageChoice,
    /// The version of openvox-agent, in the place of the one that `stringless pin` records; with `package: distro`, that
    /// of the distribution's package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The version of openvox-agent that `stringless pin` recorded.
    #[serde(skip)]
    pub pinned_version: Option<String>,
    /// For each distro, the SHA-256 of the package that adds OpenVox's repository and its signing key. They
    /// replace those that `stringless pin` records.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub release_sha256: BTreeMap<String, Sha256>,
}

/// A package of Puppet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PuppetPackage {
    /// `openvox` where it is pinned, otherwise `distro` where there is such a package.
    #[default]
    Auto,
    /// `openvox-agent` from the package repository of OpenVox.
    Openvox,
    /// The distribution's own package, from its signed archive.
    Distro,
}

/// One package for all distros, or one for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PackageChoice {
    /// For all.
    One(PuppetPackage),
    /// By the id of a distro, the name of a family, or `default`.
    Each(BTreeMap<String, PuppetPackage>),
}

impl Default for PackageChoice {
    fn default() -> Self {
        Self::One(PuppetPackage::default())
    }
}

impl PackageChoice {
    /// The choice for a distro and its family: the most exact key counts.
    #[must_use]
    pub fn of(&self, distro: &str, family: &str) -> PuppetPackage {
        match self {
            Self::One(package) => *package,
            Self::Each(each) => {
                [distro, family, DEFAULT].iter().find_map(|key| each.get(*key)).copied().unwrap_or_default()
            }
        }
    }

    /// The names of distros and families in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let each = match self {
            Self::One(_) => None,
            Self::Each(each) => Some(each),
        };
        each.into_iter().flatten().map(|(name, _)| name.as_str()).filter(|name| *name != DEFAULT)
    }
}

impl PuppetSettings {
    /// The pinned version of a package; `None`: the one that its signed archive has.
    #[must_use]
    pub fn version_of(&self, package: PuppetPackage) -> Option<&str> {
        let own = self.version.as_deref();
        match package {
            // Where each distro has its own choice, the version is that of OpenVox.
            PuppetPackage::Distro => {
                own.filter(|_| self.package == PackageChoice::One(PuppetPackage::Distro))
            }
            _ => own.or(self.pinned_version.as_deref()),
        }
    }

    /// The package for a distro, and never `Auto` if one is possible. `own` says whether the distro has a package of
    /// its own.
    #[must_use]
    pub fn package_for(&self, distro: &str, family: &str, own: bool) -> PuppetPackage {
        match self.package.of(distro, family) {
            PuppetPackage::Auto if self.release_sha256.contains_key(distro) => PuppetPackage::Openvox,
            PuppetPackage::Auto if own => PuppetPackage::Distro,
            chosen => chosen,
        }
    }
}

impl<'de> Deserialize<'de> for PackageChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChoiceVisitor)
    }
}

struct ChoiceVisitor;

impl<'de> Visitor<'de> for ChoiceVisitor {
    type Value = PackageChoice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`auto`, `openvox` or `distro`, or one of them for each distro or family")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<PackageChoice, E> {
        PuppetPackage::deserialize(value::StrDeserializer::new(text)).map(PackageChoice::One)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PackageChoice, A::Error> {
        let mut each = BTreeMap::new();
        while let Some((name, package)) = map.next_entry::<String, PuppetPackage>()? {
            if each.insert(name.clone(), package).is_some() {
                return Err(A::Error::custom(format!("`{name}` is in it twice")));
            }
        }
        Ok(PackageChoice::Each(each))
    }
}

const DEFAULT: &str = "default";

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> PuppetSettings {
        serde_yaml::from_str(text).unwrap()
    }

    #[test]
    fn the_most_exact_name_counts() {
        let each = settings("package: {one-2: openvox, one: distro, default: openvox}").package;
        assert_eq!(each.of("one-2", "one"), PuppetPackage::Openvox);
        assert_eq!(each.of("one-1", "one"), PuppetPackage::Distro);
        assert_eq!(each.of("two-9", "two"), PuppetPackage::Openvox);
        assert_eq!(each.names().collect::<Vec<_>>(), ["one", "one-2"]);
        assert_eq!(settings("{}").package.of("two-9", "two"), PuppetPackage::Auto);
        assert_eq!(settings("package: distro").package.of("two-9", "two"), PuppetPackage::Distro);
        for wrong in ["package: one", "package: {one: puppet}", "package: 1", "package: [distro]"] {
            assert!(serde_yaml::from_str::<PuppetSettings>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn without_a_setting_the_pinned_package_counts_then_the_distributions_own() {
        let mut settings = settings("{}");
        assert_eq!(settings.package_for("a", "f", true), PuppetPackage::Distro);
        assert_eq!(settings.package_for("a", "f", false), PuppetPackage::Auto);
        settings.release_sha256.insert("a".into(), Sha256::of(b""));
        assert_eq!(settings.package_for("a", "f", true), PuppetPackage::Openvox);
        assert_eq!(settings.package_for("b", "f", true), PuppetPackage::Distro);
    }
}
