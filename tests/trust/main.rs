//! Keys, thresholds and rotations, from the administrator's command to the node that follows.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod bucket;
mod dates;
mod offline;
mod poison;
mod rotation;
mod signatures;
mod world;
