//! The modules of a `Puppetfile`: locked, fetched, held against the lock, and what happens when those who have
//! them fail, lie or go away.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod checks;
mod faults;
mod hostile;
mod lock_claims;
mod locking;
mod r10k;
mod ranges;
mod world;
