//! Plans a publication: from the published release, the built content and the time → what to sign, and what to upload
//! in which order. No IO.

use stringless_core::manifest::{AgentPin, Apply, FORMAT, Manifest, ManifestType, Source};
use stringless_core::name::Name;
use stringless_core::pack::Pack;
use stringless_core::time::Timestamp;
use stringless_core::trust::Trust;

use crate::error::{Error, Result};
use crate::trust::expiry::release_is_due;

/// The release to make.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The site.
    pub site: Name,
    /// The environment.
    pub environment: Name,
    /// Its content.
    pub packs: Vec<Pack>,
    /// How nodes apply it.
    pub apply: Apply,
    /// The agent that nodes run.
    pub agent: AgentPin,
    /// After how many seconds it expires; `None`: never.
    pub lifetime: Option<u64>,
    /// What it was built from.
    pub source: Source,
    /// Whether it retires the environment. Then it has no packs and does not expire.
    pub retired: bool,
}

/// What is known about earlier releases of the environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before<'a> {
    /// The release in the store, with the trust version whose keys signed it.
    pub published: Option<(&'a Manifest, u64)>,
    /// Whether nodes refuse what they read in the store: keys have signed it that no longer count.
    pub refused: bool,
    /// The serial that was last seen published under the newest trust, even if the store no longer has it; 0: none.
    pub last_seen: u64,
}

/// The decision what to publish.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Nothing: the store has this release already.
    Nothing,
    /// A manifest to sign, with the reasons.
    Sign(Box<Manifest>, Vec<&'static str>),
}

/// One step of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write the trust document of this version, unless the store has it.
    Trust(u64),
    /// Write the packs that the store lacks.
    Packs(Vec<Pack>),
    /// Write the manifest into the history, under its serial.
    History(u64),
    /// Check the packs again: a gc that had not seen the manifest may have deleted some meanwhile.
    CheckPacks(Vec<Pack>),
    /// Write the pointer, which nodes read: the manifest, or the head that names it.
    Pointer,
}

impl Wanted {
    /// The release that retires the environment of `manifest`.
    #[must_use]
    pub fn retired(manifest: &Manifest) -> Self {
        let source = Source { tool: manifest.source.tool.clone(), ..Source::default() };
        Self { packs: Vec::new(), retired: true, source, ..Self::republished(manifest, None) }
    }

    /// The content of `manifest`, to be published again.
    #[must_use]
    pub fn republished(manifest: &Manifest, lifetime: Option<u64>) -> Self {
        Self {
            site: manifest.site.clone(),
            environment: manifest.environment.clone(),
            packs: manifest.packs.clone(),
            apply: manifest.apply.clone(),
            agent: manifest.agent.clone(),
            lifetime: lifetime.filter(|_| !manifest.retired),
            source: manifest.source.clone(),
            retired: manifest.retired,
        }
    }
}

/// Decides whether there is something to publish, and what.
///
/// # Errors
/// When no serial is left, or the clock of this machine is far behind and `force` is not set.
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
    let reasons = match reasons.is_empty() && before.refused {
        true => vec!["nodes refuse what is published"],
        false => reasons,
    };
    if reasons.is_empty() {
        return Ok(Decision::Nothing);
    }
    // A date that was signed with a key that no longer counts is no reason to doubt this machine's clock.
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
        needs: Vec::new(),
        site: wanted.site,
        environment: wanted.environment,
        serial,
        trust_version: trust.version,
        created: now,
        expires: wanted.lifetime.map(|seconds| now.plus(seconds)),
        retired: wanted.retired,
        agent: wanted.agent,
        apply: wanted.apply,
        packs: wanted.packs,
        source: Source { follows: before.published.map(|(old, _)| old.serial), ..wanted.source },
    };
    Ok(Decision::Sign(Box::new(manifest), reasons))
}

/// The steps of the upload, in an order in which no reader ever sees a manifest whose packs are missing.
#[must_use]
pub fn steps(manifest: &Manifest) -> Vec<Step> {
    let mut steps: Vec<Step> = (1..=manifest.trust_version).map(Step::Trust).collect();
    steps.push(Step::Packs(manifest.packs.clone()));
    steps.push(Step::History(manifest.serial));
    steps.push(Step::CheckPacks(manifest.packs.clone()));
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
        (wanted.retired && !published.retired, "retired"),
        (published.retired && !wanted.retired, "it was retired"),
        (published.packs != wanted.packs, "content changed"),
        (published.apply != wanted.apply, "apply settings changed"),
        (published.agent != wanted.agent, "agent changed"),
        (published.trust_version != trust.version, "trust changed"),
        (near, "expiry is near, or its setting changed"),
        (force, "forced"),
    ];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why).collect()
}

