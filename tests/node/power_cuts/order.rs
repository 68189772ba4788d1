//! What a power cut would show, and no kill does: the order of writing and syncing. Whatever gets its
//! name by a rename has been synced before it, and the folder that holds the name is synced right after.

use std::collections::BTreeMap;
use std::path::PathBuf;

use e2e::scenario::{STATE, Scenario};
use e2e::tools;

use crate::power_cuts::strace::{Call, calls, works};

const SET: &str = "trace=?open,?openat,?mkdir,?mkdirat,?symlink,?symlinkat,?rename,?renameat,?renameat2,\
                   ?unlink,?unlinkat,?rmdir,write,?pwrite64,?copy_file_range,?sendfile,?ftruncate,\
                   fsync,fdatasync,syncfs";

#[test]
fn an_update_survives_a_power_cut() {
    in_order(Scenario::update, &["current", "state.json", "trust", "manifests/production"]);
}

#[test]
fn a_release_that_is_built_again_survives_a_power_cut() {
    in_order(Scenario::damaged, &["state.json", "/production"]);
}

fn in_order(making: fn(PathBuf) -> Scenario, expected: &[&str]) {
    let Some(agent) = tools::agent() else { return };
    if !works() {
        return;
    }
    let scenario = making(agent);
    let node = scenario.node();
    let mut disk = Disk { state: node.root().join(STATE).display().to_string(), ..Disk::default() };
    for call in calls(&scenario, &node, SET) {
        disk.take(&call);
    }
    assert!(disk.unsynced_names.is_empty(), "names that may be lost: {:?}", disk.unsynced_names);
    for end in expected {
        assert!(disk.renamed.iter().any(|to| to.ends_with(end)), "no rename to {end}: {:#?}", disk.renamed);
    }
    println!("{}: {} renames in order", scenario.title, disk.renamed.len());
}

/// What is on the disk for certain, and what is not yet.
#[derive(Default)]
struct Disk {
    state: String,
    /// Files that were written, and folders that were made.
    unsynced: Vec<String>,
    /// By thread: the folder in which it changed a name.
    unsynced_names: BTreeMap<String, String>,
    renamed: Vec<String>,
}

impl Disk {
    fn take(&mut self, call: &Call) {
        let paths: Vec<String> =
            call.paths().into_iter().filter(|path| path.starts_with(&self.state)).collect();
        let (Some(first), Some(last)) = (paths.first(), paths.last()) else { return };
        if call.failed() {
            return;
        }
        match call.name.as_str() {
            "open" | "openat" if !call.rest.contains("O_CREAT") && !call.rest.contains("O_TRUNC") => {}
            "fsync" | "fdatasync" => {
                self.unsynced.retain(|path| path != first);
                self.unsynced_names.retain(|_, folder| folder != first);
            }
            "syncfs" => {
                self.unsynced.clear();
                self.unsynced_names.clear();
            }
            "rename" | "renameat" | "renameat2" => {
                self.change(call);
                let below = format!("{first}/");
                let rest: Vec<_> =
                    self.unsynced.iter().filter(|path| *path == first || path.starts_with(&below)).collect();
                assert!(rest.is_empty(), "not synced before the rename to {last}: {rest:#?}");
                let folder = last.rsplit_once('/').unwrap().0.to_owned();
                self.unsynced_names.insert(call.thread.clone(), folder);
                self.renamed.push(last.clone());
            }
            // A link is a name, and no more; what is removed needs no bytes.
            "symlink" | "symlinkat" | "unlink" | "unlinkat" | "rmdir" => self.change(call),
            "sendfile" => {
                self.change(call);
                self.unsynced.push(first.clone());
            }
            _ => {
                self.change(call);
                self.unsynced.push(last.clone());
            }
        }
    }

    /// Before a thread goes on, the name that it changed last is on the disk.
    fn change(&self, call: &Call) {
        let folder = self.unsynced_names.get(&call.thread);
        assert!(folder.is_none(), "{folder:?} is not synced before {}({}", call.name, call.rest);
    }
}
