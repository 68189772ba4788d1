//! The workstation's program: packs, signs and publishes configuration, and renders bootstrap user-data.

pub mod cache;
pub mod checks;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod docs;
pub mod error;
pub mod fs;
pub mod git;
pub mod http;
pub mod modules;
pub mod output;
pub mod pack;
pub mod parallel;
pub mod progress;
pub mod puppetfile;
pub mod random;
pub mod release;
pub mod remote;
pub mod signals;
pub mod site;
pub mod source;
pub mod store;
pub mod trust;
pub mod verbose;
