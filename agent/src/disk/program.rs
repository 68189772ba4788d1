//! The agent's own file, and what stands beside it: the next one and the one before.
#![expect(clippy::disallowed_methods, reason = "this module may change the disk")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::write::{remove_file, rename};
use crate::checkpoint::{Checkpoint, reach};
use crate::error::{At, Result};

/// Makes a file that is complete a program that everybody may run, and writes it to the disk.
///
/// # Errors
/// Temporary.
pub fn finish(file: &File, path: &Path, like: &Path) -> Result<()> {
    file.set_permissions(Permissions::from_mode(0o755)).at("making executable", path)?;
    copy_label(like, file);
    file.sync_all().at("writing", path)?;
    reach(Checkpoint::FileWritten);
    Ok(())
}

/// Keeps `path` under a second name, too. What had that name before is replaced.
///
/// # Errors
/// Temporary; the file at `path` is as before.
pub fn keep(path: &Path, second: &Path) -> Result<()> {
    let next = second.with_extension("next");
    remove_file(&next)?;
    // A rename of one name of a file to another name of it would leave both.
    let one = fs::metadata(path).at("looking at", path)?;
    if fs::metadata(second).is_ok_and(|other| (other.dev(), other.ino()) == (one.dev(), one.ino())) {
        return Ok(());
    }
    // Where there are no hard links, a copy does.
    if fs::hard_link(path, &next).is_err() {
        fs::copy(path, &next).at("copying to", &next)?;
        let copy = File::open(&next).at("opening", &next)?;
        finish(&copy, &next, path)?;
    }
    reach(Checkpoint::Linked);
    rename(&next, second)
}

/// SELinux lets a timer run only what has the label of a program. Without SELinux there is no label.
fn copy_label(from: &Path, to: &File) {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::XattrFlags;
        use rustix::fs::fsetxattr;
        use rustix::fs::getxattr;
        const LABEL: &str = "security.selinux";
        let mut label = [0_u8; 256];
        if let Ok(length) = getxattr(from, LABEL, &mut label) {
            let _ = fsetxattr(to, LABEL, &label[..length], XattrFlags::empty());
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (from, to);
}
