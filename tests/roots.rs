//! The script, run for real in a root of each family: with the programs that its stock images have, and no
//! others, to a node that has applied a release with the real agent.
//!
//! The programs are Debian's builds of them: a root has the family's set of tools and its shell, and says
//! nothing of how its own builds of them differ.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

#[path = "roots/converge.rs"]
mod converge;
#[path = "roots/image.rs"]
mod image;
#[path = "roots/nixos.rs"]
mod nixos;
#[path = "roots/packages.rs"]
mod packages;
#[path = "roots/pacman.rs"]
mod pacman;
mod rendering;
#[path = "roots/root.rs"]
mod root;
#[path = "roots/small.rs"]
mod small;
