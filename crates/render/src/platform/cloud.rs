//! Clouds and other places where machines start: `templates/clouds/<id>.yaml`.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use stringless_core::metadata::Metadata;
use stringless_core::name::Name;
use stringless_core::signal::Signal;
use stringless_core::store::Style;

use super::{Encoding, Form, Tags};
use crate::site::CredentialKind;

/// A cloud, or another place where machines start.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cloud {
    /// The stem of its file.
    #[serde(skip_deserializing)]
    pub id: String,
    /// The name for people.
    pub name: String,
    /// Other ids that people use for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The boot agents that it gives user-data to: ids of `templates/boot/`, the best first.
    pub boot_agents: Vec<Name>,
    /// The forms that it passes on; empty: all that the boot agent accepts.
    #[serde(default)]
    pub forms: Vec<Form>,
    /// The field of its console, or the place for the file.
    pub paste_into: String,
    /// The same by boot agent, for boot agents with another place.
    #[serde(default)]
    pub paste_elsewhere: BTreeMap<String, String>,
    /// The text to paste there or the command to run, if it is not the user-data itself. It may hold
    /// `{file}`, `{content_type}` and `{encoding}`.
    #[serde(default)]
    pub paste: String,
    /// `paste` by boot agent, for those of `paste_elsewhere`.
    #[serde(default)]
    pub paste_for: BTreeMap<String, String>,
    /// By encoding, the place to paste instead: a console or program that encodes by itself would encode twice.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "ByEncoding"))]
    pub paste_encoded: BTreeMap<Encoding, String>,
    /// How the user-data may be encoded; the first is the default.
    pub encodings: Vec<Encoding>,
    /// The boot agents that decode base64 there; empty: the cloud decodes it, for all.
    #[serde(default)]
    pub base64_for: Vec<Name>,
    /// The largest user-data that it accepts; `None`: no limit is documented.
    pub max_bytes: Option<usize>,
    /// How the size of user-data is counted.
    pub counts: Counts,
    /// The sources of credentials for object stores that it offers.
    pub credentials: Vec<CredentialKind>,
    /// Its metadata service; `None`: it has none.
    #[serde(default, deserialize_with = "strict")]
    pub metadata: Option<Metadata>,
    /// How a machine reads its own tags; `None`: it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
    /// What the agent uses as the node's id there.
    pub node_id: String,
    /// Who can read the user-data.
    pub readable_by: String,
    /// The addresses of the metadata service that a firewall can restrict to root.
    #[serde(default)]
    pub lock: Vec<String>,
    /// Whether the metadata service also answers by https at these addresses.
    #[serde(default)]
    pub lock_https: bool,
    /// Whether it stands for machines of one's own, which may have folders that others share with them.
    #[serde(default)]
    pub own_machines: bool,
    /// Whether it reads user-data from a NoCloud volume, which `--as seed` makes.
    #[serde(default)]
    pub seed: bool,
    /// The cloud's object store.
    pub object_store: Option<ObjectStore>,
    /// How Terraform starts a machine on it.
    pub terraform: Option<Terraform>,
    /// How CloudFormation starts a machine on it.
    #[serde(default)]
    pub cloudformation: Option<CloudFormation>,
    /// The URL of its documentation of user-data.
    pub docs: String,
    /// Notes to read before pasting.
    pub notes: Vec<String>,
    /// Further notes, by boot agent.
    #[serde(default)]
    pub notes_for: BTreeMap<String, Vec<String>>,
}

/// How the size of user-data is counted against a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// The bytes that arrive on the machine.
    Raw,
    /// The characters of the base64 of these bytes.
    Base64,
    /// The characters of the pasted text, in any encoding.
    Text,
}

/// A cloud's S3-compatible object store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ObjectStore {
    /// The name for people.
    pub name: String,
    /// The URL `https://…` with `{region}`, or with other names in braces that the user fills in;
    /// `None`: the agent's default endpoint.
    pub endpoint: Option<String>,
    /// The region in the signature of requests; it may hold `{region}`.
    pub region: String,
    /// Values of `{region}` that were known when the file was written. The cloud may have more.
    pub regions: Vec<String>,
    /// Where in the URL the bucket's name stands.
    pub style: Style,
    /// The dialect of its policies: a folder of `templates/policies/`; `None` if none is known.
    #[serde(default)]
    pub policy: Option<Name>,
    /// The URL of its documentation.
    pub docs: String,
}

