//! Spans of time with a unit: `30m`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number with a unit: `90s`, `30m`, `12h`, `30d`, `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = r"^[0-9]+[smhdw]$")))]
#[serde(try_from = "String", into = "String")]
pub struct Span(u64);

/// A [`Span`], or `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = r"^(never|[0-9]+[smhdw])$")))]
#[serde(try_from = "String", into = "String")]
pub enum Limit {
    /// `never`.
    Never,
    /// After this span.
    After(Span),
}

/// Why a text is not a [`Span`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a span of time: write a number and s, m, h, d or w, as in `30m`{1}")]
pub struct SpanError(String, &'static str);

impl Span {
    /// A span of this number of minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self(minutes * 60)
    }

    /// A span of this number of seconds.
    #[must_use]
    pub const fn of_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// In seconds; at most ten years.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// Parses a number with a unit, as `30m`.
    ///
    /// # Errors
    /// [`SpanError`] if the number or the unit is missing, and above ten years.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        Self::read(text).ok_or_else(|| SpanError(text.into(), ""))
    }

    fn read(text: &str) -> Option<Self> {
        let unit = text.chars().next_back()?;
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let digits = &text[..text.len() - 1];
        let number: u64 = digits.bytes().all(|b| b.is_ascii_digit()).then_some(digits)?.parse().ok()?;
        Some(Self(number.checked_mul(*seconds).filter(|sum| *sum <= MAX)?))
    }
}

impl Limit {
    /// In seconds; `None` for `never`.
    #[must_use]
    pub fn seconds(self) -> Option<u64> {
        match self {
            Self::Never => None,
            Self::After(span) => Some(span.seconds()),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let largest = UNITS.iter().rev().find(|(_, seconds)| self.0 > 0 && self.0.is_multiple_of(*seconds));
        let (unit, seconds) = largest.unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.0 / seconds)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str(NEVER),
            Self::After(span) => span.fmt(f),
        }
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;
    fn try_from(text: String) -> Result<Self, SpanError> {
        Self::parse(&text)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl TryFrom<String> for Limit {
    type Error = SpanError;
    fn try_from(text: String) -> Result<Self, SpanError> {
        if text == NEVER {
            return Ok(Self::Never);
        }
        Span::read(&text).map(Self::After).ok_or(SpanError(text, ", or `never`"))
    }
}

impl From<Limit> for String {
    fn from(limit: Limit) -> Self {
        limit.to_string()
    }
}

const NEVER: &str = "never";
const MAX: u64 = 10 * 365 * 86_400;
const UNITS: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 7 * 86_400)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_spans() {
        for (text, seconds, written) in [
            ("90s", 90, "90s"),
            ("30m", 1800, "30m"),
            ("60m", 3600, "1h"),
            ("14d", 1_209_600, "2w"),
            ("0s", 0, "0s"),
        ] {
            let span = Span::parse(text).unwrap();
            assert_eq!((span.seconds(), span.to_string().as_str()), (seconds, written));
        }
        for text in ["", "5", "m", "-5m", "+5m", "5 m", "5min", "1.5h", "99999999999999999999w", "600w", "5µ"]
        {
            assert!(Span::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_limit_may_be_never() {
        assert_eq!(Limit::try_from("never".to_string()).unwrap().seconds(), None);
        assert_eq!(Limit::try_from("1h".to_string()).unwrap().seconds(), Some(3600));
        let error = Limit::try_from("nie".to_string()).unwrap_err().to_string();
        assert!(error.ends_with("as in `30m`, or `never`"), "{error}");
    }
}
