//! The record of a run: which pairs of distro and cloud were really seen to work, and how.
//!
//! `.ci/tests` compares it with `crates/render/levels.yaml`, which `stringless list` shows: no level is claimed
//! that was not seen, and none that was seen is kept back.

use std::path::PathBuf;
use std::{env, fs};

use stringless_render::platform::{Level, Platforms};

/// Writes down that the pair was seen at `level`. To be called last, when all of it went well.
pub fn proved(level: Level, distro: &str, cloud: &str) {
    write("", level, distro, cloud);
}

/// Writes down that the pair was not tried at `level`, because only `make levels` makes its peer: what was seen then
/// stays claimed.
pub fn untried(level: Level, distro: &str, cloud: &str) {
    write("untried ", level, distro, cloud);
}

fn write(prefix: &str, level: Level, distro: &str, cloud: &str) {
    let platforms = Platforms::embedded().unwrap();
    let (distro, cloud) = (&platforms.distro(distro).unwrap().id, &platforms.cloud(cloud).unwrap().id);
    let Some(folder) = env::var_os("STRINGLESS_RECORD").map(PathBuf::from) else { return };
    let level = serde_yaml::to_string(&level).unwrap();
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{prefix}{} {distro} {cloud}", level.trim())), "").unwrap();
}
