//! The commands: each reads its input, calls what decides, and tells what came of it.

pub mod agent;
pub mod build;
pub mod check;
mod checks;
pub mod diff;
pub mod gc;
pub mod history;
pub mod init;
pub mod keygen;
pub mod keys;
pub mod layer;
pub mod list;
pub mod manual;
pub mod mirror;
pub mod modules;
pub mod policy;
pub mod promote;
pub mod publish;
pub mod refresh;
pub mod render;
mod republish;
pub mod rollback;
pub mod submit;
pub mod verify;
