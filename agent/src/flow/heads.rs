//! With fleet keys: selects the head to follow from the answers of the stores, and fetches the manifest that it names.

use std::collections::BTreeMap;
use std::sync::Arc;

use stringless_core::fleet::admit::{HeadFloor, SeenHead, Standing, admit};
use stringless_core::fleet::head::{Head, ManifestRef};
use stringless_core::fleet::selector::Subject;
use stringless_core::fleet::target::{Target, target};
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::plan;
use stringless_core::refusal::Refusal;
use stringless_core::report::LayerReport;
use stringless_core::state::Seen;
use stringless_core::verify::Verified;

use crate::error::{Error, Result};
use crate::flow::run::label;
use crate::flow::selection::{
    Selection, StoreAnswer, blocked_offer, in_order, none_is_valid, offer_of, refused, warn_of_ignored,
};
use crate::log;
use crate::store::document::{DocumentAnswer, RetryPolicy, query_all};
use crate::store::{RequestError, StoreClient};
use crate::trust::TrustInUse;
use crate::upgrade::Offer;

/// A head and the number of the store that sent it.
pub(super) struct ChosenHead {
    pub(super) number: usize,
    pub(super) head: Verified<Head>,
    pub(super) document: Vec<u8>,
}

/// A manifest that a head names, its document, and the number of the store that sent it.
pub(super) struct Named {
    pub(super) number: usize,
    pub(super) manifest: Verified<Manifest>,
    pub(super) document: Vec<u8>,
}

