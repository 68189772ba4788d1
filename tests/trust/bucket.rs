//! A rotation by way of a real S3 server: the store's answers, and what a node asks for.

use e2e::bucket::Bucket;
use serde_json::Value;

#[test]
fn a_rotation_goes_by_way_of_a_bucket() {
    let Some(mut bucket) = Bucket::new("path") else { return };
    bucket.site.publish();
    let reader = bucket.garage.reader.clone();
    let config = bucket.static_config(&reader);
    let Some(node) = bucket.node(&config) else { return };
    let _ = node.once().expect(0);

    let run = |args: &[&str]| bucket.site.run(args).expect(0);
    let _ = run(&["keygen", "keys/second.key", "--no-password"]);
    let rotate = ["keys", "rotate", "release", "--public", "keys/second.pub"];
    assert!(run(&rotate).out.starts_with("wrote trust/2.json"));
    assert!(run(&rotate).out.starts_with("nothing to do"));
    let _ = run(&["keys", "threshold", "1", "--expires", "52w"]);
    // Nodes are asked for nothing by this: the release that they have is the one that is published.
    let checked = |wanted: &[&str]| {
        let before = bucket.garage.requests().len();
        let run = node.run(&["--once", "--json"]).expect(0);
        let asked = bucket.asked(&reader, before);
        let ends = |(asked, end): (&String, &&str)| asked.contains(&format!("/site/one/{end}"));
        assert!(asked.len() == wanted.len() && asked.iter().zip(wanted).all(ends), "{asked:?}");
        serde_json::from_str::<Value>(&run.out).unwrap()["layers"][0]["live"]["serial"].as_u64()
    };
    assert_eq!(checked(&["env/production/head"]), Some(1));
    bucket.site.publish();
    let way = ["env/production/head", "trust/2.json", "trust/3.json", "trust/4.json"];
    assert_eq!(checked(&way), Some(2));
    assert_eq!(checked(&["env/production/head"]), Some(2));
    let _ = run(&["verify"]);
    let _ = run(&["refresh", "--force"]);
    assert_eq!(checked(&["env/production/head"]), Some(3));
}
