//! Git repositories that tests commit to: bare, written in one go, the same ids each time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::succeed;

/// A bare repository.
#[derive(Debug, Clone)]
pub struct Repository {
    folder: PathBuf,
}

/// A file by its path and content; what ends in `.sh` may be executed.
pub type Text = (String, String);

impl Repository {
    /// An empty one in a folder that is not there yet; its main branch is `main`.
    ///
    /// # Panics
    /// When git cannot make it.
    pub fn make(folder: &Path) -> Self {
        let repository = Self { folder: folder.to_owned() };
        fs::create_dir_all(folder).unwrap();
        repository.git(&["init", "--quiet", "--bare", "--initial-branch=main"]);
        repository
    }

    /// What a Puppetfile and a site file call it.
    pub fn url(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    /// Commits these files to a branch, which is made where there is none; what it had besides is gone.
    pub fn commit(&self, branch: &str, files: &[Text]) {
        self.import(branch, files, "deleteall\n");
    }

    /// Commits these files to a branch; what it has besides stays.
    pub fn change(&self, branch: &str, files: &[Text]) {
        self.import(branch, files, "");
    }

    /// Lets a branch begin where another one is.
    pub fn branch(&self, name: &str, from: &str) {
        self.git(&["branch", "--force", name, from]);
    }

    /// Tags what a branch is at; a tag of that name moves.
    pub fn tag(&self, name: &str, branch: &str) {
        self.git(&["tag", "--force", name, branch]);
    }

    /// The full id of a commit.
    pub fn commit_of(&self, revision: &str) -> String {
        self.git(&["rev-parse", "--verify", &format!("{revision}^{{commit}}")]).trim().to_owned()
    }

    /// Packs what is loose and drops what nobody needs, as servers do.
    pub fn tidy(&self) {
        self.git(&["gc", "--quiet"]);
    }

    /// Standard output of git upon it.
    ///
    /// # Panics
    /// When git fails.
    pub fn git(&self, arguments: &[&str]) -> String {
        succeed(self.command().args(arguments), LIMIT)
    }

    fn import(&self, branch: &str, files: &[Text], first: &str) {
        let known = !self.git(&["for-each-ref", &format!("refs/heads/{branch}")]).is_empty();
        let from = if known { format!("from refs/heads/{branch}^0\n") } else { String::new() };
        let message = "a change";
        let mut stream = format!(
            "commit refs/heads/{branch}\ncommitter Tess Test <tess@example.test> 1700000000 +0000\ndata {}\n{message}\n{from}{first}",
            message.len()
        );
        for (path, text) in files {
            let mode = if path.ends_with(".sh") { "100755" } else { "100644" };
            stream.push_str(&format!("M {mode} inline {path}\ndata {}\n{text}\n", text.len()));
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), stream).unwrap();
        let done =
            self.command().args(["fast-import", "--quiet"]).stdin(File::open(file.path()).unwrap()).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Git with no settings but its own.
    fn command(&self) -> Command {
        let mut git = Command::new("git");
        git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").arg("--git-dir");
        git.arg(&self.folder);
        git
    }
}

const LIMIT: Duration = crate::process::PATIENCE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_committed() {
        let folder = tempfile::tempdir().unwrap();
        let text = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let one = Repository::make(&folder.path().join("one.git"));
        one.commit("main", &[text("a/b", "1\n"), text("run.sh", "#!/bin/sh\n")]);
        one.change("main", &[text("a/c", "")]);
        one.branch("next", "main");
        one.commit("next", &[text("only", "x")]);
        one.tag("v1", "main");
        assert_eq!(one.git(&["ls-tree", "-r", "--name-only", "v1"]), "a/b\na/c\nrun.sh\n");
        assert!(one.git(&["ls-tree", "v1", "run.sh"]).starts_with("100755 "));
        assert_eq!(one.git(&["show", "next:only"]), "x");
        assert_eq!(one.git(&["rev-list", "--count", "next"]), "3\n");

        let other = Repository::make(&folder.path().join("other.git"));
        other.commit("main", &[text("a/b", "1\n"), text("run.sh", "#!/bin/sh\n")]);
        assert_eq!(other.commit_of("main"), one.commit_of("main~1"));
    }
}
