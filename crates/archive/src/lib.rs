//! Packs as bytes: the deterministic writer, and the one reader, which verifies while it unpacks.
//!
//! No files are opened here: bytes come in from a [`std::io::Read`] and go out to one that takes them.

pub mod reader;
pub mod writer;
