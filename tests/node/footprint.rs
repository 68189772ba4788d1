//! What the agent costs a node: size, memory of an idle check over TLS, memory of a large release.
//!
//! Sizes and memory are bounds that are promised; they are measured on the very binary that is
//! published. Times are printed and never judged.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

use std::fs;
use std::process::Command;

use e2e::agent::{Node, Run};
use e2e::forge::{Entry, Forge};
use e2e::netns::Net;
use e2e::server::Server;
use e2e::tls::Authority;
use e2e::tools;
use serde_json::json;

/// Peak resident memory of a command in KiB, as the kernel counts it.
fn peak(command: &mut Command) -> (u64, Run) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peak");
    let mut timed = Command::new("/usr/bin/time");
    timed.arg("-f").arg("%M").arg("-o").arg(&file).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            timed.env(name, value);
        }
    }
    let run = Run::of(&mut timed);
    let text = fs::read_to_string(&file).unwrap_or_default();
    let line = text.lines().last().unwrap_or_default().trim().parse();
    (line.unwrap_or_else(|_| panic!("no figure in {text:?}: {}", run.err)), run)
}

#[test]
fn memory_of_an_idle_check_and_of_a_large_release() {
    if tools::program("time").is_none() {
        return;
    }
    let forge = Forge::new();
    let authority = Authority::new();
    let server = Server::start(&Net::host(), forge.bucket(), Some(&authority.issue(&["127.0.0.1"])));
    let mut config = forge.config(&server.url(""));
    config["ca_file"] = json!("/etc/stringless/ca.pem");
    let Some(node) = Node::new(&Net::host(), &config) else { return };
    node.write("etc/stringless/ca.pem", authority.pem());

    // 100 MiB that do not compress, in four packs of many files.
    let mut state = 1u64;
    let mut packs = vec![forge.script("echo done >\"$OUT/applied\"")];
    for part in 0..4 {
        let files: Vec<(String, String)> = (0..256)
            .map(|n| {
                let bytes: String = (0..100 * 1024)
                    .map(|_| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        char::from(33 + (state >> 57) as u8 % 90)
                    })
                    .collect();
                (format!("f{n}"), bytes)
            })
            .collect();
        let entries: Vec<_> = files.iter().map(|(name, text)| Entry::file(name, 0o644, text)).collect();
        packs.push(forge.pack(&format!("part{part}"), &entries));
    }
    let (size, unpacked) = packs.iter().fold((0, 0), |(a, b), pack| (a + pack.size, b + pack.unpacked));
    forge.publish(&forge.manifest(1, packs));
    let (large, run) = peak(node.command(&["--once"]).env("OUT", node.root()));
    let took = run.expect(0).took;
    println!("applying {} MiB ({} MiB packed): peak {large} KiB, {took:.1?}", unpacked >> 20, size >> 20);
    assert_eq!(node.read("applied").as_deref(), Some("done\n"));
    let (idle, run) = peak(&mut node.command(&["--once"]));
    let took = run.expect(0).took;
    println!("idle check over TLS: peak {idle} KiB, {took:.1?}");
    assert!(unpacked >= 100 << 20, "{unpacked} bytes");
    assert!(large <= 16 * 1024, "applying a large release: {large} KiB, at most 16 MiB are promised");
    assert!(idle <= 5 * 1024, "an idle check: {idle} KiB, at most 5 MiB are promised");
}

#[test]
fn memory_of_a_pack_of_many_files() {
    if tools::program("time").is_none() {
        return;
    }
    let forge = Forge::new();
    let Some(node) = Node::new(&Net::host(), &forge.config(&forge.url())) else { return };
    // As many as a pack may hold, but for the folder, with names of a usual length.
    let names: Vec<String> =
        (0..99_999).map(|n| format!("many/some-file-with-a-usual-name-{n:05}.yaml")).collect();
    let files = names.iter().map(|name| Entry::file(name, 0o644, ""));
    let entries: Vec<_> = [Entry::folder("many/")].into_iter().chain(files).collect();
    let packs = vec![forge.script("echo done >\"$OUT/applied\""), forge.pack("data", &entries)];
    forge.publish(&forge.manifest(1, packs));
    let (kib, run) = peak(node.command(&["--once"]).env("OUT", node.root()));
    let took = run.expect(0).took;
    println!("applying {} files: peak {kib} KiB, {took:.1?}", names.len());
    assert!(kib <= 16 * 1024, "applying many files: {kib} KiB, at most 16 MiB are promised");
}

#[test]
fn the_agents_are_small_and_static() {
    for agent in [tools::agent(), tools::agent_aarch64()] {
        let Some(agent) = agent else { continue };
        let bytes = fs::read(&agent).unwrap();
        println!("{}: {} bytes", agent.display(), bytes.len());
        assert!(bytes.len() <= 3_145_728, "{}: {} bytes, at most 3 MiB", agent.display(), bytes.len());
        assert!(!bytes.windows(9).any(|part| part == b"ld-linux-"), "{} is dynamic", agent.display());
    }
}

/// It cannot be run here: what is seen is what it is made for, and that only nodes of that system get it.
#[test]
fn the_agent_for_freebsd_is_small_and_pushed_for_freebsd_alone() {
    let (Some(agent), Some(generator)) = (tools::agent_freebsd(), tools::generator()) else { return };
    let bytes = fs::read(&agent).unwrap();
    println!("{}: {} bytes", agent.display(), bytes.len());
    assert!(bytes.len() <= 3_145_728, "{} bytes, at most 3 MiB", bytes.len());
    let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("/libexec/ld-elf.so.1\0") && has("/usr/local/etc/stringless/agent.json"));
    assert!(!has("sys/class/dmi") && !has("/proc/uptime"), "it looks for what only Linux has");
    let folder = tempfile::tempdir().unwrap();
    let stringless = |args: &[&str]| Run::of(Command::new(&generator).args(args).current_dir(&folder));
    let bucket = format!("file://{}/bucket", folder.path().display());
    stringless(&["init", ".", "--site", "example", "--store", &bucket, "--no-password"]).expect(0);
    for (target, code) in [("x86_64-unknown-linux-musl", 3), ("x86_64-unknown-freebsd", 0)] {
        let to = folder.path().join(target).join(target);
        fs::create_dir_all(&to).unwrap();
        fs::copy(&agent, to.join("stringless-agent")).unwrap();
        let run = stringless(&["agent", "push", "--from", target]).expect(code);
        assert!(code == 0 || run.err.contains("built for another system"), "{}", run.err);
    }
}
