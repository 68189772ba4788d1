//! Publishes the content of an existing release again, under the next serial: a rollback or a promotion.

use stringless_core::layout;
use stringless_core::manifest::{AgentPin, Apply, Manifest, Origin, Source};
use stringless_core::name::Name;
use stringless_core::pack::{Pack, title};

use crate::error::{Error, Result};
use crate::pack::cache;
use crate::parallel;
use crate::progress::Progress;
use crate::release::plan::Wanted;
use crate::release::publish::{Options, Outcome, Publication, Publisher};
use crate::remote::Published;
use crate::remote::history::Release;
use crate::remote::site_store::SiteStore;
use crate::remote::verified::VerifiedPack;
use crate::site::SiteDir;
use crate::site::stores::open_one;
use crate::store::Store;
use crate::trust::sync;

/// A release with the content of an earlier one. The agent version stays that of `current`; the minimum version comes
/// from the earlier release.
#[must_use]
pub fn rolled_back(release: &Manifest, current: &Manifest, lifetime: Option<u64>) -> Wanted {
    let agent = AgentPin { minimum: release.agent.minimum, ..current.agent.clone() };
    Wanted { agent, source: source(release), ..Wanted::republished(release, lifetime) }
}

/// A release with the content of `release` in the environment `to`, which nodes apply as `apply` says.
///
/// # Errors
/// Refused when `to` uses another engine: nobody has tried the content with that one.
pub fn promoted(
    release: &Manifest,
    to: &Name,
    apply: Apply,
    agent: AgentPin,
    lifetime: Option<u64>,
) -> Result<Wanted> {
    if apply.engine != release.apply.engine {
        return Err(Error::refused(format!(
            "promoting release {} of `{}` to `{to}`: `{to}` uses another engine",
            release.serial, release.environment
        ))
        .hint(format!(
            "`apply` in the site file sets the engine, for all environments or for `{to}`; `stringless publish -e {to}` builds a release for it"
        )));
    }
    let agent = AgentPin { minimum: release.agent.minimum, ..agent };
    let wanted = Wanted::republished(release, lifetime);
    Ok(Wanted { environment: to.clone(), apply, agent, source: source(release), ..wanted })
}

/// Refuses a release that only keys signed which no longer count: signing it again would vouch for its content.
///
/// # Errors
/// Refused when its trust version is lower than `trust_version`.
pub fn check_signed_by_newest(doing: &str, release: &Release, trust_version: u64) -> Result<()> {
    if release.trust_version >= trust_version {
        return Ok(());
    }
    let Manifest { serial, environment, source, .. } = &*release.manifest;
    let hint = match &source.commit {
        Some(commit) => format!(
            "if you know its content, build it again: git checkout {commit}, then `stringless publish -e {environment}`"
        ),
        None => format!("if you know its content, build it again: `stringless publish -e {environment}`"),
    };
    Err(Error::refused(format!(
        "{doing}: release {serial} of `{environment}` is signed by keys that no longer count"
    ))
    .hint(hint))
}

/// Makes sure that every pack of `manifest` is in the store, or in the cache, from which it is uploaded. A pack that is
/// in neither is fetched from the site's other stores.
///
/// # Errors
/// Refused when no store has a pack.
pub fn gather(site: &SiteDir, store: &Store, others: &[Result<Store>], manifest: &Manifest) -> Result<()> {
    let folder = site.cache("packs")?;
    parallel::map(&manifest.packs, AT_ONCE, |pack| {
        if store.holds(&layout::pack(&pack.sha256), pack.size)? || cache::find(&folder, pack).is_some() {
            return Ok(());
        }
        let elsewhere = others.iter().flatten().find_map(|other| VerifiedPack::fetch(other, pack).ok());
        match elsewhere {
            Some(verified) => cache::save(&folder, &verified),
            None => Err(missing_pack(store, manifest, pack)),
        }
    })?;
    Ok(())
}

/// Opens the store that the site publishes to, under a trust that may sign.
///
/// # Errors
/// Refused when the trust has expired, or the store has a newer one.
pub fn open(site: &SiteDir) -> Result<SiteStore<'_>> {
    let remote = SiteStore::open_to_write(site)?;
    remote.trust_in_force()?;
    sync::refuse_newer(&remote)?;
    Ok(remote)
}

