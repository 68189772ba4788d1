//! Keys, thresholds and rotations, from the administrator's command to the node that follows.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

#[path = "trust/bucket.rs"]
mod bucket;
#[path = "trust/dates.rs"]
mod dates;
#[path = "trust/offline.rs"]
mod offline;
#[path = "trust/packs.rs"]
mod packs;
#[path = "trust/poison.rs"]
mod poison;
#[path = "trust/rotation.rs"]
mod rotation;
#[path = "trust/signatures.rs"]
mod signatures;
#[path = "trust/world.rs"]
mod world;
