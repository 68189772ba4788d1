//! Looks into a pack without unpacking it.

use std::io::Read;

use stringless_archive::reader::Sink;
use stringless_core::pack::Pack;

use super::tree::read;
use crate::disk::{Disk, open_regular};
use crate::error::{Error, Result};

/// Whether a pack contains a path. A pack that cannot be read may contain it.
pub fn contains(pack: &Pack, path: &str, disk: &Disk) -> bool {
    let file = disk.pack(&pack.sha256);
    let Ok(Some(open)) = open_regular(&file) else { return true };
    let mut search = Search { path, found: false };
    read(pack, &open, &file, &mut search).is_err() || search.found
}

struct Search<'p> {
    path: &'p str,
    found: bool,
}

impl Search<'_> {
    /// Ends the reading as soon as the path is found.
    fn see(&mut self, path: &str) -> Result<()> {
        self.found = path == self.path;
        if self.found { Err(Error::temporary("")) } else { Ok(()) }
    }
}

impl Sink for Search<'_> {
    type Error = Error;

    fn folder(&mut self, path: &str) -> Result<()> {
        self.see(path)
    }

    fn file(&mut self, path: &str, _: bool, _: &mut dyn Read) -> Result<()> {
        self.see(path)
    }

    fn link(&mut self, path: &str, _: &str) -> Result<()> {
        self.see(path)
    }
}
