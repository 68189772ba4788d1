//! Which agent a node should run: the decision, and what the node remembers about it, `upgrade.json`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::hash::Sha256;
use crate::manifest::{AgentFile, AgentPin, ManifestType};
use crate::name::Name;
use crate::time::Timestamp;
use crate::version::Version;

/// The part of a manifest that leads to another agent. Every version can read it, whatever else a manifest
/// holds: so a release that this agent cannot apply leads to the agent that can.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Pinned {
    /// Always `manifest`.
    #[serde(rename = "type")]
    pub kind: ManifestType,
    /// The site.
    pub site: Name,
    /// The environment.
    pub environment: Name,
    /// The number of the release.
    pub serial: u64,
    /// The newest trust version at the time of signing.
    pub trust_version: u64,
    /// From this time on, no node accepts the release as new.
    pub expires: Option<Timestamp>,
    /// The agent.
    pub agent: AgentPin,
}

/// How the agent follows the version that manifests pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSettings {
    /// Whether it installs that version.
    pub follow: bool,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self { follow: true }
    }
}

impl AgentSettings {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a node remembers about its agent: `upgrade.json` in the state folder. It is missing until there is
/// something to remember.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`FORMAT`].
    pub format: u32,
    /// What a reader must understand to use this document ([`crate::json::check_head`]); mostly nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// How the agent came here, if the agent before it brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<Installed>,
    /// How often `installed` was started before it completed a run; none: it has completed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<u32>,
    /// The agent that failed here. It is left alone until another one is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<LeftAlone>,
    /// The agent that cannot be written here; reported once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwritable: Option<LeftAlone>,
}

/// An agent that the agent before it installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// Its version.
    pub version: Version,
    /// The hash of its file.
    pub sha256: Sha256,
    /// The version before it, kept as `stringless-agent.previous`.
    pub previous: Version,
    /// The site whose manifest pinned it.
    pub site: Name,
    /// The serial of that manifest.
    pub serial: u64,
    /// When.
    pub at: Timestamp,
}

/// An agent that is pinned, and not installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LeftAlone {
    /// Its version.
    pub version: Version,
    /// The hash of its file.
    pub sha256: Sha256,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// A pin that counts for this node.
#[derive(Clone, Copy, Debug)]
pub struct Pin<'a> {
    /// The site of the manifest.
    pub site: &'a Name,
    /// Its serial.
    pub serial: u64,
    /// The version, and whether it may be older.
    pub agent: &'a AgentPin,
    /// The file for this node's target.
    pub file: &'a AgentFile,
}

/// What to do about a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Nothing.
    Stay,
    /// Install the pinned agent.
    Install,
    /// Nothing, because the pinned agent failed here.
    Quarantined(&'a LeftAlone),
}

/// Decides what the agent of version `own` does about a pin. `follow` is the node's setting.
///
/// An older agent is installed only if the manifest says so, and only by a manifest newer than the one that
/// brought the present agent: otherwise a late reader of an old manifest would go back.
#[must_use]
pub fn decide<'a>(own: Version, pin: &Pin<'_>, record: &'a Record, follow: bool) -> Decision<'a> {
    let wanted = pin.agent.version;
    if !follow || wanted == own {
        return Decision::Stay;
    }
    if wanted < own {
        let brought = record.installed.as_ref().filter(|one| one.version == own && one.site == *pin.site);
        if !pin.agent.allow_downgrade || brought.is_some_and(|one| pin.serial <= one.serial) {
            return Decision::Stay;
        }
    }
    match record.quarantined.as_ref().filter(|one| one.is(wanted, pin.file)) {
        Some(one) => Decision::Quarantined(one),
        None => Decision::Install,
    }
}

/// What the start of a run means for an agent that was installed lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing.
    Usual,
    /// The record has changed: save it.
    Counted,
    /// It has completed none of its runs: put the one before it back.
    PutBack,
}

impl Record {
    /// Counts a start of the agent of version `own`.
    pub fn start(&mut self, own: Version) -> Start {
        let (Some(installed), Some(starts)) = (&self.installed, self.starts) else { return Start::Usual };
        // Somebody put another agent in place.
        if installed.version != own {
            return Start::Usual;
        }
        if starts >= STARTS {
            return Start::PutBack;
        }
        self.starts = Some(starts + 1);
        Start::Counted
    }

    /// The run that [`Record::start`] counted is complete. Returns whether the record has changed.
    pub fn complete(&mut self, own: Version) -> bool {
        let counted = self.starts.is_some() && self.installed.as_ref().is_some_and(|one| one.version == own);
        if counted {
            self.starts = None;
        }
        counted
    }

    /// The version before `own`, if that is the one that is kept.
    #[must_use]
    pub fn previous(&self, own: Version) -> Option<Version> {
        self.installed.as_ref().filter(|one| one.version == own).map(|one| one.previous)
    }
}

