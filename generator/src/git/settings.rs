//! The settings of a mirror. Git obeys the settings of a repository, and some of them name programs to run or send git
//! to another repository. So a mirror has exactly these settings whenever git runs on it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::{Error, Result};
use crate::fs::write_atomic;

/// Gives the mirror in `folder` its settings, and removes files through which git would read other settings or objects.
///
/// # Errors
/// When they cannot be written.
pub fn restore(folder: &Path) -> Result<()> {
    let file = folder.join("config");
    // It is kept only if it is the same, so its owner does not matter. Reading a pipe could wait for ever.
    let regular = fs::symlink_metadata(&file).is_ok_and(|there| there.is_file());
    let there = if regular { fs::read(&file).unwrap_or_default() } else { Vec::new() };
    if ![SHA1, SHA256].iter().any(|settings| settings.as_bytes() == there) {
        let text = String::from_utf8_lossy(&there).to_lowercase();
        // A wrong guess makes the mirror unreadable, and runs nothing.
        let sha256 = text.lines().any(|line| line.replace(' ', "").trim() == "objectformat=sha256");
        write_atomic(&file, if sha256 { SHA256 } else { SHA1 }.as_bytes())?;
    }
    for name in FOREIGN {
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(e) => return Err(Error::io("removing", &path, e)),
        }
    }
    Ok(())
}

const SHA1: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n";
const SHA256: &str = "[core]\n\trepositoryformatversion = 1\n\tfilemode = true\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n";
/// Files that no mirror of ours has: settings from elsewhere, objects from elsewhere, other parents of commits, and
/// attributes that no commit has.
const FOREIGN: [&str; 6] = [
    "commondir",
    "config.worktree",
    "objects/info/alternates",
    "objects/info/http-alternates",
    "info/grafts",
    "info/attributes",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_settings_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config");
        fs::create_dir_all(folder.path().join("objects/info")).unwrap();
        for name in FOREIGN.iter().filter(|name| !name.starts_with("info/")) {
            fs::write(folder.path().join(name), "/elsewhere\n").unwrap();
        }
        let more = "[core]\n\tsshCommand = touch ran\n";
        for (before, after) in [
            ("".to_owned(), SHA1),
            (SHA1.to_owned(), SHA1),
            (format!("{SHA1}{more}"), SHA1),
            (SHA256.to_owned(), SHA256),
            (format!("{SHA256}{more}"), SHA256),
            ("[include]\n\tpath = /elsewhere\n".to_owned(), SHA1),
        ] {
            fs::write(&config, before).unwrap();
            restore(folder.path()).unwrap();
            assert_eq!(fs::read_to_string(&config).unwrap(), after);
        }
        assert!(!FOREIGN.iter().any(|name| folder.path().join(name).exists()));
    }
}
