//! Too much, and too slowly: endless data, bombs, and a store that drips.

use std::process::Command;
use std::time::Duration;

use e2e::agent::Run;
use e2e::forge::{Entry, gzip, tar};
use e2e::pair::Pair;
use e2e::server::{Delivery, Fault, Reply};
use serde_json::json;
use stringless_core::hash::Sha256;
use stringless_core::layout;
use stringless_core::pack::{MAX_FILES, MAX_PACK_BYTES, MAX_PACKS, MAX_UNPACKED_BYTES, Pack};

use crate::craft::{Craft, SCRIPT};
use crate::web::{POINTER, Web, at_once, config, serve};

/// Runs the agent with so little memory that it cannot hold what is thrown at it.
fn starved(pair: &Pair) -> Run {
    let agent = pair.node.command(&["--once"]);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {MEMORY}; exec \"$@\""), "sh"]).arg(agent.get_program());
    Run::of(command.args(agent.get_args()).env("OUT", pair.node.root()))
}

#[test]
fn endless_data_in_the_manifest() {
    let endless = [Delivery::Endless, Delivery::EndlessChunks, Delivery::EndlessHead];
    at_once(endless, |delivery| {
        let Some(web) = Web::converged() else { return };
        let what = format!("{delivery:?}");
        web.server.fault(POINTER, Fault::Answer(Reply { delivery, ..Reply::new(200, "x".repeat(65_536)) }));
        let run = starved(&web.pair);
        assert!(matches!(run.code, 1 | 3), "{what}: {} {}", run.code, run.err);
        web.pair.goes_on();
        let sent: usize = web.server.take().iter().map(|seen| seen.sent).max().unwrap();
        assert!(sent < 32 << 20, "{what}: {sent} bytes were taken");
    });
}

#[test]
fn endless_data_in_a_document_of_this_store() {
    // A folder as a store, which knows no `Content-Length`: a manifest of two gigabytes, and of a device.
    let Some(pair) = Pair::converged() else { return };
    let object = pair.forge.bucket().join(POINTER);
    let huge = std::fs::File::create(&object).unwrap();
    huge.set_len(2 << 30).unwrap();
    assert_eq!(starved(&pair).code, 3);
    pair.goes_on();
    std::fs::remove_file(&object).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &object).unwrap();
    assert!(matches!(starved(&pair).code, 1 | 3));
    pair.goes_on();
}

#[test]
fn endless_data_in_a_pack() {
    at_once([Delivery::Endless, Delivery::EndlessChunks, Delivery::Whole], |delivery| {
        let Some(web) = Web::converged() else { return };
        let next = web.pair.forge.release(8, "eight");
        let key = layout::pack(&next.packs[0].sha256);
        let good = std::fs::read(web.pair.forge.bucket().join(&key)).unwrap();
        let body = [good.as_slice(), &[0; 65_536]].concat();
        let what = format!("{delivery:?}");
        web.server.fault(&key, Fault::Answer(Reply { delivery, ..Reply::new(200, body) }));
        let run = starved(&web.pair);
        assert!(run.code == 3 && run.err.contains("[size]"), "{what}: {} {}", run.code, run.err);
        web.pair.goes_on();
        let sent: usize = web.server.take().iter().map(|seen| seen.sent).max().unwrap();
        assert!(sent < 32 << 20, "{what}: {sent} bytes were taken");
    });
}

#[test]
fn endless_data_beyond_the_content_length() {
    // A good answer, then more of it on the same connection: no second answer is made of it.
    let Some(web) = Web::converged() else { return };
    web.pair.forge.release(8, "eight");
    let document = std::fs::read(web.pair.forge.bucket().join(POINTER)).unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", document.len());
    let smuggled = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad".repeat(1000);
    let bytes = [head.into_bytes(), document, smuggled].concat();
    web.server.fault(POINTER, Fault::Answer(Reply { delivery: Delivery::Raw(bytes), ..Reply::new(200, "") }));
    let _ = web.pair.run(&["--once"]).expect(0);
    assert_eq!(web.pair.applied().as_deref(), Some("eight\n"));
}

