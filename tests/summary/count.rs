//! The last test program of `cargo test`: it prints how many tests the run skipped, by reason.

use std::collections::{BTreeMap, BTreeSet};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // A program that looks for the names of tests finds none here.
    if env::args().any(|argument| argument == "--list") {
        return Ok(());
    }
    let (folder, file) = test_summary::list()?;
    let lines = match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    // Lists of runs that ended before they came here go, too.
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    print!("{}", summary(&lines));
    Ok(())
}

/// The text for these lines of test, tab and reason. A test counts once, with its first reason.
fn summary(lines: &str) -> String {
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
