//! A store in the configuration of a node.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config::CredentialSource;
use crate::store::{Store, StoreSettings, Style};

/// A store with the sources of its credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStore {
    /// See [`StoreSettings::url`].
    pub url: String,
    /// See [`StoreSettings::region`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// See [`StoreSettings::endpoint`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// See [`StoreSettings::style`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// Sources of credentials, tried in this order. Required with `s3://`, not allowed otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<CredentialSource>,
}

impl NodeStore {
    /// Parses the settings.
    ///
    /// # Errors
    /// A sentence that names the setting at fault.
    pub fn parse(&self) -> Result<Store, String> {
        let settings = StoreSettings {
            url: self.url.clone(),
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
            style: self.style,
        };
        settings.parse().map_err(|error| format!("{error}"))
    }
}
