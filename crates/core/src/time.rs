//! Points in time in whole seconds, and the four text forms for them.
//!
//! The agent uses no date library: the calendar below is all it needs. The tests compare it with a date
//! library.

use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z, up to the end of the year 9999.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")))]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(u64);

/// Why a text is not a [`Timestamp`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time: expected `YYYY-MM-DDThh:mm:ssZ`")]
pub struct TimeError;

impl Timestamp {
    /// The last second with a text form: 9999-12-31T23:59:59Z.
    pub const MAX: Self = Self(253_402_300_799);

    /// The time `seconds` after the epoch, at most [`Timestamp::MAX`].
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        if seconds > Self::MAX.0 { Self::MAX } else { Self(seconds) }
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// This time plus `seconds`.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self::from_seconds(self.0.saturating_add(seconds))
    }

    /// Parses RFC 3339, but only the form that we write: UTC, whole seconds, `T` and `Z`.
    ///
    /// # Errors
    /// [`TimeError`] for any other form, and for dates that do not exist.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let b = text.as_bytes();
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
        if b.len() != 20 || marks.iter().any(|&(at, mark)| b[at] != mark) {
            return Err(TimeError);
        }
        Self::civil(
            [number(&b[0..4])?, number(&b[5..7])?, number(&b[8..10])?],
            [number(&b[11..13])?, number(&b[14..16])?, number(&b[17..19])?],
        )
    }

    /// Parses the fixed form of an HTTP date (RFC 9110, 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
    ///
    /// # Errors
    /// [`TimeError`] for the obsolete forms and for anything else.
    pub fn parse_http(text: &str) -> Result<Self, TimeError> {
        let b = text.as_bytes();
        if b.len() != 29 || &b[3..5] != b", " || &b[25..] != b" GMT" {
            return Err(TimeError);
        }
        let month = MONTHS.iter().position(|m| m.as_bytes() == &b[8..11]).ok_or(TimeError)?;
        Self::civil(
            [number(&b[12..16])?, month as u64 + 1, number(&b[5..7])?],
            [number(&b[17..19])?, number(&b[20..22])?, number(&b[23..25])?],
        )
    }

    /// The basic ISO 8601 form of AWS signatures: `YYYYMMDDThhmmssZ`.
    #[must_use]
    pub fn amz(self) -> String {
        let ([y, m, d], [hh, mm, ss]) = self.fields();
        format!("{y:04}{m:02}{d:02}T{hh:02}{mm:02}{ss:02}Z")
    }

    fn civil([y, m, d]: [u64; 3], [hh, mm, ss]: [u64; 3]) -> Result<Self, TimeError> {
        let valid = (1970..=9999).contains(&y)
            && (1..=12).contains(&m)
            && (1..=days_in(y, m)).contains(&d)
            && hh < 24
            && mm < 60
            && ss < 60;
        if !valid {
            return Err(TimeError);
        }
        let years: u64 = (1970..y).map(|y| if leap(y) { 366 } else { 365 }).sum();
        let months: u64 = (1..m).map(|m| days_in(y, m)).sum();
        Ok(Self((years + months + d - 1) * 86_400 + hh * 3600 + mm * 60 + ss))
    }

    fn fields(self) -> ([u64; 3], [u64; 3]) {
        let (mut days, rest) = (self.0 / 86_400, self.0 % 86_400);
        let (mut y, mut m) = (1970, 1);
        while days >= 365 + u64::from(leap(y)) {
            days -= 365 + u64::from(leap(y));
            y += 1;
        }
        while days >= days_in(y, m) {
            days -= days_in(y, m);
            m += 1;
        }
        ([y, m, days + 1], [rest / 3600, rest / 60 % 60, rest % 60])
    }
}

fn leap(y: u64) -> bool {
    y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400))
}

fn days_in(y: u64, m: u64) -> u64 {
    match m {
        2 => 28 + u64::from(leap(y)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn number(digits: &[u8]) -> Result<u64, TimeError> {
    digits.iter().try_fold(0, |sum, &b| match b {
        b'0'..=b'9' => Ok(sum * 10 + u64::from(b - b'0')),
        _ => Err(TimeError),
    })
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([y, m, d], [hh, mm, ss]) = self.fields();
        write!(f, "{y:04}-{m:02}-{d:02}T{hh:02}:{mm:02}:{ss:02}Z")
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimeError;
    fn try_from(text: String) -> Result<Self, TimeError> {
        Self::parse(&text)
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        format!("{time}")
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_the_time_crate(seconds in 0..=Timestamp::MAX.0) {
            let oracle = time::OffsetDateTime::from_unix_timestamp(seconds as i64).unwrap();
            let ours = Timestamp(seconds);
            let rfc3339 = oracle.format(&time::format_description::well_known::Rfc3339).unwrap();
            prop_assert_eq!(ours.to_string(), rfc3339);
            prop_assert_eq!(Timestamp::parse(&ours.to_string()), Ok(ours));
            let weekday = oracle.weekday().to_string();
            let (date, clock) = (oracle.date(), oracle.time());
            let http = format!(
                "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", &weekday[..3], date.day(),
                MONTHS[u8::from(date.month()) as usize - 1], date.year(),
                clock.hour(), clock.minute(), clock.second()
            );
            prop_assert_eq!(Timestamp::parse_http(&http), Ok(ours));
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = Timestamp::parse(&text);
            let _ = Timestamp::parse_http(&text);
        }
    }

    #[test]
    fn refuses_other_forms_and_dates_that_do_not_exist() {
        for text in [
            "",
            "2026-11-20",
            "2026-11-20T10:00:00",
            "2026-11-20T10:00:00+00:00",
            "2026-11-20t10:00:00z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-01-01T00:00:60Z",
            "２026-01-01T00:00:0Z",
        ] {
            assert_eq!(Timestamp::parse(text), Err(TimeError), "{text}");
        }
        assert_eq!(Timestamp::parse_http("Sunday, 06-Nov-94 08:49:37 GMT"), Err(TimeError));
    }

    #[test]
    fn writes_the_form_of_aws() {
        assert_eq!(Timestamp::parse("2015-08-30T12:36:00Z").unwrap().amz(), "20150830T123600Z");
    }
}
