//! Where the programs under test and their peers are, and what happens when one is missing.

use std::env;
use std::path::{Path, PathBuf};

pub use test_summary::skip;

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
    built("AGENT_BIN", &format!("agents/{}-unknown-linux-musl/stringless-agent", env::consts::ARCH))
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

/// The page that makes user-data, beside the packed one: `STRINGLESS_PAGE`, which `make` sets.
pub fn page() -> Option<PathBuf> {
    // No page that an earlier build left counts.
    let Some(packed) = env::var_os("STRINGLESS_PAGE") else {
        return skip("no STRINGLESS_PAGE (make web builds the page)");
    };
    present("STRINGLESS_PAGE (make web)", PathBuf::from(packed).with_extension(""))
}

/// A program of the system, by name; `None` after saying so when it is missing.
///
/// `let Some(minisign) = tools::program("minisign") else { return };`
///
/// # Panics
/// When it is missing and `CI` is set.
pub fn program(name: &str) -> Option<PathBuf> {
    if SLOW.contains(&name) {
        peers()?;
    }
    find(name).or_else(|| skip(&format!("no {name} on this machine")))
}

/// Peers that a test starts so often, or that take so long, that plain `cargo test` does without them.
const SLOW: [&str; 10] = [
    "chromium",
    "g10k",
    "ignition-validate",
    "nix-instantiate",
    "packer",
    "puppet",
    "qemu-aarch64-static",
    "r10k",
    "shellcheck",
    "systemd-analyze",
];

/// Whether peers run that take long to start or to serve; `None` after saying so where plain `cargo test`, which
/// shall be quick, has started the test.
pub fn peers() -> Option<()> {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("CI") || set("STRINGLESS_PEERS") {
        Some(())
    } else {
        skip("peers are slow (STRINGLESS_PEERS=1 runs them, make e2e T=… sets it)")
    }
}

/// A program that `make setup` builds into the cache.
///
/// # Panics
/// When it is missing and `CI` is set.
pub fn cached(folder: &str, name: &str) -> Option<PathBuf> {
    peers()?;
    present(&format!("{folder} in the cache (make setup)"), cache().join(folder).join("bin").join(name))
}

/// The root file system of a Debian suite; an overlay goes on it, nothing is written into it.
///
/// # Panics
/// When it is missing and `CI` is set.
pub fn rootfs(suite: &str) -> Option<PathBuf> {
    peers()?;
    let folder = present(
        &format!("rootfs-{suite} in the cache (make setup)"),
        cache().join(format!("rootfs-{suite}")),
    )?;
    folder.canonicalize().ok()
}

/// The suite of Debian's next release.
pub const TESTING: &str = "forky";

/// [`TESTING`], where `make levels` has made its peers; `None` after saying so.
pub fn testing() -> Option<&'static str> {
    peers()?;
    let there = cache().join("rootfs-forky").exists() && cache().join("debs-forky").exists();
    // Not `skip`: CI does without it.
    if !there {
        println!("skipped: no rootfs-forky in the cache (make levels)");
    }
    there.then_some(TESTING)
}

/// The package archive of a Debian suite: `puppet-agent`, and what it needs beyond the root file system.
///
/// # Panics
/// When it is missing and `CI` is set.
pub fn debs(suite: &str) -> Option<PathBuf> {
    peers()?;
    let folder =
        present(&format!("debs-{suite} in the cache (make setup)"), cache().join(format!("debs-{suite}")))?;
    folder.canonicalize().ok()
}

/// What a virtual machine of a Debian suite boots: `vmlinuz`, `initrd` and `disk.img`, which nothing writes to.
///
/// # Panics
/// When it is missing and `CI` is set.
pub fn virtual_machine(suite: &str) -> Option<PathBuf> {
    peers()?;
    let folder =
        present(&format!("qemu-{suite} in the cache (make setup)"), cache().join(format!("qemu-{suite}")))?;
    folder.canonicalize().ok()
}

/// A folder of the published test vectors, which `make setup` copies into the cache.
///
/// # Panics
/// When it is missing and `CI` is set.
pub fn vectors(name: &str) -> Option<PathBuf> {
    present("published vectors in the cache (make setup)", cache().join("vectors").join(name))
}

/// Where temporary folders are fastest: in memory, where programs may run from there.
pub fn memory() -> PathBuf {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let fits = |line: &str| line.contains(" /dev/shm tmpfs rw") && !line.contains("noexec");
    if mounts.lines().any(fits) { "/dev/shm".into() } else { env::temp_dir() }
}

/// Whether this process may make namespaces and mounts, which peers need; `None` after saying so when not.
///
/// # Panics
/// When it may not and `CI` is set.
pub fn superuser() -> Option<()> {
    peers()?;
    if rustix::process::geteuid().is_root() { Some(()) } else { skip("not root") }
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
    let file = env::var_os(variable).map_or_else(|| target().join(below_target), PathBuf::from);
    present(&format!("{variable} (make build agents)"), file)
}

/// The folder of what cargo builds.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn present(what: &str, path: PathBuf) -> Option<PathBuf> {
    if path.exists() { Some(path) } else { skip(&format!("no {what}")) }
}
