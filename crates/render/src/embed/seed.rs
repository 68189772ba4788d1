//! A NoCloud volume: two files, in a folder or in an ISO 9660 image.

use stringless_core::fault::Fault;
use stringless_core::hash::Sha256;

use super::iso;
use crate::request::UserData;

/// The files of a NoCloud volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Name and content of each.
    pub files: [(&'static str, Vec<u8>); 2],
    /// The machine's id in `meta-data`.
    pub instance_id: String,
}

impl Seed {
    /// The volume for one machine with `instance_id`, or with an id made from the user-data.
    ///
    /// # Errors
    /// When the id is not allowed.
    pub fn new(data: &UserData, instance_id: Option<&str>) -> Result<Self, Fault> {
        let bytes = data.encoded();
        let made = || format!("stringless-{}", &Sha256::of(&bytes).to_string()[..16]);
        let id = instance_id.map_or_else(made, str::to_owned);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) || !id.as_bytes()[0].is_ascii_alphabetic()
        {
            return Err(Fault::new(format!(
                "reading --instance-id `{}`: it is not allowed",
                id.escape_default()
            ))
            .hint("a letter first, then letters, digits, `-`, `_` and `.`; at most 64 characters"));
        }
        let meta = format!("instance-id: {id}\n");
        Ok(Self { files: [("meta-data", meta.into_bytes()), ("user-data", bytes)], instance_id: id })
    }

    /// The volume as an image: the same bytes each time.
    #[must_use]
    pub fn iso(&self) -> Vec<u8> {
        // Lower case, because some boot agents accept no other label.
        iso::image("cidata", &self.files)
    }
}
