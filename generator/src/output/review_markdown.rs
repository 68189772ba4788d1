//! A review as Markdown: for a comment on a pull or merge request.
//!
//! It holds untrusted content and names of files: they must not end a fence, close a `<details>`, or break out of a
//! table.

use super::format::count;
use super::review_text::{Shown, lines, versions, way, word};
use crate::output::escape::printable;
use crate::release::diff::Change;
use crate::release::review::Review;
use crate::release::settings::SettingChange;

/// The review as Markdown for GitHub and GitLab, at most `most` bytes long except for its last line, which counts the
/// parts that did not fit.
#[must_use]
pub fn markdown(review: &Review, shown: Shown, most: usize) -> String {
    let (environment, way) = (code(review.environment.as_str()), way(review));
    let title = if review.changed {
        format!("{environment}, {way}")
    } else {
        format!("{environment}: no change {way}")
    };
    let mut page = Page { text: format!("### {title}\n"), most, left: 0 };
    if !review.modules.is_empty() {
        page.text.push_str("\n| module | | version |\n|---|---|---|\n");
        for module in &review.modules {
            let row = format!(
                "| {} | {} | {} |\n",
                code(&format!("{} ({})", module.path, module.name)),
                word(module.kind),
                code(&versions(module))
            );
            page.add(&row, "");
        }
    }
    if !review.settings.is_empty() {
        let text: String = review.settings.iter().map(SettingChange::text).collect();
        page.add(&format!("\nSettings:\n\n{}", fenced(&text)), "");
    }
    let own: Vec<&Change> = review.own().collect();
    if !own.is_empty() {
        page.section("Own code", &own, shown.own);
    }
    for (module, files) in review.third_party() {
        page.section(&format!("Third-party code in {}", code(module)), &files, shown.third_party);
    }
    if page.left > 0 {
        page.text.push_str(&format!("\n{} not shown: run `stringless diff`.\n", count(page.left, "part")));
    }
    page.text
}

struct Page {
    text: String,
    most: usize,
    /// Parts that did not fit.
    left: usize,
}

impl Page {
    /// Adds `part` if it fits together with `end`; otherwise counts it as left out.
    fn add(&mut self, part: &str, end: &str) -> bool {
        let fits = self.text.len() + part.len() + end.len() <= self.most;
        if fits {
            self.text.push_str(part);
        } else {
            self.left += 1;
        }
        fits
    }

    fn section(&mut self, title: &str, files: &[&Change], whole: bool) {
        let (added, removed) = lines(files.iter().copied());
        let title = format!("{title}: {}, +{added} −{removed}", count(files.len(), "file"));
        if !whole {
            self.add(&format!("\n{title}\n"), "");
            for file in files.iter().filter(|file| !file.remark().is_empty()) {
                self.add(&format!("- {}: {}\n", code(&file.path), file.remark()), "");
            }
            return;
        }
        let end = "\n</details>\n";
        if !self.add(&format!("\n<details><summary>{title}</summary>\n\n"), end) {
            return;
        }
        for file in files {
            self.add(&fenced(&file.text), end);
        }
        self.text.push_str(end);
    }
}

/// A block of changed lines that nothing in it can end.
fn fenced(text: &str) -> String {
    let text = printable(text);
    let fence = "`".repeat((longest_run(&text) + 1).max(3));
    let end_of_text = if text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}diff\n{text}{end_of_text}{fence}\n")
}

/// `text` as HTML code: it works in a heading, a list, a table and a `<summary>`, and nothing in it becomes a link or a
/// mention.
fn code(text: &str) -> String {
    let mut html = String::from("<code>");
    for c in printable(text).replace('\n', " ").chars() {
        if c.is_ascii_punctuation() && !matches!(c, '/' | '.' | ',') {
            html.push_str(&format!("&#{};", u32::from(c)));
        } else {
            html.push(c);
        }
    }
    html + "</code>"
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// GitHub accepts 65,536 characters in a comment, GitLab more.
pub const MAX_BYTES: usize = 60_000;
