#![no_std]
//! Formats, checks and plans of Stringless, without IO.
extern crate alloc;
