//! What a node remembers of its agents.

use e2e::forge::name;
use stringless_core::hash::Sha256;
use stringless_core::upgrade::{Installed, LeftAlone, Record};
use stringless_core::version::Version;

use super::fixture::document;
use super::{time, version};

pub fn left() -> LeftAlone {
    let (version, at) = (Version::parse("0.3.0").unwrap(), time("2026-11-20T19:00:00Z"));
    LeftAlone { version, sha256: Sha256::of(b"new"), reason: "its check ended with status 3".into(), at }
}

#[test]
fn what_a_node_remembers_of_its_agent() {
    let installed = Installed {
        version: Version::parse("0.2.0").unwrap(),
        sha256: Sha256::of(b"own"),
        previous: version(),
        site: name("example"),
        serial: 12,
        at: time("2026-11-20T19:00:00Z"),
    };
    let record = Record {
        format: 1,
        needs: Vec::new(),
        installed: Some(installed),
        starts: Some(1),
        quarantined: Some(left()),
        unwritable: Some(left()),
    };
    document("upgrade.json", &record);
}
