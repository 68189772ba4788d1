//! What is said beside rendered user-data.

pub use crate::encode::encoding;
use crate::platform::{Encoding, Form};
use crate::request::Request;

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

/// The other places, with what the image has then.
pub(crate) fn elsewheres(request: &Request<'_>) -> Vec<String> {
    let place = |id: &str| request.cloud.place(id, request.encoding);
    let usual = place(&request.boot.id);
    let others = request.also.iter().filter(|agent| place(&agent.id) != usual);
    others.map(|agent| format!("{}, if the image runs {}", place(&agent.id), agent.name)).collect()
}
