//! Credentials for S3 stores, from the sources in the configuration, in order.

mod imds;

mod container;

use std::env::VarError;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use stringless_core::config::CredentialSource;
use stringless_core::json;
use stringless_core::sigv4::Credentials;
use stringless_core::time::Timestamp;

use crate::http::Http;
use crate::io::Io;
use crate::log;

/// The sources of credentials, and the cached credentials.
pub struct Keyring {
    sources: Vec<CredentialSource>,
    cached: Mutex<Option<Cached>>,
}

/// Cached credentials, or the decision to use none, until they expire.
#[derive(Clone)]
struct Cached {
    credentials: Option<Credentials>,
    expires: Option<Timestamp>,
    /// Where they come from, for people.
    from: &'static str,
}

impl fmt::Display for Cached {
    /// Where the credentials come from and until when they are valid, without a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expires {
            Some(expires) => write!(f, "{}, valid until {expires}", self.from),
            None => f.write_str(self.from),
        }
    }
}

/// What no log may show of credentials.
fn secrets(keys: &Credentials) -> impl Iterator<Item = String> + use<> {
    [Some(keys.secret_access_key.clone()), keys.session_token.clone()].into_iter().flatten()
}

impl Keyring {
    /// A keyring that tries `sources` in order.
    pub fn new(sources: Vec<CredentialSource>) -> Self {
        Self { sources, cached: Mutex::new(None) }
    }

    /// Credentials that are valid for at least some more minutes; `None`: send requests without a signature.
    ///
    /// # Errors
    /// Each source with the reason why it failed.
    pub fn get(&self, io: &Io) -> Result<Option<Credentials>, String> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        let now = io.clock.now();
        let fresh = |cached: &Cached| cached.expires.is_none_or(|expires| now.plus(EARLY) < expires);
        if let Some(cached) = cached.as_ref().filter(|cached| fresh(cached)) {
            return Ok(cached.credentials.clone());
        }
        let mut reasons = Vec::new();
        for source in &self.sources {
            match obtain(source, &io.http) {
                Ok(found) => {
                    let credentials = found.credentials.clone();
                    log::hide_for_now(credentials.iter().flat_map(secrets));
                    log::step(format_args!("credentials: {found}"));
                    *cached = Some(found);
                    return Ok(credentials);
                }
                Err(why) => reasons.push(why),
            }
        }
        // All sources failed, but the cached credentials may still be valid for some minutes.
        match cached.as_ref().filter(|cached| cached.expires.is_some_and(|expires| now < expires)) {
            Some(cached) => Ok(cached.credentials.clone()),
            None => Err(reasons.join("; ")),
        }
    }

    /// Where the credentials come from and until when they are valid.
    ///
    /// # Errors
    /// As [`Keyring::get`].
    pub fn source(&self, io: &Io) -> Result<String, String> {
        self.get(io)?;
        let cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(cached.as_ref().map(ToString::to_string).unwrap_or_default())
    }

    /// Drops the cached credentials, because the service rejects them.
    pub fn forget(&self) {
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn obtain(source: &CredentialSource, http: &Http) -> Result<Cached, String> {
    let lasting = |credentials, from| Ok(Cached { credentials, expires: None, from });
    let of_role = |found: Result<String, String>, from, why_not| {
        let found = found.and_then(|text| role_document(&text, from));
        found.map_err(|why| format!("{why_not}: {why}"))
    };
    match source {
        CredentialSource::None => lasting(None, "none: requests are not signed"),
        CredentialSource::Static(keys) => lasting(Some(keys.clone()), "the keys in agent.json"),
        CredentialSource::Environment => lasting(Some(environment()?), "the environment variables"),
        CredentialSource::InstanceRole => {
            of_role(imds::role(http), "the role of the instance", "instance role")
        }
        CredentialSource::Container => {
            of_role(container::role(http), "the role of the container", "container")
        }
    }
}

fn environment() -> Result<Credentials, String> {
    let needed = |name| variable(name)?.ok_or_else(|| format!("environment: {name} is not set"));
    let keys = Credentials {
        access_key_id: needed(ID)?,
        secret_access_key: needed(SECRET)?,
        session_token: variable(TOKEN)?,
    };
    keys.check().map_err(|why| {
        let named = why.replace("secret_access_key", SECRET).replace("access_key_id", ID);
        format!("environment: {}", named.replace("session_token", TOKEN))
    })?;
    Ok(keys)
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Result<Option<String>, String> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("environment: `{name}` is not UTF-8")),
    }
}

