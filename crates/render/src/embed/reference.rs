//! The values in user-data that a tool fills in: `${NAME}` in the signals of a group. No IO.

use stringless_core::fault::Fault;

use crate::platform::Encoding;
use crate::quote;
use crate::request::{Request, UserData};

/// The references in the signals of `request`, each once.
///
/// # Errors
/// When the tool could not fill in exactly these in `data`.
pub(crate) fn references(request: &Request<'_>, data: &UserData) -> Result<Vec<String>, Fault> {
    if request.signals.is_empty() {
        return Ok(Vec::new());
    }
    let (encoding, form) = (request.encoding.as_str(), request.form.as_str());
    let json = quote::json(&request.signals).map_err(|error| Fault::new(error.to_string()))?;
    let hidden = |what: String| {
        Fault::new(format!(
            "rendering a group: {what} hides from the tool what it has to fill in for the signal"
        ))
        .hint("`--no-signal` renders a group that does not wait for the first run of its nodes")
    };
    if request.encoding != Encoding::Plain {
        return Err(hidden(format!("the encoding `{encoding}`")));
    }
    if data.text.matches(&json).count() != 1 {
        return Err(hidden(format!("the form `{form}`")));
    }
    let found = found(&json);
    match found.iter().find(|one| data.text.matches(*one).count() != json.matches(*one).count()) {
        Some(other) => Err(Fault::new(format!("rendering a group: the user-data holds another `{other}`"))
            .hint("the tool would replace it; write it otherwise in your own file")),
        None => Ok(found),
    }
}

/// Every `${NAME}` in `text`, each once.
fn found(text: &str) -> Vec<String> {
    let ends = text.match_indices("${").filter_map(|(at, _)| Some(&text[at..=at + text[at..].find('}')?]));
    let mut found: Vec<String> = ends.map(str::to_owned).collect();
    found.sort();
    found.dedup();
    found
}

/// `text` cut at the references: each part with the reference behind it, the last one without.
pub(crate) fn split<'t>(text: &'t str, references: &'t [String]) -> Vec<(&'t str, &'t str)> {
    let (mut parts, mut rest) = (Vec::new(), text);
    let next = |rest: &str| references.iter().filter_map(|one| Some((rest.find(one.as_str())?, one))).min();
    while let Some((at, one)) = next(rest) {
        parts.push((&rest[..at], one.as_str()));
        rest = &rest[at + one.len()..];
    }
    parts.push((rest, ""));
    parts
}

/// The most bytes that the tools put in place of the references.
pub(crate) fn room(request: &Request<'_>) -> usize {
    let json = quote::json(&request.signals).unwrap_or_default();
    json.matches("${").count() * LONGEST
}

/// The longest value: the name of a stack. That of a group may be longer, but nobody types it.
const LONGEST: usize = 128;