/// Publishes the content of `release` as `wanted`, after the release that is `published` in its environment.
///
/// # Errors
/// When a pack is missing, or keys, store or another publisher prevent it.
pub fn publish(
    remote: &SiteStore<'_>,
    release: &Release,
    wanted: Wanted,
    published: Option<&Published>,
    options: &Options<'_>,
) -> Result<Option<Publication>> {
    let (site, trust) = (remote.site, remote.trust_in_force()?);
    let others: Vec<_> = site.site.stores[1..].iter().map(|settings| open_one(site, settings)).collect();
    gather(site, &remote.store, &others, &release.manifest)?;
    let publisher = Publisher { remote, published };
    let publication = publisher.publish_content(wanted, trust, options, &Progress::new())?;
    if let Some(Publication::Signed(Outcome::Waiting(manifest, _), _)) = &publication {
        save_packs(site, &remote.store, manifest)?;
    }
    Ok(publication)
}

/// Saves every pack of `manifest` in the cache: while the release waits for signatures, the store may lose them.
///
/// # Errors
/// When the store does not have a pack, or has a different one.
pub fn save_packs(site: &SiteDir, store: &Store, manifest: &Manifest) -> Result<()> {
    let folder = site.cache("packs")?;
    parallel::map(&manifest.packs, AT_ONCE, |pack| match cache::find(&folder, pack) {
        Some(_) => Ok(()),
        None => cache::save(&folder, &VerifiedPack::fetch(store, pack)?),
    })?;
    Ok(())
}

fn source(release: &Manifest) -> Source {
    let origin = Origin { environment: release.environment.clone(), serial: release.serial };
    Source { release: Some(origin), ..release.source.clone() }
}

fn missing_pack(store: &Store, manifest: &Manifest, pack: &Pack) -> Error {
    let Manifest { environment, serial, source, .. } = manifest;
    let from = match &source.commit {
        Some(commit) => format!("git checkout {commit}, then "),
        None => String::new(),
    };
    Error::refused(format!(
        "looking for the packs of release {serial} of `{environment}`: {} is no longer in the store, {}",
        title(&pack.path),
        store.url(&layout::pack(&pack.sha256))
    ))
    .hint(format!("`stringless gc` removed it; build it again: {from}`stringless publish -e {environment}`"))
}

const AT_ONCE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::plan::tests::{NOW, manifest};
    use stringless_core::manifest::{Engine, ScriptEngine};
    use stringless_core::version::Version;

    #[test]
    fn a_rollback_keeps_the_current_agent() {
        let (old, mut current) = (manifest("a", 3), manifest("b", 7));
        current.agent.version = Version::parse("0.2.0").unwrap();
        current.agent.minimum = current.agent.version;
        let wanted = rolled_back(&old, &current, Some(60));
        assert_eq!((wanted.packs, wanted.apply), (old.packs.clone(), old.apply.clone()));
        assert_eq!(wanted.agent.version, current.agent.version);
        assert_eq!(wanted.agent.minimum, old.agent.minimum);
        let origin = wanted.source.release.unwrap();
        assert_eq!((origin.environment, origin.serial), (old.environment.clone(), 3));
    }

    #[test]
    fn a_release_is_promoted_only_to_the_same_engine() {
        let (release, to) = (manifest("a", 3), Name::new("production").unwrap());
        let promote = |apply: Apply| promoted(&release, &to, apply, release.agent.clone(), None);
        let slower = Apply { timeout: 99, ..release.apply.clone() };
        let wanted = promote(slower).unwrap();
        assert_eq!((wanted.environment.as_str(), wanted.apply.timeout), ("production", 99));
        assert_eq!(wanted.packs, release.packs);
        let script = Engine::Script(ScriptEngine { run: "apply".into(), noop: false, root: false });
        let error = promote(Apply { engine: script, ..release.apply.clone() }).unwrap_err();
        assert!(error.exit_code() == 3 && error.hint_text().is_some(), "{error}");
        assert!(NOW.seconds() > 0);
    }
}
