//! Lines of a template that explain the lines after them.

use super::request::Part;

/// A text with explanations of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explained {
    /// ASCII, LF.
    pub text: String,
    /// In order; together they cover the whole text.
    pub parts: Vec<Part>,
}

/// Removes the explanations from the text. Each is about the lines after it, up to the next explanation.
pub(crate) fn explained(text: &str) -> Explained {
    let mut script = Explained { text: String::with_capacity(text.len()), parts: Vec::new() };
    let mut lines = 0;
    for line in text.split_inclusive('\n') {
        if let Some(does) = line.strip_prefix(EXPLAINS) {
            script.parts.push(Part { line: lines + 1, lines: 0, does: does.trim_end().to_owned() });
            continue;
        }
        lines += 1;
        script.text.push_str(line);
        if let Some(part) = script.parts.last_mut() {
            part.lines += 1;
        }
    }
    script.parts.retain(|part| part.lines > 0);
    script
}

/// Begins a line of a template that explains the lines after it.
const EXPLAINS: &str = "#: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explanations_are_removed_and_cover_the_lines_after_them() {
        let script = explained("#: one\na\nb\n#: none\n#: two\nc\n");
        assert_eq!(script.text, "a\nb\nc\n");
        let parts: Vec<_> = script.parts.iter().map(|part| (part.line, part.lines, &*part.does)).collect();
        assert_eq!(parts, [(1, 2, "one"), (3, 1, "two")]);
    }
}
