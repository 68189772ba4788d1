//! The command line: one case for each file of `cases/`, run in an empty folder.
//!
//! A case says what is there (`files`, `before`), what is run (`args`, or `run` for a line of shell, with
//! `stdin` and `env`) and what comes of it (`status`, `stdout`, `stderr`). In what is expected, `[..]`
//! stands for anything within a line, a line `...` for any lines, `[HERE]` for the folder. A stream that
//! a case does not mention must be empty.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod demo;
mod rooms;
mod schemas;
mod setup;
mod web;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::process::{both, run};
use e2e::tools;
use serde_json::Value;

/// One file of `cases/`.
#[derive(Debug, Default)]
struct Case {
    name: String,
    files: BTreeMap<String, String>,
    before: String,
    run: String,
    env: BTreeMap<String, String>,
    stdin: String,
    status: i32,
    stdout: String,
    stderr: String,
}

#[test]
fn every_case_ends_as_it_says() {
    let Some(generator) = tools::generator() else { return };
    let mut cases = cases();
    assert!(cases.len() > 40, "{} cases", cases.len());
    if let Some(only) = std::env::var_os("CASE") {
        cases.retain(|case| case.name == only.to_string_lossy());
    }
    let faults: Vec<String> = cases.iter().filter_map(|case| case.fault(&generator)).collect();
    assert!(faults.is_empty(), "{} of {} cases\n\n{}", faults.len(), cases.len(), faults.join("\n"));
}

#[test]
fn refusals_outnumber_successes() {
    let (good, bad): (Vec<_>, Vec<_>) = cases().into_iter().partition(|case| case.status == 0);
    assert!(bad.len() > good.len(), "{} refusals, {} successes", bad.len(), good.len());
}

#[test]
fn every_refusal_says_what_mends_it() {
    for case in cases() {
        let ours = case.stderr.contains("error: ") && case.status != 64;
        assert!(
            !ours || case.stderr.contains("\nhint: ") || HINTLESS.contains(&&*case.name),
            "{}",
            case.name
        );
    }
}

/// Refusals that nothing but looking at the cause mends, or whose message says it already.
const HINTLESS: &[&str] = &[
    "mirror-no-region",
    "site-bad-span",
    "site-engine-without-file",
    "site-ignore-too-long",
    "site-role-twice",
    "site-sources-prefix-list",
    "site-timeout-zero",
    "site-too-deep",
    "site-unknown-store",
    "verify-file-tampered",
    "verify-store-does-not-answer",
];

fn cases() -> Vec<Case> {
    let folder = tools::root().join("tests/cli/cases");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| Case::read(path)).collect()
}

impl Case {
    fn read(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let value: Value = serde_yaml::from_str(&fs::read_to_string(path).unwrap())
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut case = Self { name, ..Self::default() };
        let text =
            |value: &Value| value.as_str().unwrap_or_else(|| panic!("{}: {value}", case.name)).to_owned();
        let map = |value: &Value| {
            value.as_object().unwrap().iter().map(|(key, value)| (key.clone(), text(value))).collect()
        };
        let mut keys = BTreeMap::new();
        for (key, value) in value.as_object().unwrap() {
            keys.insert(key.as_str(), value);
        }
        let mut take = |key: &str| keys.remove(key);
        let about = take("about").map(text);
        let files = take("files").map(map).unwrap_or_default();
        let env = take("env").map(map).unwrap_or_default();
        let before = take("before").map(text).unwrap_or_default();
        let stdin = take("stdin").map(text).unwrap_or_default();
        let stdout = take("stdout").map(text).unwrap_or_default();
        let stderr = take("stderr").map(text).unwrap_or_default();
        let shell = take("run").map(text);
        let args = take("args").map(|list| {
            let words: Vec<String> =
                list.as_array().unwrap().iter().map(|word| quoted(&text(word))).collect();
            format!("exec stringless {}", words.join(" "))
        });
        let status = take("status").and_then(Value::as_i64).unwrap_or(0);
        assert!(about.is_some_and(|about| !about.is_empty()), "{}: no `about`", case.name);
        assert!(args.is_some() != shell.is_some(), "{}: needs `args` or `run`", case.name);
        assert!(keys.is_empty(), "{}: unknown {:?}", case.name, keys.keys());
        case.run = args.or(shell).unwrap();
        case.status = i32::try_from(status).unwrap();
        Self { files, env, before, stdin, stdout, stderr, ..case }
    }

    /// What is wrong with it, if anything.
    fn fault(&self, generator: &Path) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let here = fs::canonicalize(folder.path()).unwrap();
        for (path, text) in &self.files {
            let file = here.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text.replace("[HERE]", &here.to_string_lossy())).unwrap();
            let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
        let shell = |script: &str, stdin: &str| {
            let input = here.join(".stdin");
            fs::write(&input, stdin).unwrap();
            let mut command = Command::new("sh");
            let own = generator.parent().unwrap().display().to_string();
            let path = format!("{own}:{}", std::env::var("PATH").unwrap());
            // `run` gives no input: the script opens it itself.
            command.args(["-ec", &format!("exec <.stdin; rm .stdin; {script}")]).current_dir(&here);
            command.env_clear().env("PATH", path).env("HOME", here.join("home")).env("TERM", "xterm");
            command.env("HERE", &here).envs(&self.env);
            run(&mut command, LIMIT)
        };
        if !self.before.is_empty() {
            let before = shell(&self.before, "");
            if !before.status.success() {
                return Some(format!("== {}: before\n{}", self.name, both(&before)));
            }
        }
        let output = shell(&self.run, &self.stdin);
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&*here.to_string_lossy(), "[HERE]");
        let (out, err) = (shown(&output.stdout), shown(&output.stderr));
        let status = output.status.code().unwrap_or(-1);
        let right = status == self.status && matches(&self.stdout, &out) && matches(&self.stderr, &err);
        if right && let Some(why) = e2e::schema::fault_of(&self.run, &out) {
            return Some(format!("== {}: {why}\n{out}", self.name));
        }
        (!right).then(|| format!("== {}\nstatus: {status}\nstdout: |\n{out}\nstderr: |\n{err}", self.name))
    }
}

/// Whether `text` is as `pattern` says.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<&str> = pattern.trim_end().lines().collect();
    let text: Vec<&str> = text.trim_end().lines().collect();
    lines(&pattern, &text)
}

fn lines(pattern: &[&str], text: &[&str]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (["...", rest @ ..], _) => (0..=text.len()).any(|skip| lines(rest, &text[skip..])),
        ([first, rest @ ..], [line, more @ ..]) => within(first, line) && lines(rest, more),
        _ => false,
    }
}

fn within(pattern: &str, line: &str) -> bool {
    match pattern.split_once("[..]") {
        None => pattern.trim_end() == line.trim_end(),
        Some((head, tail)) => line.strip_prefix(head).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.into_iter().any(|at| within(tail, &rest[at..]))
        }),
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[test]
fn patterns_match_what_they_say() {
    assert!(matches("a\n", "a") && matches("a [..] c", "a b c") && matches("x[..]", "x"));
    assert!(matches("...\nb", "a\na\nb") && matches("a\n...", "a") && matches("...", "") && matches("", ""));
    assert!(
        !matches("a", "b") && !matches("a", "a\nb") && !matches("a [..] c", "a b d") && !matches("", "a")
    );
}

const LIMIT: Duration = e2e::process::PATIENCE;
