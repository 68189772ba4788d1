//! What a release holds: the script that installs it, its archives, and its packages.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod install;
mod lab;
mod packages;
mod push;
mod release;
