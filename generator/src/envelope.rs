//! What the cloud asks of the text: its form and its size. No IO.

use crate::catalog::{Cloud, Form};
use crate::fault::Fault;
use crate::render::{Request, UserData, quote};

/// What is said beside rendered user-data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explain {
    /// The form of the text.
    pub form: Form,
    /// Its size.
    pub bytes: usize,
    /// The cloud's limit; `None` where none is stated.
    pub max_bytes: Option<usize>,
    /// What of it the cloud counts.
    pub counted: String,
    /// Where it goes.
    pub paste_into: String,
    /// What to know before.
    pub notes: Vec<String>,
}

impl UserData {
    /// What to tell about this user-data on `cloud`.
    #[must_use]
    pub fn explain(&self, cloud: &Cloud) -> Explain {
        Explain {
            form: self.form,
            bytes: self.text.len(),
            max_bytes: cloud.max_bytes,
            counted: cloud.counted.clone(),
            paste_into: cloud.paste_into.clone(),
            notes: self.notes.clone(),
        }
    }
}

/// `script` in the form `form`.
pub(crate) fn wrap(form: Form, script: &str) -> String {
    match form {
        Form::Script => script.to_owned(),
        // `runcmd` is the last of the script of its stage, so a failure of ours is its failure.
        Form::CloudConfig => format!(
            "#cloud-config\n{}write_files:\n- path: {PLACE}\n  permissions: '0700'\n  content: |\n{}runcmd:\n- [sh, {PLACE}]\n",
            heading(script),
            quote::yaml_block(script)
        ),
    }
}

/// The first comment of the script, for the reader of what is around it.
fn heading(script: &str) -> String {
    let comment = script.lines().skip(1).take_while(|line| line.starts_with("# "));
    comment.flat_map(|line| [line, "\n"]).collect()
}

/// Refuses what is larger than the cloud takes.
pub(crate) fn check_size(request: &Request<'_>, form: Form, script: &str, text: &str) -> Result<(), Fault> {
    let Some(max) = request.cloud.max_bytes.filter(|max| text.len() > *max) else { return Ok(()) };
    let mut drops = Vec::new();
    if form != Form::Script && request.cloud.forms.contains(&Form::Script) {
        drops.push(format!("the form `script` ({} bytes less)", text.len() - script.len()));
    }
    if let Some(pem) = &request.ca_pem {
        drops.push(format!("fewer certificates in `node.ca_file` ({} bytes)", pem.len()));
    }
    if request.site.stores.len() > 1 {
        drops.push(format!("fewer than {} `stores`", request.site.stores.len()));
    }
    if !request.presigned.is_empty() {
        drops.push("`node.first_fetch: public`, as signed links are long".into());
    }
    if request.trust.keys.len() > 1 {
        drops.push(format!("fewer than {} trusted keys", request.trust.keys.len()));
    }
    let fault = Fault::new(format!(
        "rendering for {}: the user-data has {} bytes and it takes {max} ({})",
        request.cloud.name,
        text.len(),
        request.cloud.counted
    ));
    Err(if drops.is_empty() { fault } else { fault.hint(format!("use {}", drops.join(", or "))) })
}

/// Gone after a reboot, like the need for it; and run by `sh`, so that `noexec` does not matter.
const PLACE: &str = "/run/stringless-bootstrap.sh";
