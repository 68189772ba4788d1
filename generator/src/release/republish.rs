//! A release that is there → the same content under the next serial: rolled back, or promoted.

use stringless_core::layout;
use stringless_core::manifest::{AgentPin, Apply, Manifest, Origin, Source};
use stringless_core::name::Name;
use stringless_core::pack::{Pack, title};

use crate::error::{Error, Result};
use crate::pack::cache;
use crate::parallel;
use crate::release::plan::Wanted;
use crate::remote::history::Release;
use crate::remote::verified::VerifiedPack;
use crate::site::SiteDir;
use crate::store::Store;

/// What an earlier release of the environment of `current` is once more. Which agent there is has nothing
/// to do with the content, and stays; which one the content needs comes with it.
#[must_use]
pub fn rolled_back(release: &Manifest, current: &Manifest, lifetime: Option<u64>) -> Wanted {
    let agent = AgentPin { minimum: release.agent.minimum, ..current.agent.clone() };
    Wanted { agent, source: source(release), ..Wanted::again(release, lifetime) }
}

/// What a release is in the environment `to`, which is applied as `apply` says.
///
/// # Errors
/// Refused where another engine applies it there: what was tried was never tried so.
pub fn promoted(
    release: &Manifest,
    to: &Name,
    apply: Apply,
    agent: AgentPin,
    lifetime: Option<u64>,
) -> Result<Wanted> {
    if apply.engine != release.apply.engine {
        return Err(Error::refused(format!(
            "promoting release {} of `{}` to `{to}`: there, another engine applies it",
            release.serial, release.environment
        ))
        .hint(format!(
            "`apply` in the site file says so, for all environments or for `{to}`; `stringless publish -e {to}` builds a release for it"
        )));
    }
    let agent = AgentPin { minimum: release.agent.minimum, ..agent };
    let again = Wanted::again(release, lifetime);
    Ok(Wanted { environment: to.clone(), apply, agent, source: source(release), ..again })
}

/// Refuses what is only signed by keys that no longer count: to sign it again would be to vouch for it.
///
/// # Errors
/// In that case.
pub fn vouched(doing: &str, release: &Release, trust_version: u64) -> Result<()> {
    if release.trust_version >= trust_version {
        return Ok(());
    }
    let Manifest { serial, environment, source, .. } = &*release.manifest;
    let hint = match &source.commit {
        Some(commit) => format!(
            "if you know its content, build it anew: git checkout {commit}, then `stringless publish -e {environment}`"
        ),
        None => format!("if you know its content, build it anew: `stringless publish -e {environment}`"),
    };
    Err(Error::refused(format!(
        "{doing}: release {serial} of `{environment}` is signed by keys that no longer count"
    ))
    .hint(hint))
}

/// Sees to it that every pack of `manifest` is in the store, or in the cache, from where it gets there. What
/// is in neither is looked for in the site's other stores.
///
/// # Errors
/// Refused when a pack is nowhere.
pub fn gather(site: &SiteDir, store: &Store, others: &[Result<Store>], manifest: &Manifest) -> Result<()> {
    let folder = site.cache("packs")?;
    parallel::map(&manifest.packs, AT_ONCE, |pack| {
        if store.holds(&layout::pack(&pack.sha256), pack.size)? || cache::find(&folder, pack).is_some() {
            return Ok(());
        }
        let elsewhere = others.iter().flatten().find_map(|other| VerifiedPack::fetch(other, pack).ok());
        match elsewhere {
            Some(verified) => cache::save(&folder, &verified),
            None => Err(gone(store, manifest, pack)),
        }
    })?;
    Ok(())
}

/// Brings every pack of `manifest` into the cache: it waits for signatures, and the store may lose them
/// meanwhile.
///
/// # Errors
/// When a pack is not there, or another one is in its place.
pub fn keep(site: &SiteDir, store: &Store, manifest: &Manifest) -> Result<()> {
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

fn gone(store: &Store, manifest: &Manifest, pack: &Pack) -> Error {
    let Manifest { environment, serial, source, .. } = manifest;
    let from = match &source.commit {
        Some(commit) => format!("git checkout {commit}, then "),
        None => String::new(),
    };
    Error::refused(format!(
        "looking for the content of release {serial} of `{environment}`: {} is no longer in the store, {}",
        title(&pack.path),
        store.url(&layout::pack(&pack.sha256))
    ))
    .hint(format!("`stringless gc` removed it; build it anew: {from}`stringless publish -e {environment}`"))
}

const AT_ONCE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::plan::tests::{NOW, manifest};
    use stringless_core::manifest::{Engine, ScriptEngine};
    use stringless_core::version::Version;

    #[test]
    fn content_goes_back_and_the_agent_does_not() {
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
    fn only_what_was_tried_is_promoted() {
        let (release, to) = (manifest("a", 3), Name::new("production").unwrap());
        let promote = |apply: Apply| promoted(&release, &to, apply, release.agent.clone(), None);
        let slower = Apply { timeout: 99, ..release.apply.clone() };
        let wanted = promote(slower).unwrap();
        assert_eq!((wanted.environment.as_str(), wanted.apply.timeout), ("production", 99));
        assert_eq!(wanted.packs, release.packs);
        let script = Engine::Script(ScriptEngine { run: "apply".into(), noop: false });
        let error = promote(Apply { engine: script, ..release.apply.clone() }).unwrap_err();
        assert!(error.exit_code() == 3 && error.hint_text().is_some(), "{error}");
        assert!(NOW.seconds() > 0);
    }
}
