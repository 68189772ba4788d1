//! What the agent tells: status, reports, exit codes, and what it keeps to itself.

use std::fs;

use e2e::agent::Run;
use e2e::forge::{public, sign};
use minisign::KeyPair;
use serde_json::{Value, json};
use stringless_core::json as core_json;

use crate::runs::Pair;

#[test]
fn status_and_verify_tell_what_is_here() {
    let Some(pair) = Pair::converged() else { return };
    let text = pair.run(&["status"]).expect(0).out;
    assert!(text.contains("live      release 7 of production") && text.contains("succeeded"), "{text}");
    let json: Value = serde_json::from_str(&pair.run(&["status", "--json"]).expect(0).out).unwrap();
    assert_eq!(json["layers"][0]["live"]["serial"], 7);
    let document = pair.forge.bucket().join("env/production/head");
    let printed = pair.run(&["verify", document.to_str().unwrap()]).expect(0).out;
    assert!(printed.contains("manifest example production 7"), "{printed}");
    let mut bytes = fs::read(&document).unwrap();
    let end = bytes.len() - 3;
    bytes[end] ^= 1;
    let bad = pair.node.root().join("bad");
    fs::write(&bad, bytes).unwrap();
    pair.run(&["verify", bad.to_str().unwrap()]).expect(3);
    // A trust document that only its own stranger has signed.
    let stranger = KeyPair::generate_unencrypted_keypair().unwrap();
    let key = public(&stranger);
    let trust = json!({
        "type": "trust", "site": "example", "version": 1, "threshold": 1,
        "keys": [{"name": "x", "id": key.id(), "key": key.as_str()}], "expires": null, "min_serial": {},
    });
    fs::write(&bad, sign(&[&stranger], trust.to_string().as_bytes(), "trust example keys 1")).unwrap();
    pair.run(&["verify", bad.to_str().unwrap()]).expect(3);
}

#[test]
fn configuration_and_usage_have_their_own_codes() {
    let Some(pair) = Pair::new() else { return };
    pair.run(&["--onse"]).expect(64);
    pair.run(&[]).expect(64);
    let mut config = pair.forge.config(&pair.forge.url());
    let site = config["layers"][0].as_object_mut().unwrap().remove("site").unwrap();
    config["layers"][0]["sites"] = site;
    pair.node.configure(&config);
    let run = pair.run(&["--once"]).expect(78);
    assert!(run.err.contains("missing field `site`") && run.err.contains("line 1"), "{}", run.err);
    fs::remove_file(pair.node.root().join("etc/stringless/agent.json")).unwrap();
    let run = pair.run(&["--once"]).expect(78);
    assert!(run.err.contains("no such file"), "{}", run.err);
}

#[test]
fn a_state_of_a_newer_agent_is_not_guessed_at() {
    let Some(pair) = Pair::converged() else { return };
    let path = pair.state("layers/example/state.json");
    let newer = fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 2");
    fs::write(&path, newer).unwrap();
    let run = pair.run(&["--once"]).expect(78);
    assert!(run.err.contains("format 2"), "{}", run.err);
    assert!(path.is_file());
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
}

#[test]
fn a_damaged_state_is_put_aside_and_rollback_is_refused_all_the_same() {
    for damaged in ["", "{\"for", "\0\0\0\0"] {
        let Some(pair) = Pair::converged() else { return };
        let path = pair.state("layers/example/state.json");
        fs::write(&path, damaged).unwrap();
        pair.forge.release(6, "six");
        let run = pair.run(&["--once"]).expect(3);
        assert!(run.err.contains("moved to") && run.err.contains("[rollback]"), "{}", run.err);
        assert_eq!(fs::read_to_string(path.with_extension("json.damaged")).unwrap(), damaged);
        pair.forge.release(8, "eight");
        pair.run(&["--once"]).expect(0);
        assert_eq!(pair.applied().as_deref(), Some("eight\n"));
    }
}

