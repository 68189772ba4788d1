//! A throw-away root with exactly the programs that `tests/roots/<family>.yaml` lists.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use e2e::netns::{Lab, Net};
use e2e::process::{both, run, succeed};
use e2e::rendering::os_release;
use e2e::tools;
use serde::Deserialize;
use stringless_render::platform::Distro;
use tempfile::TempDir;

/// What the stock images of a family have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    /// What `/bin/sh` is.
    sh: String,
    /// Debian's packages of the programs.
    packages: Vec<String>,
    /// Programs beside theirs.
    programs: Vec<String>,
}

/// The root; dropping it removes it.
pub struct Root {
    folder: TempDir,
    libraries: PathBuf,
    net: Net,
    _images: Arc<TempDir>,
}

/// How a script ended.
pub struct Ended {
    pub code: i32,
    pub printed: String,
}

impl Root {
    /// A root of `distro` with its `os-release`, on the node's side of `lab`.
    pub fn new(distro: &Distro, lab: &Lab) -> Option<Self> {
        Self::like(distro.family.as_str(), distro, lab)
    }

    /// The same with the programs of `image`.
    pub fn like(name: &str, distro: &Distro, lab: &Lab) -> Option<Self> {
        tools::superuser()?;
        let debian = tools::rootfs("bookworm")?;
        let images = images(name, &debian)?;
        let folder = tempfile::tempdir_in(tools::memory()).unwrap();
        let home = folder.path();
        succeed(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=0755", "tmpfs"]).arg(home), LIMIT);
        for name in ["root", "upper", "work"] {
            fs::create_dir(home.join(name)).unwrap();
        }
        let layers = [
            ("lowerdir", images.path().join(name)),
            ("upperdir", home.join("upper")),
            ("workdir", home.join("work")),
        ];
        let layers: Vec<String> =
            layers.iter().map(|(name, path)| format!("{name}={}", path.display())).collect();
        let mut mount = Command::new("mount");
        mount.args(["-t", "overlay", "-o", &layers.join(","), "overlay"]).arg(home.join("root"));
        succeed(&mut mount, LIMIT);
        let root = Self { folder, libraries: debian.join("usr/lib"), net: lab.node.clone(), _images: images };
        root.write("etc/os-release", os_release(distro), 0o644);
        for name in ["hosts", "resolv.conf"] {
            root.write(&format!("etc/{name}"), fs::read(lab.etc.join(name)).unwrap(), 0o644);
        }
        root.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0o644);
        root.write("etc/machine-id", format!("{:0>32}\n", e2e::random::hex(8)), 0o444);
        Some(root)
    }

    /// Runs `script` as a first boot does: as a file, with no variable set.
    pub fn run(&self, script: &str) -> Ended {
        self.run_after(":", script)
    }

    /// The same, after a command of the shell outside, which gets the path of the root as `$0`.
    pub fn run_after(&self, before: &str, script: &str) -> Ended {
        self.write("user-data", script, 0o700);
        // The first process of the namespace stays outside of the root: by that systemctl sees that it is in one.
        let enter = format!(
            "mount --rbind /dev \"$0/dev\" && mount -t proc proc \"$0/proc\" \
             && mount --bind -o ro \"$1\" \"$0/usr/lib\" && {before} && chroot \"$0\" /usr/bin/env -i /user-data; exit $?"
        );
        let mut command = self.net.command("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", &enter]);
        let output = run(command.arg(self.path("")).arg(&self.libraries), LIMIT);
        Ended { code: output.status.code().unwrap_or(-1), printed: both(&output) }
    }

    /// A path in the root, from the outside.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    /// Every file and link that was written or removed, in the order of their names.
    pub fn changes(&self) -> Vec<String> {
        let mut found = Vec::new();
        let upper = self.folder.path().join("upper");
        let mut folders = vec![upper.clone()];
        while let Some(folder) = folders.pop() {
            for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                match path.is_dir() && !path.is_symlink() {
                    true => folders.push(path),
                    false => found.push(path.strip_prefix(&upper).unwrap().display().to_string()),
                }
            }
        }
        found.sort_unstable();
        found
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
        put(&self.path(path), bytes, mode);
    }

    /// Removes programs.
    pub fn without(&self, programs: &[&str]) {
        for program in programs {
            fs::remove_file(self.path("usr/bin").join(program)).unwrap();
        }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        for mount in [self.folder.path().join("root"), self.folder.path().to_path_buf()] {
            run(Command::new("umount").arg("--lazy").arg(mount), LIMIT);
        }
    }
}

