//! Quoting for HCL, the language of Terraform and Packer.

use base64ct::{Base64, Encoding as _};

use crate::embed::reference::split;

/// `text` as an HCL expression on one line.
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

/// `text`, which ends with a line end, as an HCL expression that people can read: a heredoc.
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

/// The same for a text in which Terraform fills in the `references`, each `${NAME}`.
pub(crate) fn hcl_template(text: &str, references: &[String]) -> String {
    if references.is_empty() || is_plain(text) && text.ends_with('\n') {
        return references.iter().fold(hcl_text(text), |text, one| text.replace(&escaped(one), one));
    }
    let parts = split(text, references).into_iter().flat_map(|(text, reference)| {
        let name = reference.trim_start_matches("${").trim_end_matches('}');
        [Some(hcl(text)), Some(name.to_owned()).filter(|name| !name.is_empty())]
    });
    format!("join(\"\", [{}])", parts.flatten().collect::<Vec<_>>().join(", "))
}

/// Whether HCL keeps `text` unchanged. `$${` in the text is ambiguous, and HCL converts all characters
/// outside ASCII to the composed form of Unicode.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'\n' | b'\t' | b' '..=b'~'))
        && !text.contains("$${")
        && !text.contains("%%{")
}

/// Escapes `${` and `%{`, which begin a template.
fn escaped(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// An expression for any text, by base64.
fn decoded(text: &str) -> String {
    format!("base64decode(\"{}\")", Base64::encode_string(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_begins_no_template_and_ends_no_heredoc() {
        assert_eq!(hcl("a\"b\\c\n${d}%{e}$(f)"), r#""a\"b\\c\n$${d}%%{e}$(f)""#);
        assert_eq!(hcl_text("a ${b}\n"), "<<STRINGLESS\na $${b}\nSTRINGLESS");
        assert_eq!(hcl_text(" STRINGLESS\n"), "<<STRINGLESS_\n STRINGLESS\nSTRINGLESS_");
        for text in ["a", "$${a}\n", "%%{a}\n", "\u{e9}\n", "a\r\n", "\0\n"] {
            assert!(hcl_text(text).starts_with("base64decode(\""), "{text:?}");
        }
        let references = ["${a.b}".to_owned(), "${c}".to_owned()];
        let template = |text| hcl_template(text, &references);
        assert_eq!(template("${c}${d}${a.b}\n"), "<<STRINGLESS\n${c}$${d}${a.b}\nSTRINGLESS");
        assert_eq!(template("${d}\n"), "<<STRINGLESS\n$${d}\nSTRINGLESS");
        assert_eq!(template("x${c}$${d}${a.b}"), r#"join("", ["x", c, base64decode("JCR7ZH0="), a.b, ""])"#);
        for text in ["$${a}", "e\u{301}"] {
            assert!(hcl(text).starts_with("base64decode(\""), "{text:?}");
        }
    }
}
