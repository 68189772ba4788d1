//! The encoding for a tool or a cloud.

use std::collections::BTreeMap;

use stringless_core::fault::Fault;

use crate::encode;
use crate::platform::{BootAgent, Cloud, Encoding, Form};
use crate::request::Tool;

/// The encoding for `tool`, or without a tool for the cloud's own field: `wanted`, or the default.
///
/// # Errors
/// When the tool does not fit the cloud, or user-data in this encoding does not reach the boot agent.
pub fn encoding(
    tool: Option<Tool>,
    cloud: &Cloud,
    boot: &BootAgent,
    form: Form,
    wanted: Option<Encoding>,
) -> Result<Encoding, Fault> {
    let Some(tool) = tool else { return encode::encoding(cloud, boot, wanted) };
    let fault = |why: &str| {
        let fault = Fault::new(format!("rendering for {} as {}: {why}", cloud.name, tool.as_str()));
        fault.hint("leave out `--as` to render for the cloud's own field")
    };
    let usable = encode::usable(cloud, boot);
    let mut takes = match tool {
        Tool::Packer | Tool::Curl if !boot.forms.contains(&Form::Script) => {
            return Err(fault(&format!("the tool runs a script, and {} runs none", boot.name)).hint(
                "leave out `--as` to render for the cloud's own field: this system is not set up by a script",
            ));
        }
        Tool::Packer | Tool::Curl if form != Form::Script => {
            return Err(fault("the tool runs a script").hint("leave out `--form`, or use `--form script`"));
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
        (None, None) => Err(fault(&format!("no encoding reaches {}", boot.name))),
        (Some(wanted), _) => Err(fault(&format!("the encoding `{}` is not possible", wanted.as_str()))
            .hint(format!("possible encodings: {}", names.join(", ")))),
    }
}

/// By encoding, the lines of HCL that pass the user-data.
pub(crate) fn arguments<'a>(cloud: &'a Cloud, boot: &BootAgent) -> Option<&'a BTreeMap<Encoding, String>> {
    let terraform = cloud.terraform.as_ref()?;
    Some(terraform.elsewhere.get(&boot.id).unwrap_or(&terraform.arguments))
}
