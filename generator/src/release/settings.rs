//! Compares the settings of two releases: what is not in their content. No IO.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use stringless_render::site::Span;

use crate::release::review::Side;

/// A changed setting: how a release is applied, its agent, the version of the trust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SettingChange {
    /// Its path: `apply.timeout`.
    pub key: String,
    /// Its old value; null if it is added.
    pub old: Option<Value>,
    /// Its new value; null if it is removed.
    pub new: Option<Value>,
}

impl SettingChange {
    /// The change as lines of YAML, each after `-` or `+`.
    #[must_use]
    pub fn text(&self) -> String {
        let line = |sign: char, value: &Option<Value>| {
            let value = value.as_ref().map(|value| match value {
                // What needs no quotes in YAML.
                Value::String(text)
                    if text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b)) =>
                {
                    text.clone()
                }
                other => other.to_string(),
            });
            value.map(|value| format!("{sign}{}: {value}\n", self.key)).unwrap_or_default()
        };
        line('-', &self.old) + &line('+', &self.new)
    }
}

/// The changes outside the content, one for each key.
pub(super) fn settings(old: &Side, new: &Side) -> Vec<SettingChange> {
    let (mut before, mut after) = (flat(old), flat(new));
    before.retain(|key, value| {
        after.get(key) != Some(&*value) || {
            after.remove(key);
            false
        }
    });
    let keys: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
    keys.into_iter()
        .map(|key| SettingChange { old: before.remove(&key), new: after.remove(&key), key })
        .collect()
}

/// The settings of a release by their path, as the site file writes them.
fn flat(side: &Side) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let parts = [("apply", serde_json::to_value(&side.apply)), ("agent", serde_json::to_value(&side.agent))];
    for (key, value) in parts {
        flatten(key, value.unwrap_or_default(), &mut all);
    }
    all.insert("trust.version".to_owned(), side.trust_version.into());
    all
}

fn flatten(key: &str, value: Value, all: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, value) in map {
                flatten(&format!("{key}.{name}"), value, all);
            }
        }
        value if SPANS.contains(&key) => {
            let seconds = value.as_u64();
            let span =
                seconds.map_or_else(|| "never".to_owned(), |seconds| Span::of_seconds(seconds).to_string());
            all.insert(key.to_owned(), span.into());
        }
        value => drop(all.insert(key.to_owned(), value)),
    }
}

/// Settings that are spans of time in the site file, and seconds in a manifest.
const SPANS: [&str; 3] = ["apply.timeout", "apply.reapply", "apply.failure.quarantine"];
