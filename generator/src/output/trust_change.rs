//! The report of a change of the keys.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::fleet::duty::FleetKey;
use stringless_core::name::Name;
use stringless_core::trust::{Trust, TrustKey};

use crate::clock::now;
use crate::output::{format, pending};
use crate::trust::change::{Changed, State};
use crate::trust::expiry;
use crate::trust::quorum::{Quorum, title};

/// A change of the trust, ready to be printed.
#[derive(Debug)]
pub struct TrustChange {
    trust: Trust,
    /// The keys of the version before that no longer count.
    gone: Vec<String>,
    state: State,
    waiting: Option<pending::Report>,
}

/// The report as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// The version of the new trust.
    version: u64,
    /// Whether the trust is in the store.
    written: bool,
    /// The number of keys that must sign.
    threshold: usize,
    /// The names of its keys.
    keys: Vec<String>,
    /// The names of its fleet keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fleet: Vec<String>,
    /// When it expires; null if it never does.
    expires: Option<String>,
    /// For each environment, the lowest serial that nodes accept, where one is set.
    min_serial: BTreeMap<Name, u64>,
    /// The document that must be signed elsewhere first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<pending::Report>,
}

impl TrustChange {
    /// The report of `changed`.
    #[must_use]
    pub fn new(changed: Changed) -> Self {
        let Changed { old, next, state } = changed;
        let waiting = match &state {
            State::Waiting(waiting) => Some(pending::Report::new(waiting, &Quorum::step(&old, &next))),
            _ => None,
        };
        let stays = |key: &TrustKey| next.keys.iter().any(|one| one.key.same_key(&key.key));
        let stays_fleet = |key: &FleetKey| next.fleet.iter().any(|one| one.key.same_key(&key.key));
        let gone = old.keys.iter().filter(|key| !stays(key)).map(title);
        let gone = gone.chain(old.fleet.iter().filter(|key| !stays_fleet(key)).map(fleet_title)).collect();
        Self { trust: next, gone, state, waiting }
    }

    /// The document that waits for signatures.
    #[must_use]
    pub fn waiting(&self) -> Option<&pending::Report> {
        self.waiting.as_ref()
    }

    /// The report as JSON.
    #[must_use]
    pub fn report(self) -> Report {
        Report {
            version: self.trust.version,
            written: !matches!(self.state, State::Planned | State::Waiting(_)),
            threshold: self.trust.threshold,
            keys: self.trust.keys.iter().map(title).collect(),
            fleet: self.trust.fleet.iter().map(fleet_title).collect(),
            expires: self.trust.expires.map(|time| time.to_string()),
            min_serial: self.trust.min_serial,
            waiting: self.waiting,
        }
    }

    /// The report as text.
    #[must_use]
    pub fn text(&self) -> String {
        let Trust { site, version, .. } = &self.trust;
        let file = stringless_core::layout::trust(*version);
        match &self.state {
            State::Unchanged => {
                return format!("nothing to do: trust version {version} of {site} has this change already\n");
            }
            State::Uploaded => {
                return format!("uploaded {file}, which was missing from the store\n{}", self.next());
            }
            _ => {}
        }
        let did = if matches!(self.state, State::Written) { "wrote" } else { "would write" };
        let mut rows = Vec::new();
        for key in &self.trust.keys {
            rows.push(vec!["  key".to_owned(), title(key)]);
        }
        for key in &self.trust.fleet {
            let may =
                key.may.as_ref().map_or_else(String::new, |may| format!(", may sign: {}", may.join(", ")));
            rows.push(vec!["  fleet key".to_owned(), format!("{}{may}", fleet_title(key))]);
        }
        for key in &self.gone {
            rows.push(vec!["  removed".to_owned(), key.clone()]);
        }
        let expires = self.trust.expires.map_or_else(|| "never".to_owned(), |time| time.to_string());
        rows.push(vec!["  expires".to_owned(), expires]);
        for (environment, serial) in &self.trust.min_serial {
            rows.push(vec!["  serials".to_owned(), format!("{environment} from {serial} on")]);
        }
        let (threshold, keys) = (self.trust.threshold, format::count(self.trust.keys.len(), "key"));
        let mut text = format!("{did} {file}: {threshold} of {keys} must sign\n{}", format::table(&rows));
        if let Some(waiting) = &self.waiting {
            text.push_str(&format!("\n{}", waiting.text()));
        }
        if matches!(self.state, State::Written) {
            text.push_str(&self.next());
        }
        text
    }

    fn next(&self) -> String {
        let file = stringless_core::layout::trust(self.trust.version);
        let warning = match expiry::trust_warning(&self.trust, now()) {
            Some(warning) => format!("warning: {warning}\n"),
            None => String::new(),
        };
        format!(
            "{warning}\nnext: commit `{file}`, and `stringless publish` each environment:\nnodes get the new trust with their next release\n"
        )
    }
}

/// A fleet key, as messages name it.
fn fleet_title(key: &FleetKey) -> String {
    format!("{} ({})", key.name, key.id)
}
