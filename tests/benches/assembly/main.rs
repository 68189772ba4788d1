//! `make bench`: how long a control repo of 60 modules and 3 environments takes to assemble, by r10k, by g10k and by
//! `stringless build`: in one run, in turns, upon the same commits. Prints a table; nothing is asserted of a time.

#![allow(clippy::unwrap_used, reason = "a benchmark reports by panicking")]

mod contender;

use std::time::Duration;

use e2e::control_repo::{BRANCHES, ControlRepo, Shape};
use e2e::tools;

use contender::Contender;

fn main() {
    // A disk has its own ways with thousands of files that come and go.
    let folder = tempfile::tempdir_in(tools::memory()).unwrap();
    let repo = ControlRepo::make(&folder.path().join("upstream"), Shape { modules: 60, manifests: 20 });
    let Some(contenders) = Contender::all(folder.path(), &repo) else { return };
    let ours = contenders.last().unwrap();
    let publish = |branch, others: &[(usize, &str)]| {
        let (name, text) = repo.puppetfile(branch, others);
        let lock = ours.lock(&text);
        repo.git.change(branch, &[(name, text), lock]);
    };
    for branch in BRANCHES {
        publish(branch, &[]);
    }
    for contender in &contenders {
        contender.run();
    }
    print_head(&contenders);
    let none = |_| {};
    print_row("nothing changed", &turns(&contenders, none, |_| {}));
    let raise = |round| {
        let version = format!("3.0.{round}");
        repo.publish(CHANGED, &version);
        publish("production", &[(CHANGED, &version)]);
    };
    print_row("one module changed", &turns(&contenders, raise, |_| {}));
    print_row("everything again, from the download cache", &turns(&contenders, none, Contender::forget));
}

/// The median of each contender's times. One round of all of them before the next: what else the machine does
/// hits each. `first` comes before a round, and `prepare` before each run; neither counts.
fn turns(contenders: &[Contender], first: impl Fn(usize), prepare: impl Fn(&Contender)) -> Vec<Duration> {
    let mut times = vec![Vec::new(); contenders.len()];
    for round in 0..ROUNDS {
        first(round);
        for (contender, times) in contenders.iter().zip(&mut times) {
            prepare(contender);
            times.push(contender.run());
        }
    }
    times.into_iter().map(median).collect()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn print_head(contenders: &[Contender]) {
    let names: Vec<String> = contenders.iter().map(Contender::title).collect();
    println!("| | {} | g10k : stringless |", names.join(" | "));
    println!("|{}", "---|".repeat(names.len() + 2));
}

fn print_row(what: &str, times: &[Duration]) {
    let cells: Vec<String> = times.iter().map(|time| format!("{:.2} s", time.as_secs_f64())).collect();
    let [.., peer, ours] = times else { return };
    println!("| {what} | {} | {:.1} |", cells.join(" | "), peer.as_secs_f64() / ours.as_secs_f64());
}

const ROUNDS: usize = 5;
/// A module of the Forge.
const CHANGED: usize = 30;
