//! Trust: any bytes, damaged documents, and rotations by any mix of keys, compared with a model of the rule.
#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use arbitrary::Unstructured;
use fuzz::samples::{self, signer, site, text, trusted};
use fuzz::signer::Signer;
use fuzz::{damage, seed, start};
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use stringless_core::document::Document;
use stringless_core::json;
use stringless_core::key::PublicKey;
use stringless_core::trust::{MAX_KEYS, Trust, TrustedKeys};
use stringless_core::verify;

static SIGNER: LazyLock<Signer> = LazyLock::new(signer);
static TRUSTED: LazyLock<TrustedKeys> = LazyLock::new(trusted);

fuzz_target!(init: start(seeds), |input: &[u8]| {
    match input.split_first() {
        Some((0, payload)) => parse(payload),
        Some((1, rest)) => {
            let mut value = samples::trust(2, 1, &[&SIGNER]);
            if damage::value(&mut value, &mut Unstructured::new(rest)).is_ok() {
                parse(&text(&value));
            }
        }
        Some((_, rest)) => {
            if let Some(rotation) = Rotation::new(rest) {
                rotation.check();
            }
        }
        None => {}
    }
});

/// Signs a payload that may be a trust document, and checks the result.
fn parse(payload: &[u8]) {
    if let Ok(keys) = json::parse::<TrustedKeys>(payload) {
        promises(&keys);
    }
    let trust: Option<Trust> = json::parse(payload).ok();
    let comment = trust.as_ref().map_or("x".into(), Trust::comment);
    let document = SIGNER.document(payload, &comment);
    for verified in
        [verify::own_trust_document(&document, &site()), verify::next_trust(&document, &TRUSTED, &site())]
    {
        let Ok(verified) = verified else { continue };
        assert_eq!(trust.as_ref(), Some(&*verified));
        assert_eq!(verified.check(), Ok(()));
        assert_eq!(verified.site, site());
        assert!(verified.keys.iter().any(|entry| entry.key.same_key(&SIGNER.public())));
        assert_eq!(json::parse::<Trust>(&json::write(&*verified)).as_ref(), Ok(&*verified));
        promises(&verified.trusted_keys());
    }
    assert!(verify::manifest(&document, &TRUSTED, &site(), &samples::environment()).is_err());
}

fn promises(keys: &TrustedKeys) {
    if keys.check().is_ok() {
        assert!(keys.version > 0 && (1..=keys.keys.len()).contains(&keys.threshold));
        assert!(keys.keys.len() <= MAX_KEYS);
    }
}

/// A step from one set of keys to the next. Each part is one byte, so that few changed bytes give any other
/// mix.
struct Rotation<'b> {
    current: Keys,
    next: Keys,
    /// The version of the next document, mostly 4; the current version is 3.
    version: u64,
    foreign_site: bool,
    /// The signatures: one byte gives the key and the signed content.
    blocks: &'b [u8],
}

/// Some of four keys, each with two ids.
struct Keys {
    threshold: usize,
    mask: u8,
}

/// A key pair and its key id.
type Key = (u8, u8);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Good,
    OtherComment,
    OtherPayload,
}

impl<'b> Rotation<'b> {
    fn new(bytes: &'b [u8]) -> Option<Self> {
        let (&[threshold, mask, next_threshold, next_mask, rest], blocks) = bytes.split_first_chunk()?;
        Some(Self {
            current: Keys { threshold: usize::from(threshold % 4), mask },
            next: Keys { threshold: usize::from(next_threshold % 4), mask: next_mask },
            version: [4, 4, 4, 4, 4, 3, 5, 2][usize::from(rest % 8)],
            foreign_site: rest / 8 % 8 == 7,
            blocks: &blocks[..blocks.len().min(6)],
        })
    }