impl LeftAlone {
    /// Whether this is about `file` of `version`.
    #[must_use]
    pub fn is(&self, version: Version, file: &AgentFile) -> bool {
        self.version == version && self.sha256 == file.sha256
    }
}

impl Default for Record {
    fn default() -> Self {
        Self {
            format: FORMAT,
            needs: Vec::new(),
            installed: None,
            starts: None,
            quarantined: None,
            unwritable: None,
        }
    }
}

/// The format that this code writes, and the only one that it reads.
pub const FORMAT: u32 = 1;
/// After so many starts without a completed run, the agent before is put back.
pub const STARTS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn left(text: &str, file: &AgentFile) -> Option<LeftAlone> {
        let (version, sha256) = (version(text), file.sha256);
        Some(LeftAlone { version, sha256, reason: "it crashed".into(), at: Timestamp::default() })
    }

    fn installed(text: &str, serial: u64, starts: Option<u32>) -> Record {
        let installed = Installed {
            version: version(text),
            sha256: Sha256::of(b"own"),
            previous: version("0.0.1"),
            site: Name::new("example").unwrap(),
            serial,
            at: Timestamp::default(),
        };
        Record { installed: Some(installed), starts, ..Record::default() }
    }

    #[test]
    fn goes_up_and_goes_down_only_on_purpose() {
        let (site, other) = (Name::new("example").unwrap(), Name::new("other").unwrap());
        let file = AgentFile { size: 1, sha256: Sha256::of(b"new") };
        let decided = |wanted: &str, allow_downgrade, serial, record: &Record, follow| {
            let minimum = version("0.0.1");
            let (version, targets) = (version(wanted), BTreeMap::new());
            let agent = AgentPin { minimum, version, allow_downgrade, targets };
            let pin = Pin { site: &site, serial, agent: &agent, file: &file };
            match decide(self::version("1.2.0"), &pin, record, follow) {
                Decision::Stay => "stay",
                Decision::Install => "install",
                Decision::Quarantined(_) => "quarantined",
            }
        };
        let none = Record::default();
        for (wanted, down, record, expected) in [
            ("1.2.0", false, &none, "stay"),
            ("1.2.1", false, &none, "install"),
            ("1.10.0", false, &none, "install"),
            ("1.1.9", false, &none, "stay"),
            ("1.1.9", true, &none, "install"),
            ("1.2.0", true, &none, "stay"),
            // Release 7 brought the present agent.
            ("1.1.9", true, &installed("1.2.0", 6, None), "install"),
            ("1.1.9", true, &installed("1.2.0", 7, None), "stay"),
            ("1.1.9", true, &installed("1.2.0", 8, None), "stay"),
            ("1.2.1", false, &installed("1.2.0", 8, None), "install"),
            // The present agent came by other hands.
            ("1.1.9", true, &installed("1.1.0", 8, None), "install"),
            ("1.3.0", false, &Record { quarantined: left("1.3.0", &file), ..none.clone() }, "quarantined"),
            ("1.3.1", false, &Record { quarantined: left("1.3.0", &file), ..none.clone() }, "install"),
            (
                "1.3.0",
                false,
                &Record {
                    quarantined: left("1.3.0", &AgentFile { size: 1, sha256: Sha256::of(b"x") }),
                    ..none.clone()
                },
                "install",
            ),
            ("1.1.9", true, &Record { quarantined: left("1.1.9", &file), ..none.clone() }, "quarantined"),
        ] {
            assert_eq!(decided(wanted, down, 7, record, true), expected, "{wanted} {down} {record:?}");
            assert_eq!(decided(wanted, down, 7, record, false), "stay", "{wanted} {down} {record:?}");
        }
        let mut of_another = installed("1.2.0", 8, None);
        of_another.installed.as_mut().unwrap().site = other;
        assert_eq!(
            decided("1.1.9", true, 7, &of_another, true),
            "install",
            "serials of two sites do not compare"
        );
    }

    #[test]
    fn an_agent_that_completes_no_run_is_put_back() {
        let own = version("1.2.0");
        let mut record = installed("1.2.0", 7, Some(0));
        for starts in 1..=STARTS {
            assert_eq!((record.start(own), record.starts), (Start::Counted, Some(starts)));
        }
        assert_eq!(record.start(own), Start::PutBack);
        let mut record = installed("1.2.0", 7, Some(2));
        assert_eq!(record.start(own), Start::Counted);
        assert!(record.complete(own) && record.starts.is_none() && !record.complete(own));
        assert_eq!(record.start(own), Start::Usual);
        assert_eq!(record.previous(own), Some(version("0.0.1")));
        let mut record = installed("1.3.0", 7, Some(3));
        assert_eq!(record.start(own), Start::Usual, "somebody put another agent in place");
        assert!(!record.complete(own) && record.previous(own).is_none());
    }
}
