//! `-v` and `-vv`: lines on standard error about what the program asks for and tries again. No line holds a secret:
//! no header, no query of a URL, no login.

use std::fmt::Arguments;
use std::io::{Write, stderr};
use std::sync::atomic::{AtomicU8, Ordering};

/// The number of `-v`.
static LEVEL: AtomicU8 = AtomicU8::new(0);

/// Sets how much is printed: 1 stores, repositories and retries, 2 each request, too.
pub fn set_level(level: u8) {
    LEVEL.store(level, Ordering::Relaxed);
}

/// Prints a line with `-v`.
pub fn step(text: Arguments<'_>) {
    line(1, text);
}

/// Prints a line with `-vv`.
pub fn detail(text: Arguments<'_>) {
    line(2, text);
}

/// A URL without its query, which may hold a signature, and without a login.
#[must_use]
pub fn plain_url(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (place, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("{scheme}://{}{path}", place.rsplit('@').next().unwrap_or_default())
}

fn line(level: u8, text: Arguments<'_>) {
    if LEVEL.load(Ordering::Relaxed) >= level {
        let plain: String = text.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        // One call for each line, because threads print side by side.
        stderr().lock().write_all(format!("{plain}\n").as_bytes()).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_secrets() {
        for (url, shown) in [
            ("https://a.example/x/y?X-Amz-Signature=hidden", "https://a.example/x/y"),
            ("https://me:hidden@a.example/x", "https://a.example/x"),
            ("https://hidden@a.example", "https://a.example"),
            ("ssh://git@a.example/x@y#hidden", "ssh://a.example/x@y"),
            ("/a/folder", "/a/folder"),
        ] {
            assert_eq!(plain_url(url), shown);
        }
    }
}
