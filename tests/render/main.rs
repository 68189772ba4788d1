//! User-data: what is rendered for each distribution and cloud, read and run by the programs that take it.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod documents;
mod envelope;
mod every_pair;
mod golden;
mod hostile;
mod ignition;
mod installed;
mod layers;
mod metadata_lock;
mod platforms;
mod policies;
mod reload;
mod shells;
