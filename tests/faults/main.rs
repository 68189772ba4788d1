//! Stores and networks that fail: what the agent does about it.
//!
//! Most faults are a file each, `faults/*.yaml`, named after the fault. A case says what the node's stores
//! are (`stores`: what each `holds`, its `kind`, what it does wrong), how the run ends (`exit`), which
//! release is live then (`live`), and what it says (`says`: `[1]` is the address of the first store) and
//! asks (`requests`: at least and at most, per store; `ranges`: how many of them for a part).
//!
//! A fault is for ever; in a list, each is for one request, and then all is well. When a case is over,
//! its faults are mended and the agent runs once more: it must end well, with release `mended` live.
//! `order: any` tries the stores in every rotation, so that each of them is the first one once. What is
//! `slow` runs first.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod case;
mod fault;
mod objects;
mod retries;
mod routes;
mod several;
mod spoilt_downloads;
mod store;

use std::path::PathBuf;
use std::sync::Mutex;
use std::{fs, panic, thread};

use e2e::tools;

use case::Case;

#[test]
fn every_case_ends_as_it_says() {
    if tools::agent().is_none() {
        return;
    }
    let mut cases = cases();
    assert!(cases.len() > 40, "{} cases", cases.len());
    if let Some(only) = std::env::var_os("CASE") {
        cases.retain(|case| only.to_string_lossy().split(',').any(|start| case.name.starts_with(start)));
    }
    cases.sort_by_key(|case| !case.slow);
    let mut runs: Vec<(Case, usize)> = Vec::new();
    for case in cases {
        runs.extend((0..case.rotations()).map(|by| (case.clone(), by)));
    }
    let (queue, wrong) = (Mutex::new(runs.into_iter()), Mutex::new(Vec::new()));
    // Most of them wait, not work.
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((case, by)) = next(&queue) {
                    let name = case.name.clone();
                    let run = panic::catch_unwind(|| case.rotated(by).run());
                    wrong.lock().unwrap().extend(run.unwrap_or_else(|_| Some(format!("== {name} panicked"))));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} cases\n\n{}", wrong.len(), wrong.join("\n"));
}

fn next<T>(queue: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    queue.lock().unwrap().next()
}

fn cases() -> Vec<Case> {
    let folder = tools::root().join("tests/faults");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    paths.iter().map(|path| Case::read(path)).collect()
}

const AT_ONCE: usize = 32;
