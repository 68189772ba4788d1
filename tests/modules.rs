//! The modules of a `Puppetfile`: locked, fetched, held against the lock, and what happens when those who have
//! them fail, lie or go away.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

#[path = "modules/faults.rs"]
mod faults;
#[path = "modules/hostile.rs"]
mod hostile;
#[path = "modules/locking.rs"]
mod locking;
#[path = "modules/world.rs"]
mod world;
