//! Where the programs under test and their peers are, and what happens when one is missing.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the project's tree.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// The folder of what is slow to make; `make setup` fills it.
pub fn cache() -> PathBuf {
    env::var_os("STRINGLESS_CACHE").map_or_else(|| root().join(".cache"), PathBuf::from)
}

/// The built `stringless`: `GENERATOR_BIN`, which `make` sets.
pub fn generator() -> Option<PathBuf> {
    built("GENERATOR_BIN", "release/stringless")
}

/// The static agent for this machine: `AGENT_BIN`, which `make` sets.
pub fn agent() -> Option<PathBuf> {
    built("AGENT_BIN", "agents/x86_64-unknown-linux-musl/stringless-agent")
}

/// The agent that a test can stop at a checkpoint: `AGENT_CHECKPOINTS_BIN`, which `make` sets.
pub fn agent_with_checkpoints() -> Option<PathBuf> {
    built("AGENT_CHECKPOINTS_BIN", "checkpoints/stringless-agent")
}

/// The static agent for 64-bit ARM: `AGENT_BIN_AARCH64`, which `make` sets.
pub fn agent_aarch64() -> Option<PathBuf> {
    built("AGENT_BIN_AARCH64", "agents/aarch64-unknown-linux-musl/stringless-agent")
}

/// The agent for FreeBSD: `AGENT_BIN_FREEBSD`, which `make` sets. Nothing here can run it.
pub fn agent_freebsd() -> Option<PathBuf> {
    built("AGENT_BIN_FREEBSD", "agents/x86_64-unknown-freebsd/stringless-agent")
}

/// A program of the system, by name; `None` after saying so when it is missing.
///
/// `let Some(minisign) = tools::program("minisign") else { return };`
///
/// # Panics
/// When it is missing and `CI` is set.
pub fn program(name: &str) -> Option<PathBuf> {
    find(name).or_else(|| skip(&format!("no {name} on this machine")))
}

/// A program that `make setup` builds into the cache.
///
/// # Panics
/// When it is missing and `CI` is set.
pub fn cached(folder: &str, name: &str) -> Option<PathBuf> {
    present(&format!("{folder} in the cache (make setup)"), cache().join(folder).join("bin").join(name))
}

/// The root file system of a Debian suite; an overlay goes on it, nothing is written into it.
///
/// # Panics
/// When it is missing and `CI` is set.
pub fn rootfs(suite: &str) -> Option<PathBuf> {
    let folder = present(
        &format!("rootfs-{suite} in the cache (make setup)"),
        cache().join(format!("rootfs-{suite}")),
    )?;
    folder.canonicalize().ok()
}

/// The package archive of a Debian suite: `puppet-agent`, and what it needs beyond the root file system.
///
/// # Panics
/// When it is missing and `CI` is set.
pub fn debs(suite: &str) -> Option<PathBuf> {
    let folder =
        present(&format!("debs-{suite} in the cache (make setup)"), cache().join(format!("debs-{suite}")))?;
    folder.canonicalize().ok()
}

/// What a virtual machine of a Debian suite boots: `vmlinuz`, `initrd` and `disk.img`, which nothing writes to.
///
/// # Panics
/// When it is missing and `CI` is set.
pub fn virtual_machine(suite: &str) -> Option<PathBuf> {
    let folder =
        present(&format!("qemu-{suite} in the cache (make setup)"), cache().join(format!("qemu-{suite}")))?;
    folder.canonicalize().ok()
}

/// Where temporary folders are fastest: in memory, where programs may run from there.
pub fn memory() -> PathBuf {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let fits = |line: &str| line.contains(" /dev/shm tmpfs rw") && !line.contains("noexec");
    if mounts.lines().any(fits) { "/dev/shm".into() } else { env::temp_dir() }
}

/// Whether this process may make namespaces and mounts; `None` after saying so when not.
///
/// # Panics
/// When it may not and `CI` is set.
pub fn superuser() -> Option<()> {
    if rustix::process::geteuid().is_root() { Some(()) } else { skip("not root") }
}

/// Ends a test that cannot run here: says why, and fails where `CI` is set.
///
/// # Panics
/// When `CI` is set.
pub fn skip<T>(why: &str) -> Option<T> {
    assert!(env::var_os("CI").is_none(), "SKIP: {why}, and CI is set: run `make setup` and `make test`");
    println!("SKIP: {why}");
    None
}

/// The first executable of that name in `PATH` or in a system folder that an ordinary `PATH` may lack.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/opt/puppetlabs/bin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn built(variable: &str, below_target: &str) -> Option<PathBuf> {
    let file = env::var_os(variable).map_or_else(
        || {
            env::var_os("CARGO_TARGET_DIR")
                .map_or_else(|| root().join("target"), PathBuf::from)
                .join(below_target)
        },
        PathBuf::from,
    );
    present(&format!("{variable} (make build agents)"), file)
}

fn present(what: &str, path: PathBuf) -> Option<PathBuf> {
    if path.exists() { Some(path) } else { skip(&format!("no {what}")) }
}
