//! A throw-away root: a Debian root file system under an overlay, entered by chroot in its own namespaces.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::netns::{Lab, Net};
use e2e::process::{both, run, succeed};
use e2e::tools;
use stringless_render::platform::Distro;

/// The root; dropping it removes it.
pub struct Root {
    folder: tempfile::TempDir,
    net: Net,
    /// A line of shell that runs outside, with the root's path in `$0`, before the script starts.
    pub prelude: String,
}

/// How a script ended.
pub struct Ended {
    pub code: i32,
    pub printed: String,
}

/// A shell, and how it is made strict.
pub type Shell = &'static [&'static str];
pub const SH: Shell = &["/bin/sh"];
pub const SHELLS: [Shell; 4] =
    [SH, &["/usr/bin/posh"], &["/usr/bin/yash", "-o", "posixly-correct"], &["/usr/bin/busybox", "ash"]];

impl Root {
    /// A root of `distro` without systemd running and with a cron that does nothing; `sleep` returns
    /// at once and writes down how long it should have taken.
    pub fn new(distro: &Distro, net: &Net) -> Option<Self> {
        tools::superuser()?;
        let suite = distro.name.split_once('(')?.1.trim_end_matches(')');
        let lower = tools::rootfs(suite)?;
        let root = Self { folder: tempfile::tempdir().unwrap(), net: net.clone(), prelude: String::new() };
        let folder = root.folder.path();
        succeed(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=0755", "tmpfs"]).arg(folder), LIMIT);
        for name in ["root", "upper", "work"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        let home = folder.display();
        let layers = format!("lowerdir={},upperdir={home}/upper,workdir={home}/work", lower.display());
        let mut mount = Command::new("mount");
        succeed(mount.args(["-t", "overlay", "-o", &layers, "overlay"]).arg(folder.join("root")), LIMIT);
        root.write("usr/sbin/cron", "#!/bin/sh\n", 0o755);
        root.write("usr/local/sbin/sleep", "#!/bin/sh\necho \"$1\" >>/slept\n", 0o755);
        for shell in ["posh", "yash", "busybox"] {
            let program = tools::program(shell)?;
            root.write(&format!("usr/bin/{shell}"), fs::read(program).unwrap(), 0o755);
        }
        Some(root)
    }

    /// From here on systemd runs in it, as far as the script sees.
    pub fn add_systemd(&self) {
        self.write("run/systemd/system/there", "", 0o644);
        self.write("usr/local/sbin/systemctl", "#!/bin/sh\n", 0o755);
    }

    /// The same on the node's side of `lab`.
    pub fn in_lab(distro: &Distro, lab: &Lab) -> Option<Self> {
        let root = Self::new(distro, &lab.node)?;
        for name in ["hosts", "resolv.conf"] {
            root.write(&format!("etc/{name}"), fs::read(lab.etc.join(name)).unwrap(), 0o644);
        }
        Some(root)
    }

    /// Runs `script` as a first boot does: as a file, with no variable set.
    pub fn run(&self, shell: Shell, script: &str) -> Ended {
        self.write("user-data", script, 0o700);
        let enter = format!(
            "mount --rbind /dev \"$0/dev\" && mount -t proc proc \"$0/proc\" && {{ {}; }} && exec chroot \"$0\" /usr/bin/env -i \"$@\"",
            if self.prelude.is_empty() { ":" } else { &self.prelude }
        );
        let mut command = self.net.command("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", &enter]);
        command.arg(self.path("")).args(shell).arg("/user-data");
        let output = run(&mut command, LIMIT);
        Ended { code: output.status.code().unwrap_or(-1), printed: both(&output) }
    }

    /// A path in the root, from the outside.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    pub fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    pub fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).map_or(0, |data| data.permissions().mode() & 0o7777)
    }

    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>, mode: u32) {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        // What is there may be a link to somewhere outside.
        fs::remove_file(&file).ok();
        fs::write(&file, bytes).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Removes programs from every folder of `PATH`.
    pub fn without(&self, programs: &[&str]) {
        for program in programs {
            for folder in ["usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin"] {
                fs::remove_file(self.path(folder).join(program)).ok();
            }
        }
    }

    /// Puts something before each of `programs` that writes its arguments down in `/arguments`.
    pub fn watch(&self, programs: &[&str]) {
        for program in programs {
            let real = ["usr/bin", "usr/sbin"].map(|folder| format!("{folder}/{program}"));
            let Some(real) = real.iter().find(|path| self.exists(path)) else { continue };
            let shim = format!("#!/bin/sh\nprintf '%s\\n' \"$0 $*\" >>/arguments\nexec /{real} \"$@\"\n");
            self.write(&format!("usr/local/sbin/{program}"), shim, 0o755);
        }
    }

    /// Every file that was written or removed since the root was made, without the harness's own.
    pub fn changes(&self) -> Vec<String> {
        let upper = self.folder.path().join("upper");
        let mut found = Vec::new();
        walk(&upper, &upper, &mut found);
        found.retain(|path| !OWN.contains(&path.as_str()));
        found.sort();
        found
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        for mount in [self.folder.path().join("root"), self.folder.path().to_path_buf()] {
            run(Command::new("umount").arg("--lazy").arg(mount), LIMIT);
        }
    }
}

fn walk(top: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            walk(top, &path, found);
        } else {
            found.push(path.strip_prefix(top).unwrap().to_string_lossy().into_owned());
        }
    }
}

const OWN: [&str; 7] = [
    "user-data",
    "slept",
    "usr/sbin/cron",
    "usr/local/sbin/sleep",
    "usr/bin/posh",
    "usr/bin/yash",
    "usr/bin/busybox",
];
pub const LIMIT: Duration = e2e::process::PATIENCE;
