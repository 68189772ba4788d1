//! `stringless render`.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use agent_core::layout;
use agent_core::manifest::AgentPin;
use agent_core::name::Name;
use agent_core::sigv4::Credentials;
use agent_core::time::Timestamp;
use agent_core::trust::Trust;
use serde::Serialize;

use super::{ca_pem, open_store, print};
use crate::catalog::{Catalog, Cloud, Distro, Form};
use crate::cli::RenderArgs;
use crate::envelope::Explain;
use crate::error::{Error, Result};
use crate::folder::{SiteFolder, now};
use crate::published;
use crate::render::{AgentPins, Request, STATIC_KEYS, render};
use crate::site::FirstFetch;
use crate::store::Store;

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    distro: &'a str,
    cloud: &'a str,
    environment: &'a Name,
    form: &'a str,
    tested: &'a str,
    bytes: usize,
    max_bytes: Option<usize>,
    paste_into: &'a str,
    readable_by: &'a str,
    notes: &'a [String],
    min_serial: u64,
    user_data: &'a str,
}

/// Renders user-data.
///
/// # Errors
/// When a name is unknown, a pin is missing, the store cannot be asked, or the result is too large.
pub fn run(site: Option<&Path>, args: &RenderArgs) -> Result<u8> {
    let catalog = Catalog::embedded()?;
    let (distro, cloud) = (catalog.distro(&args.distro)?, catalog.cloud(&args.cloud)?);
    let form = args.form.as_deref().map(parse_form).transpose()?;
    let site = SiteFolder::open(site)?;
    let environment = site.environment(args.environment.as_ref())?;
    let chain = site.trust()?;
    let Some(newest) = chain.last() else {
        return Err(Error::configuration("reading `trust/`: it is empty"));
    };
    let trust: &Trust = &newest.trust;
    let pin = pin(&site)?;
    let min_serial = match args.min_serial {
        Some(serial) => serial,
        None => published_serial(&site, &environment, &chain)?,
    };
    let request = Request {
        distro,
        cloud,
        site: &site.site,
        environment: &environment,
        trust: trust.trusted_keys(),
        min_serial: min_serial.max(1),
        agent: AgentPins { version: pin.version, targets: &pin.targets },
        presigned: presigned(&site, distro, &pin)?,
        static_keys: static_keys(),
        ca_pem: ca_pem(&site)?,
        now: time(),
        form,
    };
    let data = render(&request)?;
    let explain = data.explain(cloud);
    let level = catalog.level(distro, cloud).as_str();
    if let Some(out) = &args.out {
        write_private(out, data.text.as_bytes())?;
    }
    if args.json {
        print::json(&Report {
            format: print::JSON_FORMAT,
            distro: &distro.id,
            cloud: &cloud.id,
            environment: &environment,
            form: explain.form.as_str(),
            tested: level,
            bytes: explain.bytes,
            max_bytes: explain.max_bytes,
            paste_into: &explain.paste_into,
            readable_by: &cloud.readable_by,
            notes: &explain.notes,
            min_serial,
            user_data: &data.text,
        })?;
        return Ok(0);
    }
    if args.out.is_none() {
        print::out(&data.text)?;
    }
    print::note(&told(distro, cloud, &explain, level));
    Ok(0)
}

fn told(distro: &Distro, cloud: &Cloud, explain: &Explain, level: &str) -> String {
    let limit = match explain.max_bytes {
        Some(max) => format!("{} of {max} bytes ({})", explain.bytes, explain.counted),
        None => format!("{} bytes, no limit stated", explain.bytes),
    };
    let mut rows = vec![
        ["for".to_owned(), format!("{} on {}, as {}", distro.name, cloud.name, explain.form.as_str())],
        ["paste into".to_owned(), explain.paste_into.clone()],
        ["size".to_owned(), limit],
        ["tested".to_owned(), level.to_owned()],
        ["readable by".to_owned(), cloud.readable_by.clone()],
    ];
    rows.extend(explain.notes.iter().map(|note| ["note".to_owned(), note.clone()]));
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.to_vec()).collect();
    print::table(&rows).trim_end().to_owned()
}

fn pin(site: &SiteFolder) -> Result<AgentPin> {
    let pin = site.lock()?.pin(site.site.agent.version);
    if pin.targets.is_empty() {
        return Err(Error::configuration(format!(
            "rendering: no agent {} was pushed for this site",
            pin.version
        ))
        .hint("`stringless agent push` uploads it and pins its hash"));
    }
    Ok(pin)
}

fn published_serial(
    site: &SiteFolder,
    environment: &Name,
    chain: &[crate::folder::TrustFile],
) -> Result<u64> {
    let ask = || {
        let store = open_store(site)?;
        published::read(&store, &site.site.site, environment, &published::keys(chain))
    };
    let found = ask().map_err(|error| {
        if error.hint_text().is_some() {
            return error;
        }
        error.hint("`--min-serial N` renders without asking the store")
    })?;
    if found.is_none() {
        print::note(&format!(
            "warning: nothing is published for `{environment}` yet; nodes will wait for it"
        ));
    }
    Ok(found.map_or(1, |published| published.manifest.serial))
}

/// The signed links to the agent, where the site wants them.
fn presigned(site: &SiteFolder, distro: &Distro, pin: &AgentPin) -> Result<BTreeMap<Name, String>> {
    let mut links = BTreeMap::new();
    if site.site.first_fetch() != FirstFetch::Presigned {
        return Ok(links);
    }
    let Store::S3(store) = open_store(site)? else { return Ok(links) };
    // The clock that the store compares with, whatever `SOURCE_DATE_EPOCH` says.
    let at = SystemTime::now();
    for target in distro.targets.iter().filter(|target| pin.targets.contains_key(*target)) {
        links.insert(target.clone(), store.presign(&layout::agent(&pin.version, target), WEEK, at)?);
    }
    Ok(links)
}

fn static_keys() -> Option<Credentials> {
    let [id, secret, token] = STATIC_KEYS.map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    Some(Credentials { access_key_id: id?, secret_access_key: secret?, session_token: token })
}

fn parse_form(text: &str) -> Result<Form> {
    let forms = [Form::Script, Form::CloudConfig];
    forms.into_iter().find(|form| form.as_str() == text).ok_or_else(|| {
        let names: Vec<&str> = forms.iter().map(|form| form.as_str()).collect();
        Error::usage(format!("rendering: there is no form `{text}`"))
            .hint(format!("`--form` {}", names.join(" or ")))
    })
}

fn time() -> Timestamp {
    let fixed = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    fixed.map_or_else(now, Timestamp::from_seconds)
}

/// User-data may hold keys: a file becomes its owner's alone, and is whole or as it was. A pipe or device
/// is written to as it is.
fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            return OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
        // A link stays one.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        // Not through `tempfile`, whose errors name the new file.
        file.as_file().write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path).map(drop).map_err(|e| e.error)
    };
    write().map_err(|e| Error::io("writing", path, e).hint("`--out FILE` names another place"))
}

const WEEK: Duration = Duration::from_secs(7 * 86_400);
