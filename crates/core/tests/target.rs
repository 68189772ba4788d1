//! Tests which release a node follows by its head: by cases, against a model, and in simulated rollouts.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod support;

use proptest::prelude::*;
use stringless_core::fleet::head::{Head, HeadType, ManifestRef, Next, RolloutState, Wave};
use stringless_core::fleet::selector::{Selector, Subject};
use stringless_core::fleet::target::{Target, place_of, target};
use stringless_core::hash::Sha256;
use stringless_core::label::Labels;
use stringless_core::time::Timestamp;
use support::*;

fn release(trust_version: u64, serial: u64) -> ManifestRef {
    ManifestRef { trust_version, serial, sha256: Sha256::of(&serial.to_le_bytes()) }
}

fn at(seconds: u64) -> Timestamp {
    now().plus(seconds)
}

/// 42 is stable, 43 goes to five in a hundred nodes now, and to all in an hour.
fn rollout() -> Head {
    let next = Next {
        trust_version: 1,
        serial: 43,
        sha256: release(1, 43).sha256,
        since: at(0),
        until: None,
        was: Vec::new(),
        salt: 43,
        state: RolloutState::Go,
        why: None,
        rush: false,
        first: None,
        waves: vec![Wave { share: 500, from: Some(at(0)) }, Wave { share: 10_000, from: Some(at(3600)) }],
        window: None,
    };
    Head {
        kind: HeadType::Head,
        format: 1,
        needs: Vec::new(),
        site: name("example"),
        environment: name("production"),
        trust_version: 1,
        version: 7,
        created: at(0),
        expires: Some(at(86_400)),
        stable: release(1, 42),
        next: Some(next),
        gathered: std::collections::BTreeMap::new(),
        marks: Vec::new(),
    }
}

fn with(change: impl FnOnce(&mut Next)) -> Head {
    let mut head = rollout();
    change(head.next.as_mut().unwrap());
    head
}

/// A node at a place below `share`, and one at or above it.
fn inside_and_outside(share: u16) -> (String, String) {
    let place = |node: &String| place_of(&rollout(), None, &Subject { node, record: None });
    let all = || (0..).map(|n| format!("i-{n}"));
    (all().find(|node| place(node) < share).unwrap(), all().find(|node| place(node) >= share).unwrap())
}

fn follows(head: &Head, seen: Option<(u64, u64)>, node: &str, seconds: u64) -> Option<u64> {
    match target(head, seen, &Subject { node, record: None }, at(seconds)) {
        Target::Next(release) | Target::Stable(release) => Some(release.serial),
        Target::Seen => None,
    }
}

#[test]
fn a_release_reaches_the_nodes_of_the_waves_that_are_open() {
    let (inside, outside) = inside_and_outside(500);
    for seen in [None, Some((1, 41)), Some((1, 42))] {
        assert_eq!(follows(&rollout(), seen, &inside, 0), Some(43));
        assert_eq!(follows(&rollout(), seen, &outside, 3599), Some(42));
        assert_eq!(follows(&rollout(), seen, &outside, 3600), Some(43));
    }
    let closed = with(|next| next.waves = vec![Wave { share: 10_000, from: None }]);
    assert_eq!(follows(&closed, None, &inside, 0), Some(42));
}

#[test]
fn a_rollout_that_is_held_has_ended_or_expired_reaches_nobody_else() {
    let (inside, _) = inside_and_outside(500);
    let held = with(|next| next.state = RolloutState::Hold);
    let ended = with(|next| next.until = Some(at(0)));
    for head in [&held, &ended] {
        assert_eq!(follows(head, Some((1, 42)), &inside, 0), Some(42));
        // Who has it keeps it.
        assert_eq!(follows(head, Some((1, 43)), &inside, 0), Some(43));
    }
    assert_eq!(follows(&rollout(), None, &inside, 86_400), Some(42));
    assert_eq!(follows(&rollout(), Some((1, 43)), &inside, 86_400), Some(43));
    // Not even in a rush.
    let rush = with(|next| (next.rush, next.state) = (true, RolloutState::Hold));
    assert_eq!(follows(&rush, None, &inside, 0), Some(42));
}

#[test]
fn a_rush_reaches_all() {
    let (_, outside) = inside_and_outside(500);
    let rush = with(|next| (next.rush, next.waves) = (true, vec![Wave { share: 0, from: None }]));
    assert_eq!(follows(&rush, None, &outside, 0), Some(43));
}

#[test]
fn there_is_no_way_back() {
    let (_, outside) = inside_and_outside(500);
    assert_eq!(follows(&rollout(), Some((1, 43)), &outside, 0), Some(43));
    assert_eq!(follows(&rollout(), Some((1, 44)), &outside, 0), None);
    let mut alone = rollout();
    alone.next = None;
    assert_eq!(follows(&alone, Some((1, 43)), &outside, 0), None);
    assert_eq!(follows(&alone, Some((1, 42)), &outside, 0), Some(42));
    // After a rotation, a serial that a stolen key has raised does not count.
    alone.trust_version = 2;
    alone.stable = release(2, 44);
    assert_eq!(follows(&alone, Some((1, u64::MAX)), &outside, 0), Some(44));
}

