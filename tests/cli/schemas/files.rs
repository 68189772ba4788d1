//! The files that people write: a schema accepts what the program accepts, and refuses what it refuses for its form.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::schema::{refusal, schema, validator};
use e2e::tools;
use serde_json::{Value, json};
use serde_yaml::Mapping;
use stringless_render::platform::{Cloud, Distro};
use stringless_render::site::Site;

/// A text of YAML as the JSON that a language server checks.
fn parsed(text: &str) -> Option<Value> {
    let value: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    serde_json::to_value(value).ok()
}

/// The site files of the cases of `tests/cli/cases`, and of the documents; each with its place.
fn site_files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for case in crate::cases() {
        if COMPLETED.contains(&&*case.name) {
            continue;
        }
        let files = case.files.into_iter().filter(|(path, _)| path.ends_with("stringless.yaml"));
        found.extend(
            files.map(|(path, text)| (format!("{} {path}", case.name), text.replace("[HERE]", "/here"))),
        );
    }
    for path in files(&tools::root().join("docs"), "md") {
        let text = fs::read_to_string(&path).unwrap();
        let starts = text.split("stringless.yaml <<'YAML'\n").skip(1);
        let texts = starts.filter_map(|rest| rest.split_once("\nYAML\n"));
        found.extend(texts.map(|(text, _)| (path.display().to_string(), format!("{text}\n"))));
    }
    found
}

/// Cases that write the rest of their site file when they run.
const COMPLETED: &[&str] = &["site-ignore-too-long"];

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path, extension)),
            false if path.extension().is_some_and(|e| e == extension) => found.push(path),
            false => {}
        }
    }
    found
}

#[test]
fn a_site_file_is_judged_as_the_program_judges_it() {
    let validator = validator(&schema("site"));
    let all = site_files();
    assert!(all.len() > 50, "{}", all.len());
    let (mut refused, mut by_rule) = (0, 0);
    for (place, text) in all {
        let Some(document) = parsed(&text) else { continue };
        let said = refusal(&validator, &document);
        match (Site::parse(&text, "stringless.yaml"), said) {
            (Ok(_), None) => {}
            (Err(_), Some(_)) => refused += 1,
            (Ok(_), Some(why)) => panic!("{place}: the schema refuses it: {why}"),
            // What is wrong is a rule between several values, or a value's own rule: the form is right.
            (Err(fault), None) => {
                assert!(
                    serde_yaml::from_str::<Site>(&text).is_ok(),
                    "{place}: the schema accepts it: {fault}"
                );
                by_rule += 1;
            }
        }
    }
    assert!(refused >= 5 && by_rule >= 5, "{refused} {by_rule}");
}

/// A document with one change.
struct Change {
    what: String,
    pointer: String,
    document: Value,
}

/// The document with one change: each value replaced or removed, each map with one more key.
fn changed(document: &Value) -> Vec<Change> {
    let mut pointers = Vec::new();
    collect(document, String::new(), &mut pointers);
    let mut all = Vec::new();
    for pointer in pointers {
        for other in
            ["null", "true", "7", "-7", "1.5", "\"x y\"", "\"7\"", "\"30m\"", "[]", "{}", "[[]]", "\"\""]
        {
            let mut copy = document.clone();
            *copy.pointer_mut(&pointer).unwrap() = serde_json::from_str(other).unwrap();
            all.push(Change {
                what: format!("{pointer} = {other}"),
                pointer: pointer.clone(),
                document: copy,
            });
        }
        let mut copy = document.clone();
        if let Some(Value::Object(map)) = copy.pointer_mut(&pointer) {
            map.insert("unheard_of".into(), "x".into());
            all.push(Change {
                what: format!("{pointer} + unheard_of"),
                pointer: pointer.clone(),
                document: copy,
            });
        }
        let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
        let mut copy = document.clone();
        if let Some(Value::Object(map)) = copy.pointer_mut(parent).filter(|_| !pointer.is_empty()) {
            map.remove(&key.replace("~1", "/").replace("~0", "~"));
            all.push(Change { what: format!("{pointer} removed"), pointer: pointer.clone(), document: copy });
        }
    }
    all
}

fn collect(value: &Value, pointer: String, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(value, format!("{pointer}/{key}"), into);
            }
        }
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(n, value)| collect(value, format!("{pointer}/{n}"), into));
        }
        _ => {}
    }
    into.push(pointer);
}

/// Compares schema and program over every change of `document`; returns how many both refuse. `reads` says why the
/// program refuses the form, `accepts` whether it also takes the values.
fn compare(
    name: &str,
    document: &Value,
    reads: impl Fn(&Value) -> Result<(), String>,
    accepts: impl Fn(&Value) -> bool,
) -> usize {
    let validator = validator(&schema(name));
    let (mut refused, mut faults) = (0, Vec::new());
    for Change { what, pointer, document } in changed(document) {
        // The program takes a plain scalar as a text where one belongs, and a key without a value as an empty list or map;
        // a schema, and thus an editor, asks for quotes and brackets.
        let said = refusal(&validator, &document).and_then(|why| {
            let value = document.pointer(&pointer)?;
            let text = Value::from(value.to_string().trim_matches('"'));
            let meant = match value {
                Value::Null => vec![text, json!([]), json!({})],
                Value::Bool(_) | Value::Number(_) => vec![text],
                _ => Vec::new(),
            };
            let accepted = meant.into_iter().any(|value| {
                let mut copy = document.clone();
                *copy.pointer_mut(&pointer).unwrap() = value;
                refusal(&validator, &copy).is_none()
            });
            (!accepted).then_some(why)
        });
        match (reads(&document), said) {
            (Err(_), Some(_)) => refused += 1,
            (Err(why), None) => {
                if refusal(&validator, &document).is_none() {
                    faults.push(format!("{what}: the schema accepts it, the program says: {why}"));
                }
            }
            (Ok(()), Some(why)) if accepts(&document) => {
                faults.push(format!("{what}: the program accepts it, the schema says: {why}"));
            }
            (Ok(()), _) => {}
        }
    }
    assert!(faults.is_empty(), "{name}: {} faults\n{}", faults.len(), faults.join("\n"));
    refused
}