/// The folder with a tree of programs for each family, which roots lie over. The last root removes it.
fn images(family: &str, debian: &Path) -> Option<Arc<TempDir>> {
    static MADE: Mutex<(Weak<TempDir>, BTreeSet<String>)> = Mutex::new((Weak::new(), BTreeSet::new()));
    let mut made = MADE.lock().unwrap();
    let folder = made.0.upgrade().unwrap_or_else(|| {
        let folder = Arc::new(tempfile::tempdir_in(tools::memory()).unwrap());
        *made = (Arc::downgrade(&folder), BTreeSet::new());
        folder
    });
    if made.1.contains(family) {
        return Some(folder);
    }
    let home = folder.path().join(family);
    let file = tools::root().join(format!("tests/roots/{family}.yaml"));
    let image: Image = serde_yaml::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    for folder in [
        "dev",
        "proc",
        "run",
        "tmp",
        "root",
        "etc/ssl/certs",
        "etc/systemd/system",
        "etc/init.d",
        "var/lib",
        "usr/bin",
        "usr/lib",
    ] {
        fs::create_dir_all(home.join(folder)).unwrap();
    }
    for (link, to) in [("bin", "usr/bin"), ("sbin", "usr/bin"), ("usr/sbin", "bin"), ("lib", "usr/lib")] {
        symlink(to, home.join(link)).unwrap();
    }
    symlink("usr/lib/x86_64-linux-gnu", home.join("lib64")).unwrap();
    for package in &image.packages {
        let list = debian.join(format!("var/lib/dpkg/info/{package}.list"));
        let list = fs::read_to_string(&list).unwrap_or_else(|e| panic!("{}: {e}", list.display()));
        for path in list.lines() {
            let name = path.strip_prefix("/usr").unwrap_or(path);
            if let Some(name) = name.strip_prefix("/bin/").or_else(|| name.strip_prefix("/sbin/")) {
                copy(&debian.join(&path[1..]), &home.join("usr/bin").join(name));
            }
        }
    }
    for program in &image.programs {
        copy(&debian.join("usr/bin").join(program), &home.join("usr/bin").join(program));
    }
    if image.sh == "busybox" {
        let busybox = tools::program("busybox")?;
        let applets = succeed(Command::new(&busybox).arg("--list"), LIMIT);
        copy(&busybox, &home.join("usr/bin/busybox"));
        for applet in applets.lines() {
            symlink("busybox", home.join("usr/bin").join(applet)).ok();
        }
    }
    fs::remove_file(home.join("usr/bin/sh")).ok();
    symlink(&image.sh, home.join("usr/bin/sh")).unwrap();
    // It would wait for all that this machine writes.
    put(&home.join("usr/bin/sync"), "#!/bin/sh\n", 0o755);
    made.1.insert(family.to_owned());
    Some(folder)
}

fn copy(from: &Path, to: &Path) {
    // Links stay links: `python3` is one to the version.
    if let Ok(target) = fs::read_link(from) {
        let other = from.with_file_name(&target);
        if target.components().count() == 1 && other.exists() && !to.with_file_name(&target).exists() {
            copy(&other, &to.with_file_name(&target));
        }
        symlink(target, to).ok();
    } else {
        fs::copy(from, to).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    }
}

fn put(file: &Path, bytes: impl AsRef<[u8]>, mode: u32) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::remove_file(file).ok();
    fs::write(file, bytes).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

pub const LIMIT: Duration = e2e::process::PATIENCE;
