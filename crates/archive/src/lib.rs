//! Packs as bytes: the deterministic writer, and the only reader, which verifies while it unpacks.
//!
//! This crate opens no files: it reads bytes from a [`std::io::Read`] and passes entries to a sink.

pub mod reader;
pub mod writer;
