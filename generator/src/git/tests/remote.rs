use std::fs;
use std::process::Command;

/// A repository with a work tree, to be mirrored.
pub(crate) struct Remote {
    pub(crate) folder: tempfile::TempDir,
}

impl Remote {
    /// One without a commit, on the branch `main`.
    pub(crate) fn new() -> Self {
        let remote = Self { folder: tempfile::tempdir().unwrap() };
        remote.git(&["init", "--quiet", "--initial-branch=main", "."]);
        remote
    }

    /// One whose first commit has these files, each with its path in it.
    pub(crate) fn with(files: &[&str]) -> Self {
        let remote = Self::new();
        for file in files {
            remote.write(file, file);
        }
        remote.commit();
        remote
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.folder.path());
        for role in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{role}_NAME"), "t").env(format!("GIT_{role}_EMAIL"), "t@localhost");
            git.env(format!("GIT_{role}_DATE"), "2026-01-01T00:00:00Z");
        }
        let output = git.arg("-C").arg(self.folder.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits everything; returns the commit's id.
    pub(crate) fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=m"]);
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn url(&self) -> String {
        self.folder.path().display().to_string()
    }
}
