//! The role that the machine's own tag names.
//!
//! The tag is read after a boot and with `--force`, so that an idle run makes no request. A tag that cannot be read
//! never changes a role that is known.

use std::path::Path;

use serde::{Deserialize, Serialize};
use stringless_core::config::Config;
use stringless_core::hash::Sha256;
use stringless_core::json;
use stringless_core::metadata::Metadata;
use stringless_core::name::Name;
use stringless_core::tag::{NoRole, RoleTag};

use super::identity::{Failed, is_here};
use super::metadata::ask;
use crate::disk::{Disk, read_capped, write};
use crate::io::Io;
use crate::{host, log};

/// What is known about the role, as saved in the state folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaggedRole {
    /// A hash of what was asked.
    asked: String,
    /// The id of the node. Another node does not inherit the role.
    node: String,
    /// The boot during which the tag was read; none if unknown.
    boot: Option<String>,
    /// The role.
    pub role: Option<Name>,
    /// Present if the tag could not be read since.
    pub failed: Option<Failed>,
    /// Whether what the tag says is not a role, so that somebody must change it.
    pub wrong: bool,
}

impl TaggedRole {
    /// The saved role, without a query.
    pub fn saved(config: &Config, node: &str, root: &Path, disk: &Disk) -> Option<Self> {
        let (tag, metadata) = settings(config)?;
        let empty = Self::empty(tag, metadata, node, root);
        Some(empty.load(disk).unwrap_or(empty))
    }

    /// The saved role; if the tag was not read since the boot, or if `again` is set, the result of a new query.
    pub fn current(config: &Config, node: &str, root: &Path, io: &Io, again: bool) -> Option<Self> {
        let (tag, metadata) = settings(config)?;
        let empty = Self::empty(tag, metadata, node, root);
        let saved = empty.load(&io.disk);
        let is_known = saved.is_some();
        let before = saved.unwrap_or_default();
        let now = io.clock.now();
        let settled = before.boot == empty.boot && before.failed.as_ref().is_none_or(|f| f.rests(now));
        if before.role.is_some() && settled && !again {
            return Some(before);
        }
        let found = match is_here(metadata, root) {
            true => ask(metadata, &io.http, &tag.path).map_err(|why| (why, false)).and_then(|answer| {
                tag.read(&answer).map_err(|error| match error {
                    NoRole::Missing(why) => (format!("GET {}: {why}", tag.path), false),
                    NoRole::Wrong(why) => (why, true),
                })
            }),
            false => {
                Err(("this is not a machine of the cloud that the configuration is for".to_owned(), true))
            }
        };
        let after = match found {
            Ok(role) => {
                if let Some(old) = before.role.filter(|old| *old != role) {
                    let tag = &tag.tag;
                    log::info(format_args!("the tag `{tag}` changed the role from `{old}` to `{role}`"));
                }
                Self { role: Some(role), ..empty }
            }
            Err((why, wrong)) => {
                let times = before.failed.map_or(0, |failed| failed.times).saturating_add(1);
                if let Some(role) = before.role.as_ref().filter(|_| times == 1) {
                    let tag = &tag.tag;
                    log::warn(format_args!("reading the tag `{tag}`: {why}; the role stays `{role}`"));
                }
                Self { role: before.role, failed: Some(Failed { times, at: now, why }), wrong, ..empty }
            }
        };
        // A node that does not know its own id for now keeps what it saved under that id. If it cannot be saved, the
        // next run queries again.
        if is_known || after.role.is_some() || !io.disk.file(FILE).exists() {
            let _ = write::replace(&io.disk.file(FILE), &json::write(&after));
        }
        Some(after)
    }

    fn empty(tag: &RoleTag, metadata: &Metadata, node: &str, root: &Path) -> Self {
        let mut asked = json::write(tag);
        asked.extend(json::write(metadata));
        Self {
            asked: Sha256::of(&asked).to_string(),
            node: node.to_owned(),
            boot: host::boot(root),
            ..Self::default()
        }
    }

    /// Loads the role that was saved for this node and these settings.
    fn load(&self, disk: &Disk) -> Option<Self> {
        let saved: Self = json::parse(&read_capped(&disk.file(FILE)).ok()??).ok()?;
        (saved.asked == self.asked && saved.node == self.node).then_some(saved)
    }
}

fn settings(config: &Config) -> Option<(&RoleTag, &Metadata)> {
    config.role_from.as_ref().zip(config.metadata.as_ref())
}

/// The file's name in the state folder.
const FILE: &str = "role";
