//! Sample values as on a real site, with every optional part.

use serde_json::{Value, json};
use stringless_core::json;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::trust::TrustedKeys;

use crate::signer::Signer;

/// The key that signs the samples.
#[must_use]
pub fn signer() -> Signer {
    Signer::new(1, 1)
}

/// A trust with only this key.
#[must_use]
pub fn trusted() -> TrustedKeys {
    TrustedKeys { version: 1, threshold: 1, keys: vec![signer().public()], fleet: Vec::new() }
}

/// The site of the samples.
#[must_use]
pub fn site() -> Name {
    Name::new("example").unwrap()
}

/// The environment of the samples.
#[must_use]
pub fn environment() -> Name {
    Name::new("production").unwrap()
}

/// The JSON of a manifest.
#[must_use]
pub fn manifest() -> Value {
    let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    json!({
        "type": "manifest", "format": 1, "site": "example", "environment": "production",
        "serial": 7, "trust_version": 1,
        "created": "2026-11-20T18:00:00Z", "expires": "2027-11-20T18:00:00Z",
        "agent": {
            "minimum": "0.1.0", "version": "0.1.0",
            "targets": {"x86_64-unknown-linux-musl": {"size": 2_000_000, "sha256": sha256}},
        },
        "apply": {"engine": {"script": {"run": "bin/apply", "noop": true}}, "timeout": 60, "reapply": 1800},
        "packs": [
            {"path": "", "sha256": sha256, "size": 10, "unpacked": 20, "files": 1},
            {"path": "modules/ntp", "sha256": sha256, "size": 100, "unpacked": 200, "files": 3},
        ],
        "source": {"tool": "stringless 0.1.0", "commit": "1c6264b", "dirty": false},
    })
}

/// A manifest with the other engine and without optional parts.
#[must_use]
pub fn small_manifest() -> Value {
    let mut value = manifest();
    value["expires"] = Value::Null;
    value["apply"] = json!({"engine": {"puppet": {}}, "timeout": 86_400, "reapply": null});
    value["packs"] = json!([]);
    value
}

/// The JSON of a head with a release on its way.
#[must_use]
pub fn head() -> Value {
    let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    json!({
        "type": "head", "format": 1, "site": "example", "environment": "production",
        "trust_version": 1, "version": 9,
        "created": "2026-11-20T18:00:00Z", "expires": "2027-11-20T18:00:00Z",
        "stable": {"trust_version": 1, "serial": 7, "sha256": sha256},
        "next": {
            "trust_version": 1, "serial": 9, "sha256": sha256, "since": "2026-11-20T18:00:00Z",
            "until": "2027-11-20T18:00:00Z", "was": [8], "salt": 9, "state": "go", "why": "x", "rush": false,
            "first": "canary=yes,role!=db",
            "waves": [{"share": 0, "from": "2026-11-20T18:00:00Z"}, {"share": 10_000, "from": null}],
            "window": {"days": ["mon", "sun"], "from": "22:00", "minutes": 240, "offset": -60},
        },
        "gathered": {"peers": {"sha256": sha256, "size": 5}},
        "marks": vec![0; 256],
    })
}

/// The JSON of a trust document with this version and these keys.
#[must_use]
pub fn trust(version: u64, threshold: usize, keys: &[&Signer]) -> Value {
    let keys: Vec<Value> = keys
        .iter()
        .enumerate()
        .map(|(n, key)| {
            let key = key.public();
            json!({"name": format!("key{n}"), "id": key.id(), "key": key.as_str()})
        })
        .collect();
    json!({
        "type": "trust", "site": "example", "version": version, "threshold": threshold, "keys": keys,
        "expires": "2027-11-20T18:00:00Z", "min_serial": {"production": 3},
    })
}

/// The JSON of a node's configuration.
#[must_use]
pub fn config() -> Value {
    let trust = json!({"version": 1, "threshold": 1, "keys": [signer().public().as_str()]});
    json!({
        "format": 1, "rendered": "2026-11-20T18:00:00Z", "node": "web-1",
        "state_dir": "/srv/stringless", "proxy": "http://user:word@proxy.test:3128",
        "no_proxy": "localhost,.internal", "ca_file": "/etc/stringless/ca.pem",
        "layers": [
            {
                "site": "example", "environment": "production", "min_serial": 3,
                "interval": 60, "splay": 10, "trust": trust,
                "stores": [
                    {
                        "url": "s3://bucket/prefix", "region": "eu-central-1",
                        "endpoint": "https://s3.test:3900", "style": "path",
                        "credentials": [
                            "instance_role", "container", "environment", "none",
                            {"static": {
                                "access_key_id": "AKID", "secret_access_key": "secret",
                                "session_token": "token",
                            }},
                        ],
                    },
                    {"url": "https://cdn.example.org/x"},
                    {"url": "file:///srv/bucket"},
                ],
            },
            {
                "site": "base", "environment": "production", "min_serial": 0, "trust": trust,
                "stores": [{"url": "file:///srv/base"}],
            },
        ],
    })
}

/// The sample manifest, signed by its site.
#[must_use]
pub fn signed_manifest() -> Vec<u8> {
    let payload = text(&manifest());
    let parsed: Manifest = json::parse(&payload).unwrap();
    signer().document(&payload, &parsed.comment())
}

/// A value in its signed form.
#[must_use]
pub fn text(value: &Value) -> Vec<u8> {
    json::write(value)
}