/// Refuses to sign with a clock that is far behind: the release would expire too early.
fn check_clock(published: &Manifest, now: Timestamp) -> Result<()> {
    if now.plus(SKEW) >= published.created {
        return Ok(());
    }
    Err(Error::temporary(format!(
        "dating the release: the clock of this machine says {now}, but the published release was made at {}",
        published.created
    ))
    .hint("set the clock; if it is right, and the clock of the other publisher was ahead, use `--force`"))
}

/// The last serial plus one. After a rotation, a higher serial that was published under an older trust does not count:
/// a stolen key may have published it. Then the serial continues from the trust's `min_serial`.
fn serial(environment: &Name, before: Before<'_>, trust: &Trust) -> Result<u64> {
    let minimum = trust.min_serial.get(environment).copied().unwrap_or(0);
    let published = match before.published {
        None => 0,
        Some((old, by))
            if by.min(old.trust_version) < trust.version && minimum > 0 && old.serial > minimum =>
        {
            0
        }
        Some((old, _)) => old.serial,
    };
    let last = published.max(before.last_seen);
    if last.saturating_add(1) >= Manifest::LAST_SERIAL {
        return Err(Error::refused(format!(
            "choosing the serial of `{environment}`: {last} is published, and no honest publisher reaches that number"
        ))
        .hint(format!(
            "a stolen key may have published it: `stringless keys rotate NAME --public FILE --min-serial {environment}=N` replaces the key and continues from N"
        )));
    }
    Ok((last + 1).max(minimum))
}

