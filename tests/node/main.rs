//! The node: runs of the agent, their interruptions, what they cost and what they read.

mod arm;
mod bucket;
mod checkpoints;
mod fleet;
mod footprint;
mod layers;
mod metadata;
mod power_cuts;
mod runs;
mod uninstall;
mod upgrade;
