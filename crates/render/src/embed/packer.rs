//! A Packer file: the bootstrap runs in the image, then a second script removes what belongs to the build
//! machine only.

use stringless_core::fault::Fault;

use super::templates::{context, curl};
use crate::request::{Request, UserData};
use crate::site::{CredentialKind, Schedule};
use crate::templates::fill;
use crate::{quote, uses};

pub(crate) fn packer(request: &Request<'_>, data: &UserData) -> Result<String, Fault> {
    if request.site.node.schedule == Schedule::Boot {
        return Err(Fault::new(
            "rendering as packer: `node.schedule` is `boot`, so nothing would run on a machine made from the image",
        )
        .hint("set `node.schedule` to `timer`"));
    }
    let mut context = context(request);
    context.insert("secret", &uses(request, CredentialKind::Static));
    context.insert("state", &quote::sh(&request.distro.paths.state));
    let clean = fill("as/packer-clean.tera", &context)?;
    context.insert("execute", EXECUTE);
    // Packer reads each string as a Go template, more than once.
    let script = if data.text.contains("{{") { curl(request, data, None)? } else { data.text.clone() };
    context.insert("bootstrap", &quote::hcl_text(&script));
    context.insert("wait", &quote::hcl_text(&fill("as/packer-wait.tera", &context)?));
    context.insert("clean", &quote::hcl_text(&clean));
    fill("as/packer.tera", &context)
}

/// Runs the script as root, and with `sh`, so that a `noexec` mount does not matter.
const EXECUTE: &str = r#"if [ "$(id -u)" = 0 ]; then {{ .Vars }} sh '{{ .Path }}'; else sudo -n {{ .Vars }} sh '{{ .Path }}'; fi"#;
