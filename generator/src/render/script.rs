//! Request → the bootstrap script, and what each part of it will do.

use std::sync::OnceLock;

use serde_json::Value;
use tera::{Context, Tera};

use super::page::Page;
use super::{Request, lock, quote};
use crate::catalog;
use crate::fault::Fault;

/// A text, explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Explained {
    /// ASCII, LF.
    pub text: String,
    /// In their order; together they are the whole text.
    pub parts: Vec<Part>,
}

/// Some lines of a text, and what they will do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Part {
    /// The number of the first line, from 1.
    pub line: usize,
    /// The number of lines.
    pub lines: usize,
    /// What they will do.
    pub does: String,
}

/// The bootstrap script.
pub(super) fn script(request: &Request<'_>) -> Result<Explained, Fault> {
    let (page, context) = context(request)?;
    let mut context = context;
    let init = &request.distro.init;
    let schedule = match page.schedule_template(request) {
        Some(name) => fill(&name, &context)?,
        None => String::new(),
    };
    context.insert("schedule_functions", schedule.trim_end());
    let off = fill(&format!("init/{init}/off.tera"), &context)?;
    context.insert("unschedule", off.trim_end());
    let lock = match request.lock {
        Some(_) => fill(&lock::template(request), &context)?,
        None => String::new(),
    };
    context.insert("lock_boot", lock.trim_end());
    let text = fill(&format!("families/{}.tera", request.distro.family), &context)?;
    let script = explained(&with_preamble(&text, &request.boot.preamble));
    check_text(&script.text)?;
    Ok(script)
}

/// What the boot agent needs right after `#!`.
fn with_preamble(text: &str, preamble: &str) -> String {
    let Some((head, tail)) = text.split_once("#!/bin/sh\n").filter(|_| !preamble.is_empty()) else {
        return text.to_owned();
    };
    format!("{head}#!/bin/sh\n{preamble}{tail}")
}

/// The values for the templates.
pub(super) fn context(request: &Request<'_>) -> Result<(Page, Context), Fault> {
    let page = Page::of(request)?;
    let values = serde_json::to_value(&page).map_err(|error| Fault::new(error.to_string()))?;
    check_values(&values, "")?;
    let context = Context::from_serialize(&page).map_err(|error| broken(&error))?;
    Ok((page, context))
}

/// The embedded template `name`, filled in.
pub(crate) fn fill(name: &str, context: &Context) -> Result<String, Fault> {
    templates()?.render(name, context).map_err(|error| broken(&error))
}

/// Takes the lines that explain out of the text: each is about those that follow, up to the next.
pub(super) fn explained(text: &str) -> Explained {
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

/// A value with a control character could begin a line of its own. Certificates have lines, and were
/// checked for what stands in them.
fn check_values(value: &Value, key: &str) -> Result<(), Fault> {
    match value {
        Value::String(text) if key != "ca" && text.contains(char::is_control) => Err(Fault::new(format!(
            "rendering the script: a setting brings a control character into `{}`",
            text.escape_default().take(120).collect::<String>()
        ))
        .hint("URLs and paths in the site file may hold printable ASCII only")),
        Value::Array(values) => values.iter().try_for_each(|value| check_values(value, key)),
        Value::Object(map) => map.iter().try_for_each(|(key, value)| check_values(value, key)),
        _ => Ok(()),
    }
}

/// The templates, with the filters that quote.
fn templates() -> Result<&'static Tera, Fault> {
    static TEMPLATES: OnceLock<Result<Tera, Fault>> = OnceLock::new();
    TEMPLATES.get_or_init(read_templates).as_ref().map_err(Clone::clone)
}

fn read_templates() -> Result<Tera, Fault> {
    let mut tera = Tera::default();
    // The usual `{#` stands in every `${#name}` of the shell.
    let delimiters =
        tera::Delimiters { comment_start: "<#".into(), comment_end: "#>".into(), ..Default::default() };
    tera.set_delimiters(delimiters).map_err(|error| broken(&error))?;
    quote::register(&mut tera);
    let texts = catalog::templates().map(|(name, text)| (name, without_tag_lines(text)));
    tera.add_raw_templates(texts).map_err(|error| broken(&error))?;
    Ok(tera)
}

/// A line that holds nothing but tags leaves no line behind.
fn without_tag_lines(text: &str) -> String {
    let only_tags = |mut line: &str| {
        let some = line.starts_with("{%");
        while let Some(rest) = line.strip_prefix("{%") {
            let Some((_, after)) = rest.split_once("%}") else { return false };
            line = after;
        }
        some && line.is_empty()
    };
    text.split_inclusive('\n')
        .map(|line| if only_tags(line.trim_end()) { line.trim_end() } else { line })
        .collect()
}

/// User-data passes through consoles, APIs and boot agents: only ASCII and LF arrive everywhere alike.
pub(super) fn check_text(script: &str) -> Result<(), Fault> {
    match script.lines().find(|line| !line.bytes().all(|b| (b' '..=b'~').contains(&b))) {
        None => Ok(()),
        Some(line) => Err(Fault::new(format!(
            "rendering the script: a setting brings a character outside printable ASCII into `{}`",
            line.escape_default().take(120).collect::<String>()
        ))
        .hint("URLs and paths in the site file may hold printable ASCII only")),
    }
}

fn broken(error: &tera::Error) -> Fault {
    Fault::new(format!("rendering a built-in template: {error}"))
}

/// Begins a line of a template that explains those that follow it.
const EXPLAINS: &str = "#: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_tags_leaves_no_line() {
        let text = "a\n{% if x %}\nb\n{% endif %}{% if y %}\n{% if z %}c{% endif %}\n  {% x %}\n";
        assert_eq!(
            without_tag_lines(text),
            "a\n{% if x %}b\n{% endif %}{% if y %}{% if z %}c{% endif %}\n  {% x %}\n"
        );
    }

    #[test]
    fn what_explains_is_taken_out_and_counted() {
        let script = explained("#: one\na\nb\n#: none\n#: two\nc\n");
        assert_eq!(script.text, "a\nb\nc\n");
        let told: Vec<_> = script.parts.iter().map(|part| (part.line, part.lines, &*part.does)).collect();
        assert_eq!(told, [(1, 2, "one"), (3, 1, "two")]);
    }

    #[test]
    fn a_value_cannot_begin_a_line() {
        for text in ["a\nb", "\u{1}", "\r"] {
            assert!(check_values(&serde_json::json!({"a": [{"b": text}]}), "").is_err(), "{text:?}");
        }
        assert!(check_values(&serde_json::json!({"ca": "a\nb", "b": ["c", 1, null]}), "").is_ok());
    }
}
