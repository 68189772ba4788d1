//! What the cloud asks of the text: its form, its encoding and its size. No IO.

mod attachment;
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
    /// What to tell about this user-data, which is in the file `file`.
    #[must_use]
    pub fn explain(&self, request: &Request<'_>, file: &str) -> Explain {
        let (cloud, boot) = (request.cloud, request.boot);
        let paste = cloud.paste(&boot.id, self.encoding);
        let paste = paste.replace("{content_type}", mime::content_type(self.form));
        let paste = paste.replace("{encoding}", self.encoding.as_str());
        // It goes into shells and other languages as it is.
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

    /// What is handed over: the text in its encoding.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        encode(self.text.as_bytes(), self.encoding)
    }
}

/// `body` in the form that the request asks for, not larger than its cloud takes.
pub(crate) fn wrap(request: &Request<'_>, body: &str) -> Result<String, Fault> {
    if !request.with.is_empty() && request.form != Form::Mime {
        return Err(Fault::new(format!(
            "rendering as {}: it has no room for other files",
            request.form.as_str()
        ))
        .hint("`--form mime` has"));
    }
    let text = match request.form {
        Form::Script | Form::Ignition | Form::Nix => body.to_owned(),
        Form::Mime => mime::multipart(body, request.with),
        // `runcmd` is the last of the script of its stage, so a failure of ours is its failure.
        Form::CloudConfig => format!(
            "#cloud-config\n{}write_files:\n- path: {PLACE}\n  permissions: '0700'\n  content: |\n{}runcmd:\n- [sh, {PLACE}]\n",
            heading(body),
            quote::yaml_block(body)
        ),
    };
    size::check(request, body, &text)?;
    Ok(text)
}

/// The first comment of the script, for the reader of what is around it.
fn heading(script: &str) -> String {
    let comment = script.lines().skip(1).take_while(|line| line.starts_with("# "));
    comment.flat_map(|line| [line, "\n"]).collect()
}

/// Gone after a reboot, like the need for it; and run by `sh`, so that `noexec` does not matter.
const PLACE: &str = "/run/stringless-bootstrap.sh";
