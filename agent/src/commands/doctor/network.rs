//! A store: the name of its host, the credentials, its manifest, and its clock.

use std::sync::Arc;
use std::time::Instant;

use stringless_core::config::{Layer, NodeStore};
use stringless_core::diagnosis::Finding;
use stringless_core::fleet::admit::{HeadFloor, Standing, admit};
use stringless_core::layout;
use stringless_core::plan;
use stringless_core::refusal::Refusal;
use stringless_core::state::State;
use stringless_core::time::Timestamp;
use stringless_core::verify;

use super::Node;
use super::finding;
use crate::flow::floor::floor;
use crate::flow::warnings::expiries;
use crate::store::document::{DocumentAnswer, RetryPolicy};
use crate::store::{RequestError, StoreClient};
use crate::trust::TrustInUse;

/// Looks at store `s` of layer `l`, as far as it gets.
pub fn look(node: &Arc<Node>, l: usize, s: usize) -> Vec<Finding> {
    let Some((layer, settings)) =
        node.config.layers.get(l).and_then(|layer| Some((layer, layer.stores.get(s)?)))
    else {
        return Vec::new();
    };
    match StoreClient::new(settings, &node.io) {
        Ok(client) => look_at(node, layer, settings, &client),
        Err(error) => vec![finding::error("store", &error, "correct the store's settings in agent.json")],
    }
}

fn look_at(node: &Node, layer: &Layer, settings: &NodeStore, client: &StoreClient) -> Vec<Finding> {
    let mut findings = Vec::new();
    let key = layout::head(&layer.environment);
    if let Some(url) = client.url(&key) {
        let found = host(node, &client.name, &url);
        let hint = found.hint.is_some();
        findings.push(found);
        if hint {
            return findings;
        }
    }
    match client.credentials() {
        Ok(None) => {}
        Ok(Some(found)) => findings.push(Finding::ok("credentials", format!("`{}`: {found}", client.name))),
        Err(why) => {
            let listed = settings.credentials.len();
            let found = format!("`{}`: no credentials from {listed} source(s): {why}", client.name);
            findings.push(Finding::failure("credentials", found, NO_CREDENTIALS));
            return findings;
        }
    }
    let began = Instant::now();
    let answer = client.document(&key, None, &RetryPolicy::brief());
    let took = began.elapsed().as_millis();
    findings.push(match answer {
        Ok(DocumentAnswer::Document(bytes, _)) => manifest(node, layer, client, &bytes, took),
        Ok(DocumentAnswer::Missing | DocumentAnswer::NotModified) => {
            let found = format!("`{}`: there is no object `{key}`", client.name);
            Finding::failure(
                "store",
                found,
                "`stringless publish` puts it there; is `environment` the right one?",
            )
        }
        Err((failure, _)) => refused(client, &key, &failure),
    });
    if let Some(ahead) = client.ahead() {
        findings.push(clock(&client.name, ahead));
    }
    findings
}

/// Looks up the host that a request connects to.
fn host(node: &Node, name: &str, url: &str) -> Finding {
    match node.io.http.addresses(url) {
        Ok((place, found)) => {
            let addresses: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
            Finding::ok("dns", format!("`{place}` is {}", addresses.join(", ")))
        }
        Err(why) => Finding::failure("dns", format!("`{name}`: {why}"), NO_HOST),
    }
}

/// Whether the answer is a manifest that this node follows.
fn manifest(node: &Node, layer: &Layer, client: &StoreClient, bytes: &[u8], took: u128) -> Finding {
    let name = &client.name;
    let disk = node.io.disk.layer(&layer.site);
    let trust = match TrustInUse::load(&layer.trust, &layer.site, &disk) {
        Ok(trust) => trust,
        Err(error) => return finding::error("store", &error, "run doctor as root"),
    };
    let seen = disk.state().ok().and_then(|(state, _)| state.seen.get(&layer.environment).cloned());
    let now = node.io.clock.now();
    if trust.has_fleet() {
        return head(layer, name, bytes, (&trust, disk.state().ok().map(|(state, _)| state)), now, took);
    }
    let floor = floor(layer, &layer.environment, seen.as_ref(), &trust, now);
    let valid = verify::manifest(bytes, &trust.keys, &layer.site, &layer.environment)
        .and_then(|manifest| plan::admit(&manifest, &floor).map(|()| manifest));
    match valid {
        Ok(manifest) => {
            let found = format!("`{name}`: release {} of {}, {took} ms", manifest.serial, layer.environment);
            match expiries(&manifest, None, trust.expires(), now).into_iter().next() {
                Some(expiry) => Finding::warning("store", format!("{found}; {expiry}"), "renew it in time"),
                None => Finding::ok("store", found),
            }
        }
        Err(refusal) => {
            let found = format!("`{name}`: {refusal} [{}]", refusal.code());
            Finding::failure("store", found, what_to_do(&refusal))
        }
    }
}

