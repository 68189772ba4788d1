//! What `rollback` and `promote` have in common: a release that is there is signed once more.

use agent_core::name::Name;
use agent_core::trust::Trust;
use serde::Serialize;

use super::released::{self, Released};
use super::{open_one, open_store, print};
use crate::again;
use crate::cli::SignArgs;
use crate::error::Result;
use crate::folder::{SiteFolder, TrustFile, now};
use crate::history::{Release, Shelf};
use crate::known;
use crate::progress::Progress;
use crate::publish::{self, Decision, Wanted};
use crate::published::{self, Published};
use crate::release::{Outcome, Place};
use crate::signing::Keys;
use crate::store::Store;
use crate::trusts;

/// The site with its first store, opened to be published to.
pub struct Ground {
    pub site: SiteFolder,
    pub chain: Vec<TrustFile>,
    pub store: Store,
    keys: Vec<agent_core::trust::TrustedKeys>,
}

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    site: &'a Name,
    #[serde(flatten)]
    release: released::Report,
}

impl Ground {
    /// Opens what is published to.
    pub fn open(site: SiteFolder) -> Result<Self> {
        let chain = site.trust()?;
        let store = open_store(&site)?;
        store.check_writable()?;
        trusts::refuse_newer(&store, &site, trusts::in_force(&chain)?)?;
        Ok(Self { keys: published::keys(&chain), site, chain, store })
    }

    pub fn trust(&self) -> Result<&Trust> {
        trusts::in_force(&self.chain)
    }

    pub fn shelf<'a>(&'a self, environment: &'a Name) -> Shelf<'a> {
        Shelf { store: &self.store, site: &self.site.site.site, environment, keys: &self.keys }
    }

    pub fn published(&self, environment: &Name) -> Result<Option<Published>> {
        published::read(&self.store, &self.site.site.site, environment, &self.keys)
    }

    /// Publishes the content of `release` as `wanted`, after what is `published` where it goes.
    pub fn publish(
        &self,
        release: &Release,
        wanted: Wanted,
        published: Option<&Published>,
        args: &SignArgs,
    ) -> Result<u8> {
        let (site, progress) = (&self.site, Progress::new());
        let trust = self.trust()?;
        let others: Vec<_> = site.site.stores[1..].iter().map(|settings| open_one(site, settings)).collect();
        again::gather(site, &self.store, &others, &release.manifest)?;
        let environment = wanted.environment.clone();
        let place = Place { site, store: &self.store, chain: &self.chain, published };
        let known = known::read(site, &environment, &self.chain);
        let before = place.before(trust, known.as_ref());
        let released = match (publish::decide(wanted, before, trust, now(), args.force)?, published) {
            (Decision::Sign(manifest, reasons), _) if args.dry_run => Released::dry(*manifest, reasons),
            (Decision::Sign(manifest, reasons), _) => {
                let keys = Keys { given: &args.key, offline: args.offline };
                let outcome = place.release(*manifest, keys, &progress)?;
                if let Outcome::Waiting(manifest, _) = &outcome {
                    again::keep(site, &self.store, manifest)?;
                }
                Released::done(outcome, reasons, trust)
            }
            (Decision::Nothing, Some(published)) => Released::nothing(&published.manifest),
            (Decision::Nothing, None) => return Ok(0),
        };
        released.warn();
        if !args.json {
            print::out(&released.told())?;
            return Released::end(released.waiting(), args.offline);
        }
        let report = Report { format: print::JSON_FORMAT, site: &site.site.site, release: released.report() };
        print::json(&report)?;
        Released::end(report.release.waiting.as_ref(), args.offline)
    }
}
