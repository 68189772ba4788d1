//! `agent.json`, and a layer.

use e2e::forge::{name, public};
use stringless_core::config::{AgentSettings, Config, CredentialSource, Layer, NodeStore};
use stringless_core::fleet::duty::TrustedFleetKey;
use stringless_core::metadata::Metadata;
use stringless_core::notify::{Event, Notify};
use stringless_core::sigv4::Credentials;
use stringless_core::store::Style;
use stringless_core::tag::RoleTag;

use super::fixture::{document, key};
use super::head::fleet_key;
use super::{labels, time};

#[test]
fn the_configuration_of_a_node_and_a_layer() {
    let keys = Credentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "not-a-secret".into(),
        session_token: Some("token".into()),
    };
    let store = |url: &str, credentials| NodeStore {
        url: url.into(),
        region: url.starts_with("s3").then(|| "eu-central-1".into()),
        endpoint: url.starts_with("s3").then(|| "https://s3.example.org".into()),
        style: url.starts_with("s3").then_some(Style::Path),
        credentials,
    };
    let sources = vec![
        CredentialSource::InstanceRole,
        CredentialSource::Container,
        CredentialSource::Environment,
        CredentialSource::None,
    ];
    let layer = Layer {
        site: name("base"),
        environment: name("production"),
        min_serial: 3,
        interval: 300,
        splay: 60,
        trust: stringless_core::trust::TrustedKeys {
            version: 1,
            threshold: 1,
            keys: vec![public(&key())],
            fleet: vec![TrustedFleetKey { key: fleet_key(), may: Some(vec!["head".into()]) }],
        },
        stores: vec![store("s3://bucket/prefix", sources), store("https://example.org/site", Vec::new())],
    };
    let bytes = document("layer.json", &layer);
    assert_eq!(stringless_render::layer::parse(&bytes, "layer.json").unwrap(), layer);
    let own = Layer {
        site: name("example"),
        stores: vec![store("s3://other", vec![CredentialSource::Static(keys)])],
        ..layer.clone()
    };
    let metadata = r#"{"dmi": [{"sys_vendor": "Example"}], "kernel": ["example"],
        "address": ["http://169.254.169.254", "http://[fd00:ec2::254]"], "headers": {"Metadata": "true"},
        "token": {"path": "/token", "headers": {"ttl": "60"}, "header": "token"},
        "instance_id": {"path": "/id"}, "region": {"path": "/zone", "json": "/zone", "after": "/", "before": "-"}}"#;
    let signal = r#"{"service": "example", "region": "eu-central-1", "endpoint": "https://example.org/",
        "credentials": ["instance_role"], "fields": {"Id": "{instance}"}, "success": {"A": "1"}, "failure": {"A": "0"}}"#;
    let tag = r#"{"tag": "role", "path": "/tags", "answer": {"pairs": "/list"}, "needs": "the tag `role`"}"#;
    let config = Config {
        format: 1,
        needs: Vec::new(),
        rendered: time("2026-11-20T18:00:00Z"),
        node: Some(name("web-1")),
        role: None,
        role_from: Some(serde_json::from_str::<RoleTag>(tag).unwrap()),
        labels: labels(),
        state_dir: "/srv/stringless".into(),
        disk_budget: Some(2 << 30),
        proxy: Some("http://proxy:3128".into()),
        no_proxy: Some("localhost".into()),
        ca_file: Some("/etc/stringless/ca.pem".into()),
        metadata: Some(serde_json::from_str::<Metadata>(metadata).unwrap()),
        notify: Some(Notify {
            on: vec![Event::Failed, Event::Recovered],
            run: Some("/usr/local/sbin/notice".into()),
            url: None,
            per_hour: 12,
        }),
        signal: vec![serde_json::from_str(signal).unwrap()],
        agent: AgentSettings { follow: false },
        layers: vec![layer, own],
    };
    let bytes = document("agent.json", &config);
    assert_eq!(Config::parse_and_list_unknown(&bytes), Ok((config, Vec::new())));
}
