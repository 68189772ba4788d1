//! Boot agents: programs that run user-data at the first boot, from `templates/boot/<id>.yaml`.

use serde::{Deserialize, Serialize};

/// A program that runs user-data.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BootAgent {
    /// The stem of its file.
    #[serde(skip_deserializing)]
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The forms that it accepts; the first is the default.
    pub forms: Vec<Form>,
    /// The keys of a cloud-config that it knows; empty: unknown.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Whether it unpacks gzip.
    pub gzip: bool,
    /// Lines that it requires right after `#!`; a shell ignores them.
    #[serde(default)]
    pub preamble: String,
    /// The file, or the command that shows it, with the output of a script.
    pub log: String,
    /// Whether it runs the script at every boot, not only at the first.
    pub every_boot: bool,
    /// Whether it saves the instance's metadata on disk, where the agent finds it.
    pub keeps_identity: bool,
    /// Modules of the system that the user-data must import; paths below the system's folder of modules.
    #[serde(default)]
    pub imports: Vec<String>,
    /// The URL of its documentation.
    pub docs: String,
    /// Notes for people who give it user-data.
    pub notes: Vec<String>,
}

/// A form of user-data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A POSIX shell script.
    Script,
    /// `#cloud-config` that writes the script and runs it.
    CloudConfig,
    /// `#cloud-config` whose `bootcmd` starts the script: no file is executed, so it works where `/var` is `noexec`.
    Bootcmd,
    /// MIME multipart: the script, and the user's other files for the same boot agent.
    Mime,
    /// Ignition's JSON.
    Ignition,
    /// A Nix expression: a module of the system's configuration.
    Nix,
}

/// How a form is encoded for its transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Encoding {
    /// Not encoded.
    #[serde(rename = "plain")]
    Plain,
    /// Compressed with gzip.
    #[serde(rename = "gzip")]
    Gzip,
    /// Base64 on one line.
    #[serde(rename = "base64")]
    Base64,
    /// Compressed with gzip, then base64 on one line.
    #[serde(rename = "gzip+base64")]
    GzipBase64,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 6] =
        [Self::Script, Self::CloudConfig, Self::Bootcmd, Self::Mime, Self::Ignition, Self::Nix];

    /// The name in flags and in data files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::CloudConfig => "cloud-config",
            Self::Bootcmd => "bootcmd",
            Self::Mime => "mime",
            Self::Ignition => "ignition",
            Self::Nix => "nix",
        }
    }
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Gzip, Self::Base64, Self::GzipBase64];

    /// The name in flags and in data files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Base64 => "base64",
            Self::GzipBase64 => "gzip+base64",
        }
    }

    /// Whether the result is base64 text.
    #[must_use]
    pub const fn is_base64(self) -> bool {
        matches!(self, Self::Base64 | Self::GzipBase64)
    }

    /// Whether it compresses.
    #[must_use]
    pub const fn packs(self) -> bool {
        matches!(self, Self::Gzip | Self::GzipBase64)
    }
}
