//! What protects the node if the agent itself fails: no core file, which would contain the node's keys, and an
//! orderly end after a panic.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::Error;
use crate::log;

static FORMER: OnceLock<Rlimit> = OnceLock::new();

/// The start of the message after a panic. The agent that tries a newer one knows its panic by it.
pub const FAULT: &str = "a fault of the agent itself";

/// Switches core files off for the agent, and makes a panic end it in order.
pub fn set_up() {
    let former = getrlimit(Resource::Core);
    if setrlimit(Resource::Core, Rlimit { current: Some(0), ..former }).is_ok() {
        let _ = FORMER.set(former);
    }
    // The limit does not hold for a core file that the kernel hands to a program.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::DumpableBehavior;
        use rustix::process::set_dumpable_behavior;
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let why = panic.payload_as_str().unwrap_or("unknown");
        let error = Error::temporary(format!("{FAULT} at {place}: {why}"));
        log::error(&error.hint("report this line; the running release stays, and the next run tries again"));
        std::process::exit(1);
    }));
}

/// Does something with the limit for core files that the agent was started with: an engine gets the limits of
/// the machine.
pub fn with_former_limit<T>(work: impl FnOnce() -> T) -> T {
    let Some(former) = FORMER.get() else { return work() };
    let _ = setrlimit(Resource::Core, *former);
    let done = work();
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), ..*former });
    done
}
