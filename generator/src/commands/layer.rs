//! `stringless layer`, and the layers of other sites that are rendered with this one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use stringless_core::config::Layer;
use stringless_core::json;
use stringless_render::layer::{self, Layers};
use stringless_render::site::LayerFiles;

use super::render::published_serial;
use crate::cli::LayerArgs;
use crate::error::{Error, Result};
use crate::output::print;
use crate::site::SiteFolder;
use crate::site::trust_chain::newest;

/// Prints the site's layer.
///
/// # Errors
/// When the store cannot be asked, or only keys could read it.
pub fn run(site: Option<&Path>, args: &LayerArgs) -> Result<u8> {
    let site = SiteFolder::open(site)?;
    let environment = site.environment(args.environment.as_ref())?;
    let chain = site.trust()?;
    let serial = match args.min_serial {
        Some(serial) => serial,
        None => published_serial(&site, &environment, &chain)?,
    };
    let layer = layer::of(&site.site, &environment, newest(&chain)?.trusted_keys(), serial.max(1))?;
    layer.check().map_err(|why| Error::configuration(format!("making the layer: {why}")))?;
    let text = String::from_utf8_lossy(&json::write(&layer)).into_owned();
    match &args.out {
        Some(out) => std::fs::write(out, text).map_err(|e| Error::io("writing", out, e))?,
        None => print::out(&text)?,
    }
    for store in site.site.stores.iter().filter(|store| store.url.starts_with("file://")) {
        print::note(&format!("note: `{}` is a folder of the node itself", store.url));
    }
    if let Some(file) = &site.site.node.ca_file {
        print::note(&format!(
            "note: `{file}` is no part of it: where nodes need that authority, it goes into the `node.ca_file` of the \
             site that renders"
        ));
    }
    Ok(0)
}

/// Reads the layers that a rendering takes in: those of the site file, then those of the command line.
///
/// # Errors
/// When one cannot be read or is not understood, with its file.
pub fn layers(site: &SiteFolder, before: &[PathBuf], after: &[PathBuf]) -> Result<Layers> {
    let LayerFiles { before: named_before, after: named_after } = &site.site.node.layers;
    let read = |named: &[String], given: &[PathBuf]| -> Result<Vec<Layer>> {
        let named = named.iter().map(|name| site.root.join(name));
        named.chain(given.iter().cloned()).map(|path| read(&path)).collect()
    };
    let layers = Layers { before: read(named_before, before)?, after: read(named_after, after)? };
    let mut sites = vec![&site.site.site];
    for layer in layers.all() {
        if sites.iter().any(|other| other.as_str().eq_ignore_ascii_case(layer.site.as_str())) {
            let message = format!("putting the layers together: the site `{}` stands twice", layer.site);
            return Err(Error::configuration(message).hint(
                "a node follows a site once: `node.layers` of the site file, `--layer-before` and `--layer-after` name \
                 other ones",
            ));
        }
        sites.push(&layer.site);
    }
    Ok(layers)
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
