//! Versions of the agent: three numbers.

use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

/// `major.minor.patch`, ordered by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = r"^(0|[1-9][0-9]{0,9})(\.(0|[1-9][0-9]{0,9})){2}$")))]
#[serde(try_from = "String", into = "String")]
pub struct Version([u32; 3]);

/// Why a text is not a [`Version`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a version: expected three numbers, as in `1.20.3`")]
pub struct VersionError;

impl Version {
    /// Parses three decimal numbers with dots between them, without leading zeros.
    ///
    /// # Errors
    /// [`VersionError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let mut parts = text.split('.');
        let mut numbers = [0; 3];
        for number in &mut numbers {
            let part = parts.next().ok_or(VersionError)?;
            let plain = part.bytes().all(|b| b.is_ascii_digit());
            if !plain || (part.len() > 1 && part.starts_with('0')) {
                return Err(VersionError);
            }
            *number = part.parse().map_err(|_| VersionError)?;
        }
        if parts.next().is_some() { Err(VersionError) } else { Ok(Self(numbers)) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;
    fn try_from(text: String) -> Result<Self, VersionError> {
        Self::parse(&text)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        format!("{version}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_by_number() {
        let parse = |text| Version::parse(text).unwrap();
        assert!(parse("0.9.10") > parse("0.9.9"));
        assert!(parse("1.0.0") > parse("0.99.99"));
        assert_eq!(format!("{}", parse("1.20.3")), "1.20.3");
    }

    #[test]
    fn refuses_other_texts() {
        for text in ["", "1", "1.2", "1.2.3.4", "1.2.x", "01.2.3", "1.2.-3", "1.2.+3", "1.2.99999999999"] {
            assert_eq!(Version::parse(text), Err(VersionError), "{text}");
        }
    }
}
