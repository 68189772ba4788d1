//! The generator: packs, signs and publishes configuration, and renders bootstrap user-data.

pub mod build;
pub mod bundle;
pub mod catalog;
pub mod changes;
pub mod claim;
pub mod cli;
pub mod commands;
pub mod envelope;
pub mod error;
pub mod fault;
pub mod folder;
pub mod lock;
pub mod parallel;
pub mod progress;
pub mod publish;
pub mod published;
pub mod render;
pub mod secret;
pub mod sign;
pub mod site;
pub mod source;
pub mod store;
pub mod unpack;
pub mod upload;