#[test]
fn endless_data_when_unpacked() {
    let Some(pair) = Pair::converged() else { return };
    // Ten megabytes, of which the manifest announces a hundred bytes: and 4 GiB in a few kilobytes.
    let bomb = gzip(&tar(&[Entry::file("apply", 0o755, &"0".repeat(10_000_000))]));
    let header = |size| Craft::default().header(b'0', b"apply", b"", 0o755, size);
    let zeros = |craft: Craft, megabytes: usize| gzip(&[craft.0, vec![0; megabytes << 20]].concat());
    let cases = [
        ("larger than announced", pair.forge.raw_pack("", &bomb, 100, 1), "archive"),
        (
            "a header that promises 8 GiB",
            pair.forge.raw_pack("", &zeros(header(8 << 30), 64), 100, 1),
            "archive",
        ),
        (
            "a header that promises all that it can",
            pair.forge.raw_pack("", &zeros(header(u64::MAX), 1), 100, 1),
            "invalid",
        ),
        ("shorter than announced", pair.forge.raw_pack("", &gzip(&Craft::new().end().0), 100, 1), "size"),
        (
            "fewer than announced",
            pair.forge.raw_pack("", &gzip(&Craft::new().end().0), SCRIPT.len() as u64, 2),
            "size",
        ),
        (
            "zeros after the end",
            pair.forge.raw_pack("", &zeros(Craft::new().end(), 64), SCRIPT.len() as u64, 1),
            "invalid",
        ),
    ];
    for (serial, (what, pack, code)) in (8..).zip(cases) {
        pair.forge.publish(&pair.forge.manifest(serial, vec![pack]));
        let run = starved(&pair);
        assert!(run.code == 3 && run.err.contains(&format!("[{code}]")), "{what}: {} {}", run.code, run.err);
        pair.goes_on();
    }
}

#[test]
fn endless_data_in_names() {
    let Some(pair) = Pair::converged() else { return };
    // What stands before an entry is read into memory, whatever the manifest allows for its content.
    let announced = 300 << 20;
    let name = vec![b'n'; 200 << 20];
    let record = [b"209715200 path=".to_vec(), name.clone()].concat();
    let cases = [
        ("L", Craft::new().entry(b'L', "././@LongLink", 0o644, &name), "a name is longer than 4096 bytes"),
        ("K", Craft::new().entry(b'K', "././@LongLink", 0o644, &name), "a name is longer than 4096 bytes"),
        ("x", Craft::new().entry(b'x', "x", 0o644, &record), "is neither file, folder nor symbolic link"),
        ("g", Craft::new().entry(b'g', "g", 0o644, &record), "is neither file, folder nor symbolic link"),
    ];
    for (serial, (what, craft, why)) in (8..).zip(cases) {
        let pack = craft.file("x", "x").pack(&pair.forge, announced, 1);
        pair.forge.publish(&pair.forge.manifest(serial, vec![pack]));
        let run = starved(&pair);
        assert!(run.code == 3 && run.err.contains(why), "{what}: {} {}", run.code, run.err);
        pair.goes_on();
    }
    // The same for the header of gzip: a file name without end.
    let mut bytes = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255];
    bytes.extend_from_slice(&name);
    let pack = pair.forge.raw_pack("", &bytes, announced, 1);
    pair.forge.publish(&pair.forge.manifest(20, vec![pack]));
    assert_eq!(starved(&pair).code, 3);
    pair.goes_on();
}

#[test]
fn endless_data_by_count() {
    let Some(pair) = Pair::converged() else { return };
    // More entries than announced, and what no manifest may announce.
    let many = (0..2000)
        .fold(Craft::new(), |craft, n| craft.header(b'0', format!("f{n}").as_bytes(), b"", 0o644, 0));
    pair.forge.publish(&pair.forge.manifest(8, vec![many.pack(&pair.forge, 0, 1000)]));
    let run = pair.refuses("archive");
    assert!(run.err.contains("is one more than the manifest counts"), "{}", run.err);
    let one = pair.forge.script("true");
    let at = |n: usize, pack: &Pack| Pack { path: format!("d{n}"), ..pack.clone() };
    let cases = [
        ("files", vec![Pack { files: MAX_FILES + 1, ..one.clone() }]),
        ("bytes", vec![Pack { size: MAX_PACK_BYTES + 1, ..one.clone() }]),
        ("unpacked bytes", vec![Pack { unpacked: MAX_UNPACKED_BYTES + 1, ..one.clone() }]),
        (
            "unpacked bytes, all in all",
            (0..5).map(|n| at(n, &Pack { unpacked: MAX_UNPACKED_BYTES, ..one.clone() })).collect(),
        ),
        ("packs", (0..=MAX_PACKS).map(|n| at(n, &one)).collect()),
        ("more than a number holds", vec![Pack { unpacked: u64::MAX, ..one.clone() }]),
    ];
    for (serial, (what, packs)) in (9..).zip(cases) {
        println!("{what}");
        pair.forge.publish(&pair.forge.manifest(serial, packs));
        // Four thousand packs do not fit into a document.
        let run = pair.run(&["--once"]).expect(3);
        assert!(run.err.contains("[invalid]") || run.err.contains("[form]"), "{what}: {}", run.err);
        pair.goes_on();
    }
}

