//! The hours in which a rollout may reach new nodes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Hours of some days of the week, by a fixed offset from UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Window {
    /// The days on which it opens.
    pub days: Vec<Day>,
    /// When it opens: `HH:MM`.
    pub from: ClockTime,
    /// How long it stays open, over midnight, too: 1 to 1440.
    pub minutes: u16,
    /// Minutes that the clock of `from` is ahead of UTC: -840 to 840.
    pub offset: i16,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// A time of day, as `HH:MM`: minutes since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String", extend("pattern" = "^([01][0-9]|2[0-3]):[0-5][0-9]$")))]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime(u16);

/// Why a text is no [`ClockTime`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time of day: expected `HH:MM`, from 00:00 to 23:59")]
pub struct ClockTimeError;

impl Window {
    /// Whether the window is open at `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        let local =
            i64::try_from(now.seconds()).unwrap_or(i64::MAX).saturating_add(i64::from(self.offset) * 60);
        let (day, minute) = (local.div_euclid(DAY), local.rem_euclid(DAY) / 60);
        let since = |days: i64| minute + days * MINUTES - i64::from(self.from.0);
        // It may have opened yesterday.
        [0, 1].into_iter().any(|ago| {
            self.days.contains(&weekday(day - ago)) && (0..i64::from(self.minutes)).contains(&since(ago))
        })
    }

    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn check(&self) -> Result<(), String> {
        if self.days.is_empty() {
            return Err("window.days: at least one is required".into());
        }
        if !(1..=1440).contains(&self.minutes) {
            return Err("window.minutes: expected 1 to 1440".into());
        }
        if !(-840..=840).contains(&self.offset) {
            return Err("window.offset: expected -840 to 840".into());
        }
        Ok(())
    }
}

/// The weekday of a day that is counted from 1970-01-01, a Thursday.
fn weekday(day: i64) -> Day {
    use Day::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    let week = [Thu, Fri, Sat, Sun, Mon, Tue, Wed];
    week[usize::try_from(day.rem_euclid(7)).unwrap_or_default()]
}

impl TryFrom<String> for ClockTime {
    type Error = ClockTimeError;
    fn try_from(text: String) -> Result<Self, ClockTimeError> {
        let number = |part: &str| match part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()) {
            true => part.parse::<u16>().map_err(|_| ClockTimeError),
            false => Err(ClockTimeError),
        };
        let (hours, minutes) = text.split_once(':').ok_or(ClockTimeError)?;
        match (number(hours)?, number(minutes)?) {
            (hours @ 0..=23, minutes @ 0..=59) => Ok(Self(hours * 60 + minutes)),
            _ => Err(ClockTimeError),
        }
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> Self {
        format!("{:02}:{:02}", time.0 / 60, time.0 % 60)
    }
}

const DAY: i64 = 86_400;
const MINUTES: i64 = 1440;

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn window(days: Vec<Day>, from: &str, minutes: u16, offset: i16) -> Window {
        Window { days, from: ClockTime::try_from(String::from(from)).unwrap(), minutes, offset }
    }

    fn open(window: &Window, at: &str) -> bool {
        window.is_open(Timestamp::parse(at).unwrap())
    }

    #[test]
    fn a_window_is_open_from_its_hour_for_its_minutes() {
        // 2026-11-30 is a Monday.
        let office = window(vec![Day::Mon, Day::Thu], "08:00", 480, 60);
        for (at, is_open) in [
            ("2026-11-30T06:59:59Z", false),
            ("2026-11-30T07:00:00Z", true),
            ("2026-11-30T14:59:59Z", true),
            ("2026-11-30T15:00:00Z", false),
            ("2026-12-01T10:00:00Z", false),
            ("2026-12-03T10:00:00Z", true),
        ] {
            assert_eq!(open(&office, at), is_open, "{at}");
        }
    }

    #[test]
    fn a_window_may_last_over_midnight_and_an_offset_may_move_the_day() {
        let night = window(vec![Day::Mon], "22:00", 240, 0);
        assert!(open(&night, "2026-12-01T01:59:59Z") && !open(&night, "2026-12-01T02:00:00Z"));
        assert!(!open(&night, "2026-11-30T01:00:00Z"));
        let west = window(vec![Day::Sun], "20:00", 60, -480);
        assert!(open(&west, "2026-11-30T04:30:00Z") && !open(&west, "2026-11-29T20:30:00Z"));
        let always = window(
            vec![Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun],
            "00:00",
            1440,
            840,
        );
        assert!(open(&always, "1970-01-01T00:00:00Z") && open(&always, "9999-12-31T23:59:59Z"));
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for text in ["", "8:00", "24:00", "08:60", "08.00", "0800", "08:0x", "+8:00", "08:00:00"] {
            assert!(ClockTime::try_from(String::from(text)).is_err(), "{text}");
        }
        assert_eq!(String::from(ClockTime::try_from(String::from("08:05")).unwrap()), "08:05");
        for wrong in [
            window(vec![], "08:00", 60, 0),
            window(vec![Day::Mon], "08:00", 0, 0),
            window(vec![Day::Mon], "08:00", 1441, 0),
            window(vec![Day::Mon], "08:00", 60, 841),
            window(vec![Day::Mon], "08:00", 60, -841),
        ] {
            assert!(wrong.check().unwrap_err().starts_with("window."), "{wrong:?}");
        }
    }
}
