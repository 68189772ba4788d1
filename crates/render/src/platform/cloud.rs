//! Places where machines are started: `templates/clouds/<id>.yaml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stringless_core::metadata::Metadata;
use stringless_core::name::Name;
use stringless_core::store::Style;

use super::{Encoding, Form};
use crate::site::CredentialKind;

/// A place where machines are started.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cloud {
    /// The stem of its file.
    #[serde(skip_deserializing)]
    pub id: String,
    /// As people write it.
    pub name: String,
    /// Other ids that people use for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Whom it hands user-data to: ids of `templates/boot/`, the best first.
    pub boot_agents: Vec<Name>,
    /// The forms that get through; none: all that the boot agent takes.
    #[serde(default)]
    pub forms: Vec<Form>,
    /// The field of its console, or where the file goes.
    pub paste_into: String,
    /// By boot agent, where that differs.
    #[serde(default)]
    pub paste_elsewhere: BTreeMap<String, String>,
    /// What to paste there or to run, where that is not the user-data itself: with `{file}`,
    /// `{content_type}` and `{encoding}`.
    #[serde(default)]
    pub paste: String,
    /// The same, by boot agent, for those of `paste_elsewhere`.
    #[serde(default)]
    pub paste_for: BTreeMap<String, String>,
    /// By encoding, where it goes instead: consoles and programs that encode themselves would do it twice.
    #[serde(default)]
    pub paste_encoded: BTreeMap<Encoding, String>,
    /// How the user-data may be encoded; the first is the default.
    pub encodings: Vec<Encoding>,
    /// The boot agents that undo base64 there; none: the cloud does, for all.
    #[serde(default)]
    pub base64_for: Vec<Name>,
    /// The largest user-data that it accepts; `None`: no limit stated.
    pub max_bytes: Option<usize>,
    /// What of the user-data is counted.
    pub counts: Counts,
    /// The ways to object-store credentials that it offers.
    pub credentials: Vec<CredentialKind>,
    /// How a node asks who and where it is; `None`: there is nobody to ask.
    pub metadata: Option<Metadata>,
    /// What the agent takes as the node's id there.
    pub node_id: String,
    /// Who can read the user-data.
    pub readable_by: String,
    /// The addresses of the metadata service that can be kept for root.
    #[serde(default)]
    pub lock: Vec<String>,
    /// Whether user-data comes as a file of a NoCloud volume, which can be made here.
    #[serde(default)]
    pub seed: bool,
    /// The object store that goes with it.
    pub object_store: Option<ObjectStore>,
    /// How Terraform starts a machine there.
    pub terraform: Option<Terraform>,
    /// How CloudFormation does.
    #[serde(default)]
    pub cloudformation: Option<CloudFormation>,
    /// Its own documentation of user-data.
    pub docs: String,
    /// What to know before pasting.
    pub notes: Vec<String>,
    /// What to know besides, by boot agent.
    #[serde(default)]
    pub notes_for: BTreeMap<String, Vec<String>>,
}

/// What of the user-data is counted against a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// The bytes that arrive on the machine.
    Raw,
    /// The characters of their base64.
    Base64,
    /// The characters of what is pasted, whichever it is.
    Text,
}

/// An S3-compatible service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectStore {
    /// As people write it.
    pub name: String,
    /// `https://…` with `{region}`, or with further names in braces that its user knows; `None`: the
    /// one that the agent takes without a setting.
    pub endpoint: Option<String>,
    /// The region that requests are signed for, with `{region}`.
    pub region: String,
    /// Values of `{region}` that were known when the file was written; there may be more.
    pub regions: Vec<String>,
    /// Where the bucket's name goes.
    pub style: Style,
    /// The words of its policies: a folder of `templates/policies/`; `None` where none is known.
    #[serde(default)]
    pub policy: Option<Name>,
    /// Its own documentation.
    pub docs: String,
}

/// How Terraform starts a machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terraform {
    /// The type of the resource.
    pub resource: String,
    /// What is left to its reader, where that is not the rest of a machine.
    #[serde(default)]
    pub comment: Option<String>,
    /// By encoding, what hands `local.user_data` over: lines of that resource, in HCL.
    pub arguments: BTreeMap<Encoding, String>,
    /// By boot agent, where that differs.
    #[serde(default)]
    pub elsewhere: BTreeMap<String, BTreeMap<Encoding, String>>,
}

/// How CloudFormation starts a machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudFormation {
    /// The type of the resource.
    pub resource: String,
    /// Its property that takes user-data, as base64.
    pub property: String,
}

impl Cloud {
    /// Where user-data goes that `boot` runs, in that encoding.
    #[must_use]
    pub fn place(&self, boot: &str, encoding: Encoding) -> &str {
        let own = || self.paste_elsewhere.get(boot).unwrap_or(&self.paste_into);
        self.paste_encoded.get(&encoding).unwrap_or_else(own)
    }

    /// What to paste there or to run, before its names in braces are filled in.
    #[must_use]
    pub fn paste(&self, boot: &str, encoding: Encoding) -> &str {
        let usual = !self.paste_elsewhere.contains_key(boot) && !self.paste_encoded.contains_key(&encoding);
        self.paste_for.get(boot).map_or(if usual { &self.paste } else { "" }, String::as_str)
    }
}

impl Counts {
    /// For people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw bytes, before base64",
            Self::Base64 => "characters of base64",
            Self::Text => "characters as pasted",
        }
    }
}
