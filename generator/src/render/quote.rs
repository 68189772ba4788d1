//! Quoting: one filter per language that a value is written into.

use std::fmt::Write as _;

use serde::Serialize;
use tera::{Kwargs, State, Tera};

/// Adds the filters `sh` and `yaml_block`.
pub(crate) fn register(tera: &mut Tera) {
    tera.register_filter("sh", |text: &str, _: Kwargs, _: &State| sh(text));
}

/// `text` as one word of a POSIX shell, bare where nothing in it needs quotes.
pub(crate) fn sh(text: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"_-./:,%+@".contains(&b);
    if !text.is_empty() && text.bytes().all(bare) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `text` as the body of a YAML literal block scalar, indented by four.
pub(crate) fn yaml_block(text: &str) -> String {
    let mut block = String::with_capacity(text.len() * 9 / 8);
    for line in text.lines() {
        if !line.is_empty() {
            block.push_str("    ");
            block.push_str(line);
        }
        block.push('\n');
    }
    block
}

/// `text` as one query value of a URL.
pub(crate) fn uri(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            encoded.push(char::from(b));
        } else {
            let _ = write!(encoded, "%{b:02X}");
        }
    }
    encoded
}

/// `value` as one line of JSON in ASCII.
///
/// # Errors
/// Never for types whose keys are strings.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(value)?;
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        // Outside ASCII there are only the insides of strings.
        if c.is_ascii() && c != '\u{7f}' {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    Ok(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_for_each_language() {
        assert_eq!(sh("a-b_c.d/e:f"), "a-b_c.d/e:f");
        assert_eq!(sh(""), "''");
        assert_eq!(sh("a'b $(x) `y`"), r"'a'\''b $(x) `y`'");
        assert_eq!(uri("a+b/c=ü"), "a%2Bb%2Fc%3D%C3%BC");
        assert_eq!(json(&"é\"\u{1f980}\u{7f}\n").unwrap(), r#""\u00e9\"\ud83e\udd80\u007f\n""#);
        assert_eq!(yaml_block("a\n\n b\n"), "    a\n\n     b\n");
    }
}
