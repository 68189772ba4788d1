//! A place for `dist/install.sh` to work in: a release, few programs, and an empty folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::process::{PATIENCE, both, run};
use e2e::tools;

use crate::release::{Release, VERSION};

/// What the script needs, however it verifies.
const NEEDED: [&str; 19] = [
    "[",
    "cat",
    "chmod",
    "cp",
    "echo",
    "grep",
    "gzip",
    "id",
    "mkdir",
    "mktemp",
    "mv",
    "printf",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "tail",
    "tar",
    "uname",
];

/// A release for each CPU, and the folder that the script is to install into.
pub struct Lab {
    pub release: Release,
    pub folder: tempfile::TempDir,
}

impl Lab {
    /// A lab whose script finds minisign.
    pub fn new() -> Option<Self> {
        let program = format!("#!/bin/sh\necho stringless {VERSION}\n");
        let names = ["x86_64", "aarch64"].map(|cpu| format!("stringless-{VERSION}-{cpu}-unknown-linux-musl"));
        let release = Release::new(&[(&names[0], program.as_bytes()), (&names[1], program.as_bytes())])?;
        let lab = Self { release, folder: tempfile::tempdir().unwrap() };
        lab.programs(&["minisign"]);
        Some(lab)
    }

    /// Lets the script find [`NEEDED`] and these, and no other program.
    pub fn programs(&self, more: &[&str]) {
        let bin = self.bin();
        fs::remove_dir_all(&bin).ok();
        fs::create_dir(&bin).unwrap();
        for name in NEEDED.iter().chain(more) {
            symlink(tools::find(name).unwrap(), bin.join(name)).unwrap();
        }
    }

    /// The folder of programs.
    pub fn bin(&self) -> PathBuf {
        self.folder.path().join("bin")
    }

    /// Puts a program of one's own before the system's.
    pub fn replace(&self, name: &str, script: &str) {
        write_program(&self.bin().join(name), script);
    }

    /// The folder that the script installs into.
    pub fn to(&self) -> PathBuf {
        self.folder.path().join("to")
    }

    /// The address of the release.
    pub fn from(&self) -> String {
        format!("file://{}/{{version}}", self.release.parent().display())
    }

    /// Runs the script with `options` besides `--to` and `--key`: its exit code, and what it printed.
    pub fn run(&self, shell: &[&str], options: &[&str]) -> (i32, String) {
        let mut command = Command::new(tools::find(shell[0]).unwrap());
        command.args(&shell[1..]).arg(tools::root().join("dist/install.sh"));
        command.arg("--to").arg(self.to()).args(["--key", &self.release.key]).args(options);
        command.env("PATH", self.bin()).env("CURL_CA_BUNDLE", self.folder.path().join("ca.pem"));
        let output = run(&mut command, PATIENCE);
        (output.status.code().unwrap_or(-1), both(&output))
    }

    /// Installs into an empty folder, and leaves nothing else there.
    pub fn installs(&self, shell: &[&str], options: &[&str]) {
        fs::remove_dir_all(self.to()).ok();
        let (code, printed) = self.run(shell, options);
        assert_eq!(code, 0, "{shell:?} {printed}");
        assert!(printed.starts_with(&format!("installed stringless {VERSION}: ")), "{shell:?} {printed}");
        assert_eq!(self.left(), ["stringless"], "{shell:?}");
        let mode = fs::metadata(self.to().join("stringless")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "{shell:?}");
    }

    /// Fails for `reason`, and leaves nothing behind.
    pub fn refuses(&self, options: &[&str], reason: &str) {
        fs::remove_dir_all(self.to()).ok();
        let (code, printed) = self.run(&["dash"], options);
        assert_eq!(code, 1, "{reason}: {printed}");
        assert!(printed.contains(&format!("error: {reason}")), "{reason}: {printed}");
        assert!(printed.contains("\nhint: "), "{printed}");
        assert_eq!(self.left(), [""; 0], "{reason}");
    }

    /// Every name in the folder that the script installs into.
    pub fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.to()).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    }
}

/// Puts a program there.
pub fn write_program(path: &Path, script: &str) {
    fs::remove_file(path).ok();
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
