//! The parts of `stringless-agent`. They form a library so that the fuzz targets can call the code that reads
//! hostile bytes: `http`, `release` and `store`. Public are only the modules that `main` and the fuzz targets
//! need.

pub mod args;
mod checkpoint;
pub mod clock;
pub mod commands;
pub mod disk;
mod engine;
mod error;
mod fetch;
mod first_run;
mod flow;
pub mod guard;
mod host;
pub mod http;
pub mod io;
pub mod log;
mod node;
mod notify;
mod output;
pub mod release;
mod session;
mod signals;
pub mod store;
mod trust;
mod upgrade;
mod version;