/// Whether the answer is a head that this node follows.
fn head(
    layer: &Layer,
    name: &str,
    bytes: &[u8],
    (trust, state): (&TrustInUse, Option<State>),
    now: Timestamp,
    took: u128,
) -> Finding {
    let seen = state.as_ref().and_then(|state| state.heads.get(&layer.environment));
    let floor = HeadFloor { seen, trust_version: trust.keys.version, trust_expires: trust.expires(), now };
    let valid = verify::head(bytes, &trust.keys, &layer.site, &layer.environment)
        .and_then(|head| Ok((admit(&head, &floor)?, head)));
    let (standing, head) = match valid {
        Ok(valid) => valid,
        Err(refusal) => {
            let found = format!("`{name}`: {refusal} [{}]", refusal.code());
            return Finding::failure("store", found, what_to_do(&refusal));
        }
    };
    let next = head.next.as_ref().map(|next| format!(", and release {} on its way", next.serial));
    let (version, serial, environment) = (head.version, head.stable.serial, &layer.environment);
    let next = next.unwrap_or_default();
    let found = format!("`{name}`: head {version} of {environment} with release {serial}{next}, {took} ms");
    match standing {
        Standing::New | Standing::Same if head.is_expired(now) => {
            Finding::warning("store", format!("{found}; it has expired"), "`stringless refresh` renews it")
        }
        Standing::New | Standing::Same => Finding::ok("store", found),
        Standing::Older | Standing::Second => {
            Finding::warning("store", format!("{found}; this node has seen a newer one"), BEHIND)
        }
    }
}

/// What makes a node follow a manifest that it refuses.
fn what_to_do(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Signatures { .. } | Refusal::FleetSignature { .. } | Refusal::TrustMissing { .. } => {
            "`stringless-agent --once` looks for a newer trust first; if it refuses the manifest, too, these are the \
             keys of another site"
        }
        Refusal::Rollback { .. } | Refusal::OlderTrust { .. } => {
            "this store is behind, and `stringless mirror` copies releases; or it is an older copy, and \
             `stringless rollback` publishes an older release as a new one"
        }
        Refusal::SerialReused { .. } => "somebody published twice under one number: publish again",
        Refusal::Expired { .. } => "`stringless refresh` renews it; is the clock of this machine right?",
        Refusal::Needs(_) | Refusal::AgentTooOld { .. } => {
            "`stringless-agent --once` installs the agent that the release names, unless `agent.follow` is false"
        }
        _ => "publish again, or correct `site` and `environment` in agent.json",
    }
}

/// The store's refusal, in its own words.
fn refused(client: &StoreClient, key: &str, failure: &RequestError) -> Finding {
    let said = if failure.said.is_empty() { String::new() } else { format!(": \"{}\"", failure.said) };
    let found = format!("`{}`: reading `{key}`: {}{said}", client.name, failure.message);
    Finding::failure("store", found, failure.hint.unwrap_or(NO_ANSWER))
}

/// How far the system clock is from the store's.
fn clock(name: &str, ahead: i64) -> Finding {
    let by = ahead.unsigned_abs();
    let way = if ahead > 0 { "behind" } else { "ahead of" };
    let found = format!("the system clock is {by} s {way} `{name}`");
    if by <= CLOSE {
        return Finding::ok("clock", format!("within {CLOSE} s of `{name}`"));
    }
    if by <= FAR {
        Finding::warning("clock", found, SET_CLOCK)
    } else {
        Finding::failure("clock", found, SET_CLOCK)
    }
}

const BEHIND: &str = "this store is behind: `stringless mirror` copies what is newer";
/// Seconds that a clock may differ.
const CLOSE: u64 = 60;
/// Seconds from which certificates and expiries count wrongly.
const FAR: u64 = 3600;
const SET_CLOCK: &str = "set the clock, and start a program that keeps it right (NTP)";
const NO_HOST: &str = "is the network up, and does /etc/resolv.conf name a name server that answers? Else correct the \
                       host in `url`, `endpoint` or `proxy`";
const NO_ANSWER: &str = "is the store's address reachable from here: firewall, route, proxy?";
const NO_CREDENTIALS: &str = "give the machine a role that may read the bucket, or name keys in `credentials` of the \
                              store in agent.json";

#[cfg(test)]
mod tests {
    use super::*;
    use stringless_core::diagnosis::Verdict;

    #[test]
    fn judges_a_clock_by_its_distance() {
        for (ahead, result, said) in [
            (0, Verdict::Ok, "within 60 s"),
            (-60, Verdict::Ok, "within 60 s"),
            (61, Verdict::Warning, "is 61 s behind `x`"),
            (-600, Verdict::Warning, "is 600 s ahead of `x`"),
            (3601, Verdict::Failure, "is 3601 s behind"),
            (i64::MIN, Verdict::Failure, "ahead of"),
        ] {
            let found = clock("x", ahead);
            assert!(found.result == result && found.found.contains(said), "{found:?}");
            assert_eq!(found.hint.is_some(), result != Verdict::Ok);
        }
    }
}
