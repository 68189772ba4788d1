//! The disk: the state folder and its file system, and the folder of the agent's own program.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use stringless_core::diagnosis::Finding;
use stringless_core::manifest::Engine;

use super::Node;
use super::finding;
use crate::disk::check_owned;
use crate::flow::space;

/// The state folder.
pub fn look(node: &Node) -> Vec<Finding> {
    let folder = node.io.disk.file("");
    let mut findings = Vec::new();
    if let Ok(meta) = fs::metadata(&folder)
        && let Err(error) = check_owned(&folder, &meta)
    {
        findings.push(finding::error(CHECK, &error, "run doctor as root"));
    }
    let Some((at, system)) = file_system(&folder) else {
        let found = format!("`{}`: its file system cannot be asked", folder.display());
        findings.push(Finding::failure(CHECK, found, "is it mounted?"));
        return findings;
    };
    if system.f_flag.contains(StatVfsMountFlags::RDONLY) {
        let found = format!("`{}` is on a file system that is mounted read-only", at.display());
        findings.push(Finding::failure(
            CHECK,
            found,
            "mount it writable: `dmesg` says if an error made it read-only",
        ));
    }
    let manifests: Vec<_> = node.config.layers.iter().filter_map(|layer| node.manifest(layer)).collect();
    let runs_scripts = manifests.iter().any(|manifest| matches!(manifest.apply.engine, Engine::Script(_)));
    if runs_scripts && is_noexec(system.f_flag) {
        let found = format!(
            "`{}` is on a file system that is mounted noexec, and scripts are run from it",
            at.display()
        );
        findings.push(Finding::failure(
            CHECK,
            found,
            "mount it without noexec, or set another `state_dir` in agent.json",
        ));
    }
    for manifest in &manifests {
        // What a release of the same size would need beside this one.
        if let Err(error) = space::check(manifest, &manifest.packs, node.config.disk_budget, &node.io.disk) {
            let hint = "free space on it, or raise `disk_budget` in agent.json";
            findings.push(Finding {
                result: stringless_core::diagnosis::Verdict::Warning,
                ..finding::error(CHECK, &error, hint)
            });
        }
    }
    let (bytes, inodes) = (system.f_bavail.saturating_mul(system.f_frsize), system.f_favail);
    // Some file systems create inodes on demand and report a count of 0.
    let few_inodes = system.f_files > 0 && inodes < INODES;
    let free = format!("`{}`: {} MiB and {inodes} inodes are free", folder.display(), bytes >> 20);
    findings.push(match bytes < BYTES || few_inodes {
        true => Finding::failure(CHECK, free, "free space on this file system"),
        false => Finding::ok(CHECK, free),
    });
    findings
}

/// The agent's own program, and its folder.
pub fn program() -> Vec<Finding> {
    let Ok(program) = std::env::current_exe() else { return Vec::new() };
    let shown = program.display();
    let Some((_, system)) = file_system(&program) else { return Vec::new() };
    let finding = if is_noexec(system.f_flag) {
        let found = format!("`{shown}` is on a file system that is mounted noexec");
        Finding::failure("program", found, "mount it without noexec, or install the agent in another folder")
    } else if system.f_flag.contains(StatVfsMountFlags::RDONLY) {
        Finding::ok(
            "program",
            format!("`{shown}`, on a read-only file system: a newer agent comes with the image"),
        )
    } else {
        Finding::ok("program", format!("`{shown}`"))
    };
    vec![finding]
}

/// The file system of a path, or of the nearest folder above it that exists.
fn file_system(path: &Path) -> Option<(PathBuf, rustix::fs::StatVfs)> {
    path.ancestors().find_map(|at| Some((at.to_owned(), statvfs(at).ok()?)))
}

#[cfg(target_os = "linux")]
fn is_noexec(flags: StatVfsMountFlags) -> bool {
    flags.contains(StatVfsMountFlags::NOEXEC)
}
#[cfg(not(target_os = "linux"))]
fn is_noexec(_flags: StatVfsMountFlags) -> bool {
    false
}

const CHECK: &str = "disk";
/// With less, not even the agent's small files are sure to find room.
const BYTES: u64 = 4 << 20;
const INODES: u64 = 50;
