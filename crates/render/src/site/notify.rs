//! The setting `node.notify` of the site file: who gets a notice after a run.

use serde::{Deserialize, Serialize};
use stringless_core::notify::{Event, Notify, PER_HOUR};

/// Where nodes send notices.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NotifySettings {
    /// The events that send a notice.
    pub on: Vec<Event>,
    /// A program on the node: an absolute path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// `https://…`: the notice is sent there with POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The most notices in an hour. Default: 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_hour: Option<u64>,
}

impl NotifySettings {
    /// The settings as they are in `agent.json`.
    #[must_use]
    pub fn for_node(&self) -> Notify {
        Notify {
            on: self.on.clone(),
            run: self.run.clone(),
            url: self.url.clone(),
            per_hour: self.per_hour.unwrap_or(PER_HOUR),
        }
    }

    /// Checks the values. The error is the key at fault, and the reason.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        self.for_node().check().map_err(|(key, why)| {
            let key = match key {
                "on" => "notify.on",
                "url" => "notify.url",
                "per_hour" => "notify.per_hour",
                _ => "notify.run",
            };
            (key, why)
        })
    }
}

impl std::fmt::Debug for NotifySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.for_node().fmt(f)
    }
}
