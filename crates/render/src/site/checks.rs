//! What is checked of one's own code before it is published, as the site file has it.

use serde::{Deserialize, Serialize};

/// Which checks run, and what they are worth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckSettings {
    /// `puppet parser validate` of manifests.
    pub puppet: Want,
    /// `puppet epp validate` of templates.
    pub epp: Want,
    /// The syntax of ERB templates, by Ruby.
    pub erb: Want,
    /// The syntax of YAML files.
    pub yaml: Want,
    /// The syntax of JSON files.
    pub json: Want,
    /// `hiera.yaml`, and data that no level of it reaches.
    pub hiera: Want,
    /// Files that are not checked, in the syntax of `.gitignore`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
}

/// What a check is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Want {
    /// What it finds is told.
    #[default]
    Warn,
    /// Nothing is built that it has not passed, on a machine that has what it needs.
    Required,
    /// It does not run.
    Off,
}
