//! Quoting: one filter for each language into which the templates write values.

mod hcl;

use std::fmt::Write as _;

use base64ct::{Base64, Encoding};
use serde::Serialize;
use tera::{Kwargs, State, Tera};

use crate::encode::gzip;

pub(crate) use self::hcl::{hcl, hcl_template, hcl_text};

/// Adds the filters `hcl`, `sh`, `json`, `nix`, `nix_lines`, `base64` and `gzip_base64`.
pub(crate) fn register(tera: &mut Tera) {
    tera.register_filter("hcl", |text: &str, _: Kwargs, _: &State| hcl(text));
    tera.register_filter("sh", |text: &str, _: Kwargs, _: &State| sh(text));
    tera.register_filter("json", |text: &str, _: Kwargs, _: &State| json(&text).unwrap_or_default());
    tera.register_filter("nix", |text: &str, _: Kwargs, _: &State| nix(text));
    tera.register_filter("nix_lines", |text: &str, _: Kwargs, _: &State| nix_lines(text));
    tera.register_filter("gzip_base64", |text: &str, _: Kwargs, _: &State| {
        Base64::encode_string(&gzip(text.as_bytes()))
    });
    tera.register_filter("base64", |text: &str, _: Kwargs, _: &State| Base64::encode_string(text.as_bytes()));
}

/// `text` as one word of a POSIX shell, without quotes if it needs none.
pub(crate) fn sh(text: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b"_-./:,%+@".contains(&b);
    if !text.is_empty() && text.bytes().all(bare) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `text` as a YAML scalar: a block indented by `indent`, or one double-quoted line.
pub(crate) fn yaml_text(text: &str, indent: usize) -> String {
    let plain = text.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b));
    if !plain || !text.contains('\n') || text.ends_with("\n\n") || text.starts_with([' ', '\n']) {
        return yaml(text);
    }
    let end = if text.ends_with('\n') { "" } else { "-" };
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("\n{:indent$}{line}", "") };
    format!("|{end}{}", text.lines().map(line).collect::<String>())
}

/// `text` as a double-quoted YAML scalar in ASCII: like JSON, except for characters above 16 bits.
fn yaml(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

/// `text` as the body of a YAML literal block scalar, indented by three: the least below a key of a list's entry.
pub(crate) fn yaml_block(text: &str) -> String {
    let mut block = String::with_capacity(text.len() * 9 / 8);
    for line in text.lines() {
        if !line.is_empty() {
            block.push_str("   ");
            block.push_str(line);
        }
        block.push('\n');
    }
    block
}

/// `text` as a Nix string.
pub(crate) fn nix(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\\' | '"' | '$' => quoted.extend(['\\', c]),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The lines of `text` as the elements of a Nix list.
pub(crate) fn nix_lines(text: &str) -> String {
    text.lines().map(|line| format!("    {}\n", nix(line))).collect()
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
        // In JSON, only strings can hold characters outside ASCII.
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
    use proptest::prelude::*;
    use std::process::Command;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// A real shell reads the words and prints them.
        #[test]
        fn a_shell_reads_a_quoted_word_back_unchanged(words in prop::collection::vec("[^\0]{0,24}|[ -~]{0,24}", 1..64)) {
            let quoted: Vec<String> = words.iter().map(|word| sh(word)).collect();
            let line = format!("printf '%s\\0' {}", quoted.join(" "));
            let output = Command::new("sh").args(["-c", &line]).output().unwrap();
            let expected: String = words.iter().flat_map(|word| [word, "\0"]).collect();
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
        }

        #[test]
        fn json_in_ascii_reads_back(text in any::<String>()) {
            let line = json(&text).unwrap();
            prop_assert!(line.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", line);
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }

        #[test]
        fn a_yaml_block_reads_back(lines in prop::collection::vec("[ -~]{0,40}[!-~]", 1..9)) {
            let text = lines.join("\n") + "\n";
            let yaml = format!("a: |3\n{}", yaml_block(&text));
            let read: std::collections::BTreeMap<String, String> = serde_yaml::from_str(&yaml).unwrap();
            prop_assert_eq!(&read["a"], &text);
        }
    }

    #[test]
    fn quotes_for_each_language() {
        assert_eq!(sh("a-b_c.d/e:f"), "a-b_c.d/e:f");
        assert_eq!(sh(""), "''");
        assert_eq!(sh("a'b $(x) `y`"), r"'a'\''b $(x) `y`'");
        assert_eq!(nix("a\"$b\\\n''${c}"), r#""a\"\$b\\\n''\${c}""#);
        assert_eq!(uri("a+b/c=ü"), "a%2Bb%2Fc%3D%C3%BC");
        assert_eq!(json(&"é\"\u{1f980}\u{7f}\n").unwrap(), r#""\u00e9\"\ud83e\udd80\u007f\n""#);
        assert_eq!(yaml_block("a\n\n b\n"), "   a\n\n    b\n");
    }
}
