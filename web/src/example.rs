//! The site that the page shows before one is loaded: a real one, whose key nobody has. Its user-data is a draft.

use base64ct::{Base64, Encoding as _};
use serde::Serialize;

use crate::question::File;

/// A file of the example, to be read.
#[derive(Serialize)]
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

/// The files of the example.
pub(crate) fn shown() -> Vec<Shown> {
    FILES.iter().map(|(name, text)| Shown { name, text }).collect()
}

/// The same, as the page would give them.
pub(crate) fn files() -> Vec<File> {
    let file = |(name, text): &(&str, &str)| File {
        name: (*name).to_owned(),
        base64: Base64::encode_string(text.as_bytes()),
    };
    FILES.iter().map(file).collect()
}

const FILES: [(&str, &str); 2] = [
    ("stringless.yaml", include_str!("../example/stringless.yaml")),
    ("trust/1.json", include_str!("../example/trust/1.json")),
];
