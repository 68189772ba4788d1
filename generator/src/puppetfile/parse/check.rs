//! Checks of values: texts, names, versions.

use super::place::inside;
use super::problem::Problem;
use super::value::{Given, Value};

pub(crate) fn place(given: &Given) -> Result<String, Problem> {
    let path = text(given.value.clone(), given.at, "`install_path`")?;
    inside(&path, "install_path", given.at)
}

pub(crate) fn yes_or_no(given: &Given) -> Result<bool, Problem> {
    match given.value {
        Value::Bool(value) => Ok(value),
        _ => {
            let what = format!("`{}` is neither true nor false", given.key);
            Err(Problem::new(given.at, what, "write `true` or `false`, without quotes"))
        }
    }
}

/// A value of the file, quoted for a message. A URL is not shown, because it may hold a password.
pub(crate) fn quoted(text: &str) -> String {
    let url = text.contains("://") || text.contains('@');
    if url || text.len() > 60 { "this value".into() } else { format!("'{}'", text.escape_debug()) }
}

/// The text of a value; any other value is refused.
pub(crate) fn text(value: Value, at: usize, what: &str) -> Result<String, Problem> {
    let kind = match value {
        Value::Text(text) => return Ok(text),
        Value::Symbol(_) => "a symbol".into(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Nil => "`nil`".into(),
        Value::Number(number) => format!("the number `{number}`"),
    };
    Err(Problem::new(at, format!("{what} is {kind}, not a text"), "write it in quotes"))
}

/// Checks a name: `owner/name`, `owner-name`, or `name`. Whether it has an owner.
pub(crate) fn check_title(title: &str, at: usize) -> Result<bool, Problem> {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let parts: Vec<&str> = title.split(['/', '-']).collect();
    if parts.len() <= 2 && parts.iter().all(|part| word(part)) {
        return Ok(parts.len() == 2);
    }
    let what = format!("{} is not the name of a module", quoted(title));
    Err(Problem::new(at, what, "write `owner/name`, `owner-name` or `name`, with letters, digits and `_`"))
}

/// Checks a version of SemVer: three numbers, then `-` and `+` with words of letters, digits and `-`.
pub(crate) fn is_version(text: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    let pre_word = |part: &str| word(part) && (number(part) || !part.bytes().all(|b| b.is_ascii_digit()));
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|pre| pre.split('.').all(pre_word))
        && build.is_none_or(|build| build.split('.').all(word))
}
