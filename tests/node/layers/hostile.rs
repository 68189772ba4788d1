//! A client against its provider: both on one node, the client's bucket, key and releases in the client's
//! hands. Each test is an attack; whatever comes, the provider's layer goes on.

use std::fs;
use std::os::unix::fs::symlink;

use e2e::forge::Entry;
use serde_json::json;
use stringless_core::layout;

use crate::layers::{Stack, layer};

const POINTER: &str = "env/production/head";

/// The provider's layer is as it was, takes its next release, and the client's has not changed.
fn goes_on(stack: &Stack) {
    assert_eq!((stack.live("base"), stack.live("client")), ("1".into(), "1".into()));
    assert!(stack.state("layers/base/current/apply").is_file());
    stack.say("base", 2, "base");
    let _ = stack.run(&["--once"]);
    assert_eq!(stack.said(), "base 2\n");
    assert_eq!((stack.live("base"), stack.live("client")), ("2".into(), "1".into()));
}

#[test]
fn a_clients_key_signs_nothing_of_the_providers() {
    let Some(stack) = Stack::converged() else { return };
    // Somebody who can write to the provider's bucket, but has only the client's key.
    let script = stack.base.script("echo stolen >>\"$OUT/said\"");
    let stolen = stack.release("base", 2, vec![script]);
    stack.base.publish_by(&stack.client.key, &stolen);
    let run = stack.run(&["--once"]).expect(3);
    assert!(run.err.contains("[signatures]"), "{}", run.err);
    assert_eq!(stack.said(), "");
    goes_on(&stack);
}

#[test]
fn a_clients_bucket_holds_no_release_of_the_provider() {
    let Some(stack) = Stack::converged() else { return };
    // Signed by the client for the provider's site, and the provider's own release copied over.
    let script = stack.client.script("echo stolen >>\"$OUT/said\"");
    stack.client.publish(&stack.release("base", 2, vec![script]));
    let run = stack.run(&["--once"]).expect(3);
    assert!(run.err.contains("signed for site `base`, expected `client`"), "{}", run.err);
    let theirs = fs::read(stack.base.bucket().join(POINTER)).unwrap();
    stack.client.put(POINTER, &theirs);
    let run = stack.run(&["--once"]).expect(3);
    assert!(run.err.contains("[signatures]"), "{}", run.err);
    assert_eq!(stack.said(), "");
    goes_on(&stack);
}

#[test]
fn a_clients_trust_document_does_not_become_the_providers() {
    let Some(stack) = Stack::converged() else { return };
    let mut trust = e2e::forge::trust(&[&stack.client.key], 2, &json!({}));
    trust["site"] = json!("base");
    let comment = "trust base 2";
    let document = e2e::forge::sign(&[&stack.client.key], trust.to_string().as_bytes(), comment);
    for forge in [&stack.base, &stack.client] {
        forge.put("trust/2.json", &document);
    }
    let script = stack.base.script("echo stolen >>\"$OUT/said\"");
    let mut next = stack.release("base", 2, vec![script]);
    next.trust_version = 2;
    stack.base.publish_by(&stack.client.key, &next);
    let run = stack.run(&["--once"]).expect(3);
    assert!(run.err.contains("`trust/2.json`"), "{}", run.err);
    assert!(!stack.state("layers/base/trust").exists() && !stack.state("layers/client/trust").exists());
    assert_eq!(stack.said(), "");
    fs::remove_file(stack.base.bucket().join("trust/2.json")).unwrap();
    goes_on(&stack);
}

#[test]
fn links_of_a_clients_release_lead_to_no_other_layer() {
    for (path, target) in [
        ("", "../../../../base/current"),
        ("modules/x", "../../../../../../base/releases"),
        ("", "../.production.manifest"),
    ] {
        let Some(stack) = Stack::converged() else { return };
        let link = stack.client.pack(path, &[Entry::link("base", b'2', target)]);
        let reads = stack.client.pack("a", &[Entry::file("apply", 0o755, "#!/bin/sh\n")]);
        stack.client.publish(&stack.release("client", 2, vec![link, reads]));
        let run = stack.run(&["--once"]).expect(3);
        assert!(run.err.contains("[archive]"), "{target}: {}", run.err);
        goes_on(&stack);
    }
}

#[test]
fn a_pack_of_the_providers_under_a_clients_hash_is_refused() {
    let Some(stack) = Stack::converged() else { return };
    // The client announces the pack that the provider is about to publish, and sends other bytes for it.
    let next = stack.base.script("echo base 2 >>\"$OUT/said\"");
    let mut lie = next.clone();
    lie.path = "modules/x".into();
    stack.client.put(&layout::pack(&next.sha256), &vec![0; usize::try_from(next.size).unwrap()]);
    stack.client.publish(&stack.release("client", 2, vec![lie]));
    let run = stack.run(&["--once"]).expect(3);
    assert!(run.err.contains("[hash]"), "{}", run.err);
    // The provider's own bucket has the true bytes, whatever the client's sent before.
    stack.base.publish(&stack.release("base", 2, vec![next]));
    let _ = stack.run(&["--once"]);
    assert_eq!((stack.said().as_str(), stack.live("base").as_str()), ("base 2\n", "2"));
}

#[test]
fn half_a_pack_from_a_client_costs_the_provider_nothing() {
    let Some(stack) = Stack::converged() else { return };
    // As if the client's store had sent the beginning of the provider's next pack, and lied.
    let next = stack.base.script("echo base 2 >>\"$OUT/said\"");
    let part = stack.state("packs").join(next.sha256.to_string());
    fs::write(part, vec![0; usize::try_from(next.size).unwrap() / 2]).unwrap();
    stack.base.publish(&stack.release("base", 2, vec![next]));
    stack.run(&["--once"]).expect(0);
    assert_eq!(stack.said(), "base 2\n");
}

#[test]
fn the_same_site_twice_is_no_configuration() {
    let Some(stack) = Stack::converged() else { return };
    for second in ["base", "Base"] {
        let config = json!({
            "format": 1,
            "rendered": "2026-11-20T18:00:00Z",
            "layers": [layer(&stack.base, "base"), layer(&stack.client, second)],
        });
        stack.node.configure(&config);
        let run = stack.run(&["--once"]).expect(78);
        assert!(run.err.contains("is listed twice"), "{}", run.err);
    }
    assert_eq!(stack.said(), "");
}

#[test]
fn a_link_in_the_place_of_a_layers_folder_is_not_followed() {
    let Some(stack) = Stack::converged() else { return };
    // What the client's engine, which is root, may leave behind is still not taken for a layer.
    fs::rename(stack.state("layers/client"), stack.state("aside")).unwrap();
    symlink("base", stack.state("layers/client")).unwrap();
    stack.say("base", 2, "base");
    let run = stack.run(&["--once"]).expect(3);
    assert!(run.err.contains("layers/client"), "{}", run.err);
    assert_eq!(stack.said(), "base 2\n");
    assert_eq!(stack.live("base"), "2");
}
