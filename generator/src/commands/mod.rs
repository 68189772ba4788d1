//! The commands. Each reads its input, calls the domain, and prints the result. No command imports another.

pub mod agent;
pub mod build;
pub mod check;
pub mod completions;
pub mod diff;
pub mod environments;
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
pub mod pin;
pub mod policy;
pub mod promote;
pub mod publish;
pub mod refresh;
pub mod render;
pub mod rollback;
pub mod service_files;
pub mod submit;
pub mod verify;
