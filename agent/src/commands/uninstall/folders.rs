//! The folders in which the places of the table are: found without following a link out of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Deserialize;
use stringless_core::config::CONFIG;
use stringless_core::installed::{BIN, ETC, How, Place, STATE, fits};
use stringless_core::json;

use crate::args::Args;
use crate::disk::{Disk, Lock, read_capped};
use crate::engine::orphan;
use crate::error::{Error, Result};
use crate::log;

/// The folders.
pub struct Folders {
    root: PathBuf,
    state: Vec<PathBuf>,
    /// Why a folder of state is not touched.
    pub refused: Vec<String>,
}

/// Something that is in the table and on the disk.
pub enum Found {
    /// It may be removed.
    Here(PathBuf),
    /// A link on the way to it leads out of the folder that is used as `/`.
    Outside(PathBuf),
}

/// The one key that counts here. A configuration of another format, too, has it.
#[derive(Deserialize)]
struct StateDir {
    state_dir: Option<String>,
}

/// Why there is no lock.
enum Busy {
    /// A run is at work.
    Run(Error),
    /// The folder is not the agent's own, or cannot be written.
    Never(Error),
}

impl Folders {
    /// The usual folders, and the folder of state that the configuration names.
    pub fn find(args: &Args, root: &Path) -> Self {
        let config = args.config.clone().unwrap_or_else(|| below(root, CONFIG));
        let mut folders = Self { root: root.to_owned(), state: Vec::new(), refused: Vec::new() };
        match named_in(&config) {
            Ok(None) => {}
            Ok(Some(state)) if is_plain(&state) => folders.state.push(below(root, &state)),
            Ok(Some(state)) => folders.refused.push(format!(
                "the folder of state `{state}`, which `{}` names, is one of the system or not an absolute path: \
                 remove by hand what the agent wrote there",
                config.display()
            )),
            Err(error) => {
                log::warn(format_args!("{error}; continuing with the usual folders of state"));
            }
        }
        for state in STATE.iter().map(|state| below(root, state)) {
            if !folders.state.contains(&state) {
                folders.state.push(state);
            }
        }
        folders
    }

    /// Takes the lock of each folder of state, and waits for a run that holds it.
    ///
    /// # Errors
    /// Temporary: the run takes too long.
    pub fn lock(&mut self) -> Result<Vec<Lock>> {
        let (mut locks, mut is_logged, mut seen) = (Vec::new(), false, Vec::new());
        let end = Instant::now() + PATIENCE;
        for folder in std::mem::take(&mut self.state) {
            // A link leads to a folder that may itself be in the list.
            let real = folder.canonicalize().ok();
            let lock = loop {
                if seen.contains(&real) {
                    break Ok(None);
                }
                let busy = match try_lock(&folder) {
                    Ok(lock) => break Ok(lock),
                    Err(Busy::Run(error)) => error,
                    Err(Busy::Never(error)) => break Err(error),
                };
                if Instant::now() > end {
                    return Err(busy.hint("end that run, or try again later; nothing was removed"));
                }
                if !is_logged {
                    log::info(format_args!("{busy}; waiting for its end"));
                    is_logged = true;
                }
                sleep(PAUSE);
            };
            seen.extend(real.is_some().then_some(real));
            match lock {
                Ok(lock) => {
                    locks.extend(lock);
                    self.state.push(folder);
                }
                Err(error) => self.refused.push(error.to_string()),
            }
        }
        Ok(locks)
    }

    /// The folders of state.
    pub fn state(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.state.iter().cloned()
    }

