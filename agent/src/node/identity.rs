//! Caches the answers of the metadata service, and queries the service again only after a boot. So an idle
//! run makes no request, and a cloned machine gets an id of its own.

use std::path::Path;

use serde::{Deserialize, Serialize};
use stringless_core::hash::Sha256;
use stringless_core::json;
use stringless_core::metadata::Metadata;
use stringless_core::name::Name;
use stringless_core::time::Timestamp;

use super::metadata::query;
use crate::disk::{Disk, read_capped, write};
use crate::io::Io;
use crate::{host, log};

/// The cached answers, as saved in the state folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CachedIdentity {
    /// A hash of the settings of the queried service.
    asked: String,
    /// A hash of the firmware's texts that identify the machine; none if there are none.
    machine: Option<String>,
    /// The boot during which the service was queried; none if unknown.
    boot: Option<String>,
    /// The id of the instance.
    pub instance_id: Option<Name>,
    /// The region.
    pub region: Option<Name>,
    /// Present if an answer is missing.
    pub failed: Option<Failed>,
}

/// Failed queries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The number of failures in a row.
    pub times: u32,
    /// The time of the last one.
    pub at: Timestamp,
    /// The reason of the last one.
    pub why: String,
}

impl CachedIdentity {
    /// The saved answers, without a query.
    pub fn saved(metadata: &Metadata, root: &Path, disk: &Disk) -> Self {
        if !is_here(metadata, root) {
            return Self::default();
        }
        Self::empty(metadata, root).load(disk).unwrap_or_default()
    }

    /// The saved answers; if they may be of another instance or are incomplete, the result of a new query.
    pub fn current(metadata: &Metadata, root: &Path, io: &Io) -> Self {
        if !is_here(metadata, root) {
            return Self::default();
        }
        let empty = Self::empty(metadata, root);
        let before = empty.load(&io.disk).unwrap_or_default();
        let now = io.clock.now();
        if before.asked == empty.asked && before.boot == empty.boot && before.is_settled(now) {
            return before;
        }
        let answers = query(metadata, &io.http);
        let failed = answers.failure.map(|why| {
            let times = before.failed.as_ref().map_or(0, |failed| failed.times).saturating_add(1);
            if times == 1 {
                log::warn(format_args!("asking the metadata service: {why}; continuing without it"));
            }
            Failed { times, at: now, why }
        });
        let identity = Self {
            instance_id: answers.instance_id.or(before.instance_id),
            region: answers.region.or(before.region),
            failed,
            ..empty
        };
        // If the answers cannot be saved, the next run queries again.
        let _ = write::replace(&io.disk.file(FILE), &json::write(&identity));
        identity
    }

    /// An identity without answers.
    fn empty(metadata: &Metadata, root: &Path) -> Self {
        let firmware: Vec<_> = OF_ONE_MACHINE.iter().filter_map(|name| host::firmware(root, name)).collect();
        Self {
            asked: hash(&json::write(metadata)),
            machine: (!firmware.is_empty()).then(|| hash(firmware.join("\n").as_bytes())),
            boot: host::boot(root),
            ..Self::default()
        }
    }

    /// Loads the answers that were saved for this machine and these settings. If the firmware does not
    /// identify the machine, only answers from this boot count.
    fn load(&self, disk: &Disk) -> Option<Self> {
        let saved: Self = json::parse(&read_capped(&disk.file(FILE)).ok()??).ok()?;
        let same_boot = self.boot.is_some() && saved.boot == self.boot;
        let fits = saved.asked == self.asked && saved.machine == self.machine;
        (fits && (self.machine.is_some() || same_boot)).then_some(saved)
    }

    /// Whether the answers are complete, or it is too early for the next query: that is a minute after the
    /// first failure, then twice as long each time, up to an hour.
    fn is_settled(&self, now: Timestamp) -> bool {
        self.failed.as_ref().is_none_or(|failed| failed.rests(now))
    }
}

impl Failed {
    /// Whether it is too early for the next query.
    pub fn rests(&self, now: Timestamp) -> bool {
        let pause = (FIRST_PAUSE << self.times.saturating_sub(1).min(6)).min(LAST_PAUSE);
        self.at <= now && now < self.at.plus(pause)
    }
}

/// Whether the firmware or the kernel's command line shows a machine of this cloud. On other machines, the
/// addresses are not tried.
pub(super) fn is_here(metadata: &Metadata, root: &Path) -> bool {
    let begins = |name: &str, text: &str| {
        let said = host::firmware(root, name).unwrap_or_default();
        said.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text))
    };
    let holds =
        |set: &std::collections::BTreeMap<String, String>| set.iter().all(|(name, text)| begins(name, text));
    let started_with = host::kernel_words(root);
    let named = |word: &String| started_with.contains(word);
    (metadata.dmi.is_empty() && metadata.kernel.is_empty())
        || metadata.dmi.iter().any(holds)
        || metadata.kernel.iter().any(named)
}

fn hash(bytes: &[u8]) -> String {
    Sha256::of(bytes).to_string()
}

/// The file's name in the state folder.
const FILE: &str = "identity";
/// The firmware's texts that identify one machine.
const OF_ONE_MACHINE: [&str; 2] = ["product_uuid", "product_serial"];
const FIRST_PAUSE: u64 = 60;
const LAST_PAUSE: u64 = 3600;
