//! Lock files of git in a mirror: a git that was killed leaves them, and every later fetch would fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

/// Removes the lock files of the mirror in `folder`; false if it has none. The caller holds the lock of the mirror, so
/// only a git that outlived its `stringless` can still use them: it gets some seconds to end.
pub fn remove_stale(folder: &Path) -> bool {
    let found = all(folder);
    let wait = found.iter().filter_map(|path| left(path)).max().unwrap_or_default();
    thread::sleep(wait);
    for path in &found {
        // Its owner may have removed it meanwhile.
        fs::remove_file(path).ok();
    }
    !found.is_empty()
}

/// The time until a lock file counts as left behind.
fn left(path: &Path) -> Option<Duration> {
    let modified = fs::symlink_metadata(path).ok()?.modified().ok()?;
    let age = SystemTime::now().duration_since(modified).unwrap_or_default();
    Some(SETTLED.saturating_sub(age))
}

/// The lock files below `folder`, but not among the loose objects, which need none.
fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let loose = name.len() == 2 && folder.ends_with("objects");
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !loose => open.push(path),
                Ok(kind) if !kind.is_dir() && path.extension().is_some_and(|e| e == "lock") => {
                    found.push(path);
                }
                _ => {}
            }
        }
    }
    found
}

/// Git holds a lock of a ref for much less.
const SETTLED: Duration = Duration::from_secs(5);
