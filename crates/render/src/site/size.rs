//! Sizes with a unit: `2GiB`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number with a unit: `512KiB`, `64MiB`, `2GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = r"^[0-9]+(KiB|MiB|GiB|TiB)$")))]
#[serde(try_from = "String", into = "String")]
pub struct Size(u64);

/// Why a text is not a [`Size`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: write a number and KiB, MiB, GiB or TiB, as in `2GiB`")]
pub struct SizeError(String);

impl Size {
    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    fn read(text: &str) -> Option<Self> {
        let (unit, bytes) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
        let digits = text.strip_suffix(unit)?;
        let number: u64 = digits.bytes().all(|b| b.is_ascii_digit()).then_some(digits)?.parse().ok()?;
        number.checked_mul(*bytes).map(Self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let largest = UNITS.iter().rev().find(|(_, bytes)| self.0.is_multiple_of(*bytes));
        let (unit, bytes) = largest.unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl TryFrom<String> for Size {
    type Error = SizeError;
    fn try_from(text: String) -> Result<Self, SizeError> {
        Self::read(&text).ok_or(SizeError(text))
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_sizes() {
        for (text, bytes, written) in
            [("2GiB", 2 << 30, "2GiB"), ("1024KiB", 1 << 20, "1MiB"), ("3KiB", 3072, "3KiB")]
        {
            let size = Size::read(text).unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, written));
        }
        for text in ["", "5", "GiB", "-5GiB", "1.5GiB", "2GB", "2 GiB", "99999999999999999999TiB", "2gib"] {
            assert!(Size::read(text).is_none(), "{text}");
        }
    }
}
