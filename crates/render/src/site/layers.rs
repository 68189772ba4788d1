//! The setting `node.layers` of the site file: other sites that nodes follow.

use serde::{Deserialize, Serialize};

/// Files of `stringless layer`, relative to the site file, in the order of the layers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LayerFiles {
    /// Layers before this site: a provider's base, whose modules come first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// Layers after this site.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

impl LayerFiles {
    /// All files, those before this site first.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.before.iter().chain(&self.after)
    }

    /// Whether the site follows no other site.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }
}
