//! Makes untrusted text safe to print.

/// Replaces each control character by a mark, and spells out characters that change the direction of writing: they can
/// make a line look like a different one.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() => shown.push('\u{fffd}'),
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {
                shown.push_str(&format!("<U+{:04X}>", u32::from(c)));
            }
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_are_replaced() {
        assert_eq!(printable("a\tb\n"), "a\tb\n");
        assert_eq!(printable("\u{1b}[2Jx\r\u{9b}y\u{7f}"), "\u{fffd}[2Jx\u{fffd}\u{fffd}y\u{fffd}");
        assert_eq!(printable("if a \u{202e}}\u{2066}x\u{200b}"), "if a <U+202E>}<U+2066>x<U+200B>");
    }
}