/// How Terraform starts a machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Terraform {
    /// The type of the resource.
    pub resource: String,
    /// A comment on what the reader must add, if that is not just the rest of a machine.
    #[serde(default)]
    pub comment: Option<String>,
    /// The arguments with user-data whose change makes the provider replace the machine.
    #[serde(default)]
    pub replaces: Vec<String>,
    /// By encoding, the lines of the resource that pass `local.user_data`, in HCL. The line `{tags}` stands for
    /// `tags.terraform`.
    #[cfg_attr(feature = "schema", schemars(with = "ByEncoding"))]
    pub arguments: BTreeMap<Encoding, String>,
    /// The same by boot agent, for boot agents that need other lines.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, ByEncoding>"))]
    pub elsewhere: BTreeMap<String, BTreeMap<Encoding, String>>,
    /// How it starts a group of machines; `None`: it cannot, or nobody has written it down.
    #[serde(default)]
    pub group: Option<Group>,
}

/// How CloudFormation starts a machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CloudFormation {
    /// The type of the resource.
    pub resource: String,
    /// The property for user-data, as base64.
    pub property: String,
    /// How it starts a group of machines.
    #[serde(default)]
    pub group: Option<Group>,
}

/// How a tool starts a group of machines with the same user-data.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The template: the stem of a file in `templates/as/`.
    pub template: String,
    /// What the nodes send after their first run, because the tool waits for it. `${NAME}` in a text is a value
    /// that the tool fills in.
    #[serde(deserialize_with = "strict_signal")]
    pub signal: Vec<Signal>,
}

/// The type belongs to `agent.json`, whose readers pass over unknown keys; this file is written by people.
fn strict<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Metadata>, D::Error> {
    strict_value("metadata", deserializer)
}

fn strict_signal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Signal>, D::Error> {
    strict_value("signal", deserializer)
}

/// A value, in which an unknown key is an error that names its place below `key`.
fn strict_value<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    key: &str,
    deserializer: D,
) -> Result<T, D::Error> {
    let mut unknown = None;
    let value = serde_ignored::deserialize(deserializer, |path| {
        unknown.get_or_insert_with(|| path.to_string());
    })?;
    match unknown {
        None => Ok(value),
        // What is optional is a step of the path, too.
        Some(path) => {
            let steps = [key].into_iter().chain(path.split('.').filter(|step| *step != "?"));
            let path = steps.collect::<Vec<_>>().join(".");
            let (place, key) = path.rsplit_once('.').unwrap_or_default();
            Err(D::Error::custom(format!("{place}: unknown field `{key}`")))
        }
    }
}

/// The schema of a map of texts by encoding: its keys are those of [`Encoding`] alone.
#[cfg(feature = "schema")]
struct ByEncoding;

#[cfg(feature = "schema")]
impl schemars::JsonSchema for ByEncoding {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByEncoding".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let encoding = generator.subschema_for::<Encoding>();
        schemars::json_schema!({
            "type": "object",
            "propertyNames": encoding,
            "additionalProperties": { "type": "string" },
        })
    }
}

impl Cloud {
    /// The place to paste user-data for `boot` in this encoding.
    #[must_use]
    pub fn place(&self, boot: &str, encoding: Encoding) -> &str {
        let own = || self.paste_elsewhere.get(boot).unwrap_or(&self.paste_into);
        self.paste_encoded.get(&encoding).unwrap_or_else(own)
    }

    /// The text to paste there or the command to run; names in braces are not yet filled in.
    #[must_use]
    pub fn paste(&self, boot: &str, encoding: Encoding) -> &str {
        let usual = !self.paste_elsewhere.contains_key(boot) && !self.paste_encoded.contains_key(&encoding);
        self.paste_for.get(boot).map_or(if usual { &self.paste } else { "" }, String::as_str)
    }
}

impl Counts {
    /// The text for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw bytes, before base64",
            Self::Base64 => "characters of base64",
            Self::Text => "characters as pasted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::from_yaml;

    /// The file of a cloud whose metadata service wants a token.
    fn with_a_token() -> String {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/clouds");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut texts: Vec<String> = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
        texts.sort();
        texts.into_iter().find(|text| text.contains("  token:\n    path:")).unwrap()
    }

    #[test]
    fn an_unknown_key_below_metadata_is_an_error() {
        let good = with_a_token();
        assert!(from_yaml::<Cloud>(&good, "cloud.yaml").is_ok());
        for (key, place, wrong) in
            [("  instance_id:", "metadata", "instance_ids"), ("    path:", "metadata.token", "paths")]
        {
            let more = good.replacen(key, &format!("{}s: 1\n{key}", key.trim_end_matches(':')), 1);
            let line = more.lines().position(|line| line.contains(wrong)).unwrap() + 1;
            let fault = from_yaml::<Cloud>(&more, "cloud.yaml").unwrap_err().to_string();
            assert_eq!(fault, format!("reading cloud.yaml:{line}: {place}: unknown field `{wrong}`"));
        }
    }
}
