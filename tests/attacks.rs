//! Attacks, each by the name that it has in the literature: against the real agent, and the generator
//! where it reads a store. Whatever comes, what ran before goes on.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

#[path = "attacks/archives.rs"]
mod archives;
#[path = "attacks/clock.rs"]
mod clock;
#[path = "attacks/craft.rs"]
mod craft;
#[path = "attacks/flips.rs"]
mod flips;
#[path = "attacks/floods.rs"]
mod floods;
#[path = "attacks/folders.rs"]
mod folders;
#[path = "attacks/freshness.rs"]
mod freshness;
#[path = "attacks/keys.rs"]
mod keys;
#[path = "attacks/made.rs"]
mod made;
#[path = "attacks/mixtures.rs"]
mod mixtures;
#[path = "attacks/mutants.rs"]
mod mutants;
#[path = "attacks/signatures.rs"]
mod signatures;
#[path = "attacks/stores.rs"]
mod stores;
#[path = "attacks/switches.rs"]
mod switches;
#[path = "attacks/targets.rs"]
mod targets;
#[path = "attacks/tls.rs"]
mod tls;
#[path = "attacks/vectors.rs"]
mod vectors;
#[path = "attacks/web.rs"]
mod web;
