//! (What is published, what was built, now) → what to sign, and what to upload in which order. No IO.

use stringless_core::manifest::{AgentPin, Apply, FORMAT, Manifest, ManifestType, Source};
use stringless_core::name::Name;
use stringless_core::pack::Pack;
use stringless_core::time::Timestamp;
use stringless_core::trust::Trust;

use crate::error::{Error, Result};
use crate::trust::expiry::release_is_due;

/// What a release is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The site.
    pub site: Name,
    /// The environment.
    pub environment: Name,
    /// Its content.
    pub packs: Vec<Pack>,
    /// How it is applied.
    pub apply: Apply,
    /// The published agent.
    pub agent: AgentPin,
    /// Seconds that it counts as new; `None`: for ever.
    pub lifetime: Option<u64>,
    /// What it was built from.
    pub source: Source,
}

/// What is known to be published before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before<'a> {
    /// The release in the store, with the trust version whose keys signed it.
    pub published: Option<(&'a Manifest, u64)>,
    /// A serial that was published under the newest trust, whatever the store says now; 0: none is known.
    pub known: u64,
}

/// What there is to publish.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The store has it.
    Nothing,
    /// A manifest to sign, and why.
    Sign(Box<Manifest>, Vec<&'static str>),
}

/// An object to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The trust document of a version, which may be there already.
    Trust(u64),
    /// Packs, each of which may be there already.
    Packs(Vec<Pack>),
    /// The manifest under its serial.
    History(u64),
    /// The same packs once more: some may be removed meanwhile by somebody who did not see the manifest.
    Still(Vec<Pack>),
    /// The manifest under the name that nodes ask for.
    Pointer,
}

impl Wanted {
    /// The same release once more.
    #[must_use]
    pub fn again(manifest: &Manifest, lifetime: Option<u64>) -> Self {
        Self {
            site: manifest.site.clone(),
            environment: manifest.environment.clone(),
            packs: manifest.packs.clone(),
            apply: manifest.apply.clone(),
            agent: manifest.agent.clone(),
            lifetime,
            source: manifest.source.clone(),
        }
    }
}

/// Decides whether there is something to publish, and what.
///
/// # Errors
/// When no serial is left, or this machine's clock is far behind and `force` is not given.
pub fn decide(
    wanted: Wanted,
    before: Before<'_>,
    trust: &Trust,
    now: Timestamp,
    force: bool,
) -> Result<Decision> {
    let reasons = match before.published {
        None => vec!["first release"],
        Some((manifest, _)) => reasons(&wanted, manifest, trust, now, force),
    };
    if reasons.is_empty() {
        return Ok(Decision::Nothing);
    }
    // What a key that no longer counts has dated says nothing of this machine's clock.
    if let Some((old, by)) = before.published
        && by == trust.version
        && !force
    {
        check_clock(old, now)?;
    }
    let serial = serial(&wanted.environment, before, trust)?;
    let manifest = Manifest {
        kind: ManifestType::Manifest,
        format: FORMAT,
        site: wanted.site,
        environment: wanted.environment,
        serial,
        trust_version: trust.version,
        created: now,
        expires: wanted.lifetime.map(|seconds| now.plus(seconds)),
        agent: wanted.agent,
        apply: wanted.apply,
        packs: wanted.packs,
        source: Source { follows: before.published.map(|(old, _)| old.serial), ..wanted.source },
    };
    Ok(Decision::Sign(Box::new(manifest), reasons))
}

/// What to write, in the order that keeps a reader from ever seeing a manifest whose packs are missing.
#[must_use]
pub fn steps(manifest: &Manifest) -> Vec<Step> {
    let mut steps: Vec<Step> = (1..=manifest.trust_version).map(Step::Trust).collect();
    steps.push(Step::Packs(manifest.packs.clone()));
    steps.push(Step::History(manifest.serial));
    steps.push(Step::Still(manifest.packs.clone()));
    steps.push(Step::Pointer);
    steps
}

fn reasons(
    wanted: &Wanted,
    published: &Manifest,
    trust: &Trust,
    now: Timestamp,
    force: bool,
) -> Vec<&'static str> {
    let near = release_is_due(published.expires, wanted.lifetime, now);
    let all = [
        (published.packs != wanted.packs, "content changed"),
        (published.apply != wanted.apply, "apply settings changed"),
        (published.agent != wanted.agent, "agent changed"),
        (published.trust_version != trust.version, "trust changed"),
        (near, "expiry is near, or its setting changed"),
        (force, "forced"),
    ];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why).collect()
}

