//! The syntax of YAML and JSON. No IO.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_yaml::{Deserializer, Value};
use stringless_render::yaml::{TOO_DEEP, too_deep};

use super::Fault;

/// The faults of a file of YAML documents.
pub fn yaml(content: &[u8]) -> Vec<Fault> {
    let text = match text(content) {
        Ok(text) => text,
        Err(fault) => return vec![fault],
    };
    if let Some(line) = too_deep(text) {
        return vec![Fault { path: None, line: Some(line as u64), message: TOO_DEEP.into() }];
    }
    for document in Deserializer::from_str(text) {
        let Err(error) = Value::deserialize(document) else { continue };
        let text = error.to_string();
        // A map may merge several others.
        if text.contains("duplicate entry with key \"<<\"") {
            continue;
        }
        let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
        let line = error.location().map(|at| at.line() as u64);
        return vec![Fault { path: None, line, message }];
    }
    Vec::new()
}

/// The faults of a JSON file.
pub fn json(content: &[u8]) -> Vec<Fault> {
    let text = match text(content) {
        Ok(text) => text,
        Err(fault) => return vec![fault],
    };
    let Err(error) = serde_json::from_str::<IgnoredAny>(text) else { return Vec::new() };
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
    vec![Fault { path: None, line: Some(error.line() as u64), message }]
}

fn text(content: &[u8]) -> Result<&str, Fault> {
    str::from_utf8(content).map_err(|e| {
        let before = &content[..e.valid_up_to()];
        let line = before.iter().filter(|&&b| b == b'\n').count() as u64 + 1;
        Fault { path: None, line: Some(line), message: "not UTF-8".into() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(faults: &[Fault]) -> String {
        let line = |fault: &Fault| format!("{}: {}", fault.line.unwrap_or(0), fault.message);
        faults.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn yaml_that_ruby_accepts_passes() {
        for text in [
            "",
            "---\n",
            "a: 1\n---\nb: 2\n...\n",
            "a: ENC[PKCS7,MIIBeQYJKoZIhvcNAQcDoIIBajCCAWYCAQAx]\n",
            "a: >\n  ENC[PKCS7,MIIB\n  eQYJ]\n",
            "a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x\n",
            ":hierarchy:\n  - :a\n  - '%{::b}'\n",
            "a: !ruby/regexp /x/\nb: !!binary aGk=\n",
            "when: 2020-01-01\nmode: 0644\nyes: on\n",
        ] {
            assert_eq!(lines(&yaml(text.as_bytes())), "", "{text}");
        }
    }

    #[test]
    fn the_fault_of_invalid_yaml_names_its_line() {
        let deep = format!("a:\n  {}\n", "[".repeat(20_000));
        for (text, expected) in [
            ("a: 1\nb: [1, 2\nc: 3\n", "3: did not find expected ',' or ']'"),
            ("a: 1\n\tb: 2\n", "2: found a tab character"),
            ("a: 'x\n", "2: found unexpected end of stream"),
            ("a: *none\n", "1: unknown anchor"),
            ("a: 1\nb: 2\na: 3\n", "1: duplicate entry with key \"a\""),
            ("a: 1\n---\nb: }\n", "3: did not find expected node content"),
            (&*deep, "2: more than 1000 lists and maps"),
        ] {
            let found = lines(&yaml(text.as_bytes()));
            assert!(found.starts_with(expected), "{text}: {found}");
        }
        assert_eq!(lines(&yaml(b"a: 1\nb: \xff\n")), "2: not UTF-8");
    }

    #[test]
    fn the_fault_of_invalid_json_names_its_line() {
        assert_eq!(lines(&json(b"{\"a\": [1, 2.5e3, null, \"\\u00e9\"]}\n")), "");
        for (text, expected) in [
            ("", "1: EOF while parsing a value"),
            ("{\n\"a\": 1,\n}", "3: key must be a string"),
            ("// x\n{}", "1: expected value"),
            ("{} {}", "1: trailing characters"),
        ] {
            assert_eq!(lines(&json(text.as_bytes())), expected, "{text}");
        }
    }
}
