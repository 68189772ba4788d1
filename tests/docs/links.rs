//! The links of the pages: each leads somewhere, and each page can be reached.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use e2e::tools;

use crate::document::{Document, documents};

#[test]
fn the_links_lead_somewhere() {
    let mut faults = Vec::new();
    for document in documents() {
        for target in document.links() {
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path =
                if file.is_empty() { document.path.clone() } else { document.path.with_file_name(file) };
            let there =
                path.exists() && (anchor.is_empty() || Document::read(path).anchors().contains(anchor));
            if !there {
                faults.push(format!("{}: {target}", document.name()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A reader begins at README.md and goes on by links.
#[test]
fn every_page_can_be_reached_from_the_readme() {
    let root = tools::root();
    let mut reached = BTreeSet::new();
    let mut next = vec![root.join("README.md")];
    while let Some(path) = next.pop() {
        if path.extension().is_some_and(|end| end == "md") && path.exists() && reached.insert(path.clone()) {
            next.extend(Document::read(path.clone()).links().iter().map(|link| target(&path, link)));
        }
    }
    let lost: Vec<String> =
        documents().iter().filter(|d| !reached.contains(&d.path)).map(Document::name).collect();
    assert!(lost.is_empty(), "no link leads to {}", lost.join(", "));
}

/// What `make book` writes has the pages of docs/ alone.
#[test]
fn the_links_of_docs_stay_in_docs() {
    let docs = tools::root().join("docs");
    let mut faults = Vec::new();
    for document in documents().iter().filter(|document| document.path.starts_with(&docs)) {
        let out = |link: &String| !target(&document.path, link).starts_with(&docs);
        faults.extend(
            document
                .links()
                .iter()
                .filter(|link| out(link))
                .map(|link| format!("{}: {link}", document.name())),
        );
    }
    assert!(faults.is_empty(), "name these files as code, without a link:\n{}", faults.join("\n"));
}

#[test]
fn the_readme_clones_the_repository_of_the_manifest() {
    let read = |name: &str| fs::read_to_string(tools::root().join(name)).unwrap();
    let manifest = read("Cargo.toml");
    let field = manifest.lines().find_map(|line| line.strip_prefix("repository = "));
    let url = field.expect("Cargo.toml names the repository").trim_matches('"');
    let readme = read("README.md");
    let clones: Vec<&str> =
        readme.lines().filter_map(|line| line.trim().strip_prefix("git clone ")).collect();
    assert_eq!(clones, [url]);
    let all = documents().iter().map(|document| document.text.matches(url).count()).sum::<usize>();
    assert_eq!(all, 1, "{url} stands in Cargo.toml and in the clone line of README.md, nowhere else");
}

/// The file that a link of a page leads to, without `..`.
fn target(page: &Path, link: &str) -> PathBuf {
    let file = link.split('#').next().unwrap_or_default();
    if file.is_empty() {
        return page.to_path_buf();
    }
    let mut path = PathBuf::new();
    for part in page.with_file_name(file).components() {
        if part == Component::ParentDir {
            path.pop();
        } else {
            path.push(part);
        }
    }
    path
}
