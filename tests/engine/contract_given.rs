//! What an `apply` script is given: one test for each section of `docs/guides/apply-script.md` that says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use e2e::agent::Run;
use e2e::forge::Entry;
use e2e::pair::Pair;
use e2e::tools;
use serde_json::json;
use stringless_core::manifest::{Engine, ScriptEngine};

use crate::{PAGE, kept_output, report};

/// Runs this script as release `serial`, which ends well.
fn runs(pair: &Pair, serial: u64, script: &str) -> Run {
    pair.forge.publish(&pair.forge.manifest(serial, vec![pair.forge.script(script)]));
    pair.run(&["--once"]).expect(0)
}

#[test]
fn which_file_is_run() {
    let Some(pair) = Pair::new() else { return };
    let publish = |serial, mode, text: &str| {
        let entries = [Entry::folder("bin"), Entry::file("bin/configure", mode, text)];
        let mut manifest = pair.forge.manifest(serial, vec![pair.forge.pack("", &entries)]);
        let script = ScriptEngine { run: "bin/configure".into(), noop: false, root: true };
        manifest.apply.engine = Engine::Script(script);
        pair.forge.publish(&manifest);
    };
    // Any program that the first line names, and no shell around it.
    publish(1, 0o755, "#!/bin/cat\nshown by cat\n");
    assert_eq!(pair.run(&["--once"]).expect(0).out, "#!/bin/cat\nshown by cat\n");
    publish(2, 0o644, "#!/bin/sh\n");
    let run = pair.run(&["--once"]).expect(4);
    assert!(run.err.contains("running `bin/configure`: not an executable file of release 2"), "{}", run.err);
    assert!(run.err.contains("hint: `chmod +x` it"), "{}", run.err);
    publish(3, 0o755, "#!/no/such/interpreter\n");
    let run = pair.run(&["--once"]).expect(4);
    assert!(run.err.contains("starting the script engine") && run.err.contains("`#!…`"), "{}", run.err);
    assert_eq!(report(&pair)["layers"][0]["engine_status"], json!(null));
}

#[test]
fn working_folder() {
    let Some(pair) = Pair::new() else { return };
    let script = "if test -e scratch; then echo scratch; fi; : >scratch; pwd -P; echo \"$STRINGLESS_RELEASE\"
        cd \"$OUT/var/lib/stringless/layers/example/current\"; pwd -P; ls";
    let said = runs(&pair, 5, script).out;
    let lines: Vec<&str> = said.lines().collect();
    let real = pair.state("").canonicalize().unwrap().display().to_string();
    assert!(lines[0].starts_with(&format!("{real}/layers/example/releases/5-")), "{said}");
    assert!(lines[0].ends_with("/production"), "{said}");
    assert_eq!((lines[0], lines[0]), (lines[1], lines[2]), "all three are one folder");
    assert_eq!(lines[3..], ["apply", "scratch"]);
    // The folder is made again before a run that is forced, and before one that follows a failed one.
    assert!(!pair.run(&["--once", "--force"]).expect(0).out.contains("scratch\nscratch"));
    let failing = "if test -e scratch; then echo left; fi; : >scratch; exit 1";
    pair.forge.publish(&pair.forge.manifest(6, vec![pair.forge.script(failing)]));
    for _ in 0..2 {
        assert!(!pair.run(&["--once"]).expect(4).out.contains("left"));
    }
    // For a run that repeats a good release after `reapply`, it is the one that the last run left.
    let mut again = pair.forge.manifest(7, vec![pair.forge.script("ls; : >scratch")]);
    again.apply.reapply = Some(1);
    pair.forge.publish(&again);
    assert_eq!(pair.run(&["--once"]).expect(0).out, "apply\n");
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(pair.run(&["--once"]).expect(0).out, "apply\nscratch\n");
}

#[test]
fn arguments_and_standard_input() {
    let Some(pair) = Pair::new() else { return };
    let script = "echo $#; test \"$0\" = \"$STRINGLESS_RELEASE/apply\"; wc -c; readlink /proc/$$/fd/0
        if test -t 0 || test -t 1 || test -t 2; then echo terminal; fi";
    assert_eq!(runs(&pair, 1, script).out, "0\n0\n/dev/null\n");
}

