//! The settings `checks` of the site file: what is checked in the site's own code before it is published.

use serde::{Deserialize, Serialize};

/// Which checks run, and whether a finding stops the build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CheckSettings {
    /// `puppet parser validate` of manifests.
    pub puppet: Want,
    /// `puppet epp validate` of templates.
    pub epp: Want,
    /// The syntax of ERB templates, checked by Ruby.
    pub erb: Want,
    /// The syntax of YAML files.
    pub yaml: Want,
    /// The syntax of JSON files.
    pub json: Want,
    /// `hiera.yaml`, and data files that no level of it reads.
    pub hiera: Want,
    /// Code that reads what a checkout has and a release lacks.
    pub checkout: Want,
    /// Files that are not checked, in the syntax of `.gitignore`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
}

/// What happens when a check finds a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Want {
    /// The finding is a warning.
    #[default]
    Warn,
    /// The finding stops the build. So does a machine without the program that the check needs.
    Required,
    /// The check does not run.
    Off,
}
