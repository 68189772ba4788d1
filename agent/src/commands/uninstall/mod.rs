//! `uninstall`: removes what the installation left on the machine, by the table in `stringless_core::installed`.
//!
//! First what starts the agent, then the state, the configuration, and the program last: a call that was
//! interrupted can be repeated. What an engine applied stays, and so does everything that is not in the table.

mod folders;
mod rule;
mod service;

use std::path::Path;

use stringless_core::count::count;
use stringless_core::installed::{EVERY_BOOT, How, INSTALLED, PACKAGED, Place, Step};
use stringless_core::json::MAX_BYTES;
use stringless_core::report::Outcome;

use self::folders::{Folders, Found};
use crate::args::Args;
use crate::disk::{is_folder, read_capped, system, write};
use crate::error::{AS_ROOT, Error, Result};
use crate::log;
use crate::output::print;

/// A removal in progress.
struct Removal {
    /// Whether the machine itself is meant, and not a folder that is used as `/`.
    here: bool,
    noop: bool,
    folders: Folders,
    /// Whether there was anything to remove.
    any: bool,
    /// What could not be removed.
    left: Vec<String>,
}

/// Removes the installation.
///
/// # Errors
/// Temporary: another run holds the lock, or something could not be removed. Then the program is still there.
pub fn uninstall(args: &Args) -> Result<Outcome> {
    let root = args.root.as_deref().unwrap_or(Path::new("/"));
    let root = root.canonicalize().map_err(|error| Error::usage(format!("--root: {error}")))?;
    let here = root == Path::new("/");
    if here && !rustix::process::geteuid().is_root() {
        return Err(Error::temporary("uninstalling: this user is not root").hint(AS_ROOT));
    }
    if here && std::env::var_os("STRINGLESS_SERIAL").is_some() {
        return Err(Error::usage(
            "uninstalling: an engine of the agent started this, and its run is not over",
        )
        .hint("start it outside of the run, for example with `systemd-run` or `at`: it waits for the run"));
    }
    refuse_declared(&root)?;
    let mut folders = Folders::find(args, &root);
    let _locks = if args.noop { Vec::new() } else { folders.lock()? };
    let left = std::mem::take(&mut folders.refused);
    left.iter().for_each(log::warn);
    let mut removal = Removal { here, noop: args.noop, folders, any: false, left };
    for step in [Step::Schedule, Step::State, Step::Config, Step::Program] {
        let before = removal.left.len();
        match step {
            Step::Config if args.keep_config => continue,
            // What is left needs the program once more.
            Step::Program if before > 0 => break,
            _ => {}
        }
        INSTALLED.iter().filter(|place| place.step == step).try_for_each(|place| removal.remove(place))?;
        if step == Step::Schedule {
            removal.reload();
            // What still starts the agent would write its state again.
            if removal.left.len() > before {
                break;
            }
        }
    }
    removal.end(args.keep_config)
}

/// Refuses a system whose units come from its own configuration: there, `/etc/systemd/system` is a link.
fn refuse_declared(root: &Path) -> Result<()> {
    let units = root.join("etc/systemd/system");
    let Ok(target) = units.read_link() else { return Ok(()) };
    let ours = |name: &str| units.join(name).symlink_metadata().is_ok();
    if !ours("stringless.service") && !ours("stringless-first.service") {
        return Ok(());
    }
    let (units, target) = (units.display(), target.display());
    let message = format!(
        "uninstalling: `{units}` leads to `{target}`: the units are part of the system's own configuration"
    );
    Err(Error::temporary(message).hint(
        "take the module that `stringless render` printed out of the system's configuration, and out of the \
         user-data; build the system; then run `stringless-agent uninstall` again if the program is still \
         there, or else remove `/var/lib/stringless`",
    ))
}

impl Removal {
    /// Removes one place of the table; what fails is kept in mind, and the next place follows.
    ///
    /// # Errors
    /// Temporary: nothing can be printed.
    fn remove(&mut self, place: &Place) -> Result<()> {
        if self.here
            && let Some(stopped) = self.noted(service::stop(place, self.noop))
            && let Some(what) = stopped
        {
            self.say("stop", "stopped", Path::new(what))?;
        }
        for found in self.folders.places(place) {
            match found {
                Found::Outside(path) => {
                    self.left(&format!(
                        "removing `{}`: a link leads out of the folder of --root",
                        path.display()
                    ));
                }
                Found::Here(path) => self.remove_path(place, &path)?,
            }
        }
        Ok(())
    }

