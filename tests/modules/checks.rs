//! What is checked of one's own code, by the real Puppet and the real Ruby, and held against what they do.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod hiera;
mod samples;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::agent::Run;
use e2e::tools;
use serde_json::Value;

use self::samples::{BAD, GOOD};

#[test]
fn a_finding_names_its_place() {
    let Some(site) = Site::with(&["puppet", "ruby"]) else { return };
    for (path, content) in GOOD.iter().chain(BAD) {
        site.write(path, content);
    }
    let run = site.run("build --json").expect(0);
    let printed: Vec<String> = site.findings(&run);
    let expected = [
        "data/broken.yaml:3: yaml: did not find expected ',' or ']'",
        "data/lost/x.yaml:0: hiera: no level of `hiera.yaml` reads it",
        "data/twice.yaml:1: yaml: duplicate entry with key \"a\"",
        "manifests/$(touch ran).pp:1: puppet: Syntax error at ')'",
        "manifests/--bad.pp:3: puppet: Syntax error at '}'",
        "manifests/two.pp:2: puppet: Illegal attempt to assign to 'a Literal Integer'. Not an assignable reference",
        "manifests/two.pp:3: puppet: A Function Definition may only appear at toplevel",
        "metadata.json:3: json: key must be a string",
        "templates/bad.epp:0: epp: Syntax error at end of input",
        "templates/bad.erb:4: erb: syntax error",
        "templates/two.epp:2: epp: Illegal attempt to assign to 'a Literal Integer'. Not an assignable reference",
        "templates/two.epp:3: epp: This Variable has no effect.",
    ];
    assert_eq!(printed.len(), expected.len(), "{printed:#?}");
    for (printed, expected) in printed.iter().zip(expected) {
        assert!(printed.starts_with(expected), "{printed}\n{expected}");
    }
    for (path, _) in BAD {
        let path = path.strip_prefix("data/never").unwrap_or(path);
        assert!(run.err.contains(&format!("warning: {path}")), "{path}: {}", run.err);
    }
    assert!(!site.path("ran").exists() && !site.tree().join("ran").exists());
}

#[test]
fn what_is_good_and_the_example_repo_pass() {
    let Some(site) = Site::with(&["puppet", "ruby"]) else { return };
    for (path, content) in GOOD {
        site.write(path, content);
    }
    let run = site.run("build --json").expect(0);
    assert_eq!(site.findings(&run), [""; 0]);
    let value: Value = serde_json::from_str(&run.out).unwrap();
    let files = &value["environments"][0]["checks"]["files"];
    assert_eq!(files["puppet"], 2, "{files}");
    assert_eq!(
        (&files["epp"], &files["erb"], &files["hiera"]),
        (&Value::from(1), &Value::from(1), &Value::from(1))
    );

    fs::remove_dir_all(site.tree()).unwrap();
    let repo = tools::root().join("tests/fixtures/control-repo");
    assert!(Command::new("cp").arg("-R").arg(repo).arg(site.tree()).status().unwrap().success());
    let run = site.run("build --json").expect(0);
    assert_eq!(site.findings(&run), [""; 0]);
    assert_eq!(run.err, "");
}

