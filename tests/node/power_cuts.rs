//! Power and disk: an agent that is killed at any time, and a disk that fails, is full or read-only at
//! any step, cost a node nothing that it had, and the next run converges.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod damaged_state;
mod disk;
mod errors;
mod kills;
mod order;
mod strace;
