//! The signed document: split, assembled and verified. Only bytes that the one signer made are accepted.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Unstructured;
use fuzz::samples::{environment, manifest, signed_manifest, signer, site, text, trusted};
use fuzz::{damage, seed, start};
use libfuzzer_sys::fuzz_target;
use stringless_core::document::{Document, MAX_BLOCKS};
use stringless_core::trust::TrustedKeys;
use stringless_core::verify;

static SIGNED: LazyLock<Vec<u8>> = LazyLock::new(signed_manifest);
static TRUSTED: LazyLock<TrustedKeys> = LazyLock::new(trusted);

fuzz_target!(init: start(seeds), |input: &[u8]| {
    match input.split_first() {
        Some((0, bytes)) => parse(bytes),
        Some((_, rest)) => {
            let mut document = SIGNED.clone();
            if damage::bytes(&mut document, &mut Unstructured::new(rest)).is_ok() {
                parse(&document);
                accepted_is_what_was_signed(&document);
            }
        }
        None => {}
    }
});

fn parse(bytes: &[u8]) {
    if let Ok(document) = Document::parse(bytes) {
        assert!((1..=MAX_BLOCKS).contains(&document.blocks.len()));
        assert_eq!(document.payload.first(), Some(&b'{'));
        assert!(document.blocks.iter().all(|block| block.lines().count() == 4));
        round_trip(&document);
    }
}

/// Only one payload was signed. An accepted document must have that payload and an unchanged signature.
fn accepted_is_what_was_signed(bytes: &[u8]) {
    if verify::manifest(bytes, &TRUSTED, &site(), &environment()).is_ok() {
        let (found, whole) = (Document::parse(bytes).unwrap(), Document::parse(&SIGNED).unwrap());
        assert_eq!(found.payload, whole.payload);
        // The first line of a block is a comment that is not signed.
        let signed = |block: &str| block.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        assert!(found.blocks.iter().any(|block| signed(block) == signed(whole.blocks[0])));
    }
    assert!(verify::own_trust_document(bytes, &site()).is_err());
}

/// Assembling the parts again gives the same document, except for blanks at the end of a block.
fn round_trip(document: &Document<'_>) {
    if document.blocks.iter().any(|block| block.lines().last().unwrap().trim_end().is_empty()) {
        return;
    }
    let bytes = Document::assemble(&document.blocks, document.payload);
    let reparsed = Document::parse(&bytes).unwrap();
    assert_eq!(reparsed.payload, document.payload);
    let trimmed = |block: &&str| block.trim_end().to_owned();
    assert!(reparsed.blocks.iter().map(trimmed).eq(document.blocks.iter().map(trimmed)));
}

fn seeds() -> Vec<Vec<u8>> {
    let payload = text(&manifest());
    let block = signer().block(&payload, "manifest example production 7");
    let blocks = |n| Document::assemble(&vec![&block; n], &payload);
    vec![
        seed(0, blocks(1)),
        seed(0, blocks(2)),
        seed(0, blocks(MAX_BLOCKS)),
        seed(0, Document::assemble(&["untrusted comment: a\nAAAA\ntrusted comment: b\nBBBB\n"], b"{}")),
        seed(1, [0; 64]),
        seed(1, (0..=255).collect::<Vec<u8>>()),
    ]
}
