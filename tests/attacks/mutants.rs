//! The proof of each protection (`tests/mutants/`) stays in step with the code, and with the table that
//! tells of it. That each of them fails its test is shown by `make mutants`, which takes its time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::process::{run, succeed};
use e2e::tools;

const LIMIT: Duration = e2e::process::PATIENCE;

#[test]
fn every_mutant_applies_and_names_its_test() {
    let Some(git) = tools::program("git") else { return };
    let mut wrong = Vec::new();
    let all = mutants();
    for file in &all {
        let text = fs::read_to_string(file).unwrap();
        let field = |key: &str| {
            let lines = text.lines().take_while(|line| !line.starts_with("--- "));
            lines
                .filter_map(|line| line.strip_prefix(key))
                .map(|value| value.trim().to_owned())
                .next()
                .unwrap_or_default()
        };
        let name = file.file_name().unwrap().to_string_lossy();
        let known = ["agent", "checkpoints", "generator", "tests"];
        let build = field("build:");
        if field("attack:").is_empty() || field("protection:").is_empty() {
            wrong.push(format!("{name}: no attack, or no protection"));
        }
        if build.is_empty() || !build.split(' ').all(|word| known.contains(&word)) {
            wrong.push(format!("{name}: builds `{build}`"));
        }
        if !is_test(&field("test:")) {
            wrong.push(format!("{name}: there is no test `{}`", field("test:")));
        }
        let output =
            run(Command::new(&git).args(["apply", "--check"]).arg(file).current_dir(tools::root()), LIMIT);
        if !output.status.success() {
            wrong.push(format!("{name}: {}", e2e::process::both(&output)));
        }
    }
    assert!(all.len() > 60, "{} protections", all.len());
    assert!(wrong.is_empty(), "write these again:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_of_the_docs_is_what_they_say() {
    let Some(bash) = tools::program("bash") else { return };
    let script = tools::root().join("tests/mutants/run.sh");
    let table = succeed(Command::new(bash).arg(script).arg("--table"), LIMIT);
    assert_eq!(table.lines().count(), mutants().len() + 2);
    let page = tools::root().join("docs/contributing/security-tests.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, rest) =
        text.split_once("| attack or fault |").expect("the table of docs/contributing/security-tests.md");
    let after = rest.split_once("\n\n").map_or("", |(_, after)| after);
    let next = format!("{before}{table}{}{after}", if after.is_empty() { "" } else { "\n" });
    if std::env::var_os("STRINGLESS_BLESS").is_some() {
        fs::write(page, next).unwrap();
        return;
    }
    assert!(text == next, "docs/contributing/security-tests.md: STRINGLESS_BLESS=1 writes its table again");
}

fn mutants() -> Vec<PathBuf> {
    let folder = tools::root().join("tests/mutants");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|end| end == "patch")).collect();
    files.sort();
    files
}

/// Adds every Rust file below `folder`.
fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// Whether `binary::…::name` is a test of `tests/` or of the core, `unit::…::tests::name` of the agent, or
/// `generator::…::name` of the generator.
fn is_test(name: &str) -> bool {
    let Some((binary, rest)) = name.split_once("::") else { return false };
    let function = rest.rsplit("::").next().unwrap_or_default();
    let (tests, core) = (tools::root().join("tests"), tools::root().join("crates/core/tests"));
    let mut files = vec![tests.join(format!("{binary}.rs")), core.join(format!("{binary}.rs"))];
    if binary == "unit" {
        let module = rest.split("::tests::").next().unwrap_or_default().replace("::", "/");
        let place = tools::root().join("agent/src").join(module);
        files = vec![place.with_extension("rs"), place.join("mod.rs")];
    }
    let folder = if binary == "generator" { tools::root().join("generator/src") } else { tests.join(binary) };
    sources(&folder, &mut files);
    let holds = |file: &Path| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.replace("\n    ", "\n").contains(&format!("#[test]\nfn {function}()"))
    };
    files.iter().any(|file| holds(file))
}
