//! What the fuzz targets share: real keys, real values to begin with, and ways to damage them.
//!
//! A target's seeds are made by its own code, so that they never fall behind the formats: with
//! `FUZZ_SEEDS=FOLDER` in the environment a target writes them there and ends.

#![allow(clippy::unwrap_used, reason = "a target reports by panicking")]

pub mod archives;
pub mod damage;
pub mod samples;
pub mod signer;

use std::{env, fs, process};

/// The generator's parser, from its own files: the generator's crate would bring a hundred others, each built
/// again with the sanitizer.
#[path = "../../generator/src/puppetfile"]
pub mod puppetfile {
    pub mod model;
    pub mod parse;

    pub use self::model::Puppetfile;
}

/// Begins a target: writes its seeds and ends, when that is what it was started for.
///
/// # Panics
/// When the folder cannot be written.
pub fn start(seeds: impl FnOnce() -> Vec<Vec<u8>>) {
    let Some(folder) = env::var_os("FUZZ_SEEDS") else { return };
    fs::create_dir_all(&folder).unwrap();
    for (n, seed) in seeds().iter().enumerate() {
        fs::write(std::path::Path::new(&folder).join(format!("seed-{n:03}")), seed).unwrap();
    }
    process::exit(0);
}

/// A seed of a target whose first byte says which of its ways is gone.
#[must_use]
pub fn seed(way: u8, rest: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = vec![way];
    bytes.extend_from_slice(rest.as_ref());
    bytes
}
