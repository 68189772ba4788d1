//! Files → which of them is what, and which others the site file names.

use serde::Serialize;
use stringless_core::name::Name;

use crate::files::{Files, Listed};
use crate::question::File;

/// What is known of files; nothing if no site file among them can be read.
#[derive(Default, Serialize)]
pub(crate) struct Names {
    /// The name of the site.
    site: Option<Name>,
    /// The files that the site file names, as paths below its folder.
    named: Vec<String>,
    /// Each file with what it is, in the order of the question.
    files: Vec<Listed>,
}

/// What is known of `files`. Why a site file cannot be read is an answer to the question for the user-data.
pub(crate) fn names(files: &[File]) -> Names {
    let Ok(read) = Files::read(files) else { return Names::default() };
    Names { named: read.needed(), site: Some(read.site.site), files: read.listed }
}
