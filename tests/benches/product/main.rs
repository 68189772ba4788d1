//! `make bench`: how long it takes to render the whole product, distros by clouds by forms, and what share of
//! that is reading the platforms. Prints; nothing is asserted of a time.

#![allow(clippy::unwrap_used, reason = "a benchmark reports by panicking")]

use std::time::{Duration, Instant};

use e2e::rendering::{BUCKET, Case, SCRIPT, site};
use stringless_render::platform::Platforms;
use stringless_render::render;

fn main() {
    let start = Instant::now();
    Platforms::embedded().unwrap();
    let platforms = start.elapsed();
    let case = Case::new(&site(BUCKET, SCRIPT, "node: {credentials: [instance_role, static]}\n"));
    let rounds: Vec<Duration> = (0..3).map(|_| whole(&case)).collect();
    let pairs = case.platforms.pairs().count();
    let best = rounds.iter().min().unwrap();
    println!("pairs {pairs}, platforms {platforms:?}, the whole product {rounds:?}");
    println!("one pair costs {:.2} times what reading the platforms costs", share(*best, pairs, platforms));
}

fn share(whole: Duration, pairs: usize, platforms: Duration) -> f64 {
    whole.as_secs_f64() / f64::from(u32::try_from(pairs).unwrap()) / platforms.as_secs_f64()
}

fn whole(case: &Case) -> Duration {
    let start = Instant::now();
    let mut bytes = 0;
    for (distro, cloud) in case.platforms.pairs() {
        for form in case.platforms.forms(distro, cloud) {
            // Keys have no place in some forms.
            let rendered = case.request(distro, cloud, Some(form)).and_then(|request| render(&request));
            bytes += rendered.map_or(0, |data| data.text.len());
        }
    }
    assert!(bytes > 0);
    start.elapsed()
}
