//! The generator: packs, signs and publishes configuration, and renders bootstrap user-data.

pub mod catalog;
pub mod envelope;
pub mod fault;
pub mod render;
pub mod site;
