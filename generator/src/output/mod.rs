//! Everything that people or programs read: tables, sizes, JSON, reviews, and the texts that several commands share.

pub mod escape;
pub mod format;
pub mod pager;
pub mod pending;
pub mod print;
pub mod release;
pub mod review_markdown;
pub mod review_text;
pub mod trust_change;

#[cfg(test)]
mod review_tests;
