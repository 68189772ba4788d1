//! Version ranges in the notation of `metadata.json`: text → a set of versions. No IO.
//!
//! It supports the notations that Puppet supports: `>= 4.13.1 < 9.0.0`, `1.x`, `4.2.x`, `1.0.0 - 2.0.0`, `^1.2`, `~> 1.2.3`, `||`.

use pubgrub::Ranges;
use semver::Version;

/// A set of versions.
pub type Range = Ranges<Version>;

/// Parses a range.
///
/// # Errors
/// The invalid part.
pub fn parse(text: &str) -> Result<Range, String> {
    let mut any = Range::empty();
    for alternative in text.split("||") {
        any = any.union(&intersection(alternative.trim())?);
    }
    Ok(any)
}

/// The range with only this version.
#[must_use]
pub fn exactly(version: &Version) -> Range {
    Range::singleton(version.clone())
}

/// A range as text; [`parse`] reads it back.
#[must_use]
pub fn text(range: &Range) -> String {
    if *range == Range::full() {
        return "any version".into();
    }
    let text = range.to_string();
    let parts = text.split(" | ").map(|part| part.replace(", ", " "));
    let spaced = parts.map(|part| {
        let words = part.split(' ').map(|word| {
            let at = word.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
            let (sign, version) = word.split_at(at);
            if sign.is_empty() || sign == "==" { version.to_owned() } else { format!("{sign} {version}") }
        });
        words.collect::<Vec<_>>().join(" ")
    });
    spaced.collect::<Vec<_>>().join(" || ")
}

fn intersection(text: &str) -> Result<Range, String> {
    if let Some((low, high)) = text.split_once(" - ") {
        let (low, high) = (partial(low.trim())?, partial(high.trim())?);
        return Ok(low.at_least().intersection(&Range::lower_than(high.lowest())));
    }
    let mut all = Range::full();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !SIGNS.contains(&c)).unwrap_or(rest.len());
        let (sign, after) = rest.split_at(end);
        let after = after.trim_start();
        let after = if sign.is_empty() { after } else { after.strip_prefix('v').unwrap_or(after) };
        let end = after.find(char::is_whitespace).unwrap_or(after.len());
        let (version, more) = after.split_at(end);
        all = all.intersection(&simple(sign, version)?);
        rest = more.trim_start();
    }
    Ok(all)
}

/// A version whose last parts may be missing.
struct Partial {
    numbers: Vec<u64>,
    whole: Version,
}

impl Partial {
    fn lowest(&self) -> Version {
        self.whole.clone()
    }

    fn at_least(&self) -> Range {
        Range::higher_than(self.lowest())
    }

    /// The first version after all versions that begin with the first `parts` numbers.
    fn after(&self, parts: usize) -> Option<Version> {
        let number = |n: usize| self.numbers.get(n).copied().unwrap_or(0);
        match parts {
            0 => None,
            1 => Some(Version::new(number(0).checked_add(1)?, 0, 0)),
            2 => Some(Version::new(number(0), number(1).checked_add(1)?, 0)),
            _ => Some(Version::new(number(0), number(1), number(2).checked_add(1)?)),
        }
    }

    fn up_to(&self, parts: usize) -> Range {
        match self.after(parts) {
            Some(end) => self.at_least().intersection(&Range::strictly_lower_than(end)),
            None => Range::full(),
        }
    }
}

fn simple(sign: &str, text: &str) -> Result<Range, String> {
    let version = partial(text)?;
    let given = version.numbers.len();
    let open = text.contains(['x', 'X', '*']) && !version.whole.to_string().contains(['-', '+']);
    let beyond = |parts: usize| version.after(parts).map_or_else(Range::empty, Range::higher_than);
    Ok(match sign {
        "" | "=" if given < 3 => version.up_to(given),
        "" | "=" => exactly(&version.whole),
        _ if open => return Err(format!("`{sign}{text}`")),
        ">=" => version.at_least(),
        "<" => Range::strictly_lower_than(version.lowest()),
        ">" if given < 3 => beyond(given),
        ">" => Range::strictly_higher_than(version.lowest()),
        "<=" if given < 3 => version.after(given).map_or_else(Range::full, Range::strictly_lower_than),
        "<=" => Range::lower_than(version.lowest()),
        "~" | "~>" | "~=" => version.up_to(given.min(2)),
        "^" if version.whole.major == 0 => version.up_to(given.min(2)),
        "^" => version.up_to(1),
        _ => return Err(format!("`{sign}{text}`")),
    })
}