    fn remove_path(&mut self, place: &Place, path: &Path) -> Result<()> {
        let removed = match place.how {
            How::Mark if is_of_every_boot(path) => {
                print(&format!(
                    "kept `{}`: the user-data runs at every boot, and would install all again without it\n",
                    path.display()
                ))?;
                return Ok(());
            }
            How::Service if is_packaged(path) => {
                return print(&format!("kept `{}`: a package brought it\n", path.display())).map(|_| ());
            }
            How::Folder if self.noop => return Ok(()),
            // Only the link of a whole folder was followed: it goes when nothing is left behind it.
            How::Folder if path.is_symlink() => {
                match place.path.ends_with('}') && !folders::names(path).is_empty() {
                    true => return Ok(()),
                    false => self.take(path),
                }
            }
            How::Folder => {
                write::remove_if_empty(path);
                Ok(path.symlink_metadata().is_err())
            }
            How::Lines(text) => self.remove_lines(path, text),
            How::Rule if self.here && !self.noop => rule::take_back(path).and_then(|()| self.take(path)),
            How::Tree => self.take_tree(path),
            // A folder in place of a file is not the agent's own.
            _ if is_folder(path) => return Ok(()),
            _ => self.take(path),
        };
        match self.noted(removed) {
            Some(true) => self.say("remove", "removed", path),
            _ => Ok(()),
        }
    }

    fn take(&self, path: &Path) -> Result<bool> {
        if self.noop { Ok(true) } else { write::remove_file(path).map(|()| true) }
    }

    fn take_tree(&self, path: &Path) -> Result<bool> {
        if self.noop { Ok(true) } else { write::remove(path).map(|()| true) }
    }

    /// Removes the lines with this text; a file that is empty then goes, too.
    fn remove_lines(&self, path: &Path, text: &str) -> Result<bool> {
        let bytes = read_capped(path)?.unwrap_or_default();
        let cannot = |why: &str| Error::temporary(format!("removing lines of `{}`: {why}", path.display()));
        if path.is_symlink() || bytes.len() > MAX_BYTES {
            return Err(cannot("it is a link, or too large"));
        }
        let all = String::from_utf8(bytes).map_err(|_| cannot("it is not UTF-8"))?;
        let kept: String = all.split_inclusive('\n').filter(|line| !line.contains(text)).collect();
        if kept == all {
            return Ok(false);
        }
        match (self.noop, kept.trim().is_empty()) {
            (true, _) => {}
            (false, true) => write::remove_file(path)?,
            (false, false) => system::edit(path, kept.as_bytes())?,
        }
        Ok(true)
    }

    /// Tells systemd that its units are gone.
    fn reload(&self) {
        if self.here && !self.noop {
            service::reload();
        }
    }

    /// Prints what was done, or with `--noop` what would be.
    fn say(&mut self, would: &str, did: &str, path: &Path) -> Result<()> {
        self.any = true;
        let verb = if self.noop { format!("would {would}") } else { did.to_owned() };
        print(&format!("{verb} `{}`\n", path.display())).map(|_| ())
    }

    fn noted<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.left(&error.to_string())).ok()
    }

    fn left(&mut self, why: &str) {
        log::warn(why);
        self.left.push(why.to_owned());
    }

    /// Prints what stays, and ends.
    fn end(&self, keep_config: bool) -> Result<Outcome> {
        let kept = |path: &Path, why: &str| print(&format!("kept `{}`: {why}\n", path.display()));
        for place in INSTALLED.iter().filter(|place| place.step == Step::Never) {
            for found in self.folders.places(place) {
                match found {
                    Found::Here(path) if place.how != How::Mask || is_mask(&path) => kept(&path, place.what)?,
                    _ => Outcome::Converged,
                };
            }
        }
        if keep_config {
            self.folders
                .etc()
                .filter(|path| path.exists())
                .try_for_each(|path| kept(&path, "--keep-config").map(|_| ()))?;
        }
        if !self.left.is_empty() {
            let warnings = count(self.left.len(), "warning");
            let message = format!("uninstalling: something is left, see the {warnings} above");
            return Err(Error::temporary(message)
                .hint("the program stays for now: do what the warnings ask for, and call it again"));
        }
        if !self.noop {
            let etc = self.folders.etc().filter(|_| !keep_config);
            for folder in etc.chain(self.folders.state()) {
                let others = folders::names(&folder);
                if !others.is_empty() {
                    let shown = others.iter().take(5).map(|name| &**name).collect::<Vec<_>>().join(", ");
                    let more = if others.len() > 5 { ", ..." } else { "" };
                    kept(&folder, &format!("it holds other files: {shown}{more}"))?;
                }
            }
        }
        print(match (self.any, self.noop) {
            (false, _) => "nothing of an installation is here\n",
            (true, true) => "nothing was changed (--noop)\n",
            (true, false) => "what was applied stays, and so do packages that were installed for it\n",
        })
    }
}

/// Whether a service is the file of a package, which runs the program of the package.
fn is_packaged(service: &Path) -> bool {
    let text = read_capped(service).ok().flatten().unwrap_or_default();
    !service.is_symlink() && String::from_utf8_lossy(&text).contains(PACKAGED)
}

/// Whether it is what `systemctl mask` makes.
fn is_mask(unit: &Path) -> bool {
    unit.read_link().is_ok_and(|target| target == Path::new("/dev/null"))
}

fn is_of_every_boot(mark: &Path) -> bool {
    read_capped(mark).is_ok_and(|bytes| bytes.is_some_and(|bytes| bytes.starts_with(EVERY_BOOT.as_bytes())))
}
