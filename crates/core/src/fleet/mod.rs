//! The fleet: what a site says of its nodes between two releases. Fleet keys sign it.

pub mod admit;
pub mod duty;
pub mod head;
pub mod place;
pub mod selector;
pub mod target;
pub mod window;
