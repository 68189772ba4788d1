//! Formats, checks and plans of Stringless, shared by the generator and the agent.
//!
//! This crate does no IO: it takes bytes, times and random numbers, and returns values, plans and refusals.
//! `#![no_std]` makes the compiler enforce that. Every format is defined here, once.
#![no_std]

extern crate alloc;

#[cfg(test)]
extern crate std;

pub mod answer;
pub mod backoff;
pub mod certificate;
pub mod config;
pub mod count;
pub mod diagnosis;
pub mod document;
pub mod entry;
pub mod fault;
pub mod flags;
pub mod fleet;
pub mod hash;
pub mod history;
pub mod installed;
pub mod json;
pub mod key;
pub mod label;
pub mod layout;
pub mod limits;
pub mod manifest;
pub mod metadata;
pub mod name;
pub mod node_layer;
pub mod node_store;
pub mod notify;
pub mod pack;
pub mod plan;
pub mod proxy;
pub mod refusal;
pub mod report;
pub mod signal;
pub mod sigv4;
pub mod state;
pub mod status;
pub mod store;
pub mod suggest;
pub mod tag;
pub mod time;
pub mod trust;
pub mod upgrade;
pub mod verify;
pub mod version;
pub mod words;
