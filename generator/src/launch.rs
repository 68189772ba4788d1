//! User-data as a part of what another tool takes. No IO.

mod iso;
mod packer;
mod seed;
mod templates;

use std::collections::BTreeMap;

pub use self::seed::Seed;
use crate::catalog::{BootAgent, Cloud, Encoding, Form};
use crate::envelope;
use crate::fault::Fault;
use crate::render::{Request, UserData};

/// What takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// HCL2 that makes an image.
    Packer,
    /// HCL that starts a machine.
    Terraform,
    /// YAML that starts one.
    CloudFormation,
    /// Lines for the shell of a machine that runs already.
    Curl,
    /// A NoCloud volume.
    Seed,
}

impl Tool {
    /// Every tool.
    pub const ALL: [Self; 5] = [Self::Packer, Self::Terraform, Self::CloudFormation, Self::Curl, Self::Seed];

    /// As it is written in flags.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Packer => "packer",
            Self::Terraform => "terraform",
            Self::CloudFormation => "cloudformation",
            Self::Curl => "curl",
            Self::Seed => "seed",
        }
    }

    /// Whether the user-data does not pass through the cloud: then its limits do not count.
    #[must_use]
    pub const fn goes_past_the_cloud(self) -> bool {
        matches!(self, Self::Packer | Self::Curl)
    }
}

/// The encoding for `tool`, and without one for the cloud's own field: `wanted`, else the default.
///
/// # Errors
/// When the tool does not fit the cloud, or user-data does not get through in that encoding.
pub fn encoding(
    tool: Option<Tool>,
    cloud: &Cloud,
    boot: &BootAgent,
    form: Form,
    wanted: Option<Encoding>,
) -> Result<Encoding, Fault> {
    let Some(tool) = tool else { return envelope::encoding(cloud, boot, wanted) };
    let fault = |why: &str| {
        let fault = Fault::new(format!("rendering for {} as {}: {why}", cloud.name, tool.as_str()));
        fault.hint("without `--as` it is for the cloud's own field")
    };
    let usable = envelope::usable(cloud, boot);
    let mut takes = match tool {
        Tool::Packer | Tool::Curl if !boot.forms.contains(&Form::Script) => {
            return Err(fault(&format!("it runs a script, and {} runs none", boot.name))
                .hint("without `--as` it is for the cloud's own field: no script sets this system up"));
        }
        Tool::Packer | Tool::Curl if form != Form::Script => {
            return Err(fault("it runs a script").hint("leave out `--form`, or use `--form script`"));
        }
        Tool::Packer | Tool::Curl => vec![Encoding::Plain],
        Tool::Seed if !cloud.seed => {
            return Err(fault("its machines take no NoCloud volume"));
        }
        Tool::Seed => usable.iter().copied().filter(|encoding| !encoding.is_base64()).collect(),
        Tool::Terraform => match arguments(cloud, boot) {
            Some(arguments) => arguments.keys().copied().filter(|one| usable.contains(one)).collect(),
            None => return Err(fault("no resource is known that starts a machine there")),
        },
        Tool::CloudFormation if cloud.cloudformation.is_none() => {
            return Err(fault("no resource is known that starts a machine there"));
        }
        Tool::CloudFormation => vec![Encoding::Plain, Encoding::GzipBase64],
    };
    takes.retain(|encoding| !encoding.packs() || usable.contains(encoding));
    let names: Vec<&str> = takes.iter().map(|encoding| encoding.as_str()).collect();
    match (wanted, takes.first()) {
        (None, Some(first)) => Ok(*first),
        (Some(wanted), _) if takes.contains(&wanted) => Ok(wanted),
        (None, None) => Err(fault(&format!("nothing of it gets through to {}", boot.name))),
        (Some(wanted), _) => Err(fault(&format!("it does not take the encoding `{}`", wanted.as_str()))
            .hint(format!("encodings that it takes: {}", names.join(", ")))),
    }
}

/// The text for `tool`: all but [`Tool::Seed`], which is no text. With `url`, where the script can be
/// fetched from.
///
/// # Errors
/// When the request does not fit the tool.
pub fn source(
    request: &Request<'_>,
    data: &UserData,
    tool: Tool,
    url: Option<&str>,
) -> Result<String, Fault> {
    match tool {
        Tool::Terraform => templates::terraform(request, data),
        Tool::CloudFormation => templates::cloudformation(request, data),
        Tool::Curl => templates::curl(request, data, url),
        Tool::Packer => packer::packer(request, data),
        Tool::Seed => Err(Fault::new("rendering as seed: it is no text")),
    }
}

/// By encoding, the lines of HCL that hand it over.
fn arguments<'a>(cloud: &'a Cloud, boot: &BootAgent) -> Option<&'a BTreeMap<Encoding, String>> {
    let terraform = cloud.terraform.as_ref()?;
    Some(terraform.elsewhere.get(&boot.id).unwrap_or(&terraform.arguments))
}
