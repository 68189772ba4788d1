//! The page that makes user-data, in Chromium: its texts, its controls, what it refuses, what it tells nobody.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod access;
mod browser;
mod controls;
mod files;
mod folders;
mod moments;
mod page;
mod pictures;
mod privacy;
mod refusals;
mod site;
mod texts;
