//! No switch turns a check off: no flag, no key, no variable.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use e2e::agent::Run;
use e2e::pair::Pair;
use e2e::process::until;
use e2e::tools;
use serde_json::{Value, json};
use stringless_core::flags::FLAGS;

const POINTER: &str = "env/production/head";

/// A store whose newest release has one byte changed.
fn tampered() -> Option<Pair> {
    let pair = Pair::converged()?;
    pair.forge.release(8, "eight");
    let mut bytes = fs::read(pair.forge.bucket().join(POINTER)).unwrap();
    let end = bytes.len() - 3;
    bytes[end] ^= 1;
    pair.forge.put(POINTER, &bytes);
    Some(pair)
}

#[test]
fn no_flag_of_the_agent_turns_a_check_off() {
    let Some(pair) = tampered() else { return };
    let root = pair.node.root().display().to_string();
    let config = format!("{root}/etc/stringless/agent.json");
    let value = |name: &str| match name {
        "environment" => "production".to_owned(),
        "config" => config.clone(),
        "root" => root.clone(),
        other => panic!("a flag with a value that this test does not know: --{other}"),
    };
    // What prints, and what runs for ever, is looked at below; `--keep-config` belongs to `uninstall`.
    let apart = ["help", "version", "once", "daemon", "keep-config"];
    let words = |flag: &stringless_core::flags::Flag| -> Vec<String> {
        let name = format!("--{}", flag.long);
        if flag.value.is_some() { vec![name, value(flag.long)] } else { vec![name] }
    };
    let flags: Vec<Vec<String>> =
        FLAGS.iter().filter(|flag| !apart.contains(&flag.long)).map(words).collect();
    assert!(flags.len() >= 6, "{flags:?}");
    // Each flag alone, each two of them, and all.
    let mut sets: Vec<Vec<String>> = flags.clone();
    for (n, one) in flags.iter().enumerate() {
        sets.extend(flags[..n].iter().map(|other| [one.as_slice(), other].concat()));
    }
    sets.push(flags.concat());
    for set in sets {
        let args: Vec<&str> = std::iter::once("--once").chain(set.iter().map(String::as_str)).collect();
        // With `--due` a run that comes too early looks at nothing at all: here it comes in time.
        let _ = fs::remove_file(pair.state("layers/example/checked"));
        let run = pair.run(&args).expect(3);
        assert!(format!("{}{}", run.out, run.err).contains("[signatures]"), "{args:?}: {}", run.err);
        pair.goes_on();
    }
    let log = pair.node.root().join("daemon.log");
    let out = fs::File::create(&log).unwrap();
    let mut command = pair.node.command(&["--daemon"]);
    let mut daemon = command.env("OUT", pair.node.root()).stdout(Stdio::null()).stderr(out).spawn().unwrap();
    let printed = || fs::read_to_string(&log).unwrap_or_default().contains("[signatures]");
    let refused = until(e2e::process::PATIENCE, printed);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(refused, "the daemon did not refuse");
    pair.goes_on();
}

