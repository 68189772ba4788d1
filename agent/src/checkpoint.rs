//! Named points at which a test may kill the agent.
//!
//! Each step that changes what the next run finds passes one. Without the feature `checkpoints` this is nothing at all.

/// The points, in the order of a run.
#[derive(Clone, Copy, Debug)]
pub enum Checkpoint {
    /// A newer trust document is on disk.
    TrustKept,
    /// The manifest is on disk, the state does not name it yet.
    ManifestKept,
    /// The state names the manifest; nothing of it was fetched.
    Admitted,
    /// Some packs are fetched.
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
}

/// Ends the process as `kill -9` would, when `STRINGLESS_KILL_AT` names this point.
#[cfg(feature = "checkpoints")]
pub fn reach(point: Checkpoint) {
    if std::env::var("STRINGLESS_KILL_AT").is_ok_and(|name| name == format!("{point:?}")) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Nothing.
#[cfg(not(feature = "checkpoints"))]
#[inline]
pub fn reach(_point: Checkpoint) {}
