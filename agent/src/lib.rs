//! The parts of `stringless-agent`. A library so that the fuzz targets, too, reach what reads hostile
//! bytes: `fetch`, `http`, `source` and `unpack`.

mod announce;
pub mod args;
mod check;
mod checkpoint;
pub mod clock;
pub mod command;
mod creds;
mod daemon;
pub mod disk;
mod engine;
mod error;
mod fall_back;
pub mod fetch;
mod flow;
mod host;
pub mod http;
mod imds;
pub mod io;
pub mod log;
mod modules;
mod node;
mod release;
mod room;
pub mod source;
mod status;
mod stop;
mod tls;
mod trust;
pub mod unpack;
