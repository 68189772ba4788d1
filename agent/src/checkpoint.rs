//! Points at which a test may kill a run, or stop it while the test changes the disk.
//!
//! The agent passes a checkpoint after each change to the disk (`disk/write.rs`, `disk/content.rs`), and
//! after each step that the next run depends on. Without the feature `checkpoints`, this code does nothing.

/// The checkpoints: first the kinds of change, then the steps of a run in order.
#[derive(Clone, Copy, Debug)]
pub enum Checkpoint {
    /// A folder was created.
    FolderMade,
    /// An empty file was created.
    FileMade,
    /// A file or a part of it was written.
    FileWritten,
    /// A file or folder was renamed; the parent folder is not synced yet.
    Renamed,
    /// A link was created.
    Linked,
    /// A file or a folder was removed.
    Removed,
    /// A newer trust document is on disk.
    TrustKept,
    /// The manifest is on disk; the state does not name it yet.
    ManifestKept,
    /// The head is saved.
    HeadKept,
    /// The state names the manifest; no pack was fetched yet.
    Admitted,
    /// A pack is on disk and verified, but not unpacked.
    Fetched,
    /// A pack is unpacked into the folder of the release, which is not complete yet.
    Unpacked,
    /// All packs are unpacked, but not synced yet.
    PacksStaged,
    /// The release folder is complete and synced, but does not have its final name yet.
    Marked,
    /// The release folder is complete, but not live.
    Staged,
    /// The release is live, but was not applied.
    Switched,
    /// The state says that the engine is running.
    Started,
    /// The engine has ended; the state does not say so yet.
    Applied,
    /// Everything is done except the removal of old releases and packs.
    Recorded,
    /// An old release was renamed for removal, but is still on disk.
    Gone,
    /// The engine failed; the last good release is not live again yet.
    FallingBack,
}

/// Passes a checkpoint: appends its name to the file `STRINGLESS_PASSED`, kills the process (SIGKILL) if
/// `STRINGLESS_KILL_AT` names the checkpoint, panics if `STRINGLESS_PANIC_AT` names it, and stops it once (SIGSTOP) if `STRINGLESS_STOP_AT` names it.
/// These variables take the checkpoint's name or its number in the order of passing.
#[cfg(feature = "checkpoints")]
#[expect(clippy::disallowed_methods, reason = "the list of checkpoints is not part of the state")]
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
    // Another thread may receive the signal first. Meanwhile this thread must not continue.
    let send = |signal| {
        let _ = kill_process(getpid(), signal);
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    assert!(!named("STRINGLESS_PANIC_AT"), "a test asked for this panic");
    if named("STRINGLESS_KILL_AT") {
        send(Signal::KILL);
    }
    if named("STRINGLESS_STOP_AT") && !HELD.swap(true, Ordering::SeqCst) {
        send(Signal::STOP);
    }
}

/// Does nothing.
#[cfg(not(feature = "checkpoints"))]
#[inline]
pub fn reach(_point: Checkpoint) {}
