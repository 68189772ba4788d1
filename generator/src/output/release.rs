//! The report of a release that was published, waits for signatures, or would be published.

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::manifest::{Manifest, Origin};
use stringless_core::name::Name;
use stringless_core::trust::Trust;

use super::{json, pending, print};
use crate::error::Result;
use crate::output::format;
use crate::release::publish::{Outcome, Publication};
use crate::release::renewal::Renewal;
use crate::release::upload::Moved;
use crate::trust::quorum::Quorum;

/// The report as JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// The environment.
    environment: Name,
    /// The serial of the release that was or would be published.
    serial: u64,
    /// Whether it was published in this run.
    published: bool,
    /// Why it was published; empty if nothing was to be done.
    reasons: Vec<&'static str>,
    /// When it expires; null if it never does.
    expires: Option<String>,
    /// The number of its packs.
    packs: usize,
    /// Whether it retires the environment.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retired: bool,
    /// What was uploaded.
    moved: Moved,
    /// The earlier release with the same content, after `rollback` and `promote`.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<Origin>,
    /// The version of its head, where half of the life of that was over and it was signed again.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<u64>,
    /// The document that must be signed elsewhere first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<pending::Report>,
}

/// A release, ready to be printed.
#[derive(Debug)]
pub struct ReleaseReport {
    manifest: Manifest,
    reasons: Vec<&'static str>,
    moved: Option<Moved>,
    waiting: Option<pending::Report>,
    renewal: Option<Renewal>,
}

impl ReleaseReport {
    /// The report of `publication`; signatures count by `trust`.
    #[must_use]
    pub fn new(publication: Publication, trust: &Trust) -> Self {
        match publication {
            Publication::Unchanged(manifest) => Self::nothing(&manifest),
            Publication::Renewed(manifest, renewal) => {
                Self { renewal: Some(renewal), ..Self::nothing(&manifest) }
            }
            Publication::Planned(manifest, reasons) => Self::dry(*manifest, reasons),
            Publication::Signed(outcome, reasons) => Self::done(outcome, reasons, trust),
        }
    }

    /// Nothing was to be done: the release is published already.
    #[must_use]
    pub fn nothing(manifest: &Manifest) -> Self {
        Self { manifest: manifest.clone(), reasons: Vec::new(), moved: None, waiting: None, renewal: None }
    }

    /// A dry run: the release would be published.
    #[must_use]
    pub fn dry(manifest: Manifest, reasons: Vec<&'static str>) -> Self {
        Self { manifest, reasons, moved: None, waiting: None, renewal: None }
    }

    /// The release was signed; signatures count by `trust`.
    #[must_use]
    pub fn done(outcome: Outcome, reasons: Vec<&'static str>, trust: &Trust) -> Self {
        match outcome {
            Outcome::Published(manifest, moved) => {
                Self { manifest: *manifest, reasons, moved: Some(moved), waiting: None, renewal: None }
            }
            Outcome::Waiting(manifest, waiting) => {
                let report = pending::Report::new(&waiting, &Quorum::new(trust));
                Self { manifest: *manifest, reasons, moved: None, waiting: Some(report), renewal: None }
            }
        }
    }

    /// The report as JSON.
    #[must_use]
    pub fn report(self) -> Report {
        Report {
            environment: self.manifest.environment,
            serial: self.manifest.serial,
            published: self.moved.is_some(),
            reasons: self.reasons,
            expires: self.manifest.expires.map(|time| time.to_string()),
            packs: self.manifest.packs.len(),
            retired: self.manifest.retired,
            moved: self.moved.unwrap_or_default(),
            release: self.manifest.source.release,
            head: match self.renewal {
                Some(Renewal::Signed(version)) => Some(version),
                _ => None,
            },
            waiting: self.waiting,
        }
    }

    /// The report as text.
    #[must_use]
    pub fn text(&self) -> String {
        let manifest = &self.manifest;
        let title = format!("{} {} {}", manifest.site, manifest.environment, manifest.serial);
        let expires = manifest.expires.map_or_else(|| "never".to_owned(), |time| time.to_string());
        if let Some(waiting) = &self.waiting {
            return waiting.text();
        }
        if manifest.retired {
            return match (self.reasons.is_empty(), self.moved.is_some()) {
                (true, _) => format!("nothing to do: {title} retired it\n"),
                (false, true) => format!("retired {title}: {NODES}\n"),
                (false, false) => format!("would retire {title}: {NODES}\n"),
            };
        }
        match &self.renewal {
            Some(Renewal::Signed(head)) => {
                return format!(
                    "signed the head of {title} again: version {head}; the release expires {expires}\n"
                );
            }
            Some(Renewal::Planned) => {
                return format!("would sign the head of {title} again; the release expires {expires}\n");
            }
            Some(Renewal::NoKey(_)) | None => {}
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

    /// Warns on standard error about what is weaker than it should be.
    pub fn warn(&self) {
        if let Some(Renewal::NoKey(why)) = &self.renewal {
            print::note(&format!("warning: half of the life of the head is over: {why}"));
        }
        if self.moved.is_some_and(|moved| moved.claimed) {
            print::note(
                "warning: the store ignores `If-Match`; a claim kept other publishers away, which is weaker",
            );
        }
    }

    /// Prints the release and ends the command: as JSON with `json`. With `offline` missing signatures were asked for,
    /// and the exit code is 0.
    ///
    /// # Errors
    /// Temporary when signatures are missing.
    pub fn finish(self, site: &Name, json: bool, offline: bool) -> Result<u8> {
        self.warn();
        if !json {
            print::out(&self.text())?;
        }
        let report = self.report();
        if json {
            json::print(Some(site), &report)?;
        }
        report.waiting.map_or(Ok(0), |waiting| waiting.end(offline))
    }

    /// The document that waits for signatures.
    #[must_use]
    pub fn waiting(&self) -> Option<&pending::Report> {
        self.waiting.as_ref()
    }
}

/// What a retirement means for nodes.
const NODES: &str = "nodes that follow it keep what they run, get no more changes, and report an error";
