//! Releases: what to publish is decided, then done; what was published is compared, copied and removed.

pub mod claim;
pub mod diff;
pub mod gc;
pub mod mirror;
pub mod plan;
pub mod publish;
pub mod republish;
pub mod review;
pub mod upload;
