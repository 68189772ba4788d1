//! ERB templates: Ruby compiles them and does not run them.

use serde::Deserialize;

use super::Fault;
use super::tool::{Tool, laid_out};

/// The faults of each template.
///
/// # Errors
/// Why Ruby could not check them.
pub fn templates(tool: &Tool, contents: &[Vec<u8>]) -> Result<Vec<Vec<Fault>>, String> {
    let (folder, names) = laid_out(contents, "erb")?;
    let mut found = Vec::new();
    for part in names.chunks(AT_MOST) {
        let mut arguments = vec!["-W0".to_owned(), "-e".to_owned(), SCRIPT.to_owned()];
        arguments.extend_from_slice(part);
        let said = tool.run(folder.path(), &arguments)?;
        let report: Option<Vec<Report>> = serde_json::from_str(&said.out).ok();
        match report.filter(|report| said.success && report.len() == part.len()) {
            Some(report) => found.extend(report.iter().map(Report::faults)),
            None => {
                let why = said.err.lines().find(|line| !line.trim().is_empty());
                return Err(format!("Ruby says: {}", why.unwrap_or("nothing that could be parsed")));
            }
        }
    }
    Ok(found)
}

/// Ruby's result for a file; null: no fault.
#[derive(Deserialize)]
#[serde(transparent)]
struct Report(Option<String>);

impl Report {
    fn faults(&self) -> Vec<Fault> {
        self.0.as_deref().map(|report| vec![fault(report)]).unwrap_or_default()
    }
}

/// Parses `0.erb:3: syntax error, …`, or since Ruby 3.4 `0.erb:3: syntax errors found` with the source
/// line and a mark below it.
fn fault(report: &str) -> Fault {
    let first = report.lines().next().unwrap_or_default();
    let (place, message) = first
        .split_once(".erb:")
        .map_or(("", first), |(_, rest)| rest.split_once(": ").unwrap_or(("", rest)));
    let mut marked = report.lines().filter_map(|line| line.split_once("^ ").map(|(_, what)| what.trim()));
    let marked = marked.find(|what| !what.is_empty());
    let message = match marked {
        Some(what) if message.contains("found") => format!("syntax error: {what}"),
        _ => message.to_owned(),
    };
    Fault { path: None, line: place.parse().ok(), message }
}

/// Compiles a file as Puppet does, and discards the result.
const SCRIPT: &str = include_str!("erb.rb");
const AT_MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_of_rubys_compiler_are_parsed() {
        let old = "0.erb:3: syntax error, unexpected end-of-input, expecting `end'\n...x\n   ^";
        let new = "0.erb:2: syntax errors found (SyntaxError)\n    1 | x\n> 2 | if a {\n    |      ^ unexpected '{', expecting end\n";
        let fault = |report| {
            let Fault { line, message, .. } = fault(report);
            (line, message)
        };
        assert_eq!(fault(old), (Some(3), "syntax error, unexpected end-of-input, expecting `end'".into()));
        assert_eq!(fault(new), (Some(2), "syntax error: unexpected '{', expecting end".into()));
        assert_eq!(fault("something else"), (None, "something else".into()));
    }
}