/// By how many seconds the clocks of two publishers may differ.
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

    /// A release with one pack with this content.
    pub(crate) fn manifest(content: &str, serial: u64) -> Manifest {
        let before = Before { last_seen: serial - 1, ..Before::default() };
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
            agent: AgentPin { minimum: version, version, allow_downgrade: false, targets: BTreeMap::new() },
            lifetime: Some(3000),
            source: Source::default(),
            retired: false,
        }
    }

    fn trust(version: u64, floor: Option<u64>) -> Trust {
        let min_serial = floor.map(|floor| (name("e"), floor)).into_iter().collect();
        Trust {
            kind: TrustType::Trust,
            format: stringless_core::trust::FORMAT,
            needs: Vec::new(),
            site: name("s"),
            version,
            threshold: 1,
            keys: Vec::new(),
            fleet: Vec::new(),
            expires: None,
            min_serial,
        }
    }

    fn after(published: &Manifest, signed_by: u64) -> Before<'_> {
        Before { published: Some((published, signed_by)), ..Before::default() }
    }

    fn sign(decision: Decision) -> (Manifest, Vec<&'static str>) {
        match decision {
            Decision::Sign(manifest, reasons) => (*manifest, reasons),
            Decision::Nothing => panic!("nothing to sign"),
        }
    }

    #[test]
    fn only_a_change_is_published() {
        let trust = trust(1, None);
        let (first, why) = sign(decide(wanted("a"), Before::default(), &trust, NOW, false).unwrap());
        assert_eq!((first.serial, why), (1, vec!["first release"]));
        assert_eq!(first.source.follows, None);
        let next = |wanted, now, force| decide(wanted, after(&first, 1), &trust, now, force).unwrap();
        assert!(matches!(next(wanted("a"), NOW, false), Decision::Nothing));
        let (second, why) = sign(next(wanted("b"), NOW, false));
        assert_eq!((second.serial, why), (2, vec!["content changed"]));
        assert_eq!(second.source.follows, Some(1));
        assert_eq!(sign(next(wanted("a"), NOW, true)).1, ["forced"]);
        assert!(matches!(next(wanted("a"), NOW.plus(1999), false), Decision::Nothing));
        assert_eq!(sign(next(wanted("a"), NOW.plus(2000), false)).0.expires, Some(NOW.plus(5000)));
        let never = Wanted { lifetime: None, ..wanted("a") };
        assert_eq!(sign(next(never, NOW, false)).0.expires, None);
    }

    #[test]
    fn an_environment_is_retired_once_and_can_be_published_again() {
        let (trust, newer) = (trust(1, None), trust(2, None));
        let (first, _) = sign(decide(wanted("a"), Before::default(), &trust, NOW, false).unwrap());
        let next =
            |wanted, old: &Manifest, trust: &Trust| decide(wanted, after(old, 1), trust, NOW, false).unwrap();
        let (end, why) = sign(next(Wanted::retired(&first), &first, &trust));
        assert_eq!((end.serial, end.retired, end.expires, end.packs.len()), (2, true, None, 0));
        assert!(why.contains(&"retired"), "{why:?}");
        assert_eq!(end.check(), Ok(()));
        assert!(Manifest { packs: first.packs.clone(), ..end.clone() }.check().is_err());
        assert!(matches!(next(Wanted::retired(&end), &end, &trust), Decision::Nothing));
        // `refresh` asks for the same with a lifetime: a retirement does not expire.
        assert!(matches!(next(Wanted::republished(&end, Some(60)), &end, &trust), Decision::Nothing));
        assert_eq!(sign(next(Wanted::retired(&end), &end, &newer)).1, ["trust changed"]);
        let (again, why) = sign(next(wanted("a"), &end, &trust));
        assert_eq!((again.serial, again.retired), (3, false));
        assert!(why.contains(&"it was retired"), "{why:?}");
    }

    #[test]
    fn a_rotation_with_a_min_serial_resets_a_poisoned_serial() {
        let (mut poisoned, _) =
            sign(decide(wanted("a"), Before::default(), &trust(1, None), NOW, false).unwrap());
        poisoned.serial = u64::MAX;
        let next = |trust, signed_by| decide(wanted("b"), after(&poisoned, signed_by), &trust, NOW, false);
        assert_eq!(next(trust(1, None), 1).unwrap_err().exit_code(), 3);
        assert_eq!(next(trust(2, None), 1).unwrap_err().exit_code(), 3);
        assert_eq!(sign(next(trust(2, Some(9)), 1).unwrap()).0.serial, 9);
        // The key stays in the trust; the trust version in the manifest shows that it signed this one earlier.
        assert_eq!(sign(next(trust(2, Some(9)), 2).unwrap()).0.serial, 9);
        poisoned.trust_version = 2;
        poisoned.serial = Manifest::LAST_SERIAL;
        let again = decide(wanted("b"), after(&poisoned, 2), &trust(2, Some(9)), NOW, false);
        assert_eq!(again.unwrap_err().exit_code(), 3, "poisoned under the newest trust");
    }

    #[test]
    fn a_serial_follows_the_highest_one_that_counts() {
        let (mut last, _) =
            sign(decide(wanted("a"), Before::default(), &trust(1, None), NOW, false).unwrap());
        let mut serial = |published, known, floor| {
            last.serial = published;
            let before = Before { published: Some((&last, 1)), last_seen: known, refused: false };
            sign(decide(wanted("b"), before, &trust(2, floor), NOW, false).unwrap()).0.serial
        };
        // A rotation records the published serial, and no serial is skipped.
        assert_eq!((serial(12, 0, None), serial(12, 0, Some(12)), serial(12, 0, Some(20))), (13, 13, 20));
        // The removed key publishes again: the minimum counts, and the serial that was published since.
        assert_eq!((serial(99, 0, Some(12)), serial(99, 15, Some(12))), (12, 16));
        // The store has lost its releases.
        let lost = |known, floor| {
            let before = Before { last_seen: known, ..Before::default() };
            sign(decide(wanted("b"), before, &trust(2, floor), NOW, false).unwrap()).0.serial
        };
        assert_eq!((lost(0, None), lost(15, None), lost(0, Some(12)), lost(15, Some(12))), (1, 16, 12, 16));
    }

    #[test]
    fn the_date_of_a_removed_key_is_ignored() {
        let (mut old, _) = sign(decide(wanted("a"), Before::default(), &trust(1, None), NOW, false).unwrap());
        old.created = NOW.plus(999_999);
        assert!(decide(wanted("b"), after(&old, 2), &trust(2, None), NOW, false).is_err());
        assert!(decide(wanted("b"), after(&old, 1), &trust(2, None), NOW, false).is_ok());
    }

    #[test]
    fn a_clock_that_is_far_behind_signs_nothing() {
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
        // A release of a publisher whose clock was ahead does not block others for ever: `force` publishes.
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
            Step::CheckPacks(packs),
            Step::Pointer,
        ];
        assert_eq!(steps, expected);
    }
}