/// What is signed with a clock far behind would be over before its time.
fn check_clock(published: &Manifest, now: Timestamp) -> Result<()> {
    if now.plus(SKEW) >= published.created {
        return Ok(());
    }
    Err(Error::temporary(format!(
        "dating the release: the clock here says {now}, and the published release is of {}",
        published.created
    ))
    .hint("set the clock; if it is right, and that release was dated by one that was ahead, `--force` publishes"))
}

/// One more than the last serial. After a rotation the trust says what the last one was, where the store
/// has a higher one that was made before: what a stolen key published must not be the last word.
fn serial(environment: &Name, before: Before<'_>, trust: &Trust) -> Result<u64> {
    let floor = trust.min_serial.get(environment).copied().unwrap_or(0);
    let published = match before.published {
        None => 0,
        Some((old, by)) if by.min(old.trust_version) < trust.version && floor > 0 && old.serial > floor => 0,
        Some((old, _)) => old.serial,
    };
    let last = published.max(before.known);
    if last >= LAST_SERIAL {
        return Err(Error::refused(format!(
            "choosing the serial of `{environment}`: {last} is published, which no honest publisher reaches"
        ))
        .hint(format!(
            "a stolen key? `stringless keys rotate NAME --public FILE --min-serial {environment}=N` replaces it, and goes on from N"
        )));
    }
    Ok((last + 1).max(floor))
}

