//! What a node does with heads that are as they should be.

use serde_json::json;
use std::fs;

use e2e::forge::{head, name, named, public, sign, trust};
use stringless_core::layout;

use super::{Fleet, next};

#[test]
fn a_release_comes_in_its_wave_and_a_hold_stops_it() {
    let Some(fleet) = Fleet::converged() else { return };
    let seven = fleet.release(7, "seven");
    let eight = fleet.release(8, "eight");
    let mut led = head(2, &seven);
    led["next"] = next(&eight, 10_000);
    led["next"]["state"] = "hold".into();
    fleet.put(&led);
    let _ = fleet.run().expect(0);
    fleet.pair.goes_on();

    led["version"] = 3.into();
    led["next"]["state"] = "go".into();
    led["next"]["waves"] = json!([{"share": 10_000, "from": null}]);
    fleet.put(&led);
    let _ = fleet.run().expect(0);
    fleet.pair.goes_on();

    led["version"] = 4.into();
    led["next"] = next(&eight, 10_000);
    fleet.put(&led);
    let _ = fleet.run().expect(0);
    assert_eq!(fleet.pair.applied().as_deref(), Some("eight\n"));

    // Back in a hold, the node keeps what it has; and without `next`, too.
    led["version"] = 5.into();
    led["next"]["state"] = "hold".into();
    fleet.put(&led);
    let _ = fleet.run().expect(0);
    fleet.put(&head(6, &seven));
    let _ = fleet.run().expect(0);
    assert!(fleet.pair.live().starts_with("releases/8-"), "{}", fleet.pair.live());

    let nine = fleet.release(9, "nine");
    fleet.put(&head(7, &nine));
    let _ = fleet.run().expect(0);
    assert_eq!(fleet.pair.applied().as_deref(), Some("nine\n"));
}

