//! What the end-to-end tests share: the programs under test, and their real peers.
//!
//! A peer is a value: it starts in its constructor, listens on a free port, and is gone when the value is dropped, also after a failed test.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

pub mod agent;
pub mod bucket;
pub mod forge;
pub mod garage;
pub mod http;
pub mod imds;
pub mod netns;
pub mod nspawn;
mod overlay;
pub mod process;
pub mod proxy;
pub mod random;
pub mod server;
pub mod site;
pub mod tls;
pub mod tools;
pub mod web;
