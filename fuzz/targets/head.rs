//! The head: any bytes, a damaged head, a damaged head that the site's own key signed; and any text as a selector.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Unstructured;
use fuzz::samples::{environment, head, signer, site, text, trusted};
use fuzz::signer::Signer;
use fuzz::{damage, seed, start};
use libfuzzer_sys::fuzz_target;
use stringless_core::fleet::duty::TrustedFleetKey;
use stringless_core::fleet::head::Head;
use stringless_core::fleet::place::ALL;
use stringless_core::fleet::selector::{Selector, Subject};
use stringless_core::fleet::target::{Target, place_of, target};
use stringless_core::json;
use stringless_core::manifest::Manifest;
use stringless_core::time::Timestamp;
use stringless_core::trust::TrustedKeys;
use stringless_core::verify;

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new(2, 2));
/// A trust whose fleet key signs the samples, and whose release key does not.
static TRUSTED: LazyLock<TrustedKeys> = LazyLock::new(|| {
    let fleet = vec![TrustedFleetKey { key: SIGNER.public(), may: None }];
    TrustedKeys { keys: vec![signer().public()], fleet, ..trusted() }
});

fuzz_target!(init: start(seeds), |input: &[u8]| {
    match input.split_first() {
        Some((0, payload)) => parse(payload),
        Some((1, payload)) => signed(payload),
        Some((2, words)) => selector(words),
        Some((_, rest)) => {
            let mut value = head();
            if damage::value(&mut value, &mut Unstructured::new(rest)).is_ok() {
                parse(&text(&value));
                signed(&text(&value));
            }
        }
        None => {}
    }
});

fn parse(payload: &[u8]) {
    let Ok(head) = json::parse::<Head>(payload) else { return };
    let reparsed: Head = json::parse(&json::write(&head)).unwrap();
    assert_eq!(reparsed, head);
    assert_eq!(reparsed.check(), head.check());
    if head.check().is_ok() {
        promises(&head);
    }
}

/// The fleet key signs any payload, but only a valid head is accepted.
fn signed(payload: &[u8]) {
    let comment = json::parse::<Head>(payload).map_or("x".into(), |head| head.comment());
    let document = SIGNER.document(payload, &comment);
    let Ok(verified) = verify::head(&document, &TRUSTED, &site(), &environment()) else { return };
    assert_eq!((&verified.site, &verified.environment), (&site(), &environment()));
    promises(&verified);
    // It is refused with another comment, for another site or environment, as another type, and without the key.
    let other = SIGNER.document(payload, "head example production 0");
    assert!(verify::head(&other, &TRUSTED, &site(), &environment()).is_err());
    assert!(verify::head(&document, &TRUSTED, &environment(), &environment()).is_err());
    assert!(verify::head(&document, &TRUSTED, &site(), &site()).is_err());
    assert!(verify::manifest(&document, &TRUSTED, &site(), &environment()).is_err());
    assert!(verify::head(&document, &trusted(), &site(), &environment()).is_err());
}

/// What the agent relies on without another check.
fn promises(head: &Head) {
    assert_eq!(head.check(), Ok(()));
    assert!(head.stable.serial > 0 && head.stable.serial < Manifest::LAST_SERIAL);
    assert!(head.comment().split(' ').count() == 4);
    let subject = Subject { node: "i-1", record: None };
    for seconds in [0, 1_800_000_000, 4_000_000_000] {
        let now = Timestamp::from_seconds(seconds);
        for seen in [None, Some((1, 7)), Some((1, head.stable.serial)), Some((u64::MAX, 0))] {
            assert!(place_of(head, seen, &subject) < ALL);
            match target(head, seen, &subject, now) {
                Target::Seen => assert!(seen.is_some()),
                Target::Next(release) | Target::Stable(release) => {
                    assert!(seen.is_none_or(|seen| release.freshness() >= seen));
                }
            }
        }
        assert!(head.clock_floor(now) <= now);
    }
}

fn selector(words: &[u8]) {
    let Ok(words) = str::from_utf8(words) else { return };
    let Ok(selector) = Selector::parse(words) else { return };
    assert_eq!(Selector::parse(selector.as_str()), Ok(selector.clone()));
    let selected = selector.matches(&Subject { node: "i-1", record: None });
    // Without a record, nothing but the id of the node selects it.
    assert!(
        !selected || words.split(',').all(|term| term.starts_with("node=") || term.starts_with("node!="))
    );
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![seed(3, [0; 32]), seed(3, (0..=255).collect::<Vec<u8>>())];
    for payload in [text(&head()), b"{}".to_vec()] {
        seeds.extend([seed(0, &payload), seed(1, &payload)]);
    }
    seeds.extend(["role=web|db,dc!=fra1", "node=i-1", "node!=i-2,x=y"].map(|words| seed(2, words)));
    seeds
}
