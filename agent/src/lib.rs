//! The parts of `stringless-agent`. A library so that the fuzz targets, too, reach what reads hostile
//! bytes: `fetch`, `http`, `source` and `unpack`.

pub mod args;
mod checkpoint;
pub mod clock;
pub mod commands;
pub mod disk;
mod engine;
mod error;
pub mod fetch;
mod flow;
mod host;
pub mod http;
pub mod io;
pub mod log;
mod node;
mod output;
mod release;
mod session;
mod signals;
pub mod store;
mod trust;