/// Serials from here on are poison: with one release a second they are reached after 285 million years.
pub const LAST_SERIAL: u64 = 1 << 53;
/// Seconds that two publishers' clocks may differ.
const SKEW: u64 = 300;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use stringless_core::hash::Sha256;
    use stringless_core::manifest::{Engine, Failure, PuppetEngine};
    use stringless_core::trust::TrustType;
    use stringless_core::version::Version;

    pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    /// A release with one pack of that content.
    pub(crate) fn manifest(content: &str, serial: u64) -> Manifest {
        let before = Before { published: None, known: serial - 1 };
        sign(decide(wanted(content), before, &trust(1, None), NOW, false).unwrap()).0
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn pack(content: &str) -> Pack {
        Pack { path: "p".into(), sha256: Sha256::of(content.as_bytes()), size: 1, unpacked: 1, files: 1 }
    }

    fn wanted(content: &str) -> Wanted {
        let version = Version::parse("0.1.0").unwrap();
        Wanted {
            site: name("s"),
            environment: name("e"),
            packs: vec![pack(content)],
            apply: Apply {
                engine: Engine::Puppet(PuppetEngine {}),
                timeout: 60,
                reapply: None,
                failure: Failure::default(),
            },
            agent: AgentPin { minimum: version, version, targets: BTreeMap::new() },
            lifetime: Some(3000),
            source: Source::default(),
        }
    }

    fn trust(version: u64, floor: Option<u64>) -> Trust {
        let min_serial = floor.map(|floor| (name("e"), floor)).into_iter().collect();
        Trust {
            kind: TrustType::Trust,
            site: name("s"),
            version,
            threshold: 1,
            keys: Vec::new(),
            expires: None,
            min_serial,
        }
    }

    fn after(published: &Manifest, signed_by: u64) -> Before<'_> {
        Before { published: Some((published, signed_by)), known: 0 }
    }

    fn sign(decision: Decision) -> (Manifest, Vec<&'static str>) {
        match decision {
            Decision::Sign(manifest, reasons) => (*manifest, reasons),
            Decision::Nothing => panic!("nothing to sign"),
        }
    }

    #[test]
    fn publishes_what_changed_and_nothing_else() {
        let trust = trust(1, None);
        let (first, why) = sign(decide(wanted("a"), Before::default(), &trust, NOW, false).unwrap());
        assert_eq!((first.serial, why), (1, vec!["first release"]));
        assert_eq!(first.source.follows, None);
        let again = |wanted, now, force| decide(wanted, after(&first, 1), &trust, now, force).unwrap();
        assert!(matches!(again(wanted("a"), NOW, false), Decision::Nothing));
        let (second, why) = sign(again(wanted("b"), NOW, false));
        assert_eq!((second.serial, why), (2, vec!["content changed"]));
        assert_eq!(second.source.follows, Some(1));
        assert_eq!(sign(again(wanted("a"), NOW, true)).1, ["forced"]);
        assert!(matches!(again(wanted("a"), NOW.plus(1999), false), Decision::Nothing));
        assert_eq!(sign(again(wanted("a"), NOW.plus(2000), false)).0.expires, Some(NOW.plus(5000)));
        let never = Wanted { lifetime: None, ..wanted("a") };
        assert_eq!(sign(again(never, NOW, false)).0.expires, None);
    }

    #[test]
    fn a_rotation_with_a_floor_resets_a_poisoned_serial() {
        let (mut poisoned, _) =
            sign(decide(wanted("a"), Before::default(), &trust(1, None), NOW, false).unwrap());
        poisoned.serial = u64::MAX;
        let next = |trust, signed_by| decide(wanted("b"), after(&poisoned, signed_by), &trust, NOW, false);
        assert_eq!(next(trust(1, None), 1).unwrap_err().exit_code(), 3);
        assert_eq!(next(trust(2, None), 1).unwrap_err().exit_code(), 3);
        assert_eq!(sign(next(trust(2, Some(9)), 1).unwrap()).0.serial, 9);
        // The key stays, and what it signed before is told by the version that it names.
        assert_eq!(sign(next(trust(2, Some(9)), 2).unwrap()).0.serial, 9);
        poisoned.trust_version = 2;
        poisoned.serial = LAST_SERIAL;
        let again = decide(wanted("b"), after(&poisoned, 2), &trust(2, Some(9)), NOW, false);
        assert_eq!(again.unwrap_err().exit_code(), 3, "poisoned under the newest trust");
    }

    #[test]
    fn serials_go_on_after_whatever_is_known() {
        let (mut last, _) =
            sign(decide(wanted("a"), Before::default(), &trust(1, None), NOW, false).unwrap());
        let mut serial = |published, known, floor| {
            last.serial = published;
            let before = Before { published: Some((&last, 1)), known };
            sign(decide(wanted("b"), before, &trust(2, floor), NOW, false).unwrap()).0.serial
        };
        // A rotation that states the published serial, as it does by itself, skips nothing.
        assert_eq!((serial(12, 0, None), serial(12, 0, Some(12)), serial(12, 0, Some(20))), (13, 13, 20));
        // The removed key publishes again: the floor counts, and what was published since.
        assert_eq!((serial(99, 0, Some(12)), serial(99, 15, Some(12))), (12, 16));
        // A store that lost its releases.
        let lost = |known, floor| {
            let before = Before { published: None, known };
            sign(decide(wanted("b"), before, &trust(2, floor), NOW, false).unwrap()).0.serial
        };
        assert_eq!((lost(0, None), lost(15, None), lost(0, Some(12)), lost(15, Some(12))), (1, 16, 12, 16));
    }

    #[test]
    fn the_clock_of_a_removed_key_is_not_believed() {
        let (mut old, _) = sign(decide(wanted("a"), Before::default(), &trust(1, None), NOW, false).unwrap());
        old.created = NOW.plus(999_999);
        assert!(decide(wanted("b"), after(&old, 2), &trust(2, None), NOW, false).is_err());
        assert!(decide(wanted("b"), after(&old, 1), &trust(2, None), NOW, false).is_ok());
    }

    #[test]
    fn a_clock_far_behind_signs_nothing() {
        let trust = trust(1, None);
        let (first, _) = sign(decide(wanted("a"), Before::default(), &trust, NOW, false).unwrap());
        let at = |seconds| {
            let now = Timestamp::from_seconds(NOW.seconds() - seconds);
            decide(wanted("b"), after(&first, 1), &trust, now, false)
        };
        assert!(at(300).is_ok());
        let error = at(301).unwrap_err();
        assert_eq!(error.exit_code(), 1);
        assert!(error.hint_text().unwrap().contains("`--force`"), "{error}");
        // The release of a publisher whose clock was ahead is not the last one.
        let now = Timestamp::from_seconds(NOW.seconds() - 301);
        assert_eq!(sign(decide(wanted("b"), after(&first, 1), &trust, now, true).unwrap()).0.created, now);
    }

    #[test]
    fn the_pointer_comes_last() {
        let (first, _) = sign(decide(wanted("a"), Before::default(), &trust(2, None), NOW, false).unwrap());
        let steps = steps(&first);
        let packs = vec![pack("a")];
        let expected = [
            Step::Trust(1),
            Step::Trust(2),
            Step::Packs(packs.clone()),
            Step::History(1),
            Step::Still(packs),
            Step::Pointer,
        ];
        assert_eq!(steps, expected);
    }
}
