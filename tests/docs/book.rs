//! `make book`: the pages of docs/ as a site. Each page is in its table of contents, and each link of what
//! mdBook writes leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::process::succeed;
use e2e::tools;

use crate::LIMIT;
use crate::document::{Document, documents};

/// The version that tests/tools/mdbook.sh builds.
const VERSION: &str = "0.5.4";

#[test]
fn every_page_is_in_the_table_of_contents() {
    let docs = tools::root().join("docs");
    let contents = Document::read(docs.join("SUMMARY.md"));
    let listed = contents.links();
    let names: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(names.len(), listed.len(), "docs/SUMMARY.md names a page twice");
    let pages: BTreeSet<String> = documents()
        .iter()
        .filter_map(|document| document.path.strip_prefix(&docs).ok())
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(pages.iter().collect::<BTreeSet<_>>(), names);
}

#[test]
fn the_book_is_built_and_its_links_lead_somewhere() {
    let Some(mdbook) = tools::cached(&format!("mdbook-{VERSION}"), "mdbook") else { return };
    let folder = tempfile::tempdir().unwrap();
    let book = folder.path().join("book");
    succeed(Command::new(mdbook).arg("build").arg("--dest-dir").arg(&book).current_dir(tools::root()), LIMIT);

    let files = files(&book);
    // `make book` puts the page there. Its own links lead to places in it, which its scripts make.
    let Some(page) = tools::page() else { return };
    fs::create_dir(book.join("page")).unwrap();
    fs::copy(page, book.join("page/index.html")).unwrap();
    let pages: BTreeMap<&PathBuf, String> = files
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "html"))
        .map(|file| (file, fs::read_to_string(file).unwrap()))
        .collect();
    let docs = documents().iter().filter(|document| document.name().starts_with("docs/")).count();
    assert!(pages.len() >= docs, "{} pages of HTML for {docs} pages", pages.len());
    assert!(
        files.iter().any(|file| file
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("searchindex"))),
        "the book cannot be searched"
    );

    let mut followed = 0;
    let mut faults = Vec::new();
    for (page, text) in &pages {
        for link in links(text) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { (*page).clone() } else { page.with_file_name(file) };
            let Ok(target) = target.canonicalize() else {
                faults.push(format!("{}: {link}: no such file", page.display()));
                continue;
            };
            let there = anchor.is_empty()
                || fs::read_to_string(&target).unwrap().contains(&format!("id=\"{anchor}\""));
            if !there {
                faults.push(format!("{}: {link}: no such heading", page.display()));
            }
            followed += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(followed > 20 * docs, "{followed} links in {docs} pages");
}

/// The links of a page, and the files that it loads, where they belong to the book.
fn links(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    for attribute in [" href=\"", " src=\""] {
        let values = html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
        let ours = values.filter(|value| !value.contains(':') && !value.is_empty());
        found.extend(ours.map(|value| value.replace("&amp;", "&")));
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.canonicalize().unwrap());
        }
    }
    found
}
