//! Shared by the fuzz targets: real keys, real sample values, and functions to damage them.
//!
//! Each target creates its own seeds in code, so that they always match the formats. With `FUZZ_SEEDS=FOLDER`
//! in the environment, a target writes its seeds to that folder and exits.

#![allow(clippy::unwrap_used, reason = "a target reports by panicking")]

pub mod archives;
pub mod damage;
pub mod samples;
pub mod signer;

use std::{env, fs, process};

/// The generator's parser, included from its source files. The generator's crate would add about a hundred
/// dependencies, all built again with the sanitizer.
#[path = "../../generator/src/puppetfile"]
pub mod puppetfile {
    pub mod model;
    pub mod name;
    pub mod parse;

    pub use self::model::Puppetfile;
}

/// Starts a target. If `FUZZ_SEEDS` is set, writes the seeds and exits.
///
/// # Panics
/// The folder cannot be written.
pub fn start(seeds: impl FnOnce() -> Vec<Vec<u8>>) {
    let Some(folder) = env::var_os("FUZZ_SEEDS") else { return };
    fs::create_dir_all(&folder).unwrap();
    for (n, seed) in seeds().iter().enumerate() {
        fs::write(std::path::Path::new(&folder).join(format!("seed-{n:03}")), seed).unwrap();
    }
    process::exit(0);
}

/// A seed for a target that uses its first byte as a mode.
#[must_use]
pub fn seed(mode: u8, rest: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = vec![mode];
    bytes.extend_from_slice(rest.as_ref());
    bytes
}