#[test]
fn no_key_of_the_configuration_turns_a_check_off() {
    // Every key that there is, as the fixture of the format has them: a new one is to be thought about here.
    let Some(pair) = Pair::new() else { return };
    let good = pair.forge.config(&pair.forge.url());
    let fixture = fs::read(tools::root().join("tests/fixtures/formats/1/agent.json")).unwrap();
    let fixture: Value = serde_json::from_slice(&fixture).unwrap();
    let keys = |objects: &[&Value]| -> BTreeSet<String> {
        objects.iter().flat_map(|object| object.as_object().unwrap().keys().cloned()).collect()
    };
    let layers: Vec<&Value> = fixture["layers"].as_array().unwrap().iter().collect();
    let stores: Vec<&Value> =
        layers.iter().flat_map(|layer| layer["stores"].as_array().unwrap().iter()).collect();
    let trusts: Vec<&Value> = layers.iter().map(|layer| &layer["trust"]).collect();
    // Besides: `role`, which excludes `role_from`, and `needs`, which is empty.
    let fleet: Vec<&Value> =
        trusts.iter().flat_map(|trust| trust["fleet"].as_array().unwrap().iter()).collect();
    let known: [(&str, &[&Value], &str); 6] = [
        (
            "the file",
            &[&fixture],
            "format state_dir disk_budget node rendered ca_file proxy no_proxy metadata layers agent labels \
             notify role_from signal",
        ),
        ("a layer", &layers, "site environment min_serial interval splay trust stores"),
        ("a store", &stores, "url region endpoint style credentials"),
        // Without fleet keys, a node follows manifests, which release keys have signed all the same.
        ("the trust", &trusts, "version threshold keys fleet"),
        ("a fleet key", &fleet, "key may"),
        ("the agent", &[&fixture["agent"]], "follow"),
    ];
    for (what, objects, expected) in known {
        let expected: BTreeSet<String> = expected.split(' ').map(ToOwned::to_owned).collect();
        assert_eq!(keys(objects), expected, "{what}");
    }
    // And each value that would be the off position of a check is refused.
    type Off = (&'static str, fn(&mut Value));
    let off: [Off; 8] = [
        ("no keys", |layer| layer["trust"]["keys"] = json!([])),
        ("a threshold of none", |layer| layer["trust"]["threshold"] = json!(0)),
        ("a threshold above all", |layer| layer["trust"]["threshold"] = json!(2)),
        ("no trust", |layer| layer["trust"] = Value::Null),
        ("a trust before the first", |layer| layer["trust"]["version"] = json!(0)),
        ("a store without TLS", |layer| layer["stores"][0]["url"] = json!("http://127.0.0.1:1/")),
        ("no store", |layer| layer["stores"] = json!([])),
        ("a serial below all", |layer| layer["min_serial"] = json!(-1)),
    ];
    pair.forge.release(1, "one");
    for (what, turn) in off {
        let mut config = good.clone();
        turn(&mut config["layers"][0]);
        pair.node.configure(&config);
        let run = pair.run(&["--once"]);
        assert_eq!(run.code, 78, "{what}: {}", run.err);
        assert_eq!(pair.applied(), None, "{what}");
    }
}

#[test]
fn no_variable_turns_a_check_off() {
    let Some(pair) = tampered() else { return };
    // The names that the built agent knows; those of the test build are not among them.
    let binary = fs::read(tools::agent().unwrap()).unwrap();
    let named = |start: &[u8]| -> BTreeSet<String> {
        let name = |at: usize| {
            let rest = &binary[at..(at + 60).min(binary.len())];
            let end = rest.iter().position(|b| !b.is_ascii_uppercase() && *b != b'_' && !b.is_ascii_digit());
            String::from_utf8_lossy(&rest[..end.unwrap_or(rest.len())]).into_owned()
        };
        binary
            .windows(start.len())
            .enumerate()
            .filter(|(_, window)| *window == start)
            .map(|(at, _)| name(at))
            .collect()
    };
    let ours = named(b"STRINGLESS_");
    assert!(ours.iter().any(|name| name.starts_with("STRINGLESS_SITE")), "{ours:?}");
    for test in ["STRINGLESS_KILL_AT", "STRINGLESS_STOP_AT", "STRINGLESS_PASSED"] {
        assert!(!ours.iter().any(|name| name.contains(test)), "{test} is in the agent that is shipped");
    }
    assert!(named(b"SSLKEYLOGFILE").is_empty());
    for (name, value) in [
        ("STRINGLESS_INSECURE", "1"),
        ("STRINGLESS_KILL_AT", "Admitted"),
        ("STRINGLESS_STOP_AT", "Admitted"),
        ("SSL_CERT_FILE", "/dev/null"),
        ("SSL_VERIFY", "0"),
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
        ("DEBUG", "1"),
    ] {
        let mut command = pair.node.command(&["--once"]);
        let run = Run::of(command.env("OUT", pair.node.root()).env(name, value)).expect(3);
        assert!(run.err.contains("[signatures]"), "{name}: {}", run.err);
        pair.goes_on();
    }
}

#[test]
fn no_flag_of_the_generator_turns_a_check_off() {
    let Some(generator) = tools::generator() else { return };
    let help = |path: &[String]| {
        let output = Command::new(&generator).args(path).arg("--help").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (mut flags, mut seen) = (BTreeSet::new(), Vec::new());
    let mut paths = vec![Vec::<String>::new()];
    while let Some(path) = paths.pop() {
        let text = help(&path);
        let (commands, _) = text.split_once("Options:").unwrap_or((&text, ""));
        let below = commands.split_once("Commands:").map_or("", |(_, list)| list);
        for name in
            below.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '))
        {
            let name = name.split_whitespace().next().unwrap_or_default();
            if name != "help" && !name.is_empty() {
                paths.push([path.clone(), vec![name.to_owned()]].concat());
            }
        }
        let words = text.split(|c: char| c.is_whitespace() || ",.()[]=".contains(c));
        flags.extend(words.filter(|word| word.starts_with("--")).map(str::to_owned));
        seen.push(path);
    }
    assert!(seen.len() > 12 && flags.len() > 15, "{seen:?} {flags:?}");
    let suspicious =
        ["insecure", "skip", "verif", "check", "trust-", "unsafe", "allow", "ignore", "disable", "any"];
    // `--no-…` takes away a password, the pager or a signal, never a check; `--check` is one.
    let odd: Vec<_> = flags
        .iter()
        .filter(|flag| suspicious.iter().any(|word| flag.contains(word)) || flag.starts_with("--no-"))
        .filter(|flag| {
            !["--no-password", "--no-pager", "--no-signal", "--check"]
                .contains(&flag.trim_end_matches(['`', ':', ';']))
        })
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
    // A store that was tampered with stays refused, whatever stands on the command line.
    let Some((site, bucket)) = crate::targets::published() else { return };
    let object = bucket.path().join(POINTER);
    let mut bytes = fs::read(&object).unwrap();
    let end = bytes.len() - 3;
    bytes[end] ^= 1;
    fs::write(&object, &bytes).unwrap();
    site.write("apply", "#!/bin/sh\nexit 1\n", 0o755);
    let commands: [&[&str]; 5] =
        [&["verify"], &["diff"], &["publish"], &["render", "debian-12", "nocloud"], &["publish", "--force"]];
    for command in commands {
        let plain = site.run(command);
        assert_eq!(plain.code, 3, "{command:?}: {}{}", plain.out, plain.err);
        for flag in &flags {
            let run = site.run(&[command, &[flag]].concat());
            // A draft asks no store, and installs nothing.
            let printed = matches!(flag.as_str(), "--help" | "--version" | "--draft");
            assert!(
                printed || matches!(run.code, 3 | 64 | 78),
                "{command:?} {flag}: {} {}",
                run.code,
                run.err
            );
        }
        assert_eq!(fs::read(&object).unwrap(), bytes, "{command:?} wrote over it");
    }
}
