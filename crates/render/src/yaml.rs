//! Reading YAML, with errors that name file, line and key.

use serde::de::DeserializeOwned;
use stringless_core::fault::Fault;
use stringless_core::words;

/// Reads `text`, which came from the file `origin`, as YAML.
///
/// # Errors
/// Names the file, the line and the key at fault; the hint names the nearest valid key.
pub fn from_yaml<T: DeserializeOwned>(text: &str, origin: &str) -> Result<T, Fault> {
    if let Some(line) = too_deep(text) {
        return Err(Fault::new(format!("reading {origin}:{line}: {TOO_DEEP}")));
    }
    serde_yaml::from_str(text).map_err(|error| {
        let text_of_error = error.to_string();
        let what = text_of_error.rsplit_once(" at line ").map_or(text_of_error.as_str(), |(what, _)| what);
        let fault = Fault::new(match error.location() {
            Some(at) => {
                let line = key_line(text, what, at.line());
                format!("reading {origin}:{line}: {}", words::plain(&with_key(text, what, line)))
            }
            None => format!("reading {origin}: {}", words::plain(what)),
        });
        match meant(&fault_key(what), words::found_text(what)) {
            Some(meant) => fault.hint(format!("did you mean {meant}?")),
            None => fault.nearest(),
        }
    })
}

/// What is wrong with a text that is [`too_deep`].
pub const TOO_DEEP: &str = "more than 1000 lists and maps inside one another";

/// The line where `[` and `{` are nested so deeply that parsing the text would take a time that grows with the square of
/// its length; `None` if it can be parsed.
#[must_use]
pub fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut line) = (0_usize, 1);
    // Whether a token could begin here: `[` in the middle of a word opens nothing.
    let mut start = true;
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => line += 1,
            b'#' if start => while bytes.next_if(|byte| *byte != b'\n').is_some() {},
            b'[' | b'{' if start => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Some(line);
                }
                continue;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' | b'\'' if start && depth > 0 => {
                while let Some(inside) = bytes.next() {
                    line += usize::from(inside == b'\n');
                    if inside == b'\\' && byte == b'"' {
                        bytes.next();
                    } else if inside == byte {
                        break;
                    }
                }
            }
            _ => {}
        }
        start = byte.is_ascii_whitespace() || matches!(byte, b',' | b':' | b'-' | b'?');
    }
    None
}

/// The last key of the path before serde's words: `node` in `sites[0].node: invalid type: …`.
fn fault_key(what: &str) -> String {
    let path = what.split_once(": ").map_or("", |(path, _)| path);
    path.rsplit('.').next().unwrap_or_default().split('[').next().unwrap_or_default().to_owned()
}

/// What somebody meant who wrote a text where a map or a list belongs.
fn meant(key: &str, text: Option<&str>) -> Option<String> {
    let text = text?;
    let (_, setting) = SETTINGS.iter().find(|(of, _)| *of == key)?;
    Some(match setting {
        Some(setting) => format!("`{key}: {{{setting}: {text}}}`"),
        None => format!("`{key}: [{text}]`"),
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

/// The setting that a text stands for in the place of all settings of a key; `None`: the key takes a list.
const SETTINGS: [(&str, Option<&str>); 13] = [
    ("agent", Some("version")),
    ("apply", Some("engine")),
    ("branches", None),
    ("credentials", None),
    ("failure", Some("quarantine")),
    ("ignore", None),
    ("modules", Some("forge")),
    ("node", Some("schedule")),
    ("override", None),
    ("puppet", Some("package")),
    ("script", Some("run")),
    ("source", Some("path")),
    ("stores", None),
];
/// Far more than any file needs; the parser itself allows 128 levels, and counts them only at the end.
const MAX_DEPTH: usize = 1000;
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

    #[test]
    fn deep_nesting_is_refused_before_it_is_parsed() {
        for open in ["[", "{a: ", "[ ", "- [", "{a: [\n"] {
            let start = std::time::Instant::now();
            let fault = from_yaml::<serde_yaml::Value>(&open.repeat(100_000), "x").unwrap_err();
            assert!(fault.message.ends_with(TOO_DEEP), "{open}: {fault}");
            assert!(start.elapsed().as_secs() < 5, "{open}");
        }
        for text in [
            "[".repeat(900) + &"]".repeat(900),
            "a: x[[[[\n".repeat(9000),
            "[a, '[ [ ['] # [ [\n---\n".repeat(900),
        ] {
            assert_eq!(too_deep(&text), None);
        }
        assert_eq!(too_deep(&"[\n".repeat(2000)), Some(1001));
    }

    #[test]
    fn a_text_in_the_place_of_settings_gets_the_setting_it_stands_for() {
        let fault = from_yaml::<Outer>("stores: []\nnode: 5m\n", "site.yaml").unwrap_err();
        assert_eq!(
            fault.message,
            "reading site.yaml:2: node: expected a map of settings, not the text \"5m\""
        );
        assert_eq!(fault.hint.as_deref(), Some("did you mean `node: {schedule: 5m}`?"));
        let fault = from_yaml::<Outer>("stores: x\n", "site.yaml").unwrap_err();
        assert_eq!(fault.hint.as_deref(), Some("did you mean `stores: [x]`?"));
    }
}