#[test]
fn user_and_umask() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script("id -u; id -g; umask")]));
    let agent = pair.node.command(&["--once"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 0027; exec \"$@\"", "sh"]).arg(agent.get_program()).args(agent.get_args());
    let own = pair.node.root().metadata().unwrap();
    assert_eq!(Run::of(&mut shell).expect(0).out, format!("{}\n{}\n0027\n", own.uid(), own.gid()));
}

/// The environment of a script's run whose agent had this one, and no other variable.
fn environment(pair: &Pair, agent: &[(&str, &str)], args: &[&str]) -> BTreeMap<String, String> {
    let mut command = pair.node.command(args);
    let run = Run::of(command.env_clear().envs(agent.iter().copied())).expect(0);
    let pairs = run.out.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Prints the environment as the script was given it: a shell adds some of its own.
const PRINTS: &str = "tr '\\0' '\\n' </proc/$$/environ";

fn names(environment: &BTreeMap<String, String>) -> BTreeSet<&str> {
    environment.keys().map(String::as_str).collect()
}

/// What a node with the label `dc` gives: the last one is that label.
const OURS: [&str; 11] = [
    "STRINGLESS_SITE",
    "STRINGLESS_ENVIRONMENT",
    "STRINGLESS_SERIAL",
    "STRINGLESS_COMMIT",
    "STRINGLESS_RELEASE",
    "STRINGLESS_NODE",
    "STRINGLESS_REGION",
    "STRINGLESS_NOOP",
    "STRINGLESS_ROOT",
    "STRINGLESS_ROLE",
    "STRINGLESS_LABEL_DC",
];
/// What each node gives.
const ALWAYS: usize = OURS.len() - 1;

#[test]
fn environment_of_an_agent_that_has_none() {
    let Some(pair) = Pair::new() else { return };
    let mut config = pair.forge.config(&pair.forge.url());
    config["node"] = json!("web1");
    config["role"] = json!("web");
    config["labels"] = json!({"dc": "fra1; $(true) 'x'"});
    pair.node.configure(&config);
    pair.forge.publish(&pair.forge.manifest(41, vec![pair.forge.script(PRINTS)]));
    let found = environment(&pair, &[], &["--once"]);
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let root = pair.node.root().display().to_string();
    let release = pair.state("layers/example").join(pair.live()).display().to_string();
    let expected = [
        ("PATH", path),
        ("HOME", "/root"),
        (OURS[0], "example"),
        (OURS[1], "production"),
        (OURS[2], "41"),
        (OURS[3], ""),
        (OURS[4], &release),
        (OURS[5], "web1"),
        (OURS[6], ""),
        (OURS[7], ""),
        (OURS[8], &root),
        (OURS[9], "web"),
        (OURS[10], "fra1; $(true) 'x'"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(found, expected);
    // The page says so, and names no other.
    let page = fs::read_to_string(tools::root().join(PAGE)).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `STRINGLESS_"));
    let named: BTreeSet<String> =
        rows.map(|row| format!("STRINGLESS_{}", row.split('`').next().unwrap())).collect();
    assert_eq!(named, OURS.map(str::to_owned).into());
    assert!(page.contains(&format!("`{path}`")), "the page lacks {path}");
}

#[test]
fn environment_comes_from_the_agent() {
    let Some(pair) = Pair::new() else { return };
    pair.node.write("run/cloud-init/instance-data.json", r#"{"v1": {"region": "eu-central-1"}}"#);
    pair.node.write("var/lib/cloud/data/instance-id", "i-0123456789abcdef0\n");
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script(PRINTS)]));
    let agent = [
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/home/of/the/agent"),
        ("LANG", "C.UTF-8"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
        ("AWS_PROFILE", "profile"),
        ("STRINGLESS_NOOP", "1"),
        ("STRINGLESS_ROOT", "/"),
        ("STRINGLESS_SITE", "another"),
        ("STRINGLESS_SERIAL", "99"),
        ("STRINGLESS_ROLE", "stale"),
        ("STRINGLESS_LABEL_DC", "stale"),
        ("STRINGLESS_LABEL_", "stale"),
    ];
    let found = environment(&pair, &agent, &["--once"]);
    let expected: BTreeSet<&str> = OURS[..ALWAYS].iter().copied().chain(["PATH", "HOME", "LANG"]).collect();
    assert_eq!(names(&found), expected);
    for (name, value) in [
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/home/of/the/agent"),
        ("LANG", "C.UTF-8"),
        ("STRINGLESS_NOOP", ""),
        ("STRINGLESS_ROOT", &pair.node.root().display().to_string()),
        ("STRINGLESS_SITE", "example"),
        ("STRINGLESS_SERIAL", "1"),
        ("STRINGLESS_NODE", "i-0123456789abcdef0"),
        ("STRINGLESS_REGION", "eu-central-1"),
        ("STRINGLESS_ROLE", ""),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
}

#[test]
fn environment_has_the_proxy() {
    let Some(pair) = Pair::new() else { return };
    let mut config = pair.forge.config(&pair.forge.url());
    config["proxy"] = json!("http://proxy.example.net:3128");
    config["no_proxy"] = json!(".example.net");
    pair.node.configure(&config);
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script(PRINTS)]));
    let found = environment(&pair, &[("PATH", "/usr/bin:/bin")], &["--once"]);
    for (name, value) in [
        ("http_proxy", "http://proxy.example.net:3128"),
        ("https_proxy", "http://proxy.example.net:3128"),
        ("no_proxy", ".example.net"),
    ] {
        assert_eq!((found[name].as_str(), found[&name.to_uppercase()].as_str()), (value, value), "{name}");
    }
    assert_eq!(found.len(), ALWAYS + 8);
}

