//! `stringless layer`.

use std::path::Path;

use stringless_core::json;
use stringless_render::layer;

use crate::cli::LayerArgs;
use crate::error::{Error, Result};
use crate::output::min_serial::published_serial;
use crate::output::print;
use crate::site::SiteDir;
use crate::site::trust_chain::newest;

/// Prints the site's layer.
///
/// # Errors
/// When the store does not answer, or its files cannot be read without keys.
pub fn run(site: Option<&Path>, args: &LayerArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let environment = site.environment(args.environment.as_ref())?;
    let chain = site.trust()?;
    let serial = match args.min_serial {
        Some(serial) => serial,
        None => published_serial(&site, &environment, &chain)?,
    };
    let layer = layer::from_site(&site.site, &environment, newest(&chain)?.trusted_keys(), serial.max(1))?;
    layer.check().map_err(|why| Error::configuration(format!("making the layer: {why}")))?;
    let text = String::from_utf8_lossy(&json::write(&layer)).into_owned();
    match &args.out {
        Some(out) => std::fs::write(out, text).map_err(|e| Error::io("writing", out, e))?,
        None => print::out(&text)?,
    }
    for store in site.site.stores.iter().filter(|store| store.url.starts_with("file://")) {
        print::note(&format!("note: `{}` is a folder on the node itself", store.url));
    }
    if let Some(file) = &site.site.node.ca_file {
        print::note(&format!(
            "note: `{file}` is not part of the layer: if nodes need this authority, add it to `node.ca_file` of the site \
             that renders"
        ));
    }
    Ok(0)
}
