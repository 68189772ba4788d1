//! The schemas that the generator prints, and an independent validator for them.

use jsonschema::Validator;
use serde_json::Value;

/// The schema with this name.
///
/// # Panics
/// When there is none.
pub fn schema(name: &str) -> Value {
    let all = stringless::schemas::all().unwrap();
    let found = all.into_iter().find(|one| one.name == name).unwrap_or_else(|| panic!("no schema {name}"));
    found.schema.into()
}

/// What judges documents by this schema.
///
/// # Panics
/// When it is none.
pub fn validator(schema: &Value) -> Validator {
    jsonschema::draft7::new(schema).unwrap_or_else(|e| panic!("{e}"))
}

/// Why the schema refuses a document, if it does.
pub fn refusal(validator: &Validator, document: &Value) -> Option<String> {
    let faults: Vec<String> =
        validator.iter_errors(document).map(|e| format!("{} {e}", e.instance_path())).collect();
    (!faults.is_empty()).then(|| faults.join("; "))
}

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

/// The schemas of the command in a command line, the one with most words: `publish --all` and `publish` print
/// different objects.
fn candidates(words: &[&str]) -> Vec<&'static str> {
    let parts = |command: &'static str| -> Vec<&str> {
        command.split(' ').filter(|part| !part.starts_with("--") && *part != "FILE").collect()
    };
    let all = stringless::schemas::all().unwrap();
    let printing = all.into_iter().skip_while(|one| one.of.contains('/') || one.of.contains(".yaml"));
    let named = printing.flat_map(|one| one.of.split(", ").map(move |of| (one.name, parts(of))));
    let mut named: Vec<_> =
        named.filter(|(_, of)| words.windows(of.len()).any(|window| window == of)).collect();
    let most = named.iter().map(|(_, of)| of.len()).max();
    named.retain(|(_, of)| Some(of.len()) == most);
    named.into_iter().map(|(name, _)| name).collect()
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
