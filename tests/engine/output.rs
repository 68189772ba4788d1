//! What an engine says is passed on as it comes, and the end of it is kept: little, readable, harmless.

use std::fs;
use std::process::{Command, Stdio};

use e2e::pair::Pair;
use e2e::tools;

use crate::{kept_output, report};

#[test]
fn a_flood_costs_no_memory_and_its_end_is_kept() {
    let Some(time) = tools::program("time") else { return };
    let Some(pair) = Pair::new() else { return };
    // With lines, and in one endless line.
    for (serial, line) in [(1, "x"), (2, "y\\n")] {
        let script = format!(
            "head -c 50000000 /dev/zero | tr '\\0' '{line}'; head -c 50000000 /dev/zero | tr '\\0' '{line}' >&2; \
             echo; echo the end"
        );
        pair.forge.publish(&pair.forge.manifest(serial, vec![pair.forge.script(&script)]));
        let peak = pair.node.root().join("peak");
        let agent = pair.node.command(&["--once"]);
        let mut timed = Command::new(&time);
        timed.arg("-f").arg("%M").arg("-o").arg(&peak).arg(agent.get_program()).args(agent.get_args());
        timed.env("OUT", pair.node.root()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(timed.status().unwrap().success());
        let text = fs::read_to_string(&peak).unwrap();
        let kib: u64 = text.lines().last().unwrap().trim().parse().unwrap();
        println!("100 MB of output: peak {kib} KiB");
        assert!(kib <= 16 * 1024, "{kib} KiB, at most 16 MiB are promised while applying");
        let kept = kept_output(&pair);
        assert!(kept.ends_with("\nthe end\n"), "{:?}", &kept[kept.len().saturating_sub(40)..]);
        assert!(kept.len() <= 16 * 1024 && kept.len() > 8 * 1024, "{} bytes are kept", kept.len());
        let size = fs::metadata(pair.state("last-run.json")).unwrap().len();
        assert!(size < 64 * 1024, "the report has {size} bytes");
    }
}

#[test]
fn bytes_that_are_no_text_and_escapes_harm_no_report() {
    let Some(pair) = Pair::new() else { return };
    let script =
        "printf '\\377\\376\\300\\200 \\033[31mred\\033[0m \\033]0;title\\007 \\000 \"quoted\" end\\n'";
    pair.forge.publish(&pair.forge.manifest(1, vec![pair.forge.script(script)]));
    let mut command = pair.node.command(&["--once"]);
    let said = command.env("OUT", pair.node.root()).output().unwrap();
    assert!(said.status.success());
    // To the journal as it came: a reader there knows what to do with it.
    assert!(said.stdout.windows(4).any(|part| part == b"\xff\xfe\xc0\x80"), "{:?}", said.stdout);
    let file = fs::read(pair.state("last-run.json")).unwrap();
    assert!(str::from_utf8(&file).is_ok(), "the report is UTF-8");
    let odd = file.iter().find(|byte| byte.is_ascii_control() && **byte != b'\n');
    assert_eq!(odd, None, "no control character stands in the report as it is");
    let kept = kept_output(&pair);
    assert!(kept.contains("\u{1b}[31mred") && kept.ends_with("\"quoted\" end\n"), "{kept:?}");
    for args in [&["status"][..], &["status", "--json"]] {
        let text = pair.run(args).expect(0).out;
        assert!(!text.contains('\u{1b}') && !text.contains('\0'), "{text:?}");
    }
    // Its end is cut between two characters, not within one.
    let script = "n=0; while test $n -lt 2000; do printf 'äöüß€äöüß€'; n=$((n + 1)); done; echo";
    pair.forge.publish(&pair.forge.manifest(2, vec![pair.forge.script(script)]));
    pair.run(&["--once"]).expect(0);
    assert_eq!(report(&pair)["layers"][0]["engine_status"], 0);
    let kept = kept_output(&pair);
    assert!(kept.len() <= 16 * 1024, "{} bytes are kept", kept.len());
}
