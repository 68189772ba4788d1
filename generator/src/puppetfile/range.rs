//! Version ranges in the notation of `metadata.json`: text → a set of versions. No IO.
//!
//! It supports the notations that Puppet supports: `>= 4.13.1 < 9.0.0`, `1.x`, `4.2.x`, `1.0.0 - 2.0.0`, `^1.2`, `~> 1.2.3`, `||`.

use pubgrub::Ranges;
use semver::{BuildMetadata, Prerelease, Version};

/// A set of versions.
pub type Range = Ranges<Version>;

/// Parses a range as Puppet does: `vectors.txt` has what Puppet's reader says about many of them.
///
/// # Errors
/// The invalid part.
pub fn parse(text: &str) -> Result<Range, String> {
    let text = without_gaps(text);
    let mut alternatives: Vec<&str> = text.split("||").collect();
    let last = alternatives.len() - 1;
    for (n, alternative) in alternatives.iter_mut().enumerate() {
        let from = if n == 0 { *alternative } else { alternative.trim_start_matches(SPACES) };
        *alternative = if n == last { from } else { from.trim_end_matches(SPACES) };
    }
    // Empty alternatives at the end do not count; if there is nothing else, any version is in the range.
    while alternatives.last().is_some_and(|last| last.is_empty()) {
        alternatives.pop();
    }
    if alternatives.is_empty() {
        return Ok(Range::full());
    }
    alternatives.into_iter().map(intersection).try_fold(Range::empty(), |any, range| Ok(any.union(&range?)))
}

/// The text without spaces after a sign, and without a `v` directly after one.
fn without_gaps(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        out.push(c);
        if !SIGNS.contains(&c) {
            continue;
        }
        if rest.peek() == Some(&'v') {
            rest.next();
            continue;
        }
        while rest.peek().is_some_and(|next| SPACES.contains(next)) {
            rest.next();
        }
    }
    out
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
    let words: Vec<&str> = text.split(SPACES).filter(|word| !word.is_empty()).collect();
    if let [low, "-", high] = words.as_slice()
        && !text.ends_with(SPACES)
        && !text.starts_with(SPACES)
    {
        let (low, high) = (Partial::parse(low)?.lowest(), Partial::parse(high)?.lowest());
        return Ok(Range::higher_than(low).intersection(&Range::lower_than(high)));
    }
    let Some(first) = words.first() else { return Ok(Range::empty()) };
    if text.starts_with(SPACES) {
        return Err(format!("a space before `{first}`"));
    }
    words.iter().try_fold(Range::full(), |all, word| Ok(all.intersection(&simple(word)?)))
}

/// A version whose parts may be missing or `x`.
struct Partial {
    /// Major, minor and patch; `None` for one that is missing or `x`.
    numbers: [Option<u64>; 3],
    pre: Prerelease,
    build: BuildMetadata,
}

impl Partial {
    fn parse(text: &str) -> Result<Self, String> {
        let fault = || format!("`{text}`");
        let (head, qualifier) = text.find(['-', '+']).map_or((text, ""), |at| text.split_at(at));
        let parts: Vec<&str> = head.split('.').collect();
        if parts.len() > 3 || parts.len() < 3 && !qualifier.is_empty() {
            return Err(fault());
        }
        let mut numbers = [None; 3];
        for (number, part) in numbers.iter_mut().zip(parts) {
            *number = match part {
                "x" | "X" | "*" => None,
                _ if part != "0" && part.starts_with('0') || !part.bytes().all(|b| b.is_ascii_digit()) => {
                    return Err(fault());
                }
                _ => Some(part.parse().map_err(|_| fault())?),
            };
        }
        let (pre, build) = qualifier.split_once('+').unwrap_or((qualifier, ""));
        if pre == "-" || qualifier.ends_with('+') {
            return Err(fault());
        }
        let pre = Prerelease::new(pre.strip_prefix('-').unwrap_or(pre)).map_err(|_| fault())?;
        let build = BuildMetadata::new(build).map_err(|_| fault())?;
        Ok(Self { numbers, pre, build })
    }

    /// How many numbers there are before the first that is missing.
    fn given(&self) -> usize {
        self.numbers.iter().position(Option::is_none).unwrap_or(3)
    }

    fn lowest(&self) -> Version {
        let number = |n: usize| self.numbers[n].unwrap_or(0);
        Version { pre: self.pre.clone(), ..Version::new(number(0), number(1), number(2)) }
    }

    /// The first version with the first `parts` numbers.
    fn first(&self, parts: usize) -> Version {
        if parts == 3 {
            return self.lowest();
        }
        let number = |n: usize| if n < parts { self.numbers[n].unwrap_or(0) } else { 0 };
        Version::new(number(0), number(1), 0)
    }

    /// The first version after all versions with the first `parts` numbers, 1 or 2.
    fn after(&self, parts: usize) -> Version {
        let number = |n: usize| self.numbers[n].unwrap_or(0);
        match parts {
            1 => Version::new(number(0).saturating_add(1), 0, 0),
            _ => Version::new(number(0), number(1).saturating_add(1), 0),
        }
    }

    /// From the version itself up to the next one with other first `parts` numbers.
    fn up_to(&self, parts: usize) -> Range {
        Range::between(self.first(self.given()), self.after(parts))
    }
}

fn simple(word: &str) -> Result<Range, String> {
    let (sign, text) = word.split_at(word.find(|c: char| !SIGNS.contains(&c)).unwrap_or(word.len()));
    let version = Partial::parse(text).map_err(|_| format!("`{word}`"))?;
    let given = version.given();
    Ok(match sign {
        ">=" => Range::higher_than(version.lowest()),
        "<" => Range::strictly_lower_than(version.lowest()),
        ">" if given == 0 => Range::empty(),
        "" | "=" | "~" | "~>" | "~=" | "^" | "<=" if given == 0 => Range::full(),
        // Versions that differ only in their build are one, except here.
        "" | "=" if given == 3 => exactly(&Version { build: version.build.clone(), ..version.lowest() }),
        "" | "=" => version.up_to(given),
        ">" if given == 3 => Range::strictly_higher_than(version.lowest()),
        ">" => Range::higher_than(version.after(given)),
        "<=" if given == 3 => Range::lower_than(version.lowest()),
        "<=" => Range::strictly_lower_than(version.after(given)),
        "~" | "~>" | "~=" => version.up_to(given.min(2)),
        "^" if version.numbers[0] == Some(0) => version.up_to(given.min(2)),
        "^" => version.up_to(1),
        _ => return Err(format!("`{word}`")),
    })
}

const SIGNS: [char; 5] = ['<', '>', '=', '~', '^'];
const SPACES: [char; 6] = [' ', '\t', '\n', '\r', '\u{b}', '\u{c}'];

#[cfg(test)]
mod tests;
