//! The node's configuration: parsed, written, and never shown with its secrets.
#![no_main]

use arbitrary::Unstructured;
use fuzz::samples::{config, text};
use fuzz::{damage, seed, start};
use libfuzzer_sys::fuzz_target;
use stringless_core::config::{Config, CredentialSource};
use stringless_core::json;
use stringless_core::store::Store;

fuzz_target!(init: start(seeds), |input: &[u8]| {
    match input.split_first() {
        Some((0, bytes)) => parse(bytes),
        Some((_, rest)) => {
            let mut value = config();
            if damage::value(&mut value, &mut Unstructured::new(rest)).is_ok() {
                parse(&text(&value));
            }
        }
        None => {}
    }
});

fn parse(bytes: &[u8]) {
    let config = match Config::parse(bytes) {
        Ok(config) => config,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(Config::parse(&json::write(&config)).as_ref(), Ok(&config));
    assert!(config.state_dir.starts_with('/') && !config.layers.is_empty());
    for (n, layer) in config.layers.iter().enumerate() {
        assert!(config.layers[..n].iter().all(|other| other.site != layer.site));
        assert!(layer.interval >= 10 && !layer.stores.is_empty());
        assert_eq!(layer.trust.check(), Ok(()));
        for store in &layer.stores {
            let parsed = store.parse().unwrap();
            let object = parsed.object("env/production/head");
            assert!(object.ends_with("/env/production/head"), "{object}");
            assert!(!object.chars().any(|c| c.is_control() || c == ' '), "{object:?}");
            match parsed {
                Store::File { root } => assert!(root.is_empty() || root.starts_with('/')),
                Store::Web { .. } => assert!(object.starts_with("https://") && store.credentials.is_empty()),
                Store::S3(bucket) => assert!(object.starts_with(&format!("{}://", bucket.scheme))),
            }
        }
    }
    let mut blank = config.clone();
    for source in blank.layers.iter_mut().flat_map(|l| &mut l.stores).flat_map(|s| &mut s.credentials) {
        if let CredentialSource::Static(keys) = source {
            keys.secret_access_key = "*".into();
            keys.session_token = None;
        }
    }
    assert_eq!(format!("{config:?}"), format!("{blank:?}"), "a secret is shown");
}

fn seeds() -> Vec<Vec<u8>> {
    let mut small = config();
    small.as_object_mut().unwrap().retain(|key, _| matches!(key.as_str(), "format" | "rendered" | "layers"));
    small["layers"].as_array_mut().unwrap().remove(0);
    vec![
        seed(0, text(&config())),
        seed(0, text(&small)),
        seed(0, "{}"),
        seed(1, [0; 32]),
        seed(1, (0..=255).collect::<Vec<u8>>()),
    ]
}
