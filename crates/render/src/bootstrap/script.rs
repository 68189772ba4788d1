//! Request → the bootstrap script, with an explanation of each part.

use serde_json::Value;
use stringless_core::fault::Fault;
use tera::Context;

use super::metadata_lock;
use super::page::Page;
use crate::explain::{Explained, explained};
use crate::request::Request;
use crate::templates::{broken, fill};

/// The bootstrap script.
pub(crate) fn script(request: &Request<'_>) -> Result<Explained, Fault> {
    let (page, context) = context(request)?;
    let mut context = context;
    let init = &request.distro.init;
    let part = |name: &str| Some(format!("init/{init}/{name}.tera"));
    let repeat = |name: &str| part(name).filter(|_| page.repeats);
    for (name, template) in [
        ("init_helpers", part("helpers")),
        ("schedule_check", part("check")),
        ("schedule", part("schedule")),
        ("repeat", repeat("repeat")),
        ("repeat_now", repeat("repeat-now")),
        ("repeat_end", repeat("repeat-end")),
        ("lock_boot", request.lock.map(|_| metadata_lock::template(request))),
    ] {
        let text = template.map(|template| fill(&template, &context)).transpose()?.unwrap_or_default();
        context.insert(format!("has_{name}"), &!text.trim().is_empty());
        context.insert(name, text.trim_end());
    }
    let text = fill(&format!("families/{}.tera", request.distro.family), &context)?;
    let script = explained(&with_preamble(&text, &request.boot.preamble));
    check_text(&script.text)?;
    Ok(script)
}

/// Inserts the lines that the boot agent requires right after `#!`.
fn with_preamble(text: &str, preamble: &str) -> String {
    let Some((head, tail)) = text.split_once("#!/bin/sh\n").filter(|_| !preamble.is_empty()) else {
        return text.to_owned();
    };
    format!("{head}#!/bin/sh\n{preamble}{tail}")
}

/// The values for the templates.
pub(crate) fn context(request: &Request<'_>) -> Result<(Page, Context), Fault> {
    let page = Page::new(request)?;
    let values = serde_json::to_value(&page).map_err(|error| Fault::new(error.to_string()))?;
    check_values(&values, "")?;
    let context = Context::from_serialize(&page).map_err(|error| broken(&error))?;
    Ok((page, context))
}

/// Refuses control characters: such a value could begin a line of its own. `ca` may have lines, because its
/// certificates were checked before.
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

/// User-data passes through consoles, APIs and boot agents: only ASCII and LF arrive unchanged everywhere.
pub(crate) fn check_text(script: &str) -> Result<(), Fault> {
    match script.lines().find(|line| !line.bytes().all(|b| (b' '..=b'~').contains(&b))) {
        None => Ok(()),
        Some(line) => Err(Fault::new(format!(
            "rendering the script: a setting brings a character outside printable ASCII into `{}`",
            line.escape_default().take(120).collect::<String>()
        ))
        .hint("URLs and paths in the site file may hold printable ASCII only")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_begin_a_line() {
        for text in ["a\nb", "\u{1}", "\r"] {
            assert!(check_values(&serde_json::json!({"a": [{"b": text}]}), "").is_err(), "{text:?}");
        }
        assert!(check_values(&serde_json::json!({"ca": "a\nb", "b": ["c", 1, null]}), "").is_ok());
    }
}