/// Checks the variables that hold keys, if both are set.
///
/// # Errors
/// A sentence that names the variable.
pub fn check_environment() -> Result<(), String> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set(ID) && set(SECRET) { environment().map(drop) } else { Ok(()) }
}

const ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN: &str = "AWS_SESSION_TOKEN";

/// The JSON document with a role's keys. Amazon adds fields to it, so unknown ones are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RoleDocument {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: Timestamp,
}

fn role_document(text: &str, from: &'static str) -> Result<Cached, String> {
    let document: RoleDocument = json::parse(text.as_bytes()).map_err(|_| reason(text))?;
    Ok(Cached {
        from,
        expires: Some(document.expiration),
        credentials: Some(Credentials {
            access_key_id: document.access_key_id,
            secret_access_key: document.secret_access_key,
            session_token: Some(document.token),
        }),
    })
}

/// A document that says why there are no keys. Its status is 200, too.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    code: String,
    #[serde(default)]
    message: String,
}

/// What the service says in place of keys: its code and message, or the beginning of a text that is not JSON.
/// Nothing else is quoted, because it could hold a secret.
fn reason(text: &str) -> String {
    match json::parse::<Refusal>(text.as_bytes()) {
        Ok(refusal) if refusal.code != "Success" => {
            format!("there are no keys: {}: {}", refusal.code, refusal.message).escape_debug().to_string()
        }
        Err(_) if !text.trim_start().starts_with(['{', '[']) => {
            let start: String = text.chars().take(QUOTED).collect();
            format!("the answer holds no keys: {}", start.escape_debug())
        }
        _ => "the role's keys have an unknown form".to_owned(),
    }
}

/// The most characters of an unknown answer that a message quotes.
const QUOTED: usize = 200;
/// How long before their expiry temporary keys are renewed, in seconds.
const EARLY: u64 = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_role_document() {
        let text = r#"{"Code": "Success", "AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T",
                       "Expiration": "2026-11-20T18:00:00Z", "Type": "AWS-HMAC"}"#;
        let cached = role_document(text, "x").unwrap();
        assert_eq!(cached.credentials.unwrap().session_token.as_deref(), Some("T"));
    }

    #[test]
    fn an_error_does_not_quote_a_secret() {
        let error = role_document(r#"{"AccessKeyId": 1, "SecretAccessKey": "hidden"}"#, "x").err().unwrap();
        assert!(!error.contains("hidden"));
    }

    #[test]
    fn the_reason_of_the_cloud_is_quoted_and_nothing_else() {
        let refused = r#"{"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role.",
                          "LastUpdated": "2026-11-20T18:00:00Z"}"#;
        let long = "x".repeat(900);
        for (answer, expected) in [
            (refused, "there are no keys: AssumeRoleUnauthorizedAccess: EC2 cannot assume the role."),
            (r#"{"Code": "Failed"}"#, "there are no keys: Failed: "),
            ("<html>\u{1b}[1mLog in", "the answer holds no keys: <html>\\u{1b}[1mLog in"),
            (&long, &format!("the answer holds no keys: {}", "x".repeat(200))),
            (r#"{"Code": "Success", "SecretAccessKey": "hidden"}"#, "the role's keys have an unknown form"),
            (r#"{"SecretAccessKey": "hidden", "#, "the role's keys have an unknown form"),
        ] {
            assert_eq!(role_document(answer, "x").err().as_deref(), Some(expected), "{answer}");
        }
    }
}
