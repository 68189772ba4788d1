//! The explanation that goes with rendered user-data.

pub use crate::encode::encoding;
use crate::platform::{Encoding, Form};
use crate::request::Request;

/// The explanation that goes with rendered user-data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explain {
    /// The form of the text.
    pub form: Form,
    /// How it is encoded.
    pub encoding: Encoding,
    /// Its size, as the cloud counts.
    pub bytes: usize,
    /// The cloud's limit; `None` if none is documented.
    pub max_bytes: Option<usize>,
    /// How the cloud counts.
    pub counted: &'static str,
    /// The place to paste it.
    pub paste_into: String,
    /// The text to paste there or the command to run; empty if it is the user-data itself.
    pub paste: String,
    /// Other places to paste, for images with another boot agent.
    pub elsewhere: Vec<String>,
    /// Notes to read before pasting.
    pub notes: Vec<String>,
}

/// The other places to paste, each with the boot agent of the image.
pub(crate) fn elsewheres(request: &Request<'_>) -> Vec<String> {
    let place = |id: &str| request.cloud.place(id, request.encoding);
    let usual = place(&request.boot.id);
    let others = request.also.iter().filter(|agent| place(&agent.id) != usual);
    others.map(|agent| format!("{}, if the image runs {}", place(&agent.id), agent.name)).collect()
}