#[test]
fn a_relative_root_is_as_good_as_an_absolute_one() {
    let Some(pair) = Pair::new() else { return };
    pair.forge.release(7, "seven");
    let (parent, name) = (pair.node.root().parent().unwrap(), pair.node.root().file_name().unwrap());
    let mut command = std::process::Command::new(e2e::tools::agent().unwrap());
    command.current_dir(parent).arg("--once").arg("--root").arg(name).env("OUT", pair.node.root());
    Run::of(&mut command).expect(0);
    assert_eq!(pair.applied().as_deref(), Some("seven\n"));
}

#[test]
fn secrets_are_kept_from_readers_and_engines() {
    let Some(pair) = Pair::new() else { return };
    let mut config = pair.forge.config("s3://bucket/x");
    let keys = json!({"static": {"access_key_id": "AKID", "secret_access_key": "hidden-value"}});
    config["layers"][0]["stores"][0] = json!({"url": "s3://bucket/x", "region": "x", "endpoint": "http://127.0.0.1:1", "style": "path", "credentials": [keys]});
    pair.node.configure(&config);
    let path = pair.node.root().join("etc/stringless/agent.json");
    let mode = |mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(0o644);
    let run = pair.run(&["--once"]).expect(78);
    assert!(run.err.contains("chmod 600"), "{}", run.err);
    mode(0o600);
    let run = pair.run(&["--once", "--json"]).expect(1);
    assert!(!run.err.contains("hidden-value") && !run.out.contains("hidden-value"));
    pair.node.configure(&pair.forge.config(&pair.forge.url()));
    let packs = vec![pair.forge.script("env >\"$OUT/applied\"")];
    pair.forge.publish(&pair.forge.manifest(1, packs));
    let mut command = pair.node.command(&["--once"]);
    Run::of(command.env("OUT", pair.node.root()).env("AWS_SECRET_ACCESS_KEY", "hidden-value")).expect(0);
    let seen = pair.applied().unwrap();
    assert!(!seen.contains("hidden-value") && seen.contains("STRINGLESS_SERIAL=1"), "{seen}");
}

#[test]
fn reports_have_their_one_format() {
    let Some(pair) = Pair::converged() else { return };
    let bytes = fs::read(pair.state("last-run.json")).unwrap();
    let report: stringless_core::report::Report = core_json::parse(&bytes).unwrap();
    assert_eq!(report.layers[0].fetched, 1);
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let Some(pair) = Pair::converged() else { return };
    let manifest = pair.forge.bucket().join("env/production/head");
    for args in [&["status"][..], &["status", "--json"], &["--help"], &["verify", manifest.to_str().unwrap()]]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = pair.node.command(args).stdout(full).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {err}");
        assert!(err.contains("printing to standard output: No space left on device"), "{args:?}: {err}");
    }
    // A run ends as it ended; the loss of its report is an error message.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = pair.node.command(&["--once", "--json"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: printing to standard output"));
    // A reader that has read enough is no error.
    let agent = pair.node.command(&["status"]);
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", "set -o pipefail; \"$@\" | :", "bash"]).arg(agent.get_program());
    Run::of(shell.args(agent.get_args())).expect(0);
}

#[test]
fn a_newer_format_is_reported_before_its_new_fields() {
    let Some(pair) = Pair::converged() else { return };
    for (path, code) in [
        (pair.state("layers/example/state.json"), 78),
        (pair.node.root().join("etc/stringless/agent.json"), 78),
    ] {
        let before = fs::read_to_string(&path).unwrap();
        let format = if before.contains("\"format\": 1") { "\"format\": 1" } else { "\"format\":1" };
        fs::write(&path, before.replace(format, "\"added\": {}, \"format\": 2")).unwrap();
        let run = pair.run(&["--once"]).expect(code);
        assert!(
            run.err.contains("format 2 is not supported, only 1: a newer version wrote it"),
            "{}",
            run.err
        );
        assert!(run.err.contains("hint: ") && !run.err.contains("unknown field"), "{}", run.err);
        fs::write(&path, before).unwrap();
    }
    let mut newer = serde_json::to_value(pair.forge.manifest(8, vec![pair.forge.script("true")])).unwrap();
    newer["format"] = json!(2);
    newer["added"] = json!({});
    let comment = "manifest example production 8";
    let document = sign(&[&pair.forge.key], newer.to_string().as_bytes(), comment);
    pair.forge.put("env/production/head", &document);
    let run = pair.run(&["--once"]).expect(3);
    assert!(run.err.contains("format 2 is not supported, only 1: a newer version wrote it"), "{}", run.err);
}

