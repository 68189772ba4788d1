//! What the cloud asks of the text: its form, its encoding and its size. No IO.

mod attachment;
mod encode;
mod mime;
mod size;

pub use self::attachment::Attachment;
pub(crate) use self::encode::gzip;
pub use self::encode::{encode, encoding, usable};
use crate::catalog::{Encoding, Form};
use crate::fault::Fault;
use crate::render::{Request, UserData, quote};

/// What is said beside rendered user-data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explain {
    /// The form of the text.
    pub form: Form,
    /// How it is encoded.
    pub encoding: Encoding,
    /// Its size, as the cloud counts.
    pub bytes: usize,
    /// The cloud's limit; `None` where none is stated.
    pub max_bytes: Option<usize>,
    /// What of it the cloud counts.
    pub counted: &'static str,
    /// Where it goes.
    pub paste_into: String,
    /// What to paste or to run there; empty where that is the user-data itself.
    pub paste: String,
    /// Where it goes instead, where the image has another boot agent.
    pub elsewhere: Vec<String>,
    /// What to know before.
    pub notes: Vec<String>,
}

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

/// The other places, with what the image has then.
fn elsewheres(request: &Request<'_>) -> Vec<String> {
    let place = |id: &str| request.cloud.place(id, request.encoding);
    let usual = place(&request.boot.id);
    let others = request.also.iter().filter(|agent| place(&agent.id) != usual);
    others.map(|agent| format!("{}, if the image runs {}", place(&agent.id), agent.name)).collect()
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
