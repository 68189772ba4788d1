//! Several at once: one wins, the others get a message, nothing is lost, and nothing is removed that somebody
//! relies on.

use std::collections::BTreeSet;
use std::thread;

use e2e::agent::Run;
use e2e::garage::Garage;
use e2e::netns::Net;
use e2e::site::Site;
use serde_json::Value;

use crate::{content, two_environments};

/// Publishes old content again and again while everything that is not needed at that moment is removed.
fn at_once(site: &Site, rounds: usize) {
    for text in ["one", "two", "three"] {
        content(site, text);
        let _ = site.run(&["publish", "-e", "production"]).expect(0);
    }
    let (mut done, mut removed) = (0, 0);
    for n in 0..rounds {
        let serial = (n % 3 + 1).to_string();
        // The cache has all of it: whatever is removed can be brought back.
        let run = |args: &[&str]| site.run(args).expect_any(&[0, 1]);
        let (publishing, removing) = thread::scope(|scope| {
            let publishing = scope.spawn(|| run(&["rollback", &serial, "-e", "production"]));
            let removing = scope.spawn(|| run(&["gc", "--delete", "--keep", "0", "--grace", "0s"]));
            (publishing.join().unwrap(), removing.join().unwrap())
        });
        done += usize::from(publishing.code == 0);
        removed += usize::from(removing.out.contains("\nremoved"));
        for printed in [&publishing, &removing].into_iter().filter(|run| run.code == 1) {
            assert!(printed.err.contains("hint: "), "{}", printed.err);
        }
        let verified = site.run(&["verify"]);
        assert_eq!(verified.code, 0, "round {n}: {}\n{}\n{}", verified.err, publishing.err, removing.out);
    }
    assert!(done > 0 && removed > 0, "{done} published, {removed} removed");
}

#[test]
fn what_is_published_is_not_removed_from_a_folder() {
    let bucket = tempfile::tempdir().unwrap();
    let store = format!("file://{}", bucket.path().display());
    let Some(site) = Site::init(&Net::host(), &["--store", &store]) else { return };
    two_environments(&site);
    at_once(&site, 12);
}

#[test]
fn what_is_published_is_not_removed_from_a_bucket() {
    let Some(garage) = Garage::start(&Net::host()) else { return };
    let Some(site) = Site::on_s3(&Net::host(), &garage, &garage.endpoint(), "path") else { return };
    two_environments(&site);
    at_once(&site, 6);
}

#[test]
fn of_several_publishers_one_wins_and_the_others_learn_of_it() {
    let Some(garage) = Garage::start(&Net::host()) else { return };
    let Some(site) = Site::on_s3(&Net::host(), &garage, &garage.endpoint(), "path") else { return };
    two_environments(&site);
    for text in ["one", "two"] {
        content(&site, text);
        let _ = site.run(&["publish", "-e", "production"]).expect(0);
    }
    content(&site, "three");
    let _ = site.run(&["publish", "-e", "staging"]).expect(0);
    let all: [&[&str]; 3] = [
        &["rollback", "1", "-e", "production", "--json"],
        &["promote", "staging", "production", "--json"],
        &["publish", "-e", "production", "--force", "--json"],
    ];
    let runs: Vec<Run> = thread::scope(|scope| {
        let started: Vec<_> = all.iter().map(|args| scope.spawn(|| site.run(args))).collect();
        started.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let mut serials = BTreeSet::new();
    for run in &runs {
        if run.code == 0 {
            let printed: Value = serde_json::from_str(&run.out).unwrap();
            assert!(serials.insert(printed["serial"].as_u64().unwrap()), "{runs:?}");
        } else {
            assert!(run.code == 1 && run.err.contains("hint: "), "{}", run.err);
        }
    }
    assert!(!serials.is_empty(), "{runs:?}");
    let _ = site.run(&["verify"]).expect(0);
    let printed = site.run(&["history", "-e", "production", "--json"]).expect(0);
    let printed: Value = serde_json::from_str(&printed.out).unwrap();
    let seen: BTreeSet<u64> = printed["releases"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["state"] != "unpublished")
        .map(|line| line["serial"].as_u64().unwrap())
        .collect();
    assert!(serials.is_subset(&seen), "{serials:?} in {printed}");
    assert_eq!(printed["published"].as_u64(), serials.last().copied(), "{printed}");
}
