//! The bootstrap: the script that turns a stock image into a node, and the documents that do it without a script.

pub mod cron;
pub mod document;
pub mod engine;
pub mod fetch;
pub mod metadata_lock;
pub mod page;
pub mod pin;
pub mod script;