impl Selection<'_> {
    /// The freshest head that is valid under the current trust; of several equal ones, the first store's. If the stores
    /// have older ones only, the saved one.
    pub(super) fn choose_head(
        &self,
        sources: &[Arc<StoreClient>],
        answers: &[StoreAnswer],
        trust: &TrustInUse,
        report: &mut LayerReport,
    ) -> Result<ChosenHead> {
        let key = layout::head(self.run.environment);
        let (mut valid, ignored) = self.sort(&key, sources, answers, |bytes| self.admit_head(bytes, trust));
        let Some(best) = freshest(&valid) else { return Err(none_is_valid(ignored)) };
        let (number, (head, standing)) = valid.remove(best);
        let (head, document) = match (standing, &self.saved.head) {
            (Standing::New | Standing::Same, _) => (head, answers[number].bytes().to_vec()),
            (_, Some((saved, document))) => {
                self.warn_of_older(&sources[number].name, (&head, standing), saved, report);
                (saved.clone(), document.clone())
            }
            (_, None) => {
                let name = &sources[number].name;
                let why = format!(
                    "`{key}` from `{name}` has version {}, and a newer one was seen here",
                    head.version
                );
                return Err(Error::temporary(why).hint("`stringless publish` writes a newer one"));
            }
        };
        for (other, (older, standing)) in &valid {
            if older.sha256() != head.sha256() {
                self.warn_of_older(&sources[*other].name, (older, *standing), &head, report);
            }
        }
        warn_of_ignored(ignored, report);
        Ok(ChosenHead { number, head, document })
    }

    /// Whether these bytes are a head that this node may follow, and what it is beside the one seen last.
    pub(super) fn admit_head(
        &self,
        bytes: &[u8],
        trust: &TrustInUse,
    ) -> std::result::Result<(Verified<Head>, Standing), Refusal> {
        let head = self.known.head(self.run, bytes, trust)?;
        let floor = HeadFloor {
            seen: self.saved.seen_head.as_ref(),
            trust_version: trust.keys.version,
            trust_expires: trust.expires(),
            now: self.run.io.clock.now(),
        };
        let standing = admit(&head, &floor)?;
        Ok((head, standing))
    }

    /// An older head is what a cache keeps for a while; after an hour, something is wrong. So it is with an older number on
    /// a newer head.
    fn warn_of_older(
        &self,
        name: &str,
        (older, standing): (&Verified<Head>, Standing),
        newest: &Head,
        report: &mut LayerReport,
    ) {
        let (version, newest_version) = (older.version, newest.version);
        let why = if older.freshness() == newest.freshness() {
            format!("it has other bytes for version {version} of the head")
        } else if standing == Standing::Older && older.created > newest.created {
            // Its writer had lost the newer one: nodes would wait for ever.
            format!(
                "its head {version} was made after head {newest_version}, which was seen here, and does not follow it"
            )
        } else if self.run.io.clock.now() < newest.created.plus(HOUR) {
            return;
        } else {
            format!("it has version {version} of the head, but {newest_version} is the newest")
        };
        warn_of_ignored(vec![(name, Error::temporary(why))], report);
    }

    /// The manifest that this node follows by `chosen`: the saved one, or one from the history.
    ///
    /// # Errors
    /// Refused: a store has another manifest than the head names, or one that this node may not follow. Temporary: no store
    /// has it.
    pub(super) fn named(
        &self,
        chosen: &ChosenHead,
        sources: &[Arc<StoreClient>],
        trust: &TrustInUse,
        offer: &mut Option<Offer>,
        report: &mut LayerReport,
    ) -> Result<Named> {
        let wanted = self.wanted(&chosen.head);
        let number = chosen.number;
        if let Some((manifest, document)) = &self.saved.manifest
            && manifest.sha256() == wanted.sha256
        {
            *offer = Some(offer_of(manifest, in_order(sources, number)));
            let key = layout::history(self.run.environment, wanted.serial);
            plan::admit(manifest, &self.floor(trust))
                .map_err(|refusal| Error::refused(format!("`{key}`"), &refusal))?;
            return Ok(Named { number, manifest: manifest.clone(), document: document.clone() });
        }
        self.fetch(&wanted, number, sources, trust, offer, report)
    }

    /// The release that this node follows.
    fn wanted(&self, head: &Head) -> ManifestRef {
        let (run, seen) = (self.run, self.saved.seen.as_ref());
        let subject = Subject { node: &run.node.id, record: None };
        let (release, what) =
            match (target(head, seen.map(Seen::freshness), &subject, run.io.clock.now()), seen) {
                (Target::Seen, Some(seen)) => {
                    let Seen { serial, made_under, sha256, .. } = *seen;
                    (
                        ManifestRef { trust_version: made_under, serial, sha256 },
                        "seen here, and newer than its stable one",
                    )
                }
                (Target::Next(release), _) => (release, "its next one"),
                (Target::Stable(release), _) => (release, "its stable one"),
                // `target` says this of a release that was seen.
                (Target::Seen, None) => (head.stable, "its stable one"),
            };
        log::step(format_args!("{}: head {}: release {}, {what}", label(run), head.version, release.serial));
        release
    }

    /// Asks the store that sent the head, then the others.
    fn fetch(
        &self,
        wanted: &ManifestRef,
        number: usize,
        sources: &[Arc<StoreClient>],
        trust: &TrustInUse,
        offer: &mut Option<Offer>,
        report: &mut LayerReport,
    ) -> Result<Named> {
        let key = layout::history(self.run.environment, wanted.serial);
        let ordered = in_order(sources, number);
        let (mut found, mut ignored): (_, Vec<(&str, Error)>) = (None, Vec::new());
        for asked in [&ordered[..1], &ordered[1..]] {
            if found.is_some() {
                break;
            }
            query_all(
                asked,
                &key,
                &BTreeMap::new(),
                &RetryPolicy::full().first_answer_only(),
                |n, answer| {
                    match self.read(&key, wanted, (&asked[n], answer), trust, offer) {
                        Ok((manifest, bytes)) => {
                            found = found.take().or(Some((asked[n].clone(), manifest, bytes)));
                        }
                        Err(wrong) => ignored.push((&asked[n].name, wrong)),
                    }
                    found.is_some()
                },
            )?;
        }
        let Some((source, manifest, document)) = found else {
            if ignored.is_empty() {
                return Err(Error::temporary(format!("fetching `{key}`: no store answered in time")));
            }
            return Err(none_is_valid(ignored));
        };
        warn_of_ignored(ignored, report);
        let number = sources.iter().position(|one| one.name == source.name).unwrap_or(number);
        *offer = Some(offer_of(&manifest, in_order(sources, number)));
        Ok(Named { number, manifest, document })
    }

    /// Verifies the manifest in an answer. If only a newer agent can use it, `offer` becomes what leads to that.
    fn read(
        &self,
        key: &str,
        wanted: &ManifestRef,
        (source, answer): (&Arc<StoreClient>, std::result::Result<DocumentAnswer, (RequestError, u32)>),
        trust: &TrustInUse,
        offer: &mut Option<Offer>,
    ) -> Result<(Verified<Manifest>, Vec<u8>)> {
        let bytes = match answer {
            Ok(DocumentAnswer::Document(bytes, _)) => bytes,
            Ok(DocumentAnswer::Missing | DocumentAnswer::NotModified) => {
                let message = format!("fetching `{key}` from `{}`: there is no such object", source.name);
                return Err(Error::temporary(message)
                    .hint("`stringless mirror` copies it, `stringless publish` writes a new one"));
            }
            Err((failure, tried)) => return Err(source.error(key, &failure, tried)),
        };
        let admitted = self.admit(&bytes, trust).and_then(|manifest| {
            match manifest.sha256() == wanted.sha256 && manifest.trust_version == wanted.trust_version {
                true => Ok(manifest),
                false => Err(Refusal::NotNamed { found: manifest.sha256(), expected: wanted.sha256 }),
            }
        });
        match admitted {
            Ok(manifest) => Ok((manifest, bytes)),
            Err(refusal) => {
                let blocked = self.pinned(&bytes, trust, &refusal).and_then(std::result::Result::ok);
                let blocked = blocked.filter(|pinned| pinned.sha256() == wanted.sha256);
                if let Some(pinned) = blocked {
                    *offer = Some(blocked_offer(&pinned, vec![source.clone()]));
                }
                Err(refused(key, &source.name, &refusal))
            }
        }
    }
}

impl ChosenHead {
    /// What is known of the head from now on.
    pub(super) fn seen(&self, trust: &TrustInUse, etags: BTreeMap<String, String>) -> SeenHead {
        SeenHead { etags, ..SeenHead::new(&self.head, trust.keys.version) }
    }
}

/// The first of the greatest; those that are new or the same come before others of the same version.
fn freshest(valid: &[(usize, (Verified<Head>, Standing))]) -> Option<usize> {
    let value = |(_, (head, standing)): &(usize, (Verified<Head>, Standing))| {
        (head.freshness(), matches!(standing, Standing::New | Standing::Same))
    };
    let best = valid.iter().map(value).max()?;
    valid.iter().position(|one| value(one) == best)
}

const HOUR: u64 = 3600;