#[test]
fn who_has_the_same_content_under_another_serial_follows_although_it_is_held() {
    let (_, outside) = inside_and_outside(500);
    let refreshed = with(|next| {
        (next.serial, next.was, next.state) = (45, vec![43], RolloutState::Hold);
    });
    let refreshed = Head { stable: release(1, 44), ..refreshed };
    assert_eq!(follows(&refreshed, Some((1, 43)), &outside, 0), Some(45));
    assert_eq!(follows(&refreshed, Some((1, 42)), &outside, 0), Some(44));
    // After a rotation, too; but a serial of a newer trust is another release.
    let rotated = Head { trust_version: 3, ..refreshed.clone() };
    let rotated = Head { next: rotated.next.map(|next| Next { trust_version: 3, ..next }), ..rotated };
    assert_eq!(follows(&rotated, Some((1, 43)), &outside, 0), Some(45));
    assert_eq!(follows(&refreshed, Some((2, 43)), &outside, 0), None);
}

#[test]
fn the_first_nodes_go_first() {
    let (inside, outside) = inside_and_outside(500);
    let canary = with(|next| {
        next.first = Some(Selector::parse("canary=yes").unwrap());
        next.waves = vec![Wave { share: 0, from: Some(at(0)) }];
    });
    let labels = Labels::new([(name("canary"), "yes".into())].into()).unwrap();
    let chosen = Subject { node: &outside, record: Some((None, &labels)) };
    assert!(matches!(target(&canary, None, &chosen, at(0)), Target::Next(_)));
    let none = Labels::default();
    for record in [None, Some((None, &none))] {
        let other = Subject { node: &inside, record };
        assert!(matches!(target(&canary, None, &other, at(0)), Target::Stable(_)));
    }
    // Who has more than the stable release from a former rollout is among them.
    let subject = Subject { node: &outside, record: None };
    let replaced = Head { next: canary.next.map(|next| Next { serial: 44, ..next }), ..rollout() };
    assert!(matches!(target(&replaced, Some((1, 43)), &subject, at(0)), Target::Next(_)));
    assert_eq!(place_of(&replaced, Some((1, 43)), &subject), 0);
}

proptest! {
    /// The rules of the design, said otherwise: one list of conditions for each answer.
    #[test]
    fn agrees_with_the_model(
        stable in 1u64..6, more in 1u64..4, seen in proptest::option::of((1u64..3, 1u64..10)),
        was in proptest::collection::vec(1u64..10, 0..3), hold: bool, rush: bool, until in proptest::option::of(0u64..100),
        waves in proptest::collection::vec((0u16..10_001, proptest::option::of(0u64..100)), 1..4),
        expires in 1u64..200, node in 0u32..50, now in 0u64..150,
    ) {
        let mut waves = waves;
        waves.sort_by_key(|(share, _)| *share);
        waves.dedup_by_key(|(share, _)| *share);
        let mut head = with(|next| {
            next.serial = stable + more;
            next.was.clone_from(&was);
            next.state = if hold { RolloutState::Hold } else { RolloutState::Go };
            next.rush = rush;
            next.until = until.map(at);
            next.waves = waves.iter().map(|(share, from)| Wave { share: *share, from: from.map(at) }).collect();
        });
        head.stable = release(1, stable);
        head.expires = Some(at(expires));
        prop_assume!(head.check().is_ok());
        let node = format!("i-{node}");
        let subject = Subject { node: &node, record: None };
        let found = target(&head, seen, &subject, at(now));

        let key = (1, stable + more);
        let ahead = seen.is_some_and(|seen| seen > (1, stable));
        let place = if ahead { 0 } else { place_of(&head, None, &subject) };
        let open: Vec<u16> = waves.iter().filter(|(_, from)| from.is_some_and(|from| from <= now)).map(|(s, _)| *s).collect();
        let reached = open.iter().any(|share| place < *share) || ahead && !open.is_empty();
        let moves = !hold && until.is_none_or(|until| now < until) && now < expires && (rush || reached);
        let has = seen.is_some_and(|seen| seen >= key || seen.0 <= 1 && was.contains(&seen.1));
        let wanted = if has || moves { key } else { (1, stable) };
        // Never below what was seen.
        let expected = if seen.is_some_and(|seen| seen > wanted) { None } else { Some(wanted) };
        let found = match found {
            Target::Seen => None,
            Target::Next(release) | Target::Stable(release) => Some(release.freshness()),
        };
        prop_assert_eq!(found, expected);
    }

    /// Whatever heads come, a node that follows them never goes back.
    #[test]
    fn no_series_of_heads_leads_back(steps in proptest::collection::vec((1u64..8, 1u64..4, any::<bool>(), 0u16..10_001), 1..12)) {
        let node = "i-1";
        let mut seen: Option<(u64, u64)> = None;
        for (stable, more, hold, share) in steps {
            let mut head = with(|next| {
                next.serial = stable + more;
                next.state = if hold { RolloutState::Hold } else { RolloutState::Go };
                next.waves = vec![Wave { share, from: Some(at(0)) }];
            });
            head.stable = release(1, stable);
            let found = target(&head, seen, &Subject { node, record: None }, at(0));
            if let Target::Next(release) | Target::Stable(release) = found {
                prop_assert!(seen.is_none_or(|seen| release.freshness() >= seen));
                seen = Some(release.freshness());
            }
        }
    }
}
