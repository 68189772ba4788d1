//! Points at which a test may cut a run: kill it, or hold it while the disk is changed.
//!
//! Each change of the disk passes one (`disk/change.rs`), and so does each step that the next run must
//! understand. Without the feature `checkpoints` this is nothing at all.

/// The points: first the kinds of change, then the steps of a run in their order.
#[derive(Clone, Copy, Debug)]
pub enum Checkpoint {
    /// A folder was made.
    FolderMade,
    /// An empty file was made.
    FileMade,
    /// A file, or a part of it, was written.
    FileWritten,
    /// A name was changed; the folder is not synced yet.
    Renamed,
    /// A link was made.
    Linked,
    /// A file or a folder was removed.
    Removed,
    /// A newer trust document is on disk.
    TrustKept,
    /// The manifest is on disk, the state does not name it yet.
    ManifestKept,
    /// The state names the manifest; nothing of it was fetched.
    Admitted,
    /// A pack is fetched and verified, and not unpacked.
    Fetched,
    /// A pack is unpacked, and not yet under its name.
    Unpacked,
    /// All packs are in place; there is no release folder yet.
    PacksStaged,
    /// The release folder is complete, and does not have its name yet.
    Marked,
    /// The release folder is complete, and not live.
    Staged,
    /// The release is live, and was not applied.
    Switched,
    /// The state says that the engine is at work.
    Started,
    /// The engine has run, and the state does not know.
    Applied,
    /// All is done but the sweep of what is no longer needed.
    Recorded,
    /// A release that is no longer needed has lost its name, and is still on disk.
    Gone,
    /// The engine failed, and the last good release is not live again.
    FallingBack,
}

/// Tells `STRINGLESS_PASSED` of the point; ends the process as `kill -9` would when
/// `STRINGLESS_KILL_AT` names it, and holds it once when `STRINGLESS_STOP_AT` does: by its name, or by
/// its number among all that were passed.
#[cfg(feature = "checkpoints")]
#[expect(clippy::disallowed_methods, reason = "the list of points is no part of the state")]
pub fn reach(point: Checkpoint) {
    use std::io::Write;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering;

    use rustix::process::Signal;
    use rustix::process::getpid;
    use rustix::process::kill_process;

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static HELD: AtomicBool = AtomicBool::new(false);
    let (number, name) = (PASSED.fetch_add(1, Ordering::SeqCst) + 1, format!("{point:?}"));
    if let Some(path) = std::env::var_os("STRINGLESS_PASSED") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(format!("{name}\n").as_bytes()));
    }
    let named = |variable| std::env::var(variable).is_ok_and(|at| at == name || at == number.to_string());
    // Another thread may be the one that takes the signal: this one must not run on meanwhile.
    let send = |signal| {
        let _ = kill_process(getpid(), signal);
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    if named("STRINGLESS_KILL_AT") {
        send(Signal::KILL);
    }
    if named("STRINGLESS_STOP_AT") && !HELD.swap(true, Ordering::SeqCst) {
        send(Signal::STOP);
    }
}

/// Nothing.
#[cfg(not(feature = "checkpoints"))]
#[inline]
pub fn reach(_point: Checkpoint) {}
