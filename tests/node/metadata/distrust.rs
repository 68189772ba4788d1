//! What a node does not believe of a metadata service, and whom it does not ask.

use std::fs;
use std::time::Duration;

use e2e::agent::Run;
use e2e::http::{Delivery, Reply, Service};
use e2e::proxy::Proxy;
use serde_json::{Value, json};

use crate::metadata::identity::{HASHED, IDENTITY, World, pair, plain, printed, tells};

#[test]
fn what_cannot_be_believed_is_not_and_the_run_goes_on() {
    let Some(world) = World::new(&plain()) else { return };
    let body = |delivery| Reply { delivery, ..Reply::new(200, "i-0123456789abcdef0") };
    let faults: [(&str, Reply); 12] = [
        ("it answered 401", Reply::new(401, "Unauthorized")),
        ("it answered 404", Reply::new(404, "")),
        ("it answered 500", Reply::new(500, "")),
        ("it answered 302", Reply::new(302, "").with("location", "http://169.254.169.254/other")),
        ("the answer is not a name", Reply::new(200, "<html>It works!</html>")),
        ("the answer is not a name", Reply::new(200, "")),
        ("the answer is not a name", Reply::new(200, "../../etc")),
        ("the answer is not a name", Reply::new(200, "i-1\ni-2")),
        ("the answer is not text", Reply::new(200, [0xff, 0xfe])),
        ("more than 131072 bytes", Reply::new(200, "i-".repeat(100_000))),
        ("GET http://169.254.169.254/id: ", body(Delivery::Short(9))),
        ("GET http://169.254.169.254/id: ", body(Delivery::Drop)),
    ];
    for (n, (expected, fault)) in faults.into_iter().enumerate() {
        world.boot(&format!("boot {n}"));
        let _ = fs::remove_file(world.node.root().join(IDENTITY));
        let service = world.service(move |request| match request.target.as_str() {
            "/id" => fault.clone(),
            _ => Reply::new(200, "i-666"),
        });
        let run = world.run(&["--once", "--json"]);
        assert_eq!(printed(&run.out), pair(HASHED, ""), "{expected}");
        assert!(run.err.contains(expected) && run.err.matches("warning").count() == 1, "{}", run.err);
        let asked = service.take();
        assert!(asked.len() <= 3 && asked.iter().all(|seen| seen.request.target == "/id"), "{asked:?}");
        // Said once; and not asked again with every run.
        let run = world.run(&["--once", "--json"]);
        assert!(!run.err.contains("metadata") && service.take().is_empty(), "{}", run.err);
        let status = world.run(&["status"]).out;
        assert!(status.contains(expected), "{status}");
    }
    // After a minute it is.
    let _service = world.service(tells("i-1", "north"));
    assert_eq!(world.printed(), pair(HASHED, ""));
    let mut kept: Value = serde_json::from_str(&world.node.read(IDENTITY).unwrap()).unwrap();
    kept["failed"]["at"] = json!("2026-01-01T00:00:00Z");
    world.node.write(IDENTITY, &kept.to_string());
    assert_eq!(world.printed(), pair("i-1", "north"));
}

#[test]
fn a_service_that_hangs_or_is_not_there_costs_seconds() {
    for listens in [true, false] {
        let Some(world) = World::new(&plain()) else { return };
        let hang = Reply { delivery: Delivery::Hang(e2e::process::PATIENCE), ..Reply::new(200, "") };
        let service = listens.then(|| world.service(move |_| hang.clone()));
        let run = world.run(&["--once", "--json"]);
        assert_eq!(printed(&run.out), pair(HASHED, ""));
        assert!(run.err.contains("metadata"), "{}", run.err);
        assert!(run.took < Duration::from_secs(60), "{:?}", run.took);
        // The next run asks nobody.
        let connections = || service.as_ref().map(Service::connections);
        let before = connections();
        let again = world.run(&["--once"]);
        assert!(!again.err.contains("metadata") && connections() == before, "{}", again.err);
    }
}

#[test]
fn a_token_that_is_none_is_not_sent_on() {
    let mut metadata = plain();
    metadata["token"] = json!({"path": "/token", "header": "X-Token", "headers": {}});
    for (expected, token) in [
        ("PUT http://169.254.169.254/token: it answered 403", Reply::new(403, "")),
        ("PUT http://169.254.169.254/token: the answer is not a token", Reply::new(200, "a\r\nHost: b")),
        ("PUT http://169.254.169.254/token: the answer is not a token", Reply::new(200, " ")),
    ] {
        let Some(world) = World::new(&metadata) else { return };
        let service = world.service(move |_| token.clone());
        let run = world.run(&["--once", "--json"]);
        assert_eq!(printed(&run.out), pair(HASHED, ""));
        assert!(run.err.contains(expected), "{}", run.err);
        assert_eq!(service.take().len(), 1);
    }
}

#[test]
fn a_region_that_is_not_known_leaves_the_id() {
    let Some(world) = World::new(&plain()) else { return };
    let _service = world.service(tells("i-1", "<none>"));
    let run = world.run(&["--once", "--json"]);
    assert_eq!(printed(&run.out), pair("i-1", ""));
    assert!(run.err.contains("/region: the answer is not a name"), "{}", run.err);
    assert_eq!(world.node.read("applied").as_deref(), Some("i-1 \n"));
}

#[test]
fn nobody_is_asked_on_another_machine() {
    let Some(world) = World::new(&plain()) else { return };
    let service = world.service(tells("i-1", "north"));
    let vendor = |text: &str| world.node.write("sys/class/dmi/id/sys_vendor", text);
    for text in ["QEMU", "Cloud", "", "A Cloud Inc", "\u{e9}loud inc"] {
        vendor(text);
        assert_eq!(world.printed(), pair(HASHED, ""), "{text}");
    }
    // Of one set all must hold.
    vendor("CLOUD INC");
    world.node.write("sys/class/dmi/id/product_uuid", "\n");
    assert_eq!(world.printed(), pair(HASHED, ""));
    fs::remove_dir_all(world.node.root().join("sys")).unwrap();
    assert_eq!(world.printed(), pair(HASHED, ""));
    assert!(service.take().is_empty());
}

#[test]
fn no_proxy_hears_the_questions() {
    let Some(world) = World::new(&plain()) else { return };
    let proxy = Proxy::start(&world.lab.cloud);
    let address = format!("http://proxy.test:{}", proxy.port());
    let mut config = world.forge.config(&world.forge.url());
    config["metadata"] = plain();
    config["proxy"] = json!(address);
    world.node.configure(&config);
    let _service = world.service(tells("i-1", "north"));
    let mut once = world.node.command(&["--once", "--json"]);
    once.env("http_proxy", &address).env("HTTP_PROXY", &address).env("OUT", world.node.root());
    assert_eq!(printed(&Run::of(&mut once).expect(0).out), pair("i-1", "north"));
    assert!(proxy.take().is_empty());
}

#[test]
fn a_service_that_cannot_be_asked_is_refused_with_the_key() {
    let mut metadata = plain();
    metadata["address"] = json!("https://169.254.169.254");
    let Some(world) = World::new(&metadata) else { return };
    let run = world.node.once().expect(78);
    assert!(run.err.contains("metadata: address `https://169.254.169.254`"), "{}", run.err);
}
