//! `stringless diff`.

use std::io::{IsTerminal, stdout};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_archive::writer::ItemKind;
use stringless_core::name::Name;
use stringless_core::pack::{Pack, join_path};

use crate::cli::{DiffArgs, Revision};
use crate::error::{Error, Result};
use crate::output::escape::printable;
use crate::output::failures::{Failure, Failures};
use crate::output::review_text::{self, Shown};
use crate::output::{json, pager, print, review_markdown};
use crate::pack::{self, Build, cache};
use crate::parallel;
use crate::progress::Progress;
use crate::release::diff::Items;
use crate::release::review::{self, Review, Side};
use crate::remote::site_store::SiteStore;
use crate::remote::verified::VerifiedPack;
use crate::site::SiteDir;

/// The output of `diff --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// Whether anything changes for nodes, in any of the environments.
    changed: bool,
    /// What changes, for each environment.
    environments: &'a [Review],
    /// With `--all`: why other environments were not compared.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Failure],
}

/// Shows what publishing would change, or what changed between two releases. With `--exit-code`: 2 when there are changes.
///
/// # Errors
/// When the build fails, the store refuses, or there is no such release. With `--all` such an environment is reported,
/// and the others are compared.
pub fn run(site: Option<&Path>, args: &DiffArgs) -> Result<u8> {
    let (site, _) = SiteDir::open_to_build(site, args.environment.as_ref(), args.offline)?;
    let names: Vec<Name> =
        if args.all { site.environments() } else { vec![site.environment(args.environment.as_ref())?] };
    let releases = Releases { remote: SiteStore::open(&site)?, site: &site };
    let (mut reviews, mut failures) = (Vec::new(), Failures::default());
    if args.all {
        failures.add_all(site.conflicts());
    }
    for name in &names {
        match releases.review(name, args) {
            Ok(review) => reviews.push(review),
            Err(error) if args.all => failures.add(Some(name), error),
            Err(error) => return Err(error),
        }
    }
    let changed = reviews.iter().any(|review| review.changed);
    let shown = Shown { own: !args.stat, third_party: !args.stat && !args.own };
    if args.json {
        let report = Report { changed, environments: &reviews, errors: failures.list() };
        json::print(Some(&site.site.site), &report)?;
    } else if args.markdown {
        // All environments share one comment.
        let most = review_markdown::MAX_BYTES / reviews.len().max(1);
        let pages: Vec<String> =
            reviews.iter().map(|one| review_markdown::markdown(one, shown, most)).collect();
        print::out(&pages.join("\n"))?;
    } else {
        let text: String = reviews.iter().map(|one| review_text::text(one, shown)).collect();
        pager::show(&if stdout().is_terminal() { painted(&text) } else { text }, args.no_pager)?;
    }
    failures.finish(Ok(if changed && args.exit_code { CHANGES } else { 0 }))
}

/// The releases to compare: published ones, and what is built here.
struct Releases<'a> {
    site: &'a SiteDir,
    remote: SiteStore<'a>,
}

impl Releases<'_> {
    fn review(&self, environment: &Name, args: &DiffArgs) -> Result<Review> {
        let old = match (&args.old, &args.from) {
            (Some(revision), _) => Some(self.release(environment, revision)?),
            (None, Some(from)) => {
                Some(self.release(environment, &Revision { environment: Some(from.clone()), serial: None })?)
            }
            (None, None) => self.newest(environment)?,
        };
        let new = match &args.new {
            Some(revision) => self.release(environment, revision)?,
            None => self.built(environment)?,
        };
        let changes = review::pack_changes(old.as_ref(), &new);
        let changed = |side: &Side| -> Vec<Pack> {
            let packs = side.packs.iter();
            packs.filter(|pack| changes.iter().any(|change| change.path == pack.path)).cloned().collect()
        };
        let before = self.items(&old.as_ref().map(changed).unwrap_or_default())?;
        let after = self.items(&changed(&new))?;
        Ok(Review::new(environment, old.as_ref(), &new, (&before, &after)))
    }

    fn release(&self, environment: &Name, revision: &Revision) -> Result<Side> {
        let environment = revision.environment.as_ref().unwrap_or(environment);
        let Some(serial) = revision.serial else {
            return self.newest(environment)?.ok_or_else(|| {
                Error::refused(format!("comparing with `{environment}`: nothing of it is published"))
                    .hint(format!("`stringless publish -e {environment}` publishes it"))
            });
        };
        Ok(Side::published(&self.remote.release(environment, serial)?.manifest))
    }

    fn newest(&self, environment: &Name) -> Result<Option<Side>> {
        let found = self.remote.published(environment)?;
        Ok(found.map(|published| Side::published(&published.manifest)))
    }

    /// What publishing now would publish.
    fn built(&self, environment: &Name) -> Result<Side> {
        let progress = Progress::new();
        let build = pack::build(self.site, environment, &progress)?;
        // If it cannot be read, every pack is compared.
        let published = self.remote.published(environment).ok().flatten();
        build.prove(self.site, environment, published.as_ref(), self.remote.newest_trust()?, &progress)?;
        let Build { packs, source, .. } = build;
        Ok(Side {
            environment: environment.clone(),
            serial: None,
            packs,
            source,
            apply: self.site.site.apply(environment)?,
            agent: self.site.pin()?,
            trust_version: self.remote.newest_trust()?.version,
        })
    }

    fn items(&self, packs: &[Pack]) -> Result<Items> {
        let items = parallel::map(packs, DOWNLOADS, |pack| self.items_of(pack))?;
        Ok(items.into_iter().flatten().collect())
    }

    fn items_of(&self, pack: &Pack) -> Result<Vec<(String, ItemKind)>> {
        let mut items = Vec::new();
        self.verified(pack)?
            .each(|item| items.push((join_path(&pack.path, &item.path), item.kind)))
            .map_err(|refusal| Error::refusal("reading", "what is published", &refusal))?;
        Ok(items)
    }

    /// A pack: from the cache, which also holds what was just built, else from the store.
    fn verified<'p>(&self, pack: &'p Pack) -> Result<VerifiedPack<'p>> {
        let folder = self.site.cache("packs")?;
        if let Some(verified) = cache::find(&folder, pack) {
            return Ok(verified);
        }
        let verified = VerifiedPack::fetch(&self.remote.store, pack)?;
        cache::save(&folder, &verified)?;
        Ok(verified)
    }
}

/// `text` for a terminal: in colour, and without control characters from the compared files.
fn painted(text: &str) -> String {
    let (text, coloured) = (printable(text), print::coloured());
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let code = match line.as_bytes().first() {
            Some(b'+') => "\x1b[32m",
            Some(b'-') => "\x1b[31m",
            Some(b'@') => "\x1b[36m",
            _ if line.starts_with("diff ") => "\x1b[1m",
            _ => "",
        };
        if coloured && !code.is_empty() {
            out.push_str(&format!("{code}{line}\x1b[0m\n"));
        } else {
            out.push_str(&format!("{line}\n"));
        }
    }
    out
}

/// The exit code of `--exit-code` when there are changes; 1 is a temporary error.
const CHANGES: u8 = 2;
/// Downloads at a time.
const DOWNLOADS: usize = 4;
