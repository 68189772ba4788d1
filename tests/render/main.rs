//! User-data: what is rendered for each distribution and cloud, read and run by the programs that take it.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod catalog;
mod documents;
mod envelope;
mod every_pair;
mod golden;
mod hostile;
mod ignition;
mod layers;
mod metadata_lock;
mod policies;
mod shells;
