//! Each verb, cut off at each of its writes: nodes see what was there before or all of what is new, and the
//! next run ends it.

use crate::content;
use crate::service::Bucket;

/// A site with three releases of `staging` and two of `production`, and what is old about them.
fn bucket() -> Option<Bucket> {
    let bucket = Bucket::new()?;
    for text in ["one", "two", "three"] {
        content(&bucket.site, text);
        let _ = bucket.site.run(&["publish", "-e", "staging"]).expect(0);
        if text != "three" {
            let _ = bucket.site.run(&["publish", "-e", "production"]).expect(0);
        }
    }
    Some(bucket)
}

/// Cuts `args` off after each number of writes until it gets through; each time, what is visible is whole.
fn at_every_write(bucket: &Bucket, args: &[&str]) -> usize {
    let before = bucket.objects.lock().unwrap().all.clone();
    for writes in 0..MOST {
        bucket.restore(&before);
        bucket.cut_after(Some(writes));
        let run = bucket.site.run(args);
        bucket.cut_after(None);
        let verified = bucket.site.run(&["verify"]);
        assert_eq!(verified.code, 0, "{args:?}, cut off after {writes} writes: {}", verified.err);
        if run.code == 0 {
            return writes;
        }
        assert!(run.err.contains("403"), "{args:?}: {}", run.err);
        let again = bucket.site.run(args);
        assert_eq!(again.code, 0, "{args:?} again, after {writes} writes: {}", again.err);
        let _ = bucket.site.run(&["verify"]).expect(0);
        assert!(bucket.keys("packs/doomed").is_empty(), "{writes}");
    }
    panic!("{args:?} never gets through")
}

#[test]
fn publishing_and_rolling_back_and_promoting_are_cut_off_anywhere() {
    let Some(bucket) = bucket() else { return };
    content(&bucket.site, "four");
    assert!(at_every_write(&bucket, &["publish", "-e", "production"]) >= 3);
    assert!(at_every_write(&bucket, &["rollback", "1", "-e", "production"]) >= 2);
    assert!(at_every_write(&bucket, &["promote", "staging", "production"]) >= 2);
}

#[test]
fn removing_is_cut_off_anywhere() {
    let Some(bucket) = bucket() else { return };
    let _ = bucket.site.run(&["rollback", "1", "-e", "production"]).expect(0);
    bucket.age();
    let before = bucket.objects.lock().unwrap().all.clone();
    let args = ["gc", "--delete", "--keep", "0", "--grace", "1h"];
    let packs = bucket.keys("packs/").len();
    let mut done = 0;
    for writes in 0..MOST {
        bucket.restore(&before);
        bucket.cut_after(Some(writes));
        let run = bucket.site.run(&args);
        bucket.cut_after(None);
        let _ = bucket.site.run(&["verify"]).expect(0);
        if run.code == 0 && bucket.keys("packs/doomed").is_empty() {
            done = packs - bucket.keys("packs/").len();
            break;
        }
        // A mark that was left over keeps nobody from publishing what does not need what it names.
        let _ = bucket.site.run(&["refresh", "--force"]).expect(0);
        let _ = bucket.site.run(&["verify"]).expect(0);
    }
    assert!(done > 0, "nothing was removed");
    assert_eq!(bucket.keys("env/").iter().filter(|key| key.contains("history")).count(), 6);
    assert_eq!(bucket.keys("trust/"), ["1.json"]);
}

#[test]
fn copying_is_cut_off_anywhere() {
    let Some(bucket) = bucket() else { return };
    let copy = tempfile::tempdir().unwrap();
    let from = format!("file://{}", copy.path().join("first").display());
    let _ = bucket.site.run(&["mirror", &from]).expect(0);
    // Now the copy is what is copied, back into a service that is empty and gets cut off.
    let stores = format!("  - url: {from}\nenvironments:");
    bucket.site.edit("environments:", &stores);
    bucket.objects.lock().unwrap().all.clear();
    let args = ["mirror", "s3://bucket/site", "--from", &from];
    for writes in 0..MOST {
        bucket.objects.lock().unwrap().all.clear();
        bucket.cut_after(Some(writes));
        let run = bucket.site.run(&args);
        bucket.cut_after(None);
        let visible = bucket.keys("env/").iter().any(|key| key.ends_with("/head"));
        let verified = bucket.site.run(&["verify"]);
        assert_eq!(verified.code, 0, "{writes}: {}", verified.err);
        if run.code == 0 {
            assert!(visible && writes > 8, "{writes}");
            break;
        }
        let _ = bucket.site.run(&args).expect(0);
        assert!(bucket.keys("env/").iter().filter(|key| key.ends_with("/head")).count() == 2);
    }
    let again = bucket.site.run(&args).expect(0);
    assert!(again.out.lines().all(|line| line.starts_with("nothing to do")), "{}", again.out);
}

/// More writes than any of them does.
const MOST: usize = 40;
