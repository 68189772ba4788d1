//! Changes files that are not the agent's own. Like [`super::write`], it is allowed to change the disk.
#![expect(clippy::disallowed_methods, reason = "this module may change the disk")]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use super::write::{remove_file, rename};
use crate::checkpoint::{Checkpoint, reach};
use crate::error::{At, Result};

/// Replaces a file of the system, with its mode and owner. A reader finds the old bytes or the new ones.
///
/// # Errors
/// Temporary; the old file still exists then.
pub fn edit(path: &Path, bytes: &[u8]) -> Result<()> {
    let found = fs::symlink_metadata(path).at("looking at", path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let next = path.with_file_name(format!(".{name}.new"));
    remove_file(&next)?;
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&next).at("making", &next)?;
    reach(Checkpoint::FileMade);
    file.write_all(bytes)
        .and_then(|()| fchown(&file, Some(found.uid()), Some(found.gid())))
        .and_then(|()| file.set_permissions(found.permissions()))
        .and_then(|()| file.sync_all())
        .at("writing", &next)?;
    reach(Checkpoint::FileWritten);
    rename(&next, path)
}
