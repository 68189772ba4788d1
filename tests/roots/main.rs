//! The script, run for real in a root of each family: with the programs that its stock images have, and no
//! others, to a node that has applied a release with the real agent.
//!
//! The programs are Debian's builds of them: a root has the family's set of tools and its shell, and says
//! nothing of how its own builds of them differ.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod converge;
mod image;
mod nixos;
mod noexec;
mod packages;
mod pacman;
mod repeated;
mod root;
mod six;
mod small;