#[test]
fn a_configuration_that_was_cut_off_has_a_hint() {
    let Some(pair) = Pair::new() else { return };
    let path = pair.node.root().join("etc/stringless/agent.json");
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let run = pair.run(&["--once"]).expect(78);
        assert!(run.err.contains("hint: the file is not complete"), "{length}: {}", run.err);
    }
}

#[test]
fn another_user_reads_who_may_run_the_agent() {
    use std::os::unix::fs::PermissionsExt;
    let Some(pair) = Pair::converged() else { return };
    let mode = |path: &str, mode| {
        fs::set_permissions(pair.node.root().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    let as_nobody = |args: &[&str]| {
        let agent = pair.node.command(args);
        let mut other = std::process::Command::new("setpriv");
        other.args(["--reuid", "61235", "--regid", "61235", "--clear-groups"]);
        let run = Run::of(other.arg(agent.get_program()).args(agent.get_args()));
        assert!(run.err.contains("hint: the agent's files belong to root: run it as root"), "{}", run.err);
        run
    };
    mode("", 0o755);
    for args in [&["--once"][..], &["status"], &["--daemon"]] {
        assert!(as_nobody(args).expect(78).err.contains("agent.json`: Permission denied"));
    }
    // A configuration that everybody may read does not help: the state belongs to root, too.
    mode("etc/stringless/agent.json", 0o644);
    as_nobody(&["status"]).expect(1);
    as_nobody(&["--once"]).expect(1);
}

#[test]
fn keys_that_cannot_be_sent_are_refused_and_not_shown() {
    let Some(pair) = Pair::new() else { return };
    let store = |credentials: Value| {
        json!({"url": "s3://bucket/x", "region": "x", "endpoint": "http://127.0.0.1:1", "style": "path",
               "credentials": credentials})
    };
    let follow = |credentials: Value| {
        let mut config = pair.forge.config("");
        config["layers"][0]["stores"] = json!([store(credentials)]);
        pair.node.configure(&config);
    };
    let keys =
        |id: &str, secret: &str| json!([{"static": {"access_key_id": id, "secret_access_key": secret}}]);
    for (id, secret, said) in [
        ("AKID", "hidden-value\n", "`secret_access_key` ends with a newline: remove it"),
        ("AKID\n", "hidden-value", "`access_key_id` ends with a newline: remove it"),
        ("\u{e9}", "hidden-value", "`access_key_id` contains a character that is not printable ASCII"),
    ] {
        follow(keys(id, secret));
        let run = pair.run(&["--once"]).expect(78);
        assert!(run.err.contains(said) && !run.err.contains("hidden-value"), "{}", run.err);
    }
    // The same from the environment; and a key id in Latin-1, which is no text.
    follow(json!(["environment"]));
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    for (id, secret, said) in [
        (&b"AKID"[..], &b"hidden-value\n"[..], "environment: `AWS_SECRET_ACCESS_KEY` ends with a newline"),
        (b"AKID ", b"hidden-value", "environment: `AWS_ACCESS_KEY_ID` begins or ends with a space"),
        (b"\xe9", b"hidden-value", "environment: `AWS_ACCESS_KEY_ID` is not UTF-8"),
    ] {
        let mut command = pair.node.command(&["--once"]);
        command.env("AWS_ACCESS_KEY_ID", OsStr::from_bytes(id));
        let run = Run::of(command.env("AWS_SECRET_ACCESS_KEY", OsStr::from_bytes(secret))).expect(78);
        assert!(run.err.contains(said) && !run.err.contains("hidden-value"), "{}", run.err);
    }
    // None at all is no fault of the configuration.
    let mut command = pair.node.command(&["--once"]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    assert!(Run::of(&mut command).expect(1).err.contains("AWS_ACCESS_KEY_ID is not set"));
}
