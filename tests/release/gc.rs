//! A removal of packs that was cut off, or that finds no room: it blocks nobody for long, and the next one ends it.

use std::fs;
use std::io::Write;
use std::process::Command;

use e2e::netns::Net;
use e2e::process::{PATIENCE, Running, until};
use e2e::site::Site;
use e2e::tools;
use rustix::process::Signal;

use crate::service::Bucket;
use crate::{content, two_environments};

const MARK: &str = "/bucket/site/packs/doomed";
const GC: [&str; 6] = ["gc", "--delete", "--keep", "0", "--grace", "1h"];

/// A site with many releases, of which a removal keeps the last: it does not remove all others at once.
fn many_releases() -> Option<Bucket> {
    let bucket = Bucket::new()?;
    for n in 0..20 {
        content(&bucket.site, &n.to_string());
        let _ = bucket.site.run(&["publish", "-e", "production"]).expect(0);
    }
    bucket.age();
    Some(bucket)
}

/// Starts a removal, and waits until it has deleted one pack; the store lets it delete no other.
fn begun(bucket: &Bucket) -> Running {
    let packs = bucket.keys("packs/").len();
    bucket.objects.lock().unwrap().removals = Some(1);
    // A shell that starts something in the background makes it ignore some signals, and so may what runs the tests.
    let gc = bucket.site.command(&GC);
    let mut command = Command::new("env");
    command.arg("--default-signal").arg(gc.get_program()).args(gc.get_args());
    command.env_clear().envs(gc.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(gc.get_current_dir().unwrap());
    let running = Running::start(&mut command, &bucket.site.path("gc.log"));
    assert!(
        until(PATIENCE, || bucket.keys("packs/").len() <= packs && bucket.has(MARK)),
        "{}",
        running.log()
    );
    running
}

#[test]
fn a_signal_ends_a_removal_in_order() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let Some(bucket) = many_releases() else { return };
        let mut running = begun(&bucket);
        running.signal(signal);
        let one_more = || {
            bucket.objects.lock().unwrap().removals = Some(1);
            running.ended().is_some()
        };
        assert!(until(PATIENCE, one_more));
        let log = running.log();
        assert_eq!(running.ended().unwrap().code(), Some(1), "{log}");
        assert!(log.contains("stopped by a signal") && log.contains("hint: run it again"), "{log}");
        assert!(!bucket.has(MARK), "the mark is given back");
        let _ = bucket.site.run(&["verify"]).expect(0);
        let _ = bucket.site.run(&["rollback", "1", "-e", "production"]).expect(0);
        bucket.objects.lock().unwrap().removals = None;
        let _ = bucket.site.run(&GC).expect(0);
    }
}

#[test]
fn the_mark_of_a_removal_that_was_killed_counts_for_a_minute_and_a_half() {
    let Some(bucket) = many_releases() else { return };
    let mut running = begun(&bucket);
    running.signal(Signal::KILL);
    assert!(until(PATIENCE, || running.ended().is_some()));
    bucket.objects.lock().unwrap().removals = None;
    assert!(bucket.has(MARK));
    let run = bucket.site.run(&["rollback", "1", "-e", "production"]).expect(1);
    assert!(run.err.contains("is removing") && run.err.contains("after 90 seconds"), "{}", run.err);
    let run = bucket.site.run(&GC).expect(1);
    assert!(run.err.contains("another `stringless gc` is running"), "{}", run.err);
    // The age by the clock of the store counts, not what the mark says. Its unit test has the exact second.
    bucket.age_one(MARK, 30);
    let _ = bucket.site.run(&["rollback", "1", "-e", "production"]).expect(1);
    bucket.age_one(MARK, 91);
    let _ = bucket.site.run(&["rollback", "1", "-e", "production"]).expect(0);
    let _ = bucket.site.run(&["verify"]).expect(0);
    let _ = bucket.site.run(&GC).expect(0);
    assert!(!bucket.has(MARK));
    let _ = bucket.site.run(&["verify"]).expect(0);
}

#[test]
fn a_full_folder_is_freed() {
    if tools::superuser().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mounted = Mounted::new(folder.path());
    let store = format!("file://{}/bucket", folder.path().display());
    let Some(site) = Site::init(&Net::host(), &["--store", &store]) else { return };
    two_environments(&site);
    for text in ["one", "two", "three"] {
        content(&site, text);
        let _ = site.run(&["publish", "-e", "production"]).expect(0);
    }
    let mut fill = fs::File::create(folder.path().join("fill")).unwrap();
    while fill.write_all(&[7; 512]).is_ok() {}
    drop(fill);
    content(&site, &"four ".repeat(10_000));
    site.write("data/more", random(40_000), 0o644);
    let run = site.run(&["publish", "-e", "production"]).expect(1);
    assert!(run.err.contains("hint: free some room: `stringless gc --delete`"), "{}", run.err);
    let run = site.run(&["gc", "--delete", "--keep", "0", "--grace", "0s"]).expect(0);
    assert!(run.out.contains("removed 2 packs"), "{}", run.out);
    let _ = site.run(&["verify"]).expect(0);
    drop(mounted);
}

/// Bytes that cannot be packed.
fn random(count: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33).to_le_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

/// A file system of a megabyte; dropping it unmounts it.
struct Mounted(std::path::PathBuf);

impl Mounted {
    fn new(folder: &std::path::Path) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m,mode=700", "none"]).arg(folder);
        assert!(mount.status().unwrap().success());
        Self(folder.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
