//! What the end-to-end tests share: the programs under test, and their real peers.
//!
//! A peer is a value: it starts in its constructor, listens on a free port, and is gone when the value is dropped, also after a failed test.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

pub mod agent;
pub mod bucket;
pub mod control_repo;
pub mod droplet;
pub mod forge;
pub mod garage;
pub mod held;
pub mod http;
pub mod iam;
pub mod imds;
pub mod netns;
pub mod nix;
pub mod nspawn;
mod overlay;
pub mod packer;
pub mod pair;
pub mod process;
pub mod proxy;
pub mod puppet_forge;
pub mod qemu;
pub mod random;
pub mod record;
pub mod rendering;
pub mod repository;
pub mod scenario;
pub mod schema;
pub mod server;
pub mod site;
pub mod tls;
pub mod tools;
pub mod web;
