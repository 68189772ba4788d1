//! The documents as text: their blocks, links and headings.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use e2e::tools;

/// A page.
pub struct Document {
    pub path: PathBuf,
    pub text: String,
}

/// A fenced block of a page.
pub struct Block {
    pub info: String,
    pub line: usize,
    pub text: String,
}

/// The pages at the top of the tree, and every page of docs/ but the book's table of contents.
pub fn documents() -> Vec<Document> {
    let root = tools::root();
    let mut paths = Vec::new();
    for folder in [root.clone(), root.join("docs")] {
        pages(&folder, folder != root, &mut paths);
    }
    paths.retain(|path| !path.ends_with("docs/SUMMARY.md"));
    paths.sort();
    paths.into_iter().map(Document::read).collect()
}

fn pages(folder: &Path, deep: bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && deep {
            pages(&path, deep, found);
        } else if path.is_file() && path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        }
    }
}

impl Document {
    /// The page of a file; one without text where there is no such file.
    pub fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_default();
        Self { path, text }
    }

    /// Its path in the tree.
    pub fn name(&self) -> String {
        let name = self.path.strip_prefix(tools::root()).unwrap_or(&self.path);
        name.display().to_string()
    }

    /// The fenced blocks.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (n, line) in self.text.lines().enumerate() {
            // Blocks of a list stand further to the right.
            match (&mut open, line.trim_start().strip_prefix("```")) {
                (None, Some(info)) => {
                    let info = info.to_string();
                    open = Some(Block { info, line: n + 1, text: String::new() });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(block), None) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", self.name());
        blocks
    }

    /// The targets of links that lead to other files of the tree, or into the page itself.
    pub fn links(&self) -> Vec<String> {
        let targets = self.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        targets.filter(|target| !target.contains("://")).map(str::to_string).collect()
    }

    /// The headings, as web pages name them in links.
    pub fn anchors(&self) -> BTreeSet<String> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        let anchor = |heading: &str| {
            let text = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        headings.map(anchor).collect()
    }
}

impl Block {
    /// Whether a test runs it.
    pub fn runs(&self) -> bool {
        self.info == "sh"
    }

    /// The words of each command that calls one of our programs or `make`.
    pub fn commands(&self) -> Vec<Vec<String>> {
        if !self.runs() && !self.info.starts_with("sh ") {
            return Vec::new();
        }
        let text = self.text.replace("\\\n", " ").replace("$(", "\n");
        let parts = text.split(['\n', '|', ';', '&', ')']);
        let commands = parts.map(|part| {
            let words = part.split_whitespace().map(|word| word.trim_matches('"').to_string());
            words.skip_while(|word| word == "sudo" || word.contains('=')).collect::<Vec<_>>()
        });
        let ours = ["stringless", "stringless-agent", "make"];
        commands.filter(|words| words.first().is_some_and(|word| ours.contains(&word.as_str()))).collect()
    }
}
