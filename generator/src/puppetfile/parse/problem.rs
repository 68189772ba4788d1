//! A fault of a statement, and its position.

/// A fault, its position in bytes, and what to write instead.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) at: usize,
    pub(crate) what: String,
    pub(crate) hint: String,
}

impl Problem {
    pub(crate) fn new(at: usize, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { at, what: what.into(), hint: hint.into() }
    }
}

/// The line and column of a position, both from 1; columns count characters.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[start..].chars().count() + 1)
}

/// The fault of two keys that exclude each other.
pub(crate) fn both(one: &str, other: &str, at: usize) -> Problem {
    Problem::new(at, format!("both `{one}` and `{other}`"), "keep one of them")
}
