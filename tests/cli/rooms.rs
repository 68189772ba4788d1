//! The rooms hold: `.ci/rooms` refuses an import upwards, a circle and IO where none may be, and the picture in
//! ARCHITECTURE.md is the one that it draws from the code.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use e2e::process::both;
use e2e::tools;

#[test]
fn the_code_keeps_to_its_rooms() {
    let Some(output) = rooms(&tools::root(), &[]) else { return };
    assert!(output.status.success(), "{}", both(&output));
}

#[test]
fn the_picture_is_drawn_from_the_code() {
    let Some(output) = rooms(&tools::root(), &["--draw"]) else { return };
    let drawn = String::from_utf8(output.stdout).unwrap();
    let page = fs::read_to_string(tools::root().join("ARCHITECTURE.md")).unwrap();
    for picture in drawn.trim_end().split("\n\n") {
        assert!(
            page.contains(picture),
            "ARCHITECTURE.md is behind the code: run `make architecture`\n{picture}"
        );
    }
}

#[test]
fn an_import_upwards_is_refused() {
    refused("generator/src/store/mod.rs", "use crate::release::plan;", "which does not stand below `store`");
    refused("agent/src/disk/mod.rs", "use crate::flow::run;", "which does not stand below `disk`");
    refused("generator/src/http.rs", "use crate::{error, commands::{gc, build}};", "commands/gc.rs");
}

#[test]
fn a_circle_between_rooms_is_refused() {
    // `site` imports `git`.
    refused("generator/src/git/refs.rs", "fn f() { crate::site::sources::f() }", "in a circle");
}

#[test]
fn a_command_imports_no_other_command() {
    let words = "no command imports another";
    refused("generator/src/commands/gc.rs", "use super::mirror;", words);
    refused("generator/src/commands/render/check.rs", "use crate::commands::layer::run;", words);
    refused("generator/src/commands/keygen.rs", "use crate::commands::{keys::run};", words);
}

#[test]
fn a_room_without_io_stays_without() {
    refused(
        "generator/src/puppetfile/model.rs",
        "fn f() { std::fs::read(\"x\").ok(); }",
        "a room without IO",
    );
    refused("generator/src/puppetfile/model.rs", "use crate::error::Error;", "stands alone");
}

#[test]
fn a_crate_imports_no_crate_above_it() {
    refused(
        "crates/core/src/lib.rs",
        "use stringless_render::site::Site;",
        "does not stand below crates/core",
    );
    refused("agent/src/io.rs", "use stringless_render::site::Site;", "does not stand below agent");
    refused("web/src/view.rs", "use stringless_archive::read;", "does not stand below web");
}

/// A copy of the code with one more line in `file` is refused, with these words.
fn refused(file: &str, line: &str, words: &str) {
    let copy = tempfile::tempdir().unwrap();
    for code in ["crates/core", "crates/archive", "crates/render", "web", "agent", "generator"] {
        copy_tree(&tools::root().join(code).join("src"), &copy.path().join(code).join("src"));
    }
    let path = copy.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{line}\n{text}")).unwrap();
    let Some(output) = rooms(copy.path(), &[]) else { return };
    assert!(!output.status.success(), "{file}: `{line}` was not refused");
    assert!(both(&output).contains(words), "{file}: `{line}`\n{}", both(&output));
}

fn rooms(root: &Path, arguments: &[&str]) -> Option<Output> {
    let python = tools::program("python3")?;
    let script = tools::root().join(".ci/rooms");
    Some(Command::new(python).arg(script).args(arguments).arg(root).output().unwrap())
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
