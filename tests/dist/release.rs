//! A signed release in a folder, whose programs are stand-ins.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::process::{PATIENCE, succeed};
use e2e::tools;

/// The release of [`VERSION`].
pub struct Release {
    folder: tempfile::TempDir,
    /// The public key that has signed it.
    pub key: String,
}

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Release {
    /// Holds each program under the name `PROGRAM-VERSION-TARGET`, with these bytes; signed by a new key.
    pub fn new(programs: &[(&str, &[u8])]) -> Option<Self> {
        tools::program("minisign")?;
        let folder = tempfile::tempdir().unwrap();
        let release = folder.path().join(VERSION);
        fs::create_dir(&release).unwrap();
        for (name, bytes) in programs {
            let (name, folder) = (name.to_string(), folder.path().join(name));
            let program =
                if name.starts_with("stringless-agent-") { "stringless-agent" } else { "stringless" };
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join(program), bytes).unwrap();
            let mut tar = Command::new("tar");
            tar.arg("-czf")
                .arg(release.join(format!("{name}.tar.gz")))
                .arg("-C")
                .arg(folder.parent().unwrap());
            succeed(tar.arg(&name), PATIENCE);
        }
        let mut keygen = Command::new("minisign");
        keygen.args(["-G", "-W", "-p", "release.pub", "-s", "release.key"]).current_dir(folder.path());
        succeed(&mut keygen, PATIENCE);
        let public = fs::read_to_string(folder.path().join("release.pub")).unwrap();
        let key = public.lines().last().unwrap().to_owned();
        let release = Self { folder, key };
        release.sign();
        Some(release)
    }

    /// The folder of its files.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(VERSION)
    }

    /// The folder that holds [`path`](Self::path).
    pub fn parent(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the sums of what is there now, and their signature, with the program that releases use.
    pub fn sign(&self) {
        let mut sums = Command::new(tools::root().join("dist/sums.sh"));
        sums.arg(self.path())
            .env("STRINGLESS_RELEASE_KEY_FILE", self.folder.path().join("release.key"))
            .env("STRINGLESS_RELEASE_KEY", &self.key);
        succeed(&mut sums, PATIENCE);
    }
}
