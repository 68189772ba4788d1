//! The other sites that nodes follow, as the site file has them.

use serde::{Deserialize, Serialize};

/// Files of `stringless layer`, relative to the site file, in the order of the layers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayerFiles {
    /// What stands before this site: a provider's base, whose modules come first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// What stands after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

impl LayerFiles {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.before.iter().chain(&self.after)
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }
}
