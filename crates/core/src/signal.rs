//! A signal: one request that says how the first run of a node ended, to what started the machine and waits for
//! it. Part of `agent.json`; the template that starts the machine decides whom to tell.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config::CredentialSource;
use crate::sigv4;

/// A signed POST of a form, as the query APIs of AWS take it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub struct Signal {
    /// The service's name in signatures.
    pub service: String,
    /// The region's name in signatures.
    pub region: String,
    /// The service's address: `https://host/`.
    pub endpoint: String,
    /// Sources of the credentials to sign with, tried in this order.
    pub credentials: Vec<CredentialSource>,
    /// The fields of the form. `{instance}` in a value stands for the instance id.
    pub fields: BTreeMap<String, String>,
    /// Further fields after a good run.
    pub success: BTreeMap<String, String>,
    /// Further fields after a failed run.
    pub failure: BTreeMap<String, String>,
}

impl Signal {
    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the key at fault.
    pub fn check(&self) -> Result<(), String> {
        if self.host().is_empty() || !self.endpoint.ends_with('/') || !is_text(&self.endpoint) {
            return Err(format!("endpoint `{}`: expected `https://host/`", self.endpoint.escape_debug()));
        }
        for (key, text) in [("service", &self.service), ("region", &self.region)] {
            if text.is_empty() || !is_text(text) {
                return Err(format!("{key} `{}`: expected a name", text.escape_debug()));
            }
        }
        if self.credentials.is_empty() {
            return Err("credentials: at least one source is required".into());
        }
        for source in &self.credentials {
            if let CredentialSource::Static(keys) = source {
                keys.check().map_err(|why| format!("credentials: static: {why}"))?;
            }
        }
        Ok(())
    }

    /// The host in the endpoint, with its port; empty if the endpoint is not the address of a host.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.endpoint.strip_prefix("https://").or_else(|| self.endpoint.strip_prefix("http://"));
        rest.and_then(|rest| rest.strip_suffix('/')).filter(|host| !host.contains('/')).unwrap_or_default()
    }

    /// The form, encoded.
    #[must_use]
    pub fn form(&self, good: bool, instance: &str) -> String {
        let more = if good { &self.success } else { &self.failure };
        let fields = self.fields.iter().chain(more);
        let filled: Vec<_> =
            fields.map(|(name, value)| (name.as_str(), value.replace(INSTANCE, instance))).collect();
        let fields: Vec<_> = filled.iter().map(|(name, value)| (*name, value.as_str())).collect();
        sigv4::query(&fields)
    }
}

fn is_text(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}

/// Stands for the instance id.
const INSTANCE: &str = "{instance}";

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"service": "cloudformation", "region": "eu-central-1",
        "endpoint": "https://cloudformation.eu-central-1.amazonaws.com/", "credentials": ["instance_role"],
        "fields": {"StackName": "a b&c", "UniqueId": "{instance}", "Action": "SignalResource"},
        "success": {"Status": "SUCCESS"}, "failure": {"Status": "FAILURE"}}"#;

    #[test]
    fn the_form_says_how_it_went_and_quotes_every_value() {
        let signal: Signal = serde_json::from_str(GOOD).unwrap();
        assert_eq!(signal.check(), Ok(()));
        assert_eq!(signal.host(), "cloudformation.eu-central-1.amazonaws.com");
        let form = "Action=SignalResource&StackName=a%20b%26c&Status=SUCCESS&UniqueId=i-0%2B";
        assert_eq!(signal.form(true, "i-0+"), form);
        assert_eq!(signal.form(false, "i-0+"), form.replace("SUCCESS", "FAILURE"));
    }

    #[test]
    fn an_error_names_the_key() {
        for (from, to, expected) in [
            ("https://cloud", "ftp://cloud", "endpoint `ftp://"),
            ("amazonaws.com/", "amazonaws.com", "expected `https://host/`"),
            ("amazonaws.com/", "amazonaws.com/a/", "expected `https://host/`"),
            ("amazonaws.com/", "amazonaws.com\\n/", "endpoint"),
            ("\"eu-central-1\"", "\"\"", "region ``"),
            ("\"cloudformation\"", "\"a b\"", "service `a b`"),
            ("\"instance_role\"", "", "credentials: at least one"),
            (
                "\"instance_role\"",
                r#"{"static": {"access_key_id": "", "secret_access_key": "S"}}"#,
                "credentials: static: `access_key_id` is empty",
            ),
        ] {
            let signal: Signal = serde_json::from_str(&GOOD.replace(from, to)).unwrap();
            let why = signal.check().unwrap_err();
            assert!(why.contains(expected), "{to}: {why}");
        }
    }
}
