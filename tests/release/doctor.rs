//! `stringless doctor --write` with stores of every kind: a real one, and some that do what no store should.

use e2e::agent::Run;
use e2e::bucket::Bucket as Garage;

use crate::service::{Bucket, Objects};

/// What is left of the doctor in the stand-in.
fn leftovers(bucket: &Bucket) -> Vec<String> {
    let keys = bucket.keys("").into_iter();
    keys.filter(|key| key.starts_with("scratch/") || key.contains("doctor")).collect()
}

/// A published site on the stand-in, which has this fault, and what the doctor finds.
fn with_fault(fault: impl FnOnce(&mut Objects)) -> Option<(Bucket, Run)> {
    let bucket = Bucket::new()?;
    let _ = bucket.site.run(&["publish", "-e", "production"]).expect(0);
    fault(&mut bucket.objects.lock().unwrap());
    let run = bucket.site.run(&["doctor", "--write"]);
    Some((bucket, run))
}

fn says(run: &Run, part: &str) {
    assert!(run.out.contains(part), "`{part}` is not in\n{}\n{}", run.out, run.err);
}

#[test]
fn a_real_store_is_in_order_and_nothing_is_left_in_it() {
    let Some(mut garage) = Garage::new("path") else { return };
    garage.site.publish();
    let (reader, writer) = (garage.garage.reader.clone(), garage.garage.writer.clone());
    garage.site.set("STRINGLESS_NODE_ACCESS_KEY_ID", &reader.id);
    garage.site.set("STRINGLESS_NODE_SECRET_ACCESS_KEY", &reader.secret);
    let before = garage.garage.curl(&writer, "?list-type=2", &[]);
    let already = garage.garage.requests().len();
    let writes = |from: usize| {
        let asked = garage.garage.requests().split_off(from);
        let is_write = |asked: &String| {
            let mut words = asked.split(' ');
            words.any(|word| ["PUT", "POST", "DELETE"].contains(&word))
        };
        (asked.len(), asked.into_iter().filter(is_write).collect::<Vec<_>>())
    };
    let read_only = garage.site.run(&["doctor"]).expect(0);
    says(&read_only, "skipped  store s3://configs/site/one: conditional writes");
    let (asked, written) = writes(already);
    assert!(asked >= 5 && written.is_empty(), "{asked}: {written:?}");
    let run = garage.site.run(&["doctor", "--write"]).expect(0);
    for part in [
        "its clock and that of this machine agree",
        "its objects can be listed",
        "`If-None-Match`",
        "what was written is read at once",
        "objects can be removed",
        "nobody reads it without keys",
        "somebody without keys cannot write to it",
        "the nodes' keys may read",
        "a node cannot write to it",
        "a node cannot remove objects from it",
    ] {
        says(&run, part);
    }
    assert!(writes(already + asked).1.len() > 5, "the log has no writes, so it shows nothing");
    assert!(!run.out.contains(&reader.secret) && !run.out.contains(&writer.secret), "{}", run.out);
    let after = garage.garage.curl(&writer, "?list-type=2", &[]);
    assert_eq!(keys(&after.1), keys(&before.1));

    // Nodes with the publisher's keys.
    garage.site.set("STRINGLESS_NODE_ACCESS_KEY_ID", &writer.id);
    garage.site.set("STRINGLESS_NODE_SECRET_ACCESS_KEY", &writer.secret);
    let run = garage.site.run(&["doctor", "--write"]).expect(1);
    says(&run, "error    store s3://configs/site/one: a node can write to it");
    says(&run, "error    store s3://configs/site/one: a node can remove objects from it");
    // A publisher with the nodes' keys.
    garage.site.publish_with(&reader);
    let run = garage.site.run(&["doctor", "--write"]).expect(1);
    says(&run, "is not allowed to do this");
    let after = garage.garage.curl(&writer, "?list-type=2", &[]);
    assert_eq!(keys(&after.1), keys(&before.1));
}

fn keys(listing: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(listing);
    let parts = text.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
    parts.map(|(key, _)| key.to_owned()).collect()
}

#[test]
fn a_store_that_everybody_can_write_to_is_an_error() {
    let Some((bucket, run)) = with_fault(|_| {}) else { return };
    let run = run.expect(1);
    says(&run, "everybody can read it, without keys");
    says(&run, "somebody without keys can write to it");
    says(&run, "somebody without keys can remove objects from it");
    says(&run, "it honours `If-None-Match` and `If-Match`");
    assert_eq!(leftovers(&bucket), [""; 0]);
}

#[test]
fn a_store_without_conditions_is_named() {
    let Some((bucket, run)) = with_fault(|objects| objects.unconditional = true) else { return };
    says(&run, "warning  store s3://bucket/site: it ignores `If-None-Match` and `If-Match`");
    says(&run, "what was written is read at once");
    assert_eq!(leftovers(&bucket), [""; 0]);
}

#[test]
fn a_store_that_shows_the_old_object_after_a_write_is_an_error() {
    let Some((bucket, run)) = with_fault(|objects| objects.loses = true) else { return };
    says(&run, "it is not what was written just before");
    assert_eq!(leftovers(&bucket), [""; 0]);
}

#[test]
fn a_clock_that_is_off_is_named_with_the_difference() {
    for (ahead, word) in [(600, "warning"), (1200, "error")] {
        let Some((_, run)) = with_fault(|objects| objects.ahead = ahead) else { return };
        let line = run.out.lines().find(|line| line.contains("seconds behind that of the store"));
        assert!(line.is_some_and(|line| line.starts_with(word)), "{}", run.out);
    }
}

#[test]
fn a_store_that_takes_no_write_is_left_as_it_is() {
    let Some((bucket, run)) = with_fault(|objects| objects.left = Some(0)) else { return };
    let run = run.expect(0);
    says(&run, "this key may publish, and nothing else");
    says(&run, "somebody without keys cannot write to it");
    assert_eq!(leftovers(&bucket), [""; 0]);
}
