//! Backslashes within quotes.

use super::problem::Problem;

/// The value of a backslash and the character after it.
pub(super) fn escape(
    next: Option<char>,
    at: usize,
    open: Option<char>,
    close: char,
    double: bool,
) -> Result<String, Problem> {
    match next {
        Some(c) if c == '\\' || c == close || Some(c) == open => Ok(c.into()),
        Some(c) if double && !c.is_ascii_alphanumeric() && !c.is_control() => Ok(c.into()),
        Some(c) if !double && !c.is_control() => Ok(format!("\\{c}")),
        Some(c) if double && c != '\n' => {
            let what = format!("the escape `\\{}`", c.escape_default());
            Err(Problem::new(at, what, "write the character itself, in single quotes"))
        }
        _ => Err(Problem::new(at, "a quote that continues on the next line", "write the text on one line")),
    }
}
