//! The embedded templates, filled in.

use std::sync::OnceLock;

use stringless_core::fault::Fault;
use tera::{Context, Tera};

use super::quote;
use crate::platform;

/// The embedded template `name`, filled in.
pub(crate) fn fill(name: &str, context: &Context) -> Result<String, Fault> {
    templates()?.render(name, context).map_err(|error| broken(&error))
}

/// The templates, with the filters that quote.
pub(crate) fn templates() -> Result<&'static Tera, Fault> {
    static TEMPLATES: OnceLock<Result<Tera, Fault>> = OnceLock::new();
    TEMPLATES.get_or_init(read_templates).as_ref().map_err(Clone::clone)
}

fn read_templates() -> Result<Tera, Fault> {
    let mut tera = Tera::default();
    // Not the default `{#`: it occurs in every `${#name}` of a shell script.
    let delimiters =
        tera::Delimiters { comment_start: "<#".into(), comment_end: "#>".into(), ..Default::default() };
    tera.set_delimiters(delimiters).map_err(|error| broken(&error))?;
    quote::register(&mut tera);
    let texts = platform::templates().map(|(name, text)| (name, without_tag_lines(text)));
    tera.add_raw_templates(texts).map_err(|error| broken(&error))?;
    Ok(tera)
}

/// Removes the line end of each line that holds only tags.
pub(crate) fn without_tag_lines(text: &str) -> String {
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

pub(crate) fn broken(error: &tera::Error) -> Fault {
    Fault::new(format!("rendering a built-in template: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_tags_leaves_no_empty_line() {
        let text = "a\n{% if x %}\nb\n{% endif %}{% if y %}\n{% if z %}c{% endif %}\n  {% x %}\n";
        assert_eq!(
            without_tag_lines(text),
            "a\n{% if x %}b\n{% endif %}{% if y %}{% if z %}c{% endif %}\n  {% x %}\n"
        );
    }
}
