//! Lines of a template that explain what follows them.

use super::request::Part;

/// A text, explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explained {
    /// ASCII, LF.
    pub text: String,
    /// In their order; together they are the whole text.
    pub parts: Vec<Part>,
}

/// Takes the lines that explain out of the text: each is about those that follow, up to the next.
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

/// Begins a line of a template that explains those that follow it.
const EXPLAINS: &str = "#: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_explains_is_taken_out_and_counted() {
        let script = explained("#: one\na\nb\n#: none\n#: two\nc\n");
        assert_eq!(script.text, "a\nb\nc\n");
        let told: Vec<_> = script.parts.iter().map(|part| (part.line, part.lines, &*part.does)).collect();
        assert_eq!(told, [(1, 2, "one"), (3, 1, "two")]);
    }
}
