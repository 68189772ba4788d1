//! Says in plain words what serde says about a value of the wrong kind.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

/// `message` with serde's words for kinds of values replaced: `invalid type: string "x", expected struct Y` becomes
/// `expected a map of settings, not the text "x"`. Other messages stay as they are.
#[must_use]
pub fn plain(message: &str) -> String {
    let Some((before, rest)) = message.split_once(MARK) else { return message.into() };
    let Some((found, wanted)) = rest.rsplit_once(EXPECTED) else { return message.into() };
    let (wanted, after) = wanted
        .split_once(" at line ")
        .map_or((wanted, String::new()), |(wanted, at)| (wanted, format!(" at line {at}")));
    format!("{before}expected {}, not {}{after}", kind(wanted), value(found))
}

/// The text that was found in the place of a value of another kind, if it was one.
#[must_use]
pub fn found_text(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(MARK)?;
    rest.rsplit_once(EXPECTED)?.0.strip_prefix("string \"")?.strip_suffix('"')
}

/// What serde expects, in plain words.
fn kind(wanted: &str) -> Cow<'_, str> {
    Cow::Borrowed(match wanted {
        _ if wanted.starts_with("struct ") || wanted == "a map" => "a map of settings",
        _ if wanted.starts_with("enum ") || wanted.ends_with(" variant") => "one name with its settings",
        "a sequence" => "a list",
        "a string" | "a borrowed string" => "a text",
        "a boolean" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        _ => wanted,
    })
}

/// What serde found, in plain words.
fn value(found: &str) -> Cow<'_, str> {
    Cow::Borrowed(match found {
        "map" => "a map",
        "sequence" => "a list",
        "unit value" | "null" | "Option value" => "an empty value",
        "unit variant" => "a name alone",
        _ => {
            let (kind, rest) = found.split_once(' ').unwrap_or((found, ""));
            return match kind {
                "string" => Cow::Owned(format!("the text {rest}")),
                "integer" => Cow::Owned(format!("the number {rest}")),
                "floating" => Cow::Owned(format!("the number {}", rest.trim_start_matches("point "))),
                "boolean" => Cow::Owned(rest.into()),
                _ => Cow::Borrowed(found),
            };
        }
    })
}

const MARK: &str = "invalid type: ";
const EXPECTED: &str = ", expected ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_in_plain_words() {
        for (message, expected) in [
            (
                "node: invalid type: string \"timer\", expected struct NodeSettings",
                "node: expected a map of settings, not the text \"timer\"",
            ),
            ("a: invalid type: map, expected a string", "a: expected a text, not a map"),
            ("invalid type: integer `5`, expected a sequence", "expected a list, not the number `5`"),
            ("invalid type: unit value, expected u32", "expected a whole number, not an empty value"),
            (
                "invalid type: boolean `true`, expected a string at line 3 column 4",
                "expected a text, not `true` at line 3 column 4",
            ),
            (
                "invalid type: floating point `1.5`, expected u64",
                "expected a whole number, not the number `1.5`",
            ),
            ("unknown field `x`, expected `y`", "unknown field `x`, expected `y`"),
            ("missing field `x`", "missing field `x`"),
        ] {
            assert_eq!(plain(message), expected);
        }
        assert_eq!(found_text("invalid type: string \"a, b\", expected struct Y"), Some("a, b"));
        assert_eq!(found_text("invalid type: map, expected a string"), None);
    }
}
