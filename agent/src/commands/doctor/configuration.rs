//! The configuration: whether it can be used, and which of its keys this agent does not know.

use std::path::Path;

use serde_json::Value;
use stringless_core::config::Config;

use super::finding::Finding;
use crate::disk::read_capped;
use crate::error::Error;

/// `error` is the reason why a run could not use the configuration.
pub fn look(path: &Path, error: Option<&Error>) -> Vec<Finding> {
    let shown = path.display();
    let mut findings = match error {
        Some(error) => {
            vec![Finding::error(CHECK, error, "correct the file, or run the user-data of this node again")]
        }
        None => vec![Finding::ok(CHECK, format!("`{shown}`"))],
    };
    let text = read_capped(path).ok().flatten().unwrap_or_default();
    let unknown = serde_json::from_slice(&text).map_or_else(|_| Vec::new(), |value| unknown_keys(&value));
    if error.is_none() && !unknown.is_empty() {
        let found = format!("`{shown}`: this agent does not know {}", unknown.join(", "));
        findings.push(Finding::warning(CHECK, found, "correct the key; or a newer agent is needed for it"));
    }
    findings
}

/// The keys that change nothing. A key is known if a value that is nothing sensible makes the file invalid.
fn unknown_keys(whole: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    list(whole, &mut String::new(), &mut paths);
    let is_unknown = |pointer: &&String| {
        let mut changed = whole.clone();
        let Some(value) = changed.pointer_mut(pointer) else { return false };
        *value = nonsense();
        serde_json::from_value::<Config>(changed).is_ok()
    };
    let mut unknown: Vec<String> = paths.iter().filter(is_unknown).cloned().collect();
    // What is below an unknown key is unknown, too: the key itself is enough.
    let all = unknown.clone();
    unknown.retain(|path| !all.iter().any(|other| path.starts_with(&format!("{other}/"))));
    unknown.iter().map(|path| format!("`{}`", path.trim_start_matches('/').replace('/', "."))).collect()
}

/// No key of the configuration takes such a value.
fn nonsense() -> Value {
    Value::Array(vec![Value::Array(vec![Value::Array(vec![Value::Bool(true)])])])
}

/// The JSON pointers of all keys.
fn list(value: &Value, at: &mut String, paths: &mut Vec<String>) {
    let length = at.len();
    let mut below = |key: &str, value: &Value, is_key: bool| {
        at.push('/');
        at.push_str(&key.replace('~', "~0").replace('/', "~1"));
        if is_key {
            paths.push(at.clone());
        }
        list(value, at, paths);
        at.truncate(length);
    };
    match value {
        Value::Object(keys) => keys.iter().for_each(|(key, value)| below(key, value, true)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| below(&n.to_string(), item, false))
        }
        _ => {}
    }
}

const CHECK: &str = "configuration";

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"format": 1, "rendered": "2026-11-20T18:00:00Z", "node": "n",
        "state_dir": "/var/lib/stringless", "proxy": "http://p:1",
        "metadata": {"address": ["http://169.254.169.254"], "dmi": [{"sys_vendor": "X"}],
                     "headers": {"Metadata": "true"}, "instance_id": {"path": "/id"}},
        "layers": [{
            "site": "example", "environment": "production", "min_serial": 3, "interval": 300, "splay": 60,
            "trust": {"version": 1, "threshold": 1,
                      "keys": ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]},
            "stores": [{"url": "s3://bucket/x", "region": "eu-central-1", "style": "path",
                "credentials": ["instance_role", {"static": {"access_key_id": "A", "secret_access_key": "S"}}]}]}]}"#;

    #[test]
    fn a_known_key_is_not_reported_even_with_its_default_value() {
        let value: Value = serde_json::from_str(CONFIG).unwrap();
        assert!(serde_json::from_value::<Config>(value.clone()).is_ok());
        assert_eq!(unknown_keys(&value), [""; 0]);
    }
}
