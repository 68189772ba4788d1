//! Which tests a run of `cargo test` skipped, and why.
//!
//! Each skipped test adds a line to a file beside the built tests. The file is named for the process that
//! started the test: all tests of one run have the same. The last test program of the run, `skipped`, counts the
//! lines and removes the file.

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

fn record(why: &str) -> io::Result<()> {
    let (folder, file) = list()?;
    fs::create_dir_all(folder)?;
    let program = env::current_exe()?;
    let program = program.file_name().unwrap_or_default().to_string_lossy();
    let test = thread::current();
    let line = format!("{program} {}\t{why}\n", test.name().unwrap_or("?"));
    OpenOptions::new().create(true).append(true).open(file)?.write_all(line.as_bytes())
}
