//! A head as a program writes it.

use e2e::forge::name;
use stringless_core::fleet::head::{Gathered, Head, HeadType, ManifestRef, Next, RolloutState, Wave};
use stringless_core::fleet::selector::Selector;
use stringless_core::fleet::window::{ClockTime, Day, Window};
use stringless_core::hash::Sha256;
use stringless_core::key::PublicKey;

use super::time;

/// A key that signs nothing: it is the one of minisign's own releases.
pub fn fleet_key() -> PublicKey {
    PublicKey::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap()
}

/// A head with everything in it.
pub fn head() -> Head {
    let release = |serial| ManifestRef { trust_version: 1, serial, sha256: Sha256::of(b"manifest") };
    let ManifestRef { trust_version, serial, sha256 } = release(13);
    Head {
        kind: HeadType::Head,
        format: 1,
        needs: Vec::new(),
        site: name("example"),
        environment: name("production"),
        trust_version: 2,
        version: 7,
        created: time("2026-11-20T18:00:00Z"),
        expires: Some(time("2026-12-20T18:00:00Z")),
        stable: release(12),
        next: Some(Next {
            trust_version,
            serial,
            sha256,
            since: time("2026-11-20T18:00:00Z"),
            until: Some(time("2026-11-22T18:00:00Z")),
            was: vec![11],
            salt: 13,
            state: RolloutState::Hold,
            why: Some("2 nodes failed".into()),
            rush: true,
            first: Some(Selector::parse("canary=yes|first,role!=db").unwrap()),
            waves: vec![
                Wave { share: 0, from: Some(time("2026-11-20T18:00:00Z")) },
                Wave { share: 10_000, from: None },
            ],
            window: Some(Window {
                days: vec![Day::Mon, Day::Thu],
                from: ClockTime::try_from("08:00".to_owned()).unwrap(),
                minutes: 480,
                offset: -60,
            }),
        }),
        gathered: [(name("peers"), Gathered { sha256: Sha256::of(b"peers"), size: 5 })].into(),
        marks: (0..256).collect(),
    }
}
