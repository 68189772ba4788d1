//! Embeds the platforms: every file of `distros/` and `templates/`, and the record of test levels.
//!
//! The folders are searched, so a new file needs no entry here.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../..");
    let mut files = Vec::new();
    for top in ["distros", "templates"] {
        collect(&root, Path::new(top), &mut files)?;
    }
    files.push("crates/render/levels.yaml".into());
    println!("cargo::rerun-if-changed={}", root.join("crates/render/levels.yaml").display());

    let mut code = String::from("&[\n");
    for file in &files {
        let path = fs::canonicalize(root.join(file))?;
        writeln!(code, "    ({file:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    code.push_str("]\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("platforms.rs"), code)
}

/// Adds the files below `root/folder` to `files`, sorted, as paths from `root` with `/`.
fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", root.join(folder).display());
    let mut entries: Vec<_> = fs::read_dir(root.join(folder))?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|kind| kind == "yaml" || kind == "tera") {
            files.push(path.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}
