//! The workflows of docs/guides/ci: they parse, and what their steps say runs, but for the download of the program
//! and the comment at the end, which need a host that tests have not.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use e2e::process::{both, run, succeed};
use e2e::tools;
use serde_json::Value;

const LIMIT: Duration = e2e::process::PATIENCE;

fn workflow(file: &str) -> Value {
    let text = fs::read_to_string(tools::root().join("docs/guides/ci").join(file)).unwrap();
    serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A repository of a site, its bucket beside it, and the program in the `PATH`.
struct Runner {
    folder: tempfile::TempDir,
}

impl Runner {
    fn new() -> Option<Self> {
        let (generator, _) = (tools::generator()?, tools::program("bash")?);
        let folder = tempfile::tempdir().unwrap();
        let runner = Self { folder };
        for name in ["bin", "home", "work"] {
            fs::create_dir(runner.folder.path().join(name)).unwrap();
        }
        symlink(generator, runner.folder.path().join("bin/stringless")).unwrap();
        runner.step(
            "git init -q .\n\
             stringless init . --site example --store \"file://$HOME/bucket\" --no-password\n\
             printf '#!/bin/sh\\necho one\\n' >apply && chmod 755 apply\n\
             mv keys/release.key \"$HOME/secret\"\n\
             git add . && git -c user.name=x -c user.email=x@example.org commit -q -m first",
        );
        Some(runner)
    }

    /// A step with the variables that the page names.
    fn step(&self, script: &str) {
        let home = self.folder.path().join("home");
        let mut shell = Command::new("bash");
        let path = std::env::var("PATH").unwrap_or_default();
        shell
            .args(["-eo", "pipefail", "-c", script])
            .current_dir(self.folder.path().join("work"))
            .env_clear();
        shell.env("PATH", format!("{}:{path}", self.folder.path().join("bin").display())).env("HOME", &home);
        shell.env("RUNNER_TEMP", &home).env("STRINGLESS_PASSWORD", "");
        let output = run(&mut shell, LIMIT);
        assert!(output.status.success(), "{script}\n{}", both(&output));
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.path().join(path)).unwrap_or_default()
    }

    fn published(&self) -> bool {
        self.folder.path().join("home/bucket/env/production/head").exists()
    }
}

/// Reviews with these steps, publishes with those, and reviews a change.
fn goes_the_whole_way(runner: &Runner, review: &[String], publish: &[String]) {
    assert!(review.len() >= 2 && publish.len() >= 2, "{review:?} {publish:?}");
    review.iter().for_each(|step| runner.step(step));
    assert!(!runner.published(), "a review publishes nothing");
    publish.iter().for_each(|step| runner.step(step));
    assert!(runner.published());
    let left = runner.folder.path().join("home/release.key");
    assert!(!left.exists(), "the key is left behind");
    runner.step("rm diff.md; echo 'echo two' >>apply");
    review.iter().for_each(|step| runner.step(step));
    assert!(runner.read("work/diff.md").contains("echo two"), "{}", runner.read("work/diff.md"));
}

fn shell_understands(script: &str) {
    succeed(Command::new("bash").args(["-n", "-c", script]), LIMIT);
}

#[test]
fn the_workflow_for_github_runs() {
    let Some(runner) = Runner::new() else { return };
    let workflow = workflow("github-actions.yaml");
    let steps = |job: &str, without: &[&str]| -> Vec<String> {
        let steps = workflow["jobs"][job]["steps"].as_array().unwrap().iter();
        let scripts = steps.filter(|step| step.get("run").is_some());
        scripts
            .inspect(|step| shell_understands(&text(&step["run"])))
            .filter(|step| !without.contains(&step["name"].as_str().unwrap_or_default()))
            .map(|step| text(&step["run"]))
            .collect()
    };
    let (review, publish) = (steps("review", &["install", "comment"]), steps("publish", &["install"]));
    let key = runner.read("home/secret");
    let publish: Vec<String> = publish
        .into_iter()
        .map(|step| format!("export STRINGLESS_KEY='{}'\n{step}", key.trim_end()))
        .collect();
    goes_the_whole_way(&runner, &review, &publish);
}

#[test]
fn the_workflow_for_gitlab_runs() {
    let Some(runner) = Runner::new() else { return };
    let workflow = workflow("gitlab-ci.yaml");
    let script = |job: &Value, part: &str| -> Vec<String> {
        let lines: Vec<String> = job[part].as_array().unwrap().iter().map(text).collect();
        lines.iter().for_each(|line| shell_understands(line));
        lines
    };
    assert!(!script(&workflow["default"], "before_script").is_empty());
    assert!(script(&workflow["review"], "after_script")[0].starts_with("curl "));
    let publish = script(&workflow["publish"], "script");
    let publish: Vec<String> =
        publish.into_iter().map(|line| format!("export STRINGLESS_KEY=\"$HOME/secret\"\n{line}")).collect();
    goes_the_whole_way(&runner, &script(&workflow["review"], "script"), &publish);
}