    fn check(&self) {
        let current = TrustedKeys {
            version: 3,
            threshold: self.current.threshold,
            keys: self.current.public(),
            fleet: Vec::new(),
        };
        let payload = self.payload();
        let comment = json::parse::<Trust>(&payload).unwrap().comment();
        let blocks: Vec<String> = self
            .signatures()
            .map(|((pair, id), of)| {
                let signer = Signer::new(pair, id);
                match of {
                    Of::Good => signer.block(&payload, &comment),
                    Of::OtherComment => signer.block(&payload, "trust example keys 9"),
                    Of::OtherPayload => signer.block(b"{}", &comment),
                }
            })
            .collect();
        let document = Document::assemble(&blocks, &payload);

        let own = !self.foreign_site && self.enough(&self.next);
        let after = own && self.version == 4 && self.enough(&self.current);
        let answer = verify::own_trust_document(&document, &site());
        assert_eq!(answer.is_ok(), own, "by its own keys: {answer:?}");
        let answer = verify::next_trust(&document, &current, &site());
        assert_eq!(answer.is_ok(), after, "after another: {answer:?}");
    }

    fn payload(&self) -> Vec<u8> {
        let signers: Vec<Signer> = self.next.keys().map(|(pair, id)| Signer::new(pair, id)).collect();
        let signers: Vec<&Signer> = signers.iter().collect();
        let mut value = samples::trust(self.version, self.next.threshold, &signers);
        if self.foreign_site {
            value["site"] = json!("other");
        }
        text(&value)
    }

    fn signatures(&self) -> impl Iterator<Item = (Key, Of)> {
        self.blocks.iter().map(|byte| {
            let of = match byte / 8 {
                0..20 => Of::Good,
                20..26 => Of::OtherComment,
                _ => Of::OtherPayload,
            };
            (key(byte % 8), of)
        })
    }

    /// The rule: the keys are distinct, and at least as many of them as the threshold signed these bytes, all
    /// with the comment that belongs to the bytes.
    fn enough(&self, keys: &Keys) -> bool {
        let own: Vec<Key> = keys.keys().collect();
        let pairs: BTreeSet<u8> = own.iter().map(|(pair, _)| *pair).collect();
        let valid = || self.signatures().filter(|(key, of)| own.contains(key) && *of != Of::OtherPayload);
        let by: BTreeSet<Key> = valid().map(|(key, _)| key).collect();
        pairs.len() == own.len()
            && (1..=own.len()).contains(&keys.threshold)
            && by.len() >= keys.threshold
            && valid().all(|(_, of)| of == Of::Good)
    }
}

impl Keys {
    fn keys(&self) -> impl Iterator<Item = Key> {
        (0..8).filter(|n| self.mask >> n & 1 == 1).map(key)
    }

    fn public(&self) -> Vec<PublicKey> {
        self.keys().map(|(pair, id)| Signer::new(pair, id).public()).collect()
    }
}

fn key(n: u8) -> Key {
    (n % 4, n)
}

fn seeds() -> Vec<Vec<u8>> {
    let two = Signer::new(2, 2);
    vec![
        seed(0, text(&samples::trust(1, 1, &[&signer()]))),
        seed(0, text(&samples::trust(2, 2, &[&signer(), &two]))),
        seed(0, text(&json!(trusted()))),
        seed(1, [0; 32]),
        seed(1, (0..=255).collect::<Vec<u8>>()),
        // One key follows another; two of three keys follow one; too few keys; one key signs twice.
        seed(2, [1, 0b1, 1, 0b10, 0, 0, 1]),
        seed(2, [1, 0b1, 2, 0b1110, 0, 0, 1, 2]),
        seed(2, [1, 0b1, 2, 0b1110, 0, 0, 1]),
        seed(2, [2, 0b111, 2, 0b111, 0, 1, 1, 1]),
        seed(2, [1, 0b1_0001, 1, 0b10, 0, 0, 4, 1]),
        seed(2, [1, 0b1, 1, 0b10, 5, 0, 1]),
        seed(2, [1, 0b1, 1, 0b10, 0, 0, 161]),
    ]
}