#[test]
fn nothing_is_checked_twice() {
    let Some(site) = Site::with(&["puppet"]) else { return };
    let real = tools::program("puppet").unwrap();
    // It notes which files it is asked about, as their content.
    let script = format!(
        "#!/bin/sh\nfor f do case $f in *.pp) head -n1 \"$f\" >>'{}';; esac; done\nexec '{}' \"$@\"\n",
        site.path("asked").display(),
        real.display()
    );
    site.program("puppet", &script);
    let asked = || {
        let text = fs::read_to_string(site.path("asked")).unwrap_or_default();
        fs::remove_file(site.path("asked")).ok();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    site.write("manifests/a.pp", "class a {}\n");
    site.write("manifests/b.pp", "class b {\n");
    let first = site.run("build").expect(0);
    assert_eq!(asked(), ["class a {}", "class b {"]);
    assert!(first.err.contains("warning: manifests/b.pp:"), "{}", first.err);
    let again = site.run("build").expect(0);
    let counted = "note: 1 warning as in the last build of `production`: `stringless check` lists all\n";
    assert_eq!((asked(), &*again.err), (vec![], counted));
    // The same content under another name, and one file that changed.
    fs::rename(site.tree().join("manifests/a.pp"), site.tree().join("manifests/c.pp")).unwrap();
    site.write("manifests/b.pp", "class c {}\n");
    let third = site.run("build").expect(0);
    assert_eq!((asked(), &*third.err), (vec!["class c {}".to_owned()], ""));
    // Another version of the program has another opinion.
    site.program("puppet", &format!("{script}# newer\n"));
    let _ = site.run("build").expect(0);
    assert_eq!(asked(), ["class a {}", "class c {}"]);
}

#[test]
fn a_required_check_stops_build_check_and_publish() {
    let Some(site) = Site::with(&["puppet"]) else { return };
    site.write("manifests/a.pp", "class a {\n");
    site.set("checks: {puppet: required}");
    for command in ["build", "publish"] {
        let run = site.run(command).expect(3);
        assert!(run.err.contains("error: checking `production`: manifests/a.pp:"), "{}", run.err);
        assert!(
            run.err.contains(
                "hint: correct it; with `checks: {puppet: warn}` in the site file it is only a warning"
            ),
            "{}",
            run.err
        );
    }
    let run = site.run("check").expect(3);
    assert!(run.out.contains("error    environment production: manifests/a.pp:"), "{}", run.out);
    assert!(!site.path("bucket/env").exists());
    site.set("checks: {puppet: warn}");
    let run = site.run("check").expect(0);
    assert!(run.out.contains("warning  environment production: manifests/a.pp:"), "{}", run.out);
    site.set("checks: {puppet: off}");
    assert!(!site.run("check").expect(0).out.contains("a.pp"));
    site.set("checks: {puppet: required, ignore: [manifests/a*]}");
    let _ = site.run("publish").expect(0);
    assert!(site.path("bucket/env/production/head").exists());
}

#[test]
fn a_missing_or_failing_program_is_reported() {
    let Some(site) = Site::with(&[]) else { return };
    site.write("manifests/a.pp", "class a {}\n");
    site.write("manifests/b.pp", "class b {}\n");
    if Path::new("/opt/puppetlabs/bin/puppet").exists() {
        println!("not tried without any Puppet: this machine has one");
    } else {
        let run = site.run("build").expect(0);
        assert_eq!(
            run.err.lines().next(),
            Some("warning: 2 files not checked (puppet): `puppet` is not installed")
        );
        site.set("checks: {puppet: required}");
        let run = site.run("build").expect(78);
        let printed = "error: checking `production`: 2 files not checked (puppet): `puppet` is not installed";
        assert!(run.err.contains(printed) && run.err.contains("\nhint: "), "{}", run.err);
    }
    site.set("checks: {puppet: warn}");
    for (script, why) in [
        ("#!/bin/sh\necho 'no gem' >&2; exit 1\n", "Puppet says: no gem"),
        ("#!/bin/sh\nexit 1\n", "Puppet says: nothing, but it failed"),
        ("#!/bin/sh\nkill -9 $$\n", "Puppet says: nothing, but it failed"),
        ("#!/no/such/program\n", "`[..]/puppet`: No such file or directory"),
        // One that stops at the first fault, as Puppet 5 does: of the others nothing is known.
        (
            "#!/bin/sh\necho 'Error: x (file: /0.pp, line: 1)' >&2; exit 1\n",
            "Puppet says: Error: x (file: /0.pp, line: 1)",
        ),
        // Ten megabytes, and more than a pipe takes on each side.
        (
            "#!/bin/sh\nhead -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2; exit 1\n",
            "Puppet says: \0",
        ),
    ] {
        site.program("puppet", script);
        let run = site.run("build").expect(0);
        let line = run.err.lines().next().unwrap_or_default();
        let (head, tail) = why.split_once("[..]").unwrap_or((why, ""));
        let printed = line.strip_prefix("warning: 2 files not checked (puppet): ");
        assert!(
            printed.is_some_and(|printed| printed.starts_with(head) && printed.contains(tail)),
            "{why}: {line:.300}"
        );
    }
    // What failed is tried again.
    site.program("puppet", "#!/bin/sh\nexit 0\n");
    assert_eq!(site.run("build").expect(0).err, "");
}

/// A site in a folder of its own, on a machine that has only these programs, and git.
struct Site {
    generator: PathBuf,
    folder: tempfile::TempDir,
}

impl Site {
    fn with(programs: &[&str]) -> Option<Self> {
        let site = Self { generator: tools::generator()?, folder: tempfile::tempdir().unwrap() };
        fs::create_dir(site.path("bin")).unwrap();
        // Debian's puppet is started by ruby.
        let ruby = (!programs.is_empty() && !programs.contains(&"ruby")).then_some(&"ruby");
        for program in programs.iter().chain(&["git", "sh", "head", "env"]).chain(ruby) {
            symlink(tools::program(program)?, site.path("bin").join(program)).unwrap();
        }
        fs::create_dir(site.path("bucket")).unwrap();
        let store = format!("file://{}", site.path("bucket").display());
        let _ = site
            .run(&format!("init site --site example --store {store} --engine puppet --no-password"))
            .expect(0);
        let file = site.path("site/stringless.yaml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replacen("source: {path: .}", "source: {path: ../tree}", 1)).unwrap();
        fs::create_dir(site.tree()).unwrap();
        Some(site)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn tree(&self) -> PathBuf {
        self.path("tree")
    }

    fn write(&self, path: &str, content: &str) {
        let file = self.tree().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    /// Writes the program again, under another inode.
    fn program(&self, name: &str, script: &str) {
        let file = self.path("bin").join(name);
        let beside = self.path("bin").join(".new");
        fs::write(&beside, script).unwrap();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(beside, file).unwrap();
    }

    /// Sets the one `checks` line of the site file.
    fn set(&self, line: &str) {
        let file = self.path("site/stringless.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let kept: String = text
            .lines()
            .filter(|line| !line.starts_with("checks:"))
            .map(|line| format!("{line}\n"))
            .collect();
        fs::write(file, format!("{kept}{line}\n")).unwrap();
    }

    fn run(&self, args: &str) -> Run {
        let mut command = Command::new(&self.generator);
        command.args(args.split(' ')).current_dir(self.folder.path()).env_clear();
        command.env("PATH", self.path("bin")).env("HOME", self.folder.path());
        command.env("STRINGLESS_SITE_FILE", if args.starts_with("init") { "" } else { "site" });
        Run::of(&mut command)
    }

    /// `path:line: check: message`, line 0 where it is not known.
    fn findings(&self, run: &Run) -> Vec<String> {
        let value: Value = serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("{e}: {}", run.out));
        let checks = &value["environments"][0]["checks"];
        assert_eq!(checks["unable"], Value::Array(vec![]));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let one = |finding: &Value| {
            let line = finding["line"].as_u64().unwrap_or(0);
            let (path, check) = (text(&finding["path"]), text(&finding["check"]));
            format!("{path}:{line}: {check}: {}", text(&finding["message"]))
        };
        checks["findings"].as_array().unwrap().iter().map(one).collect()
    }
}
