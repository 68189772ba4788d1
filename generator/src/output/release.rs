//! What is said of a release that was published, waits for signatures, or would be.

use serde::Serialize;
use stringless_core::manifest::{Manifest, Origin};
use stringless_core::name::Name;
use stringless_core::trust::Trust;

use super::{pending, print};
use crate::error::Result;
use crate::output::format;
use crate::release::publish::Outcome;
use crate::release::upload::Moved;
use crate::trust::quorum::Quorum;

/// For programs.
#[derive(Debug, Serialize)]
pub struct Report {
    environment: Name,
    /// The release that is published now, or would be.
    serial: u64,
    published: bool,
    reasons: Vec<&'static str>,
    expires: Option<String>,
    packs: usize,
    moved: Moved,
    /// The release whose content it has again.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<Origin>,
    /// What is to be signed elsewhere before it is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<pending::Report>,
}

/// What there is to say of a release.
#[derive(Debug)]
pub struct Released {
    manifest: Manifest,
    reasons: Vec<&'static str>,
    moved: Option<Moved>,
    waiting: Option<pending::Report>,
}

impl Released {
    /// Nothing is done: it is published as it is.
    #[must_use]
    pub fn nothing(manifest: &Manifest) -> Self {
        Self { manifest: manifest.clone(), reasons: Vec::new(), moved: None, waiting: None }
    }

    /// Only said.
    #[must_use]
    pub fn dry(manifest: Manifest, reasons: Vec<&'static str>) -> Self {
        Self { manifest, reasons, moved: None, waiting: None }
    }

    /// What became of it; signatures count by `trust`.
    #[must_use]
    pub fn done(outcome: Outcome, reasons: Vec<&'static str>, trust: &Trust) -> Self {
        match outcome {
            Outcome::Published(manifest, moved) => {
                Self { manifest: *manifest, reasons, moved: Some(moved), waiting: None }
            }
            Outcome::Waiting(manifest, waiting) => {
                let told = pending::Report::of(&waiting, &Quorum::of(trust));
                Self { manifest: *manifest, reasons, moved: None, waiting: Some(told) }
            }
        }
    }

    /// For programs.
    #[must_use]
    pub fn report(self) -> Report {
        Report {
            environment: self.manifest.environment,
            serial: self.manifest.serial,
            published: self.moved.is_some(),
            reasons: self.reasons,
            expires: self.manifest.expires.map(|time| time.to_string()),
            packs: self.manifest.packs.len(),
            moved: self.moved.unwrap_or_default(),
            release: self.manifest.source.release,
            waiting: self.waiting,
        }
    }

    /// For people; warnings go to standard error.
    #[must_use]
    pub fn told(&self) -> String {
        let manifest = &self.manifest;
        let title = format!("{} {} {}", manifest.site, manifest.environment, manifest.serial);
        let expires = manifest.expires.map_or_else(|| "never".to_owned(), |time| time.to_string());
        if let Some(waiting) = &self.waiting {
            return waiting.told();
        }
        if self.reasons.is_empty() {
            return format!("nothing to do: {title} is published, and expires {expires}\n");
        }
        let did = if self.moved.is_some() { "published" } else { "would publish" };
        let packs = match self.moved {
            Some(moved) => {
                format!("{} of {} uploaded, {}", moved.packs, manifest.packs.len(), format::size(moved.bytes))
            }
            None => manifest.packs.len().to_string(),
        };
        let source = match &manifest.source.commit {
            None => String::new(),
            Some(commit) => {
                let dirty = if manifest.source.dirty { ", with changes that are not committed" } else { "" };
                format!("  source   commit {:.12}{dirty}\n", commit)
            }
        };
        let release = match &manifest.source.release {
            None => String::new(),
            Some(of) => format!("  content  of {} {}\n", of.environment, of.serial),
        };
        let reasons = self.reasons.join(", ");
        format!("{did} {title}: {reasons}\n{release}{source}  packs    {packs}\n  expires  {expires}\n")
    }

    /// Says what is weaker than it should be.
    pub fn warn(&self) {
        if self.moved.is_some_and(|moved| moved.claimed) {
            print::note(
                "warning: the store does not heed `If-Match`; publishers took turns by a claim, which is weaker",
            );
        }
    }

    /// The end of the command: temporary where signatures are missing that nobody asked to wait for.
    ///
    /// # Errors
    /// In that case.
    pub fn end(waiting: Option<&pending::Report>, asked: bool) -> Result<u8> {
        waiting.map_or(Ok(0), |waiting| waiting.end(asked))
    }

    /// What waits for signatures.
    #[must_use]
    pub fn waiting(&self) -> Option<&pending::Report> {
        self.waiting.as_ref()
    }
}
