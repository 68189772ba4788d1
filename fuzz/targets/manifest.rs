//! The manifest: any bytes, a damaged manifest, and a damaged manifest that the site's own key signed.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Unstructured;
use fuzz::samples::{environment, manifest, signer, site, small_manifest, text, trusted};
use fuzz::signer::Signer;
use fuzz::{damage, seed, start};
use libfuzzer_sys::fuzz_target;
use stringless_core::json;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::pack::{MAX_PACKS, MAX_RELEASE_BYTES, check_path};
use stringless_core::trust::TrustedKeys;
use stringless_core::verify;

static SIGNER: LazyLock<Signer> = LazyLock::new(signer);
static TRUSTED: LazyLock<TrustedKeys> = LazyLock::new(trusted);

fuzz_target!(init: start(seeds), |input: &[u8]| {
    match input.split_first() {
        Some((0, payload)) => parse(payload),
        Some((1, payload)) => signed(payload),
        Some((mode, rest)) => {
            let mut value = if mode % 2 == 0 { manifest() } else { small_manifest() };
            if damage::value(&mut value, &mut Unstructured::new(rest)).is_ok() {
                parse(&text(&value));
                signed(&text(&value));
            }
        }
        None => {}
    }
});

fn parse(payload: &[u8]) {
    let Ok(manifest) = json::parse::<Manifest>(payload) else { return };
    let reparsed: Manifest = json::parse(&json::write(&manifest)).unwrap();
    assert_eq!(reparsed, manifest);
    assert_eq!(reparsed.check(), manifest.check());
    if manifest.check().is_ok() {
        promises(&manifest);
    }
}

/// The site's key signs any payload, but only a valid manifest is accepted.
fn signed(payload: &[u8]) {
    let comment = json::parse::<Manifest>(payload).map_or("x".into(), |manifest| manifest.comment());
    let document = SIGNER.document(payload, &comment);
    let Ok(verified) = verify::manifest(&document, &TRUSTED, &site(), &environment()) else { return };
    assert_eq!(verified.check(), Ok(()));
    assert_eq!((&verified.site, &verified.environment), (&site(), &environment()));
    promises(&verified);
    // It is refused with another comment, for another site or environment, or as another type.
    let other = SIGNER.document(payload, "manifest example production 0");
    assert!(verify::manifest(&other, &TRUSTED, &site(), &environment()).is_err());
    assert!(verify::manifest(&document, &TRUSTED, &environment(), &environment()).is_err());
    assert!(verify::manifest(&document, &TRUSTED, &site(), &site()).is_err());
    assert!(verify::own_trust_document(&document, &site()).is_err());
}

/// What the agent relies on without another check.
fn promises(manifest: &Manifest) {
    assert!(manifest.serial > 0 && manifest.trust_version > 0);
    assert!((1..=86_400).contains(&manifest.apply.timeout));
    assert!(manifest.packs.len() <= MAX_PACKS);
    let mut total = 0_u64;
    for pack in &manifest.packs {
        assert!(pack.path.is_empty() || check_path(&pack.path).is_ok());
        assert!(pack.path.split('/').all(|part| part != ".." && part != "."));
        assert!(!pack.path.starts_with('/') && !pack.path.contains('\0'));
        assert_eq!(layout::pack(&pack.sha256).len(), "packs/.tar.gz".len() + 64);
        total = total.checked_add(pack.unpacked).unwrap();
    }
    assert!(total <= MAX_RELEASE_BYTES);
    let comment = manifest.comment();
    assert!(comment.split(' ').count() == 4 && !comment.chars().any(char::is_control));
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![seed(2, [0; 32]), seed(3, (0..=255).collect::<Vec<u8>>())];
    for payload in [text(&manifest()), text(&small_manifest()), b"{}".to_vec()] {
        seeds.extend([seed(0, &payload), seed(1, &payload)]);
    }
    seeds
}
