//! The encoding that a tool or a cloud takes.

use std::collections::BTreeMap;

use stringless_core::fault::Fault;

use crate::encode;
use crate::platform::{BootAgent, Cloud, Encoding, Form};
use crate::request::Tool;

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
    let Some(tool) = tool else { return encode::encoding(cloud, boot, wanted) };
    let fault = |why: &str| {
        let fault = Fault::new(format!("rendering for {} as {}: {why}", cloud.name, tool.as_str()));
        fault.hint("without `--as` it is for the cloud's own field")
    };
    let usable = encode::usable(cloud, boot);
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

/// By encoding, the lines of HCL that hand it over.
pub(crate) fn arguments<'a>(cloud: &'a Cloud, boot: &BootAgent) -> Option<&'a BTreeMap<Encoding, String>> {
    let terraform = cloud.terraform.as_ref()?;
    Some(terraform.elsewhere.get(&boot.id).unwrap_or(&terraform.arguments))
}
