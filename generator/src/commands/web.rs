//! `stringless web`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;

use base64ct::{Base64, Encoding as _};
use flate2::read::GzDecoder;
use serde::Serialize;
use stringless_core::layout;
use stringless_core::name::Name;
use stringless_core::proxy::Proxy;
use stringless_render::agent_lock::LOCK_FILE;
use stringless_render::choice::Published;

use crate::cli::WebArgs;
use crate::error::{Error, Result};
use crate::fs::write_public;
use crate::output::min_serial::published;
use crate::output::{format, print};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::site::stores::open_store;

/// A site, as the page reads it.
#[derive(Serialize)]
struct Carried {
    files: Vec<File>,
    /// For each environment, the serial of the stable release.
    serials: BTreeMap<Name, u64>,
    /// The environments that were retired.
    retired: BTreeSet<Name>,
}

/// A file of the site.
#[derive(Serialize)]
struct File {
    /// Its path below the site's folder.
    name: String,
    base64: String,
}

/// Writes the page.
///
/// # Errors
/// When this program carries no page, the site cannot be read, the store does not answer, or the folder holds another
/// file of that name.
pub fn run(site: Option<&Path>, args: &WebArgs) -> Result<u8> {
    let carried = if args.with_site { Some(carried(site)?) } else { None };
    let path = args.out.join(FILE);
    if let Ok(there) = fs::read(&path)
        && !String::from_utf8_lossy(&there).contains(PLACE)
    {
        return Err(Error::configuration(format!("writing `{}`: it is another page", path.display()))
            .hint("`--out DIR` names a folder without an `index.html`"));
    }
    let mut page = page()?;
    if let Some((site, carried)) = &carried {
        page = with(&page, carried)?;
        notes(site, carried);
    }
    let failed = |e| Error::io("making", &args.out, e).hint("`--out DIR` names another place");
    fs::create_dir_all(&args.out).map_err(failed)?;
    write_public(&path, page.as_bytes())?;
    print::out(&format!("wrote `{}` ({})\n", path.display(), format::size(page.len() as u64)))?;
    Ok(0)
}

/// The page that this program carries.
fn page() -> Result<String> {
    let packed = PAGE.ok_or_else(|| {
        Error::configuration("writing the page: this build of stringless carries none")
            .hint("released programs carry it; in a checkout, `make build` makes one that does")
    })?;
    let mut page = String::new();
    let read = GzDecoder::new(packed).take(MAX_BYTES).read_to_string(&mut page);
    read.map_err(|e| Error::temporary(format!("unpacking the page: {e}")))?;
    Ok(page)
}

/// The site's files that a rendering needs, and the published serials. No key is among them.
fn carried(site: Option<&Path>) -> Result<(SiteDir, Carried)> {
    let site = SiteDir::open(site)?;
    let chain = site.trust()?;
    // It is damaged or for a newer version: better said here than in the page.
    site.lock()?;
    let mut files = vec![read(&site.file, name_of(&site.file))?];
    if let Some(newest) = chain.last() {
        let base64 = Base64::encode_string(&newest.bytes);
        files.push(File { name: layout::trust(newest.trust.version), base64 });
    }
    let lock = site.root.join(LOCK_FILE);
    if lock.exists() {
        files.push(read(&lock, LOCK_FILE.to_owned())?);
    }
    let named = site.site.node.ca_file.iter().chain(site.site.node.layers.all());
    for name in named {
        files.push(read(&site.root.join(name), name.clone())?);
    }
    let (mut serials, mut retired) = (BTreeMap::new(), BTreeSet::new());
    let remote = SiteStore::new(&site, open_store(&site)?, chain);
    for environment in site.environments() {
        let found = published(&remote, &environment).map_err(|error| {
            if error.is_refusal() {
                return error;
            }
            error.hint("without `--with-site`, the page needs no store: it asks for the files")
        })?;
        match found {
            Published::Nothing => {}
            Published::Release(serial) => {
                serials.insert(environment, serial);
            }
            Published::Retired => {
                retired.insert(environment);
            }
        }
    }
    drop(remote);
    Ok((site, Carried { files, serials, retired }))
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read(path: &Path, name: String) -> Result<File> {
    let bytes = fs::read(path).map_err(|e| {
        Error::configuration(format!("reading `{}`: {e}", path.display()))
            .hint("check `node.ca_file` and `node.layers` in the site file")
    })?;
    Ok(File { name, base64: Base64::encode_string(&bytes) })
}

/// `page` with a site in it.
fn with(page: &str, carried: &Carried) -> Result<String> {
    let json = serde_json::to_string(carried).map_err(|e| Error::temporary(format!("writing JSON: {e}")))?;
    // In a page, `<` could end the block.
    Ok(page.replacen(&format!("{PLACE}null<"), &format!("{PLACE}{}<", json.replace('<', "\\u003c")), 1))
}

/// What the owner of the page has to know before others get it.
fn notes(site: &SiteDir, carried: &Carried) {
    let node = &site.site.node;
    let proxy = node.proxy.as_deref().map(Proxy::parse);
    if proxy.is_some_and(|proxy| proxy.is_ok_and(|proxy| proxy.has_login())) {
        print::note(
            "WARNING: the page holds the password of `node.proxy`: give it to nobody who may not read it",
        );
    }
    if node.notify.as_ref().is_some_and(|notify| notify.url.is_some()) {
        print::note("WARNING: the page holds `node.notify.url`, which may hold a token");
    }
    for environment in site.environments().iter().filter(|name| !carried.serials.contains_key(*name)) {
        let why = if carried.retired.contains(environment) {
            format!("`{environment}` was retired: the page refuses it")
        } else {
            format!("nothing is published for `{environment}`")
        };
        print::note(&format!("note: {why}"));
    }
    print::note(
        "note: write the page again after `agent push`, a change of the keys, or a change of the site file",
    );
}

/// The name of the page.
const FILE: &str = "index.html";
/// The block of the page in which a site stands.
const PLACE: &str = r#"<script id="site" type="application/json">"#;
/// Larger than any page.
const MAX_BYTES: u64 = 1 << 24;
/// The page, packed with gzip.
const PAGE: Option<&[u8]> = include!(concat!(env!("OUT_DIR"), "/page.rs"));
