//! Attacks, each by the name that it has in the literature: against the real agent, and the generator
//! where it reads a store. Whatever comes, what ran before goes on.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod archives;
mod clock;
mod craft;
mod flips;
mod floods;
mod folders;
mod freshness;
mod keys;
mod made;
mod mixtures;
mod mutants;
mod signatures;
mod stores;
mod switches;
mod targets;
mod tls;
mod vectors;
mod web;
