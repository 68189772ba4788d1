//! A tree that can be written to, over one that stays as it is: an overlay in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;

use crate::process::{run, succeed};
use crate::random::hex;

/// The overlay; dropping it takes it away.
#[derive(Debug)]
pub(crate) struct Overlay {
    folder: PathBuf,
}

impl Overlay {
    /// Puts one on `lower`.
    pub(crate) fn over(lower: &Path) -> Self {
        let folder = std::env::temp_dir().join(format!("{PREFIX}{}-{}", process::id(), hex(4)));
        let mount = Self { folder };
        let folder = &mount.folder;
        fs::create_dir(folder).unwrap();
        succeed(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=0755", "tmpfs"]).arg(folder), COMMAND);
        for name in ["root", "upper", "work"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        let [lower, home] = [lower, folder].map(|path| path.display().to_string());
        let options = format!("lowerdir={lower},upperdir={home}/upper,workdir={home}/work");
        succeed(
            Command::new("mount").args(["-t", "overlay", "-o", &options, "overlay"]).arg(folder.join("root")),
            COMMAND,
        );
        mount
    }

    /// Where its parts are, outside of the tree.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The tree.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("root")
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// Takes the mounts away, then the empty folder: never what is below a mount that stayed.
pub(crate) fn remove(folder: &Path) {
    for mount in [folder.join("root"), folder.to_path_buf()] {
        run(Command::new("umount").arg("--lazy").arg(mount), COMMAND);
    }
    fs::remove_dir(folder).ok();
}

/// Folders of overlays begin with it; the process follows that made them.
pub(crate) const PREFIX: &str = "stringless-node-";
const COMMAND: Duration = crate::process::PATIENCE;
