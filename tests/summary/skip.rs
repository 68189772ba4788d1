//! Which tests a run of `cargo test` skipped, and why.
//!
//! Each skipped test adds a line to a file beside the built tests. The file is named for the process that
//! started the test: all tests of one run have the same. The last test program of the run, `skipped`, counts the
//! lines and removes the file.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::thread;

/// Ends a test that cannot run here: says why, and fails where `CI` is set.
///
/// `let Some(tar) = find("tar") else { return skip("no tar on this machine") };`
///
/// # Panics
/// When `CI` is set.
pub fn skip<T>(why: &str) -> Option<T> {
    assert!(env::var_os("CI").is_none(), "SKIP: {why}, and CI is set: run `make setup` and `make test`");
    println!("SKIP: {why}");
    if let Err(error) = record(why) {
        println!("the skipped test is not counted: {error}");
    }
    None
}

/// The folder with the lists of skipped tests, and the list of this run.
///
/// # Errors
/// When the path of this program is unknown.
pub fn list() -> io::Result<(PathBuf, PathBuf)> {
    let program = env::current_exe()?;
    // target/debug/deps/PROGRAM
    let folder = program.ancestors().nth(2).map_or_else(env::temp_dir, PathBuf::from).join("skipped");
    let file = folder.join(parent_id().to_string());
    Ok((folder, file))
}

/// What to print for a list: lines of test, tab and reason. A test counts once, with its first reason.
#[must_use]
pub fn text(lines: &str) -> String {
    let mut tests = BTreeSet::new();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (test, why) in lines.lines().filter_map(|line| line.split_once('\t')) {
        if tests.insert(test) {
            *reasons.entry(why).or_default() += 1;
        }
    }
    let were = match tests.len() {
        0 => return "\nno test was skipped\n".into(),
        1 => "1 test was skipped".into(),
        n => format!("{n} tests were skipped"),
    };
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|&(why, count)| (usize::MAX - count, why));
    let rows: String = reasons.iter().map(|(why, count)| format!("{count:>5}  {why}\n")).collect();
    format!("\n{were}; `make test` brings what they need and runs them:\n{rows}\n")
}

fn record(why: &str) -> io::Result<()> {
    let (folder, file) = list()?;
    fs::create_dir_all(folder)?;
    let program = env::current_exe()?;
    let program = program.file_name().unwrap_or_default().to_string_lossy();
    let test = thread::current();
    let line = format!("{program} {}\t{why}\n", test.name().unwrap_or("?"));
    OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_test_counts_once_and_the_usual_reasons_are_first() {
        assert_eq!(text(""), "\nno test was skipped\n");
        assert!(text("a x\tno tar\n").starts_with("\n1 test was skipped; "));
        let text = text("a x\tno git\na y\tno tar\nb x\tno tar\na y\tno git\n");
        let (first, rows) = text.trim_start().split_once('\n').unwrap_or_default();
        assert!(first.starts_with("3 tests were skipped; "), "{first}");
        assert_eq!(rows, "    2  no tar\n    1  no git\n\n");
    }
}
