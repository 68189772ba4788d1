//! Releases after they were published: brought back, taken over, copied, cleared away. By several at once, cut
//! off at every write, in a real S3 server and in services that do less than they should.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod ci;
mod concurrent;
mod doctor;
mod formats;
mod garage;
mod gc;
mod interruptions;
mod listing;
mod service;
mod stores;

use e2e::site::Site;

/// Lets the site have two environments, `staging` and `production`.
fn two_environments(site: &Site) {
    site.edit("  production:\n", "  staging:\n    source: {path: .}\n  production:\n");
    site.write("apply", "#!/bin/sh\ncat text\n", 0o755);
}

/// What releases from now on hold: one pack of its own for each text.
fn content(site: &Site, text: &str) {
    site.write("data/text", text, 0o644);
}
