//! A `Puppetfile`: text → the modules that it declares, and which releases of them fit together. No IO, and no Ruby.
//!
//! What needs Ruby to be understood is refused, with what to write in its place. Where r10k passes over what it does
//! not know, as a mistyped key, this does not.

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
