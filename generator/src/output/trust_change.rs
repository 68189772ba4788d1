//! What is said of a change of the keys.

use std::collections::BTreeMap;

use serde::Serialize;
use stringless_core::name::Name;
use stringless_core::trust::Trust;

use crate::clock::now;
use crate::output::{format, pending};
use crate::trust::expiry;
use crate::trust::quorum::title;

/// A change of the trust, and how far it has come.
#[derive(Debug)]
pub struct TrustChange {
    trust: Trust,
    /// The keys of the version before that count no more.
    gone: Vec<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    Written,
    /// It lay here, and is in the store now, too.
    Brought,
    Same,
    Dry,
    Waiting(pending::Report),
}

/// For programs.
#[derive(Debug, Serialize)]
pub struct Report {
    version: u64,
    /// Whether it is in the store.
    written: bool,
    threshold: usize,
    keys: Vec<String>,
    expires: Option<String>,
    min_serial: BTreeMap<Name, u64>,
    /// What is to be signed elsewhere before it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<pending::Report>,
}

impl TrustChange {
    /// `next` follows `old`, here and in the store.
    #[must_use]
    pub fn written(old: &Trust, next: &Trust) -> Self {
        Self::new(old, next, State::Written)
    }

    /// It was here, and is in the store now.
    #[must_use]
    pub fn brought(trust: &Trust) -> Self {
        Self::new(trust, trust, State::Brought)
    }

    /// There is nothing to change.
    #[must_use]
    pub fn same(trust: &Trust) -> Self {
        Self::new(trust, trust, State::Same)
    }

    /// Only said.
    #[must_use]
    pub fn dry(old: &Trust, next: &Trust) -> Self {
        Self::new(old, next, State::Dry)
    }

    /// More signatures are needed.
    #[must_use]
    pub fn waits(old: &Trust, next: &Trust, waiting: pending::Report) -> Self {
        Self::new(old, next, State::Waiting(waiting))
    }

    fn new(old: &Trust, next: &Trust, state: State) -> Self {
        let stays = |key: &stringless_core::key::PublicKey| next.keys.iter().any(|one| one.key.same_key(key));
        let gone = old.keys.iter().filter(|key| !stays(&key.key)).map(title).collect();
        Self { trust: next.clone(), gone, state }
    }

    /// What is to be signed elsewhere.
    #[must_use]
    pub fn waiting(&self) -> Option<&pending::Report> {
        match &self.state {
            State::Waiting(waiting) => Some(waiting),
            _ => None,
        }
    }

    /// For programs.
    #[must_use]
    pub fn report(self) -> Report {
        Report {
            version: self.trust.version,
            written: !matches!(self.state, State::Dry | State::Waiting(_)),
            threshold: self.trust.threshold,
            keys: self.trust.keys.iter().map(title).collect(),
            expires: self.trust.expires.map(|time| time.to_string()),
            min_serial: self.trust.min_serial,
            waiting: match self.state {
                State::Waiting(waiting) => Some(waiting),
                _ => None,
            },
        }
    }

    /// For people.
    #[must_use]
    pub fn told(&self) -> String {
        let Trust { site, version, .. } = &self.trust;
        let file = stringless_core::layout::trust(*version);
        match &self.state {
            State::Same => {
                return format!("nothing to do: trust version {version} of {site} says so already\n");
            }
            State::Brought => {
                return format!("{file} lay here, and is in the store now, too\n{}", self.next());
            }
            _ => {}
        }
        let did = if matches!(self.state, State::Written) { "wrote" } else { "would write" };
        let mut rows = Vec::new();
        for key in &self.trust.keys {
            rows.push(vec!["  key".to_owned(), title(key)]);
        }
        for key in &self.gone {
            rows.push(vec!["  no more".to_owned(), key.clone()]);
        }
        let expires = self.trust.expires.map_or_else(|| "never".to_owned(), |time| time.to_string());
        rows.push(vec!["  expires".to_owned(), expires]);
        for (environment, serial) in &self.trust.min_serial {
            rows.push(vec!["  serials".to_owned(), format!("{environment} from {serial} on")]);
        }
        let (threshold, keys) = (self.trust.threshold, format::count(self.trust.keys.len(), "key"));
        let mut text = format!("{did} {file}: {threshold} of {keys} must sign\n{}", format::table(&rows));
        match &self.state {
            State::Waiting(waiting) => text.push_str(&format!("\n{}", waiting.told())),
            State::Written => text.push_str(&self.next()),
            _ => {}
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
            "{warning}\nnext: put `{file}` into version control, and `stringless publish` each environment:\nnodes learn of it with their next release\n"
        )
    }
}
