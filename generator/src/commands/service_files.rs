//! `stringless service-files`: for those who make the packages of the agent.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use stringless_render::service;

use crate::error::{Error, Result};

/// Writes the service files of the agent's packages into `dir`.
///
/// # Errors
/// When one cannot be written.
pub fn write(dir: &Path) -> Result<u8> {
    for (name, text, mode) in service::files(BIN, ETC)? {
        let path = dir.join(name);
        let folder = path.parent().unwrap_or(dir);
        fs::create_dir_all(folder).map_err(|e| Error::io("making", folder, e))?;
        fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
            .map_err(|e| Error::io("writing", &path, e))?;
    }
    Ok(0)
}

/// Where packages put programs.
const BIN: &str = "/usr/bin";
/// Where the agent looks for its configuration.
const ETC: &str = "/etc/stringless";
