//! What `--json` prints, in every case of `tests/cli/cases`.

use e2e::schema::fault_of;
use serde_json::Value;

#[test]
fn readers_may_pass_over_what_is_new() {
    for one in stringless::schemas::all().unwrap() {
        let schema: Value = one.schema.into();
        let closed = schema.to_string().contains("\"additionalProperties\":false");
        assert_eq!(closed, ["site", "distro", "cloud"].contains(&one.name), "{}", one.name);
    }
}

#[test]
fn a_wrong_object_is_noticed() {
    let good = r#"{"format": 1, "site": "example", "ok": true, "findings": []}"#;
    assert_eq!(fault_of("exec stringless 'check' '--json'", good), None);
    for (from, to) in [
        ("\"ok\": true", "\"ok\": 1"),
        ("\"ok\": true", "\"fine\": true"),
        ("\"format\": 1", "\"format\": 2"),
        ("[]}", "[], \"new\": 1}"),
        ("[]}", "[{\"level\": \"bad\", \"what\": \"\", \"message\": \"\"}]}"),
        ("\"example\"", "\"../example\""),
    ] {
        assert!(good.contains(from));
        assert!(fault_of("stringless check --json", &good.replace(from, to)).is_some(), "{to}");
    }
    assert!(fault_of("stringless unheard-of --json", good).is_some());
}
