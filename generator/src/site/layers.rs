//! The layers of other sites that nodes follow beside this one, read from their files.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use stringless_core::config::Layer;
use stringless_core::json;
use stringless_render::layer::{self, Layers};
use stringless_render::site::LayerFiles;

use crate::error::{Error, Result};
use crate::site::SiteDir;

/// Reads the layers for a rendering: those of the site file first, then those of the command line.
///
/// # Errors
/// When a file cannot be read or is not a layer, or a site occurs twice.
pub fn layers(site: &SiteDir, before: &[PathBuf], after: &[PathBuf]) -> Result<Layers> {
    let LayerFiles { before: named_before, after: named_after } = &site.site.node.layers;
    let read_all = |named: &[String], given: &[PathBuf]| -> Result<Vec<Layer>> {
        let named = named.iter().map(|name| site.root.join(name));
        named.chain(given.iter().cloned()).map(|path| read(&path)).collect()
    };
    let (before, after) = (read_all(named_before, before)?, read_all(named_after, after)?);
    Ok(Layers::new(&site.site.site, before, after)?)
}

fn read(path: &Path) -> Result<Layer> {
    let mut bytes = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(json::MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|e| {
        Error::configuration(format!("reading the layer `{}`: {e}", path.display()))
            .hint("`stringless layer --out FILE` makes it in the other site's folder")
    })?;
    Ok(layer::parse(&bytes, &path.display().to_string())?)
}
