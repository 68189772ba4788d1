//! Puts the page of `stringless web` into the program: the file that STRINGLESS_PAGE names, packed with gzip. Without
//! that variable the program has no page, and says so.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed={PAGE}");
    let page = env::var_os(PAGE).filter(|file| !file.is_empty()).map(PathBuf::from);
    let code = match page {
        None => "None".to_owned(),
        Some(file) => {
            println!("cargo::rerun-if-changed={}", file.display());
            let failed =
                |e: io::Error| io::Error::other(format!("reading `{}` ({PAGE}): {e}", file.display()));
            format!("Some(include_bytes!({:?}))", fs::canonicalize(&file).map_err(failed)?)
        }
    };
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("page.rs"), code)
}

const PAGE: &str = "STRINGLESS_PAGE";
