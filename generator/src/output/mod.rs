//! Everything that the program prints: tables, sizes, JSON, reviews, and the texts that several commands share.

pub mod checks;
pub mod escape;
pub mod failures;
pub mod format;
pub mod json;
pub mod min_serial;
pub mod pager;
pub mod pending;
pub mod print;
pub mod release;
pub mod review_markdown;
pub mod review_text;
pub mod signed;
pub mod trust_change;

#[cfg(test)]
mod review_tests;
