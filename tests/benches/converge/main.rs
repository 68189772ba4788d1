//! `make bench`: a check that finds nothing new, beside curl that asks for the same object; the first converge of a new node, from a real S3 server over TLS, beside `curl --aws-sigv4 | tar` of
//! one archive with the same files; the change of one module; and what the node holds on its disk. In one run, in
//! turns. Prints tables, the ratios first; nothing is asserted of a time.

#![allow(clippy::unwrap_used, reason = "a benchmark reports by panicking")]

mod lab;

use std::path::Path;

use e2e::tools;

use lab::{Cost, Lab};

fn main() {
    let Some(lab) = Lab::new() else { return };
    print_idle(&lab);
    // In memory, the programs are measured; on a disk, also what the agent syncs to it, and tar does not.
    for (place, folder) in [("in memory", tools::memory()), ("on a disk", std::env::temp_dir())] {
        print(place, &lab, &folder);
    }
}

fn print_idle(lab: &Lab) {
    let rounds: Vec<[Cost; 2]> = (0..ROUNDS).map(|_| lab.idle(&tools::memory())).collect();
    let [own, peer] = [0, 1].map(|number| median(rounds.iter().map(|round| round[number])));
    println!("\n| nothing new | ratio | stringless-agent | curl |");
    println!("|---|---|---|---|");
    let row = |what: &str, own: f64, other: f64| {
        println!("| {what} | {:.2} | {:.2} ms | {:.2} ms |", own / other, own * 1e3, other * 1e3);
    };
    row("check, processor", own.processor, peer.processor);
    row("check, time", own.wall, peer.wall);
    let (packs, manifest) = lab.change();
    println!(
        "\na line of one module of sixty changes: nodes fetch {packs} bytes of packs and {manifest} of the manifest"
    );
}

fn print(place: &str, lab: &Lab, folder: &Path) {
    let rounds: Vec<[Cost; 3]> = (0..ROUNDS).map(|_| lab.round(folder)).collect();
    let [first, change, peer] = [0, 1, 2].map(|number| median(rounds.iter().map(|round| round[number])));
    let (state, release) = lab.held(folder);
    println!("\n| {place} | ratio | stringless-agent | curl and tar |");
    println!("|---|---|---|---|");
    let row = |what: &str, own: f64, other: f64| {
        println!("| {what} | {:.2} | {own:.3} s | {other:.3} s |", own / other);
    };
    row("first converge, time", first.wall, peer.wall);
    row("first converge, processor", first.processor, peer.processor);
    row("one module of sixty changed, time", change.wall, peer.wall);
    row("one module of sixty changed, processor", change.processor, peer.processor);
    println!(
        "| state folder, beside the release | {:.2} | {state} KiB | {release} KiB |",
        ratio(state, release)
    );
}

fn ratio(state: u64, release: u64) -> f64 {
    f64::from(u32::try_from(state).unwrap()) / f64::from(u32::try_from(release).unwrap())
}

/// The medians, each by itself.
fn median(costs: impl Iterator<Item = Cost>) -> Cost {
    let costs: Vec<Cost> = costs.collect();
    let middle = |pick: fn(&Cost) -> f64| {
        let mut all: Vec<f64> = costs.iter().map(pick).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Cost { wall: middle(|cost| cost.wall), processor: middle(|cost| cost.processor) }
}

const ROUNDS: usize = 7;
