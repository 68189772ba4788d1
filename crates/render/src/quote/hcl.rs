//! HCL, as Terraform and Packer read it.

use base64ct::{Base64, Encoding as _};

/// `text` as an expression on one line.
pub(crate) fn hcl(text: &str) -> String {
    if !is_plain(text) {
        return decoded(text);
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\\' | '"' => quoted.extend(['\\', c]),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    escaped(&quoted)
}

/// `text`, of whole lines, as an expression that people can read: a heredoc.
pub(crate) fn hcl_text(text: &str) -> String {
    if !is_plain(text) || !text.ends_with('\n') {
        return decoded(text);
    }
    let mut mark = String::from("STRINGLESS");
    while text.lines().any(|line| line.trim() == mark) {
        mark.push('_');
    }
    format!("<<{mark}\n{}{mark}", escaped(text))
}

/// What HCL hands on as it is: `$${` may be read in two ways, and what is not ASCII it puts into the
/// composed form of Unicode, wherever it comes from.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'\n' | b'\t' | b' '..=b'~'))
        && !text.contains("$${")
        && !text.contains("%%{")
}

/// Nothing begins a template.
fn escaped(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// For any bytes of UTF-8.
fn decoded(text: &str) -> String {
    format!("base64decode(\"{}\")", Base64::encode_string(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_begins_a_template_or_ends_a_heredoc() {
        assert_eq!(hcl("a\"b\\c\n${d}%{e}$(f)"), r#""a\"b\\c\n$${d}%%{e}$(f)""#);
        assert_eq!(hcl_text("a ${b}\n"), "<<STRINGLESS\na $${b}\nSTRINGLESS");
        assert_eq!(hcl_text(" STRINGLESS\n"), "<<STRINGLESS_\n STRINGLESS\nSTRINGLESS_");
        for text in ["a", "$${a}\n", "%%{a}\n", "\u{e9}\n", "a\r\n", "\0\n"] {
            assert!(hcl_text(text).starts_with("base64decode(\""), "{text:?}");
        }
        for text in ["$${a}", "e\u{301}"] {
            assert!(hcl(text).starts_with("base64decode(\""), "{text:?}");
        }
    }
}
