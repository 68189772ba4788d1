//! What `rollback` and `promote` have in common: a release that is there is signed once more.

use serde::Serialize;
use stringless_core::name::Name;
use stringless_core::trust::Trust;

use crate::cli::SignArgs;
use crate::clock::now;
use crate::error::Result;
use crate::output::print;
use crate::output::release::{self, Released};
use crate::progress::Progress;
use crate::release::plan::{self, Decision, Wanted};
use crate::release::publish::{Outcome, Place};
use crate::release::republish;
use crate::remote::history::{Release, Shelf};
use crate::remote::{self, Published, last_seen};
use crate::site::SiteFolder;
use crate::site::stores::{open_one, open_store};
use crate::site::trust_chain::{self, TrustFile};
use crate::store::Store;
use crate::trust::signer::Keys;
use crate::trust::sync;

/// The site with its first store, opened to be published to.
pub struct Ground {
    pub site: SiteFolder,
    pub chain: Vec<TrustFile>,
    pub store: Store,
    keys: Vec<stringless_core::trust::TrustedKeys>,
}

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    site: &'a Name,
    #[serde(flatten)]
    release: release::Report,
}

impl Ground {
    /// Opens what is published to.
    pub fn open(site: SiteFolder) -> Result<Self> {
        let chain = site.trust()?;
        let store = open_store(&site)?;
        store.check_writable()?;
        sync::refuse_newer(&store, &site, trust_chain::in_force(&chain)?)?;
        Ok(Self { keys: trust_chain::keys(&chain), site, chain, store })
    }

    pub fn trust(&self) -> Result<&Trust> {
        trust_chain::in_force(&self.chain)
    }

    pub fn shelf<'a>(&'a self, environment: &'a Name) -> Shelf<'a> {
        Shelf { store: &self.store, site: &self.site.site.site, environment, keys: &self.keys }
    }

    pub fn published(&self, environment: &Name) -> Result<Option<Published>> {
        remote::read(&self.store, &self.site.site.site, environment, &self.keys)
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
        republish::gather(site, &self.store, &others, &release.manifest)?;
        let environment = wanted.environment.clone();
        let place = Place { site, store: &self.store, chain: &self.chain, published };
        let known = last_seen::read(site, &environment, &self.chain);
        let before = place.before(trust, known.as_ref());
        let released = match (plan::decide(wanted, before, trust, now(), args.force)?, published) {
            (Decision::Sign(manifest, reasons), _) if args.dry_run => Released::dry(*manifest, reasons),
            (Decision::Sign(manifest, reasons), _) => {
                let keys = Keys { given: &args.key, offline: args.offline };
                let outcome = place.release(*manifest, keys, &progress)?;
                if let Outcome::Waiting(manifest, _) = &outcome {
                    republish::keep(site, &self.store, manifest)?;
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
