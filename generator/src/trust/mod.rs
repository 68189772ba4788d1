//! The site's keys: who may sign, how many must sign, until when, and the documents that wait for signatures.

pub mod change;
pub mod expiry;
pub mod first;
pub mod min_serial;
pub mod pending;
pub mod quorum;
pub mod rotation;
pub mod secret_key;
pub mod signer;
pub mod sync;
