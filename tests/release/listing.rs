//! Services that list less or more than they should: nothing is removed by what they say.

use crate::content;
use crate::service::Bucket;

#[test]
fn a_listing_of_many_pages_is_read_to_its_end() {
    let Some(bucket) = Bucket::new() else { return };
    for n in 0..5 {
        content(&bucket.site, &n.to_string());
        let _ = bucket.site.run(&["publish", "-e", "production"]).expect(0);
    }
    let printed = bucket.site.run(&["history", "-e", "production"]).expect(0);
    assert_eq!(printed.out.lines().count(), 6, "{}", printed.out);
    bucket.age();
    let run = bucket.site.run(&["gc", "--delete", "--keep", "1", "--grace", "1h"]).expect(0);
    assert!(run.out.contains("removed 3 packs"), "{}", run.out);
    let _ = bucket.site.run(&["verify"]).expect(0);
}

#[test]
fn a_listing_that_goes_in_circles_removes_nothing() {
    let Some(bucket) = Bucket::new() else { return };
    for text in ["one", "two", "three"] {
        content(&bucket.site, text);
        let _ = bucket.site.run(&["publish", "-e", "production"]).expect(0);
    }
    bucket.age();
    let packs = bucket.keys("packs/");
    bucket.objects.lock().unwrap().stuck = true;
    let run = bucket.site.run(&["gc", "--delete", "--keep", "0", "--grace", "1h"]).expect(1);
    assert!(run.err.contains("sent the same page twice"), "{}", run.err);
    assert_eq!(bucket.keys("packs/"), packs);
}

#[test]
fn a_service_without_conditions_is_cleared_and_rolled_back_by_turns() {
    let Some(bucket) = Bucket::new() else { return };
    bucket.objects.lock().unwrap().unconditional = true;
    for text in ["one", "two"] {
        content(&bucket.site, text);
        let _ = bucket.site.run(&["publish", "-e", "production"]).expect(0);
    }
    let run = bucket.site.run(&["rollback", "-e", "production"]).expect(0);
    assert!(run.err.contains("a claim kept other publishers away"), "{}", run.err);
    bucket.age();
    let run = bucket.site.run(&["gc", "--delete", "--keep", "0", "--grace", "1h"]).expect(0);
    assert!(run.out.contains("removed 1 pack"), "{}", run.out);
    assert!(bucket.keys("packs/doomed").is_empty());
    let _ = bucket.site.run(&["verify"]).expect(0);
    // Somebody else holds the claim.
    let held = format!("{} somebody\n", stringless::clock::now()).into_bytes();
    let claim = "/bucket/site/env/production/claim".to_owned();
    bucket.objects.lock().unwrap().all.insert(claim, (held, "2020-01-01T00:00:00Z".into()));
    let run = bucket.site.run(&["rollback", "2", "-e", "production"]).expect_any(&[1, 3]);
    assert!(!run.out.contains("published"), "{}", run.out);
    let run = bucket.site.run(&["promote", "production", "staging"]).expect(0);
    assert!(run.out.contains("published example staging 1"), "another environment has its own: {}", run.out);
}
