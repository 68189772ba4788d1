//! What the metadata service told is kept, and asked for again only when this may be another instance:
//! after a boot. So neither does an idle run ask, nor has the copy of a node its id.

use std::path::Path;

use serde::{Deserialize, Serialize};
use stringless_core::hash::Sha256;
use stringless_core::json;
use stringless_core::metadata::Metadata;
use stringless_core::name::Name;
use stringless_core::time::Timestamp;

use super::metadata::ask;
use crate::disk::{Disk, read_capped, write};
use crate::io::Io;
use crate::{host, log};

/// The answers, as they are kept in the state folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// Who was asked, and for what.
    asked: String,
    /// A hash of what the firmware says of the machine alone; none, where it says nothing.
    machine: Option<String>,
    /// The boot in which it was asked; none, where that cannot be told.
    boot: Option<String>,
    /// The id of the instance.
    pub instance_id: Option<Name>,
    /// The region.
    pub region: Option<Name>,
    /// That there was no answer, or only to a part.
    pub failed: Option<Failed>,
}

/// Questions without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// How many times one after another.
    pub times: u32,
    /// The last time.
    pub at: Timestamp,
    /// What was the matter then.
    pub why: String,
}

impl Told {
    /// What was told before; nobody is asked.
    pub fn before(metadata: &Metadata, root: &Path, disk: &Disk) -> Self {
        if !is_here(metadata, root) {
            return Self::default();
        }
        Self::nothing(metadata, root).kept(disk).unwrap_or_default()
    }

    /// What was told before; where that may be of another instance, or is not all, what is told now.
    pub fn now(metadata: &Metadata, root: &Path, io: &Io) -> Self {
        if !is_here(metadata, root) {
            return Self::default();
        }
        let nothing = Self::nothing(metadata, root);
        let before = nothing.kept(&io.disk).unwrap_or_default();
        let now = io.clock.now();
        if before.asked == nothing.asked && before.boot == nothing.boot && before.rests(now) {
            return before;
        }
        let answers = ask(metadata, &io.http);
        let failed = answers.failure.map(|why| {
            let times = before.failed.as_ref().map_or(0, |failed| failed.times).saturating_add(1);
            if times == 1 {
                log::warn(format_args!("asking the metadata service: {why}; without it for now"));
            }
            Failed { times, at: now, why }
        });
        let told = Self {
            instance_id: answers.instance_id.or(before.instance_id),
            region: answers.region.or(before.region),
            failed,
            ..nothing
        };
        // What cannot be kept is asked again by the next run.
        let _ = write::replace(&io.disk.file(FILE), &json::write(&told));
        told
    }

    /// What is kept where nobody has answered yet.
    fn nothing(metadata: &Metadata, root: &Path) -> Self {
        let firmware: Vec<_> = OF_ONE_MACHINE.iter().filter_map(|name| host::firmware(root, name)).collect();
        Self {
            asked: hash(&json::write(metadata)),
            machine: (!firmware.is_empty()).then(|| hash(firmware.join("\n").as_bytes())),
            boot: host::boot(root),
            ..Self::default()
        }
    }

    /// What was kept for this machine and these questions. Where the firmware does not tell machines
    /// apart, that is what was kept in this boot.
    fn kept(&self, disk: &Disk) -> Option<Self> {
        let kept: Self = json::parse(&read_capped(&disk.file(FILE)).ok()??).ok()?;
        let same_boot = self.boot.is_some() && kept.boot == self.boot;
        let fits = kept.asked == self.asked && kept.machine == self.machine;
        (fits && (self.machine.is_some() || same_boot)).then_some(kept)
    }

    /// Whether it is all that can be told, or too early to ask for the rest: after a minute, and twice as
    /// long each time, up to an hour.
    fn rests(&self, now: Timestamp) -> bool {
        self.failed.as_ref().is_none_or(|failed| {
            let pause = (FIRST_PAUSE << failed.times.saturating_sub(1).min(6)).min(LAST_PAUSE);
            failed.at <= now && now < failed.at.plus(pause)
        })
    }
}

/// Whether this is a machine of that cloud, by its firmware: nobody else's address is tried.
fn is_here(metadata: &Metadata, root: &Path) -> bool {
    let begins = |name: &str, text: &str| {
        let said = host::firmware(root, name).unwrap_or_default();
        said.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text))
    };
    let holds =
        |set: &std::collections::BTreeMap<String, String>| set.iter().all(|(name, text)| begins(name, text));
    metadata.dmi.is_empty() || metadata.dmi.iter().any(holds)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::of(bytes).to_string()
}

/// Its name in the state folder.
const FILE: &str = "identity";
/// What firmware says of one machine alone.
const OF_ONE_MACHINE: [&str; 2] = ["product_uuid", "product_serial"];
const FIRST_PAUSE: u64 = 60;
const LAST_PAUSE: u64 = 3600;
