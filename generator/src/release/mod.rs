//! Releases: decides what to publish and publishes it; compares, copies and republishes releases; deletes the packs
//! that no release needs any more.

pub mod claim;
pub mod diff;
pub mod gc;
pub mod lead;
pub mod mirror;
pub mod plan;
pub mod publish;
pub mod renewal;
pub mod republish;
pub mod retire;
pub mod review;
pub mod settings;
pub mod upload;
