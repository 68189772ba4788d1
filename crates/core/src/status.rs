//! What `stringless-agent status --json` prints.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::fleet::head::{Head, RolloutState};
use crate::fleet::selector::Subject;
use crate::fleet::target::{Target, place_of, target};
use crate::history::Run;
use crate::label::Labels;
use crate::name::Name;
use crate::report::{Report, RoleSource};
use crate::state::{Release, State};
use crate::time::Timestamp;
use crate::upgrade::LeftAlone;
use crate::version::Version;

/// What this node follows, what is applied here, what starts the agent, and how the last runs ended.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Status {
    /// 1.
    pub format: u32,
    /// The version of the agent.
    pub agent: &'static str,
    /// The agent before this one, if it is kept.
    pub previous: Option<Version>,
    /// The pinned agent that failed here.
    pub quarantined: Option<LeftAlone>,
    /// The pinned agent that cannot be written here.
    pub unwritable: Option<LeftAlone>,
    /// The id of the node.
    pub node: String,
    /// Where the node's id comes from.
    pub node_from: IdSource,
    /// The region that the cloud names.
    pub region: Option<Name>,
    /// The role.
    pub role: Option<Name>,
    /// Where the role comes from.
    pub role_from: Option<RoleSource>,
    /// The labels.
    pub labels: Labels,
    /// What needs attention on the node itself.
    pub warnings: Vec<String>,
    /// What starts the agent here.
    pub schedule: Vec<Schedule>,
    /// The layers, in their order.
    pub layers: Vec<LayerStatus>,
    /// The report of the last run.
    pub last_run: Option<Report>,
    /// The last runs that did something or ended in another way than the run before, the newest first.
    pub runs: Vec<Run>,
}

/// A layer of the node.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LayerStatus {
    /// The site.
    pub site: Name,
    /// The environment.
    pub environment: Name,
    /// The URLs of the stores, in order.
    pub stores: Vec<String>,
    /// The version of the trust in use.
    pub trust_version: u64,
    /// Seconds between two checks.
    pub interval: u64,
    /// When the next check is due; null if nothing starts the agent, or before the first check.
    pub next_check: Option<NextCheck>,
    /// The agent that the last accepted manifest names.
    pub agent: Option<Pin>,
    /// The time of the last successful check.
    pub checked: Option<Timestamp>,
    /// The release that is live.
    pub live: Option<Release>,
    /// The last release that was applied without an error.
    pub last_good: Option<Release>,
    /// When the last accepted manifest expires.
    pub expires: Option<Timestamp>,
    /// When the trust in use expires.
    pub trust_expires: Option<Timestamp>,
    /// The head that was accepted last; absent in a site without fleet keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadStatus>,
    /// What the agent remembers.
    pub state: State,
    /// What needs attention: an expiry soon, failed releases.
    pub warnings: Vec<String>,
}

/// What the head says to this node.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HeadStatus {
    /// Its version.
    pub version: u64,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// The serial of the stable release.
    pub stable: u64,
    /// The release that is on its way; null if none is.
    pub next: Option<NextStatus>,
}

/// How far a release on its way is.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NextStatus {
    /// Its serial.
    pub serial: u64,
    /// Whether it goes on.
    pub state: RolloutState,
    /// Why it is in this state.
    pub why: Option<String>,
    /// The place of this node, in hundredths of a percent.
    pub place: u16,
    /// The share of nodes that it reaches now, in hundredths of a percent; null if no wave is open.
    pub reach: Option<u16>,
    /// Whether this node follows it.
    pub followed: bool,
}

impl HeadStatus {
    /// What `head` says to a node, at `now`. `seen` is the newest release that the node has accepted, as trust version
    /// and serial.
    #[must_use]
    pub fn new(head: &Head, seen: Option<(u64, u64)>, subject: &Subject<'_>, now: Timestamp) -> Self {
        let next = head.next.as_ref().map(|next| {
            let (share, is_open) = next.reach(now);
            NextStatus {
                serial: next.serial,
                state: next.state,
                why: next.why.clone(),
                place: place_of(head, seen, subject),
                reach: is_open.then_some(share),
                followed: matches!(target(head, seen, subject, now), Target::Next(_)),
            }
        });
        Self { version: head.version, expires: head.expires, stable: head.stable.serial, next }
    }
}

/// When a check is due.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NextCheck {
    /// Not before.
    pub earliest: Timestamp,
    /// Not after, while the agent runs.
    pub latest: Timestamp,
}

/// The agent versions of a manifest.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pin {
    /// The version that nodes install.
    pub version: Version,
    /// The lowest version that can use the release.
    pub minimum: Version,
}

/// Where a node's id comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum IdSource {
    /// cloud-init, which got it from the cloud.
    CloudInit,
    /// The metadata service.
    Metadata,
    /// `node` in the configuration.
    Configuration,
    /// A hash of the machine id.
    MachineId,
    /// A random name, created once.
    MadeUp,
}

/// A thing that starts the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Schedule {
    /// What it is.
    pub kind: Kind,
    /// Its file.
    pub file: String,
    /// Whether it starts at the next boot.
    pub enabled: bool,
}

/// A kind of schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A timer of systemd.
    SystemdTimer,
    /// A service of systemd, which keeps running.
    SystemdService,
    /// A service of OpenRC.
    Openrc,
    /// A script of rc.d.
    Rc,
    /// An entry of cron.
    Cron,
}

impl Kind {
    /// Its name for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SystemdTimer => "systemd timer",
            Self::SystemdService => "systemd service",
            Self::Openrc => "OpenRC service",
            Self::Rc => "rc.d script",
            Self::Cron => "cron",
        }
    }
}