#[test]
fn output_of_both_streams_is_passed_on_and_kept() {
    let Some(pair) = Pair::new() else { return };
    let script = "echo one; echo two >&2; printf three";
    assert_eq!(runs(&pair, 1, script).out, "one\ntwo\nthree");
    assert_eq!(kept_output(&pair), "one\ntwo\nthree");
    // Standard output carries the report with `--json`.
    let run = pair.run(&["--once", "--force", "--json"]).expect(0);
    assert!(run.err.contains("one\ntwo\nthree"), "{}", run.err);
    let printed: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(printed["layers"][0]["output"], json!("one\ntwo\nthree"));
    // At most 16 KiB of the end are kept; all of it is passed on.
    let run = runs(&pair, 2, "head -c 40000 /dev/zero | tr '\\0' x; echo the end");
    assert_eq!(run.out.len(), 40000 + "the end\n".len());
    let kept = kept_output(&pair);
    assert!(kept.len() == 16 * 1024 && kept.ends_with("xthe end\n"), "{} bytes", kept.len());
}

#[test]
fn secrets() {
    let Some(pair) = Pair::new() else { return };
    let mut config = pair.forge.config(&pair.forge.url());
    config["proxy"] = json!("http://user:proxy-pass-word@proxy.example.net:3128");
    let keys = json!({
        "access_key_id": "AKIDEXAMPLE", "secret_access_key": "secret-key-value", "session_token": "token-value",
    });
    // Never asked: the first store has what is wanted, and this one is for the keys alone.
    config["layers"][0]["stores"] = json!([
        {"url": pair.forge.url()},
        {"url": "s3://bucket/x", "region": "x", "endpoint": "https://127.0.0.1:1", "style": "path", "credentials": [{"static": keys}]},
    ]);
    config["no_proxy"] = json!("127.0.0.1");
    pair.node.configure(&config);
    let script = "echo \"$http_proxy secret-key-value token-value AKIDEXAMPLE my-own-password\"";
    let said = runs(&pair, 1, script).out;
    // What the script knows from elsewhere is not known to the agent.
    let expected =
        "http://user:********@proxy.example.net:3128 ******** ******** AKIDEXAMPLE my-own-password\n";
    assert_eq!((said.as_str(), kept_output(&pair).as_str()), (expected, expected));
}