    /// The folders of configuration.
    pub fn etc(&self) -> impl Iterator<Item = PathBuf> + '_ {
        ETC.iter().map(|path| below(&self.root, path))
    }

    /// What is on the disk of this place.
    pub fn places(&self, place: &Place) -> Vec<Found> {
        let mut found = Vec::new();
        let (own, rest) = place.path.split_once('}').unwrap_or(("", place.path));
        match own {
            "{etc" => self.etc().for_each(|folder| self.search(&folder, rest, &mut found)),
            "{bin" => BIN.iter().for_each(|bin| self.search(&below(&self.root, bin), rest, &mut found)),
            "{state" => {
                // Without the lock, no run made these trees.
                let used = |folder: &PathBuf| place.how != How::Tree || folder.join("lock").exists();
                let folders = self.state.iter().filter(|folder| used(folder));
                folders.for_each(|folder| self.search(folder, rest, &mut found));
            }
            _ => {
                let (folder, name) = rest.rsplit_once('/').unwrap_or_default();
                let mut search = |folder, pattern: &str| {
                    self.search(&below(&self.root, folder), &format!("{pattern}{name}"), &mut found);
                };
                match place.how {
                    How::Unit => {
                        ["/*.wants/", "/*.requires/"]
                            .iter()
                            .for_each(|links| search("/etc/systemd/system", links));
                    }
                    How::Service => search("/etc/runlevels", "/*/"),
                    _ => {}
                }
                search(folder, "/");
            }
        }
        found
    }

    /// Looks for `pattern` in `folder`. The way to the folder may lead over links, as systems have them, but not
    /// out of the root; below it, no link is followed.
    fn search(&self, folder: &Path, pattern: &str, found: &mut Vec<Found>) {
        let parts: Vec<&str> = pattern.split('/').skip(1).collect();
        let mut paths = Vec::new();
        walk(folder, &parts, &mut paths);
        // The folder itself may be a link, which then is what is meant.
        let way = if parts.is_empty() { folder.parent().unwrap_or(folder) } else { folder };
        let inside = way.canonicalize().is_ok_and(|real| real.starts_with(&self.root));
        found.extend(paths.into_iter().map(if inside { Found::Here } else { Found::Outside }));
    }
}

/// The lock of a folder of state; `None` if no run was ever there.
fn try_lock(folder: &Path) -> std::result::Result<Option<Lock>, Busy> {
    let path = folder.join("lock");
    if !path.exists() {
        return Ok(None);
    }
    let disk = Disk::new(folder.to_owned());
    match disk.try_lock().map_err(Busy::Never)? {
        Some(lock) => orphan::end_orphan(&disk.file(orphan::FILE)).map_err(Busy::Run).map(|()| Some(lock)),
        None => Err(Busy::Run(Error::temporary(format!("another run holds the lock `{}`", path.display())))),
    }
}

fn walk(folder: &Path, parts: &[&str], found: &mut Vec<PathBuf>) {
    let [part, rest @ ..] = parts else {
        found.extend(folder.symlink_metadata().is_ok().then(|| folder.to_owned()));
        return;
    };
    let plain = !part.contains(['*', '#']);
    let mut names = if plain { vec![(*part).to_owned()] } else { names(folder) };
    names.retain(|name| fits(part, name));
    for path in names.iter().map(|name| folder.join(name)) {
        match path.symlink_metadata() {
            Ok(_) if rest.is_empty() => found.push(path),
            Ok(data) if data.is_dir() => walk(&path, rest, found),
            _ => {}
        }
    }
}

/// The names in a folder, sorted; none if it cannot be read.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

/// The folder of state that a configuration names.
fn named_in(config: &Path) -> Result<Option<String>> {
    let Some(bytes) = read_capped(config)? else {
        return Err(Error::temporary(format!("reading `{}`: there is no such file", config.display())));
    };
    let parsed: StateDir = json::parse(&bytes)
        .map_err(|error| Error::temporary(format!("reading `{}`: {error}", config.display())))?;
    Ok(parsed.state_dir)
}

/// Whether a folder of state is deep enough to be the agent's own, and leads nowhere else.
fn is_plain(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    path.starts_with('/') && parts.len() >= 2 && !parts.contains(&"..")
}

fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// How long it waits for a run.
const PATIENCE: Duration = Duration::from_secs(600);
const PAUSE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_the_system_is_no_folder_of_state() {
        for path in ["/", "//", "/.", "/srv", "/srv/", "/srv/./", "relative/x", "/srv/x/../..", ""] {
            assert!(!is_plain(path), "{path}");
        }
        for path in ["/var/lib/stringless", "/srv/state"] {
            assert!(is_plain(path), "{path}");
        }
    }
}
