//! What a manifest must at least be for a node to follow it.

use stringless_core::config::Layer;
use stringless_core::name::Name;
use stringless_core::plan::Floor;
use stringless_core::state::Seen;
use stringless_core::time::Timestamp;

use crate::trust::TrustInUse;
use crate::version;

/// The lowest limits for manifests of this environment, on a node that has `seen` this one last.
pub fn floor<'a>(
    layer: &Layer,
    environment: &Name,
    seen: Option<&'a Seen>,
    trust: &TrustInUse,
    now: Timestamp,
) -> Floor<'a> {
    Floor {
        seen,
        bootstrap: if *environment == layer.environment { layer.min_serial } else { 0 },
        bootstrap_version: layer.trust.version,
        trust: trust.min_serial(environment),
        trust_version: trust.keys.version,
        trust_expires: trust.expires(),
        agent: version::own(),
        now,
    }
}
