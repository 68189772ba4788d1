//! Programs that run user-data at the first boot: `templates/boot/<id>.yaml`; and what they take.

use serde::{Deserialize, Serialize};

/// A program that runs user-data.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BootAgent {
    /// The stem of its file.
    #[serde(skip_deserializing)]
    pub id: String,
    /// As people write it.
    pub name: String,
    /// The forms that it takes; the first is the default.
    pub forms: Vec<Form>,
    /// Whether it unpacks gzip.
    pub gzip: bool,
    /// Lines that it needs right after `#!`, and that are nothing to a shell.
    #[serde(default)]
    pub preamble: String,
    /// The file, or the command that shows it, with the output of a script.
    pub log: String,
    /// Whether it runs the script at every boot, not at the first only.
    pub every_boot: bool,
    /// Whether it leaves on disk what the cloud told it of the instance, where the agent finds it.
    pub keeps_identity: bool,
    /// Modules of the system's own that what it is given has to import, below the folder of modules.
    #[serde(default)]
    pub imports: Vec<String>,
    /// Its own documentation.
    pub docs: String,
    /// What to know before handing it user-data.
    pub notes: Vec<String>,
}

/// A form of user-data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A POSIX shell script.
    Script,
    /// `#cloud-config` that writes the script and runs it.
    CloudConfig,
    /// MIME multipart: the script, and what else its user has for the same boot agent.
    Mime,
    /// Ignition's JSON.
    Ignition,
    /// An expression of Nix: a module of the system's configuration.
    Nix,
}

/// What is done to a form so that it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// Nothing.
    #[serde(rename = "plain")]
    Plain,
    /// Packed.
    #[serde(rename = "gzip")]
    Gzip,
    /// As base64, in one line.
    #[serde(rename = "base64")]
    Base64,
    /// Packed, then as base64.
    #[serde(rename = "gzip+base64")]
    GzipBase64,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 5] = [Self::Script, Self::CloudConfig, Self::Mime, Self::Ignition, Self::Nix];

    /// As it is written in flags and data.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::CloudConfig => "cloud-config",
            Self::Mime => "mime",
            Self::Ignition => "ignition",
            Self::Nix => "nix",
        }
    }
}

impl Encoding {
    /// Every encoding.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Gzip, Self::Base64, Self::GzipBase64];

    /// As it is written in flags and data.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Base64 => "base64",
            Self::GzipBase64 => "gzip+base64",
        }
    }

    /// Whether it is text that stands for bytes.
    #[must_use]
    pub const fn is_base64(self) -> bool {
        matches!(self, Self::Base64 | Self::GzipBase64)
    }

    /// Whether it packs.
    #[must_use]
    pub const fn packs(self) -> bool {
        matches!(self, Self::Gzip | Self::GzipBase64)
    }
}