#[test]
fn a_wave_that_opens_by_the_clock_needs_no_new_head() {
    let Some(fleet) = Fleet::converged() else { return };
    let (seven, eight) = (fleet.release(7, "seven"), fleet.release(8, "eight"));
    let mut led = head(2, &seven);
    led["next"] = next(&eight, 10_000);
    let soon = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 4;
    let soon = stringless_core::time::Timestamp::from_seconds(soon);
    led["next"]["waves"] = json!([{"share": 10_000, "from": soon.to_string()}]);
    fleet.put(&led);
    let _ = fleet.run().expect(0);
    fleet.pair.goes_on();
    while std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
        <= soon.seconds()
    {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let _ = fleet.run().expect(0);
    assert_eq!(fleet.pair.applied().as_deref(), Some("eight\n"));
}

#[test]
fn an_idle_check_is_one_request() {
    let Some(fleet) = Fleet::new() else { return };
    let seven = fleet.release(7, "seven");
    fleet.put(&head(1, &seven));
    let server = fleet.pair.over_https();
    let mut config = fleet.pair.forge.config(&server.url(""));
    config["ca_file"] = json!("/etc/stringless/ca.pem");
    config["layers"][0]["trust"]["fleet"] = json!([{"key": public(&fleet.key).as_str()}]);
    fleet.pair.node.configure(&config);
    let _ = fleet.run().expect(0);
    let paths =
        || server.take().iter().map(|seen| (seen.request.path().to_owned(), seen.status)).collect::<Vec<_>>();
    let first: Vec<String> = paths().into_iter().map(|(path, _)| path).collect();
    assert_eq!(first[..2], ["/env/production/head", "/env/production/history/7"], "{first:?}");
    let _ = fleet.run().expect(0);
    assert_eq!(paths(), [("/env/production/head".to_owned(), 304)]);
}

#[test]
fn fleet_keys_come_and_go_with_the_trust() {
    let Some(fleet) = Fleet::new() else { return };
    let forge = &fleet.pair.forge;
    fleet.pair.node.configure(&forge.config(&forge.url()));
    forge.release(7, "seven");
    let _ = fleet.run().expect(0);
    fleet.pair.goes_on();

    // Trust version 2 names a fleet key; from now on, a head is what nodes follow.
    let mut two = trust(&[&forge.key], 2, &json!({}));
    let key = public(&fleet.key);
    two["fleet"] = json!([{"name": "tick", "id": key.id(), "key": key.as_str()}]);
    forge.put(&layout::trust(2), &sign(&[&forge.key], two.to_string().as_bytes(), "trust example keys 2"));
    let eight = fleet.release(8, "eight");
    let mut led = head(1, &eight);
    led["trust_version"] = 2.into();
    fleet.put(&led);
    let _ = fleet.run().expect(0);
    assert_eq!(fleet.pair.applied().as_deref(), Some("eight\n"));
    // A bare manifest is refused now.
    forge.publish(&forge.manifest(9, vec![forge.script("true")]));
    let run = fleet.run().expect(3);
    assert!(run.err.contains("signed for type `manifest`, expected `head`"), "{}", run.err);

    // Trust version 3 names none: the manifest is back.
    let three = trust(&[&forge.key], 3, &json!({}));
    forge.put(&layout::trust(3), &sign(&[&forge.key], three.to_string().as_bytes(), "trust example keys 3"));
    let script = forge.script("echo ten >\"$OUT/applied\"");
    forge.publish(&stringless_core::manifest::Manifest {
        trust_version: 3,
        ..forge.manifest(10, vec![script])
    });
    let _ = fleet.run().expect(0);
    assert_eq!(fleet.pair.applied().as_deref(), Some("ten\n"));
}

#[test]
fn what_is_lost_of_the_state_comes_back() {
    let Some(fleet) = Fleet::converged() else { return };
    for lost in ["state.json", "heads/production", "manifests/production"] {
        fs::remove_file(fleet.pair.state("layers/example").join(lost)).unwrap();
        let _ = fleet.run().expect(0);
        fleet.pair.goes_on();
        assert!(fleet.pair.state("layers/example").join(lost).is_file(), "{lost}");
    }
    fs::write(fleet.pair.state("layers/example/heads/production"), "junk").unwrap();
    let _ = fleet.run().expect(0);
    fleet.pair.goes_on();
}

#[test]
fn the_release_of_a_head_that_needs_a_newer_agent_is_the_stable_one() {
    let Some(fleet) = Fleet::new() else { return };
    let (seven, eight) = (fleet.release(7, "seven"), fleet.release(8, "eight"));
    let mut led = head(1, &seven);
    led["needs"] = json!(["colour"]);
    led["next"] = json!({"colour": "blue", "release": named(&eight)});
    fleet.put(&led);
    let _ = fleet.run().expect(0);
    fleet.pair.goes_on();
}

#[test]
fn doctor_and_status_know_heads() {
    let Some(fleet) = Fleet::converged() else { return };
    let doctor = fleet.pair.run(&["doctor"]);
    assert!(doctor.out.contains("head 1 of production with release 7"), "{}", doctor.out);
    let status = fleet.pair.run(&["status", "--json"]).expect(0);
    let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(status["layers"][0]["state"]["heads"]["production"]["version"], 1);
    assert_eq!(status["layers"][0]["head"]["stable"], 7);
    let mut led = head(2, &fleet.release(7, "seven"));
    led["next"] = next(&fleet.release(8, "eight"), 10_000);
    led["next"]["state"] = "hold".into();
    led["next"]["why"] = "2 nodes failed".into();
    fleet.put(&led);
    let _ = fleet.run().expect(0);
    let status = fleet.pair.run(&["status"]).expect(0);
    let said = "version 2: release 7 is stable; release 8 is held, it reaches 100.00 %; this node waits, at ";
    assert!(status.out.contains(said) && status.out.contains("% (2 nodes failed)\n"), "{}", status.out);
    led["version"] = 3.into();
    led["next"]["state"] = "go".into();
    fleet.put(&led);
    let _ = fleet.run().expect(0);
    let status = fleet.pair.run(&["status"]).expect(0);
    assert!(
        status.out.contains("release 8 goes on, it reaches 100.00 %; this node follows it"),
        "{}",
        status.out
    );
    fleet.pair.forge.put(&layout::head(&name("production")), b"<html>");
    let doctor = fleet.pair.run(&["doctor"]);
    assert!(doctor.out.contains("it is a web page"), "{}", doctor.out);
}