#[test]
fn slow_retrieval() {
    // One byte a second; nothing at all; and a pack that always comes fast enough, but would take minutes.
    let drip = || Delivery::Drip(1, Duration::from_secs(1));
    let cases = [
        ("manifest", drip()),
        ("pack", drip()),
        ("manifest", Delivery::Hang(e2e::process::PATIENCE)),
        ("pack of many bytes", Delivery::Drip(400, Duration::from_millis(200))),
    ];
    at_once(cases, |(what, delivery)| {
        let Some(web) = Web::converged() else { return };
        let text = noise(if what == "pack of many bytes" { 450_000 } else { 100_000 });
        let data = web.pair.forge.pack("data", &[Entry::file("noise", 0o644, &text)]);
        let key = if what == "manifest" { POINTER.to_owned() } else { layout::pack(&data.sha256) };
        web.pair.forge.publish(
            &web.pair.forge.manifest(8, vec![web.pair.forge.script("echo eight >\"$OUT/applied\""), data]),
        );
        web.server.fault(&key, Fault::Deliver(delivery));
        let mut command = web.pair.node.command(&["--once"]);
        let output = e2e::process::run(command.env("OUT", web.pair.node.root()), PATIENCE);
        let said = e2e::process::both(&output);
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        // Below the floor it is asked again, and not waited for until the time is over.
        let asked = web.server.take().iter().filter(|seen| seen.request.path().ends_with(&key)).count();
        let why = match what {
            "pack" => asked > 1,
            "pack of many bytes" => said.contains("too slow") || said.contains("took longer than"),
            _ => true,
        };
        assert!(why, "{what}, asked for {asked} times: {said}");
        web.pair.goes_on();
        // Mended, it goes on: what was slow is no reason to refuse.
        web.server.mend();
        let _ = web.pair.run(&["--once"]).expect(0);
        assert_eq!(web.pair.applied().as_deref(), Some("eight\n"));
    });
}

#[test]
fn slow_retrieval_of_a_pack_at_one_of_two_stores() {
    // Long before the deadline over all is used up, the other store is asked.
    let Some(web) = Web::converged() else { return };
    let text = noise(100_000);
    let data = web.pair.forge.pack("data", &[Entry::file("noise", 0o644, &text)]);
    let script = web.pair.forge.script("echo eight >\"$OUT/applied\"");
    web.pair.forge.publish(&web.pair.forge.manifest(8, vec![script, data.clone()]));
    let slow = serve(&web.pair.forge, Some(&web.authority.issue(&["127.0.0.1"])));
    slow.fault(&layout::pack(&data.sha256), Fault::Deliver(Delivery::Drip(1, Duration::from_secs(1))));
    let mut config = config(&web.pair.forge, &slow);
    config["layers"][0]["stores"] = json!([{"url": slow.url("")}, {"url": web.server.url("")}]);
    web.pair.node.configure(&config);
    let mut command = web.pair.node.command(&["--once"]);
    let output = e2e::process::run(command.env("OUT", web.pair.node.root()), PATIENCE);
    assert!(output.status.success(), "{}", e2e::process::both(&output));
    assert_eq!(web.pair.applied().as_deref(), Some("eight\n"));
}

#[test]
fn slow_retrieval_of_a_head() {
    // The next header always comes in time, once: there is time left to ask again.
    let Some(web) = Web::converged() else { return };
    let next = web.pair.forge.release(8, "eight");
    let key = layout::pack(&next.packs[0].sha256);
    web.server.fault_times(&key, Fault::Deliver(Delivery::SlowHead(Duration::from_secs(1))), 1);
    let mut command = web.pair.node.command(&["--once"]);
    let output = e2e::process::run(command.env("OUT", web.pair.node.root()), PATIENCE);
    assert!(output.status.success(), "{}", e2e::process::both(&output));
    assert_eq!(web.pair.applied().as_deref(), Some("eight\n"));
}

/// Text of which compression leaves a half.
fn noise(length: usize) -> String {
    (0..length / 64).map(|n| Sha256::of(&n.to_be_bytes()).to_string()).collect()
}

/// Kilobytes of address space: the static agent and its threads fit in well, and 100 MiB more do not.
const MEMORY: u32 = 120_000;
/// Above all deadlines of a run together, and far below what one byte a second would take.
const PATIENCE: Duration = e2e::process::PATIENCE;
