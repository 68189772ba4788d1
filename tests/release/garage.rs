//! The whole way in a real S3 server, with a node that follows.

use e2e::bucket::Bucket;
use e2e::garage::{BUCKET, REGION};

#[test]
fn a_bucket_is_rolled_back_promoted_cleared_and_copied() {
    let Some(mut bucket) = Bucket::new("virtual") else { return };
    bucket.site.edit("  production:\n", "  staging:\n    source: {path: .}\n  production:\n");
    let reader = bucket.garage.reader.clone();
    let publish = |bucket: &Bucket, environment: &str, text: &str| {
        bucket.site.write("text", text, 0o644);
        let _ = bucket.site.run(&["publish", "-e", environment]).expect(0);
    };
    for text in ["first\n", "second\n", "third\n"] {
        publish(&bucket, "production", text);
    }
    publish(&bucket, "staging", "staged\n");
    let config = bucket.static_config(&reader);
    let Some(node) = bucket.node(&config) else { return };
    let _ = node.once().expect(0);

    let _ = bucket.site.run(&["rollback", "-e", "production"]).expect(0);
    let _ = node.once().expect(0);
    let _ = bucket.site.run(&["promote", "staging", "production"]).expect(0);
    let _ = node.once().expect(0);
    assert_eq!(bucket.applied(), "node 3 third\nnode 4 second\nnode 5 staged\n");

    // The node's key cannot look through the bucket, and the copy below needs no more than reading.
    let printed = bucket.site.run(&["gc", "--keep", "0", "--grace", "0s"]).expect(0);
    assert!(printed.out.contains("would remove 3 packs"), "{}", printed.out);
    let writer = bucket.garage.writer.clone();
    bucket.site.publish_with(&reader);
    let refused = bucket.site.run(&["gc", "--delete", "--keep", "0", "--grace", "0s"]).expect(78);
    assert!(refused.err.contains("403") && !refused.err.contains(&reader.secret), "{}", refused.err);
    bucket.site.publish_with(&writer);
    let printed = bucket.site.run(&["gc", "--delete", "--keep", "0", "--grace", "0s"]).expect(0);
    assert!(printed.out.contains("removed 3 packs"), "{}", printed.out);
    let _ = bucket.site.run(&["verify"]).expect(0);
    let history = bucket.site.run(&["history", "-e", "production"]).expect(0);
    assert_eq!(history.out.matches("content removed").count(), 4, "{}", history.out);

    let endpoint = format!("https://s3.test:{}", bucket.terminator.port());
    let to = format!("s3://{BUCKET}/elsewhere");
    let mirror = ["mirror", &to, "--region", REGION, "--endpoint", &endpoint, "--style", "path"];
    let printed = bucket.site.run(&mirror).expect(0);
    assert!(
        printed.out.contains("copied production 5") && printed.out.contains("copied staging 1"),
        "{}",
        printed.out
    );
    let printed = bucket.site.run(&mirror).expect(0);
    assert!(printed.out.lines().all(|line| line.starts_with("nothing to do")), "{}", printed.out);
    bucket.site.edit(&format!("s3://{BUCKET}/site/one"), &to);
    let _ = bucket.site.run(&["verify"]).expect(0);
}
