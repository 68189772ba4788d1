//! What `--json` prints, in every case of `tests/cli/cases`.

use serde_json::Value;

use super::{refusal, schema, validator};

/// What is wrong with the object that the command line `run` printed; `None` if it is right, or was no object.
pub fn fault_of(run: &str, out: &str) -> Option<String> {
    let document: Value = serde_json::from_str(out).ok().filter(Value::is_object)?;
    let words: Vec<&str> = run.split_whitespace().map(|word| word.trim_matches('\'')).collect();
    if !words.contains(&"--json") || document.get("format").is_none() {
        return None;
    }
    let names = candidates(&words);
    if names.is_empty() {
        return Some(format!("no schema is of `{}`", words.join(" ")));
    }
    let mut why = Vec::new();
    for name in names {
        let mut strict = schema(name);
        close(&mut strict);
        match refusal(&validator(&strict), &document) {
            None => return None,
            Some(refusal) => why.push(format!("schema {name}: {refusal}")),
        }
    }
    Some(why.join("\n"))
}

/// The schemas of the command in a command line: `publish --all` and `publish` print different objects.
fn candidates(words: &[&str]) -> Vec<&'static str> {
    let all = stringless::schemas::all().unwrap();
    let of = |command: &str| {
        let parts: Vec<&str> =
            command.split(' ').filter(|part| !part.starts_with("--") && *part != "FILE").collect();
        words.windows(parts.len()).any(|window| window == parts)
    };
    let printing = all.into_iter().skip_while(|one| one.of.contains('/') || one.of.contains(".yaml"));
    printing.filter(|one| one.of.split(", ").any(of)).map(|one| one.name).collect()
}

/// Refuses keys that the schema does not describe: readers pass over them, and a test must not.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".into(), false.into());
            }
            object.values_mut().for_each(close);
        }
        Value::Array(all) => all.iter_mut().for_each(close),
        _ => {}
    }
}

#[test]
fn readers_may_pass_over_what_is_new() {
    for one in stringless::schemas::all().unwrap() {
        let schema: Value = one.schema.into();
        let closed = schema.to_string().contains("\"additionalProperties\":false");
        assert_eq!(closed, ["site", "distro", "cloud"].contains(&one.name), "{}", one.name);
    }
}

#[test]
fn a_wrong_object_is_noticed() {
    let good = r#"{"format": 1, "site": "example", "ok": true, "findings": []}"#;
    assert_eq!(fault_of("exec stringless 'check' '--json'", good), None);
    for (from, to) in [
        ("\"ok\": true", "\"ok\": 1"),
        ("\"ok\": true", "\"fine\": true"),
        ("\"format\": 1", "\"format\": 2"),
        ("[]}", "[], \"new\": 1}"),
        ("[]}", "[{\"level\": \"bad\", \"what\": \"\", \"message\": \"\"}]}"),
        ("\"example\"", "\"../example\""),
    ] {
        assert!(good.contains(from));
        assert!(fault_of("stringless check --json", &good.replace(from, to)).is_some(), "{to}");
    }
    assert!(fault_of("stringless unheard-of --json", good).is_some());
}
