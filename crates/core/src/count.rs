//! Numbers with a noun, as people read them.

use alloc::format;
use alloc::string::String;
use core::fmt::Display;

/// `1 pack`, `2 packs`: the noun gets an `s` unless the number is one.
#[must_use]
pub fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_is_singular() {
        assert_eq!(count(0_usize, "pack"), "0 packs");
        assert_eq!(count(1_u64, "pack"), "1 pack");
        assert_eq!(count(2_u32, "pack"), "2 packs");
    }
}
