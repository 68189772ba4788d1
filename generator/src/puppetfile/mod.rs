//! A `Puppetfile`: text → the modules that it declares, and releases of them that fit together. No IO, and no Ruby.
//!
//! Code that only Ruby could evaluate is refused; the hint says what to write instead. Unknown words, such as a
//! mistyped key, are refused too, while r10k ignores them.

pub mod explain;
pub mod model;
pub mod name;
pub mod parse;
pub mod range;
pub mod requirement;
pub mod resolve;

pub use self::model::{Declared, Origin, Puppetfile, Want};

#[cfg(test)]
mod tests;