fn partial(text: &str) -> Result<Partial, String> {
    let fault = || format!("`{text}`");
    if let Ok(whole) = Version::parse(text) {
        return Ok(Partial { numbers: vec![whole.major, whole.minor, whole.patch], whole });
    }
    let mut numbers = Vec::new();
    let mut open = false;
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() > 3 {
        return Err(fault());
    }
    for part in parts {
        match part {
            "x" | "X" | "*" => open = true,
            // `1.x.3` means `1.x`.
            _ if open => {}
            _ if part.bytes().all(|b| b.is_ascii_digit()) && (part == "0" || !part.starts_with('0')) => {
                numbers.push(part.parse().map_err(|_| fault())?);
            }
            _ => return Err(fault()),
        }
    }
    let number = |n: usize| numbers.get(n).copied().unwrap_or(0);
    let whole = Version::new(number(0), number(1), number(2));
    Ok(Partial { numbers, whole })
}

const SIGNS: [char; 5] = ['<', '>', '=', '~', '^'];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(range: &str, version: &str) -> bool {
        parse(range).unwrap().contains(&Version::parse(version).unwrap())
    }

    #[test]
    fn parses_the_ranges_of_real_modules() {
        let table: &[(&str, &[&str], &[&str])] = &[
            (">= 4.13.1 < 9.0.0", &["4.13.1", "8.9.9"], &["4.13.0", "9.0.0"]),
            (">=4.13.1 <9.0.0", &["4.13.1", "8.9.9"], &["4.13.0", "9.0.0"]),
            ("1.x", &["1.0.0", "1.99.0"], &["0.9.9", "2.0.0"]),
            ("1", &["1.0.0", "1.99.0"], &["0.9.9", "2.0.0"]),
            ("4.2.x", &["4.2.0", "4.2.9"], &["4.1.9", "4.3.0"]),
            ("1.2.3", &["1.2.3"], &["1.2.2", "1.2.4"]),
            ("= 1.2.3", &["1.2.3"], &["1.2.4"]),
            ("1.0.0 - 2.0.0", &["1.0.0", "2.0.0"], &["0.9.9", "2.0.1"]),
            ("~1.2", &["1.2.0", "1.2.9"], &["1.1.9", "1.3.0"]),
            ("~> 1.2.3", &["1.2.3", "1.2.9"], &["1.2.2", "1.3.0"]),
            ("~1", &["1.0.0", "1.9.0"], &["2.0.0"]),
            ("^1.2.3", &["1.2.3", "1.9.0"], &["1.2.2", "2.0.0"]),
            ("^0.2.3", &["0.2.3", "0.2.9"], &["0.3.0"]),
            ("> 1.2", &["1.3.0"], &["1.2.0", "1.2.9"]),
            ("> 1", &["2.0.0"], &["1.9.9"]),
            ("<= 1.2", &["1.2.9"], &["1.3.0"]),
            ("<= 1.2.0", &["1.2.0"], &["1.2.1"]),
            (">= 1.2", &["1.2.0"], &["1.1.9"]),
            ("< 2", &["1.9.9"], &["2.0.0"]),
            ("1.x || >= 2.5.0 < 3.0.0", &["1.5.0", "2.6.0"], &["2.0.0", "3.0.0"]),
            ("*", &["0.0.1", "99.0.0"], &[]),
            ("", &["0.0.1", "99.0.0"], &[]),
            (">= v1.2.0", &["1.2.0"], &["1.1.0"]),
            (">= 2.0.0 < 1.0.0", &[], &["0.5.0", "1.5.0", "2.5.0"]),
        ];
        for (range, inside, outside) in table {
            for version in *inside {
                assert!(holds(range, version), "{range}: {version}");
            }
            for version in *outside {
                assert!(!holds(range, version), "{range}: {version}");
            }
        }
    }

    #[test]
    fn refuses_invalid_ranges() {
        for text in
            ["latest", ">= x", "1.2.3.4", ">> 1.0.0", ">= 1.0.0, < 2.0.0", "01.0.0", "1.-2", "=> 1.0.0"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_text_of_a_range_is_parsed_back(low in (0..9u64, 0..9u64, 0..9u64), span in 1..9u64, or: bool) {
            let (a, b, c) = low;
            let text = format!(">= {a}.{b}.{c} < {}.0.0", a + span);
            let text = if or { format!("{text} || {}.x", a + span + 1) } else { text };
            let range = parse(&text).unwrap();
            prop_assert_eq!(parse(&super::text(&range)).unwrap(), range);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[ 0-9x*.<>=~^|v-]{0,30}") {
            let _ = parse(&text);
        }
    }
}
