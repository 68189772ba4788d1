//! The requirements of the cloud: form, encoding and size. No IO.

mod attachment;
pub(crate) mod bootcmd;
mod mime;
mod size;
pub mod summary;

use stringless_core::fault::Fault;

pub use self::attachment::Attachment;
pub use crate::encode::{encode, encoding, usable};
use crate::platform::Form;
use crate::quote;
use crate::request::{Request, UserData};
use summary::{Explain, elsewheres};

impl UserData {
    /// The explanation of this user-data, which is in the file `file`.
    #[must_use]
    pub fn explain(&self, request: &Request<'_>, file: &str) -> Explain {
        let (cloud, boot) = (request.cloud, request.boot);
        let paste = cloud.paste(&boot.id, self.encoding);
        let paste = paste.replace("{content_type}", mime::content_type(self.form));
        let paste = paste.replace("{encoding}", self.encoding.as_str());
        // The name goes into shells and other languages without quotes.
        let plain = file.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        Explain {
            form: self.form,
            encoding: self.encoding,
            bytes: size::counted(cloud, &self.text, self.encoding),
            max_bytes: cloud.max_bytes,
            counted: cloud.counts.as_str(),
            paste_into: cloud.place(&boot.id, self.encoding).to_owned(),
            paste: paste.replace("{file}", if plain { file } else { "FILE" }).trim_end().to_owned(),
            elsewhere: elsewheres(request),
            notes: self.notes.clone(),
        }
    }

    /// The text in its encoding.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        encode(self.text.as_bytes(), self.encoding)
    }
}

/// `body` in the requested form; an error if the result is larger than the cloud accepts.
pub(crate) fn wrap(request: &Request<'_>, body: &str) -> Result<String, Fault> {
    if !request.with.is_empty() && request.form != Form::Mime {
        return Err(Fault::new(format!(
            "rendering as {}: this form cannot hold other files",
            request.form.as_str()
        ))
        .hint("use `--form mime`"));
    }
    let text = match request.form {
        Form::Script | Form::Ignition | Form::Nix => body.to_owned(),
        Form::Mime => mime::multipart(body, request.with),
        Form::Bootcmd => bootcmd::cloud_config(body, &request.distro.paths.state, &heading(body)),
        // `runcmd` runs last in its stage, so a failure of our script is the failure of the stage.
        Form::CloudConfig => {
            let place = format!("{}/{COPY}", request.distro.paths.etc);
            format!(
                "#cloud-config\n{}write_files:\n- path: {place}\n  permissions: '0700'\n  content: |\n{}runcmd:\n- [sh, {place}]\n",
                heading(body),
                quote::yaml_block(body)
            )
        }
    };
    size::check(request, body, &text)?;
    Ok(text)
}

/// The first line of the script's heading, for readers of the cloud-config. Only that: clouds limit the size.
fn heading(script: &str) -> String {
    let comment = script.lines().skip(1).find(|line| line.starts_with("# "));
    comment.map(|line| format!("{line}\n")).unwrap_or_default()
}

/// The place of the script in the folder of the configuration. cloud-init writes it once and may run it after a
/// reboot, so it must not be on a tmpfs. It is the place of the copy that the script itself would leave. `sh` runs
/// it, so `noexec` does not matter.
const COPY: &str = "bootstrap.sh";
