//! Credentials for S3 stores, by the ways that the configuration names, in its order.

pub mod imds;

mod container;

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use stringless_core::config::CredentialSource;
use stringless_core::json;
use stringless_core::sigv4::Credentials;
use stringless_core::time::Timestamp;

use crate::http::Http;
use crate::io::Io;

/// The ways to credentials, and those in use.
pub struct Keyring {
    sources: Vec<CredentialSource>,
    held: Mutex<Option<Held>>,
}

/// Credentials (or none at all) until they expire.
#[derive(Clone)]
struct Held {
    credentials: Option<Credentials>,
    expires: Option<Timestamp>,
}

impl Keyring {
    /// A keyring that tries `sources` in their order.
    pub fn new(sources: Vec<CredentialSource>) -> Self {
        Self { sources, held: Mutex::new(None) }
    }

    /// Credentials that hold for some minutes more; `None`: send without a signature.
    ///
    /// # Errors
    /// Each way that was tried, and why it led nowhere.
    pub fn get(&self, io: &Io) -> Result<Option<Credentials>, String> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = io.clock.now();
        let fresh = |held: &Held| held.expires.is_none_or(|expires| now.plus(EARLY) < expires);
        if let Some(held) = held.as_ref().filter(|held| fresh(held)) {
            return Ok(held.credentials.clone());
        }
        let mut reasons = Vec::new();
        for source in &self.sources {
            match obtain(source, &io.http) {
                Ok(found) => {
                    let credentials = found.credentials.clone();
                    *held = Some(found);
                    return Ok(credentials);
                }
                Err(why) => reasons.push(why),
            }
        }
        // Too early to give up: what is held may last for minutes yet.
        match held.as_ref().filter(|held| held.expires.is_some_and(|expires| now < expires)) {
            Some(held) => Ok(held.credentials.clone()),
            None => Err(reasons.join("; ")),
        }
    }

    /// Drops what is held: the service does not accept it.
    pub fn forget(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn obtain(source: &CredentialSource, http: &Http) -> Result<Held, String> {
    let lasting = |credentials| Ok(Held { credentials, expires: None });
    match source {
        CredentialSource::None => lasting(None),
        CredentialSource::Static(credentials) => lasting(Some(credentials.clone())),
        CredentialSource::Environment => lasting(Some(environment()?)),
        CredentialSource::InstanceRole => imds::role(http)
            .and_then(|text| role_document(&text))
            .map_err(|why| format!("instance role: {why}")),
        CredentialSource::Container => container::role(http)
            .and_then(|text| role_document(&text))
            .map_err(|why| format!("container: {why}")),
    }
}

fn environment() -> Result<Credentials, String> {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let needed = |name: &str| var(name).ok_or_else(|| format!("environment: {name} is not set"));
    Ok(Credentials {
        access_key_id: needed("AWS_ACCESS_KEY_ID")?,
        secret_access_key: needed("AWS_SECRET_ACCESS_KEY")?,
        session_token: var("AWS_SESSION_TOKEN"),
    })
}

/// The JSON in which instances and containers are given their role's keys. Amazon adds keys to it, so
/// unknown ones are passed over.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoleDocument {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: Timestamp,
}

fn role_document(text: &str) -> Result<Held, String> {
    // The parser's own message could quote a secret.
    let document: RoleDocument =
        json::parse(text.as_bytes()).map_err(|_| "the role's keys have an unknown form".to_owned())?;
    Ok(Held {
        expires: Some(document.expiration),
        credentials: Some(Credentials {
            access_key_id: document.access_key_id,
            secret_access_key: document.secret_access_key,
            session_token: Some(document.token),
        }),
    })
}

/// Seconds before their end at which temporary keys are renewed.
const EARLY: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_role_document() {
        let text = r#"{"Code": "Success", "AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T",
                       "Expiration": "2026-11-20T18:00:00Z", "Type": "AWS-HMAC"}"#;
        let held = role_document(text).unwrap();
        assert_eq!(held.credentials.unwrap().session_token.as_deref(), Some("T"));
    }

    #[test]
    fn tells_no_secret_of_a_broken_one() {
        let error = role_document(r#"{"AccessKeyId": 1, "SecretAccessKey": "hidden"}"#).err().unwrap();
        assert!(!error.contains("hidden"));
    }
}
