//! The site's keys: who may sign, how often, until when, and what waits for signatures.

pub mod expiry;
pub mod first;
pub mod min_serial;
pub mod pending;
pub mod quorum;
pub mod rotation;
pub mod secret_key;
pub mod signer;
pub mod sync;