#[test]
fn one_change_in_a_site_file_is_judged_as_the_program_judges_it() {
    let document = parsed(SITE).unwrap();
    let text = |document: &Value| serde_yaml::to_string(document).unwrap();
    assert!(Site::parse(SITE, "x").is_ok());
    let refused = compare(
        "site",
        &document,
        |document| serde_yaml::from_str::<Site>(&text(document)).map(drop).map_err(|e| e.to_string()),
        |document| Site::parse(&text(document), "x").is_ok(),
    );
    assert!(refused > 300, "{refused}");
}

/// Every key of a site file, but `role_from` and `notify.url`: `role` and `run` exclude them.
const SITE: &str = "
site: example
stores:
  - {url: 's3://bucket/prefix', region: r, endpoint: 'https://s3.example.org', style: path}
  - https://example.org/site
environments:
  production:
    source: {path: ., git: 'https://example.org/x.git', branch: main}
    apply: {engine: {script: {run: apply, noop: true, root: true}}, timeout: 5m, reapply: never, failure: {tries: 2}}
  folder: {}
sources:
  control: {git: 'https://example.org/y.git', branches: ['*'], ignore: [x], prefix: true, strip: env/, invalid: error, path: a}
apply:
  engine: puppet
  timeout: 30m
  reapply: 1h
  failure: {tries: 3, quarantine: 1h, fall_back: true}
expires: 30d
checks: {puppet: warn, epp: 'off', erb: required, yaml: warn, json: warn, hiera: warn, checkout: warn, ignore: [x]}
node:
  schedule: daemon
  interval: 5m
  splay: 1m
  disk_budget: 2GiB
  first_fetch: signed
  credentials: [instance_role, static]
  proxy: http://proxy:3128
  no_proxy: localhost
  ca_file: ca.pem
  name: web
  role: base
  labels: {dc: fra1, rack: '7'}
  layers: {before: [a], after: [b]}
  notify: {on: [failed, recovered], run: /usr/bin/notify, per_hour: 6}
modules: {forge: 'https://example.org', puppetfile: true, lock: required, dependencies: true, override: [a/b]}
puppet: {package: {default: auto}, version: 8.0.0, release_sha256: {}}
agent: {version: 1.2.3, follow: false, allow_downgrade: true, from: 'https://example.org/{version}'}
";

#[test]
fn every_cloud_fits_and_no_change_of_one_is_judged_differently() {
    let validator = validator(&schema("cloud"));
    let all = files(&tools::root().join("templates/clouds"), "yaml");
    assert!(all.len() > 20);
    for path in &all {
        let document = parsed(&fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(refusal(&validator, &document), None, "{}", path.display());
    }
    let longest = all.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let document = parsed(&fs::read_to_string(longest).unwrap()).unwrap();
    let read = |document: &Value| {
        serde_yaml::from_str::<Cloud>(&serde_yaml::to_string(document).unwrap())
            .map(drop)
            .map_err(|e| e.to_string())
    };
    let refused = compare("cloud", &document, read, |document| read(document).is_ok());
    assert!(refused > 100, "{refused}");
}

#[test]
fn every_distro_fits_and_no_change_of_one_is_judged_differently() {
    let validator = validator(&schema("distro"));
    let root = tools::root();
    let all = files(&root.join("distros"), "yaml");
    assert!(all.len() > 20);
    // As the program reads it: the values of its family are the defaults.
    let read = |document: &Value| -> Result<(), String> {
        let own: Mapping =
            serde_yaml::from_str(&serde_yaml::to_string(document).unwrap()).map_err(|e| e.to_string())?;
        let family = own.get("family").and_then(serde_yaml::Value::as_str).ok_or("no family")?;
        let path = root.join(format!("templates/families/{family}.yaml"));
        let mut whole: Mapping =
            serde_yaml::from_str(&fs::read_to_string(path).map_err(|e| e.to_string())?).unwrap();
        whole.extend(own);
        serde_yaml::from_value::<Distro>(whole.into()).map(drop).map_err(|e| e.to_string())
    };
    for path in &all {
        let document = parsed(&fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(refusal(&validator, &document), None, "{}", path.display());
        assert_eq!(read(&document), Ok(()), "{}", path.display());
    }
    let longest = all.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let document = parsed(&fs::read_to_string(longest).unwrap()).unwrap();
    let refused = compare("distro", &document, read, |document| read(document).is_ok());
    assert!(refused > 50, "{refused}");
}
