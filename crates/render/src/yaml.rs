//! Reading YAML, with errors that name file, line and key.

use serde::de::DeserializeOwned;
use stringless_core::fault::Fault;

/// Reads `text`, which came from the file `origin`, as YAML.
///
/// # Errors
/// Names the file, the line and the key at fault; the hint names the nearest valid key.
pub fn from_yaml<T: DeserializeOwned>(text: &str, origin: &str) -> Result<T, Fault> {
    serde_yaml::from_str(text).map_err(|error| {
        let text_of_error = error.to_string();
        let what = text_of_error.rsplit_once(" at line ").map_or(text_of_error.as_str(), |(what, _)| what);
        let fault = Fault::new(match error.location() {
            Some(at) => {
                let line = key_line(text, what, at.line());
                format!("reading {origin}:{line}: {}", with_key(text, what, line))
            }
            None => format!("reading {origin}: {what}"),
        });
        fault.nearest()
    })
}

/// The line of the key or value that `what` quotes: serde reports only the line where its map starts.
fn key_line(text: &str, what: &str, from: usize) -> usize {
    let Some(quoted) = what.split('`').nth(1) else { return from };
    let is_key = KEYS.iter().any(|mark| what.contains(mark));
    let about = |line: &str| {
        let Some((key, value)) = key_and_value(line) else { return false };
        if is_key { key == quoted } else { value.trim_matches(['"', '\'', ' ', '}', ',']) == quoted }
    };
    let lines = text.lines().enumerate().skip(from.saturating_sub(1));
    let mut found = lines.filter(|(_, line)| about(line)).map(|(n, _)| n + 1);
    let first = found.next();
    if what.contains("duplicate") { found.next().or(first) } else { first }.unwrap_or(from)
}

/// `what` with the full path of its key: serde omits the last key if a type refuses the text of its value.
fn with_key(text: &str, what: &str, line: usize) -> String {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let quoted = what.split('`').nth(1).unwrap_or_default();
    let word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.[]-".contains(&b));
    match (key_and_value(line), what.split_once(": ")) {
        _ if KEYS.iter().any(|mark| what.contains(mark)) => what.into(),
        (Some((key, value)), parts) if word(key) && value.contains(quoted) => match parts {
            Some((path, _)) if word(path) && path.split(['.', '[']).any(|part| part == key) => what.into(),
            Some((path, why)) if word(path) => format!("{path}.{key}: {why}"),
            _ => format!("{key}: {what}"),
        },
        _ => what.into(),
    }
}

fn key_and_value(line: &str) -> Option<(&str, &str)> {
    line.trim_start_matches([' ', '-', '{']).split_once(':')
}

/// Messages that quote a key, not a value.
const KEYS: [&str; 3] = ["unknown field `", "duplicate field `", "missing field `"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(default)]
        stores: Vec<u8>,
        #[serde(default)]
        node: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        interval: u8,
    }

    #[test]
    fn names_file_line_key_and_the_nearest_key() {
        let read =
            |text| from_yaml::<Outer>(text, "site.yaml").map(|o| (o.stores, o.node.map(|n| n.interval)));
        assert_eq!(read("stores: [1]\nnode: {interval: 2}"), Ok((vec![1], Some(2))));
        let fault = read("node:\n  interval: 1\nstors: []").unwrap_err();
        assert_eq!(fault.message, "reading site.yaml:3: unknown field `stors`, expected `stores` or `node`");
        assert_eq!(fault.hint.as_deref(), Some("did you mean `stores`?"));
        let fault = read("stores: []\nnode:\n  intervall: 1").unwrap_err();
        assert_eq!(
            fault.message,
            "reading site.yaml:3: node: unknown field `intervall`, expected `interval`"
        );
        let fault = read("stores: []\nnode: {interval: 1}\nstores: []").unwrap_err();
        assert_eq!(fault.message, "reading site.yaml:3: duplicate field `stores`");
        assert!(
            read("node:\n  interval: x")
                .unwrap_err()
                .message
                .starts_with("reading site.yaml:2: node.interval: ")
        );
    }
}
