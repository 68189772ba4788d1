//! Power and disk: an agent that is killed at any time, and a disk that fails, is full or read-only at
//! any step, cost a node nothing that it had, and the next run converges.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

#[path = "power/disk.rs"]
mod disk;
#[path = "power/errors.rs"]
mod errors;
#[path = "power/kills.rs"]
mod kills;
#[path = "power/order.rs"]
mod order;
#[path = "power/states.rs"]
mod states;
#[path = "power/strace.rs"]
mod strace;
