//! `stringless keys list`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::key::PublicKey;
use stringless_core::name::Name;
use stringless_core::trust::Trust;

use crate::clock::now;
use crate::error::Result;
use crate::output::{format, json, print};
use crate::site::{SiteDir, trust_chain};
use crate::trust::expiry;
use crate::trust::signer::public_key;

/// The output of `keys list --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// The version of the trust.
    version: u64,
    /// The number of keys that must sign.
    threshold: usize,
    /// When the trust expires; null if it never does.
    expires: Option<String>,
    /// For each environment, the lowest serial that nodes accept, where one is set.
    min_serial: &'a BTreeMap<Name, u64>,
    /// The trusted keys.
    keys: Vec<Line<'a>>,
    /// The fleet keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fleet: Vec<FleetLine<'a>>,
}

/// A fleet key.
#[derive(Serialize, JsonSchema)]
pub struct FleetLine<'a> {
    /// Its name.
    name: &'a Name,
    /// Its id, as minisign shows it.
    id: &'a str,
    /// The public key.
    key: &'a PublicKey,
    /// What it may sign; absent: all that fleet keys may.
    #[serde(skip_serializing_if = "Option::is_none")]
    may: Option<&'a Vec<String>>,
    /// The file of the secret key; null when the key is on another machine.
    secret: Option<String>,
}

/// A key that is trusted.
#[derive(Serialize, JsonSchema)]
pub struct Line<'a> {
    /// Its name.
    name: &'a Name,
    /// Its id, as minisign shows it.
    id: &'a str,
    /// The public key.
    key: &'a PublicKey,
    /// The file of the secret key; null when the key is on another machine.
    secret: Option<String>,
}

/// Shows the newest trust.
///
/// # Errors
/// When `trust/` is not complete.
pub(super) fn run(site: &SiteDir, json: bool) -> Result<u8> {
    let chain = site.trust()?;
    let trust = trust_chain::newest(&chain)?;
    let secrets: Vec<(PathBuf, PublicKey)> = site
        .secret_keys()
        .into_iter()
        .filter_map(|path| Some((public_key(&path).ok()?, path)).map(|(key, path)| (path, key)))
        .collect();
    let line = |key: &'_ PublicKey| {
        let here = secrets.iter().find(|(_, public)| public.same_key(key));
        here.map(|(path, _)| path.display().to_string())
    };
    let expires = trust.expires.map(|time| time.to_string());
    if json {
        let keys = trust.keys.iter();
        let keys =
            keys.map(|key| Line { name: &key.name, id: &key.id, key: &key.key, secret: line(&key.key) });
        let fleet = trust.fleet.iter().map(|key| FleetLine {
            name: &key.name,
            id: &key.id,
            key: &key.key,
            may: key.may.as_ref(),
            secret: line(&key.key),
        });
        json::print(
            Some(&trust.site),
            &Report {
                version: trust.version,
                threshold: trust.threshold,
                expires,
                min_serial: &trust.min_serial,
                keys: keys.collect(),
                fleet: fleet.collect(),
            },
        )?;
        return Ok(0);
    }
    let mut rows = vec![["NAME", "ID", "SECRET KEY"].map(str::to_owned).to_vec()];
    for key in &trust.keys {
        rows.push(vec![
            key.name.to_string(),
            key.id.clone(),
            line(&key.key).unwrap_or_else(|| "elsewhere".into()),
        ]);
    }
    let fleet = match trust.fleet.is_empty() {
        true => String::new(),
        false => format!("\n{}", fleet_table(trust, &line)),
    };
    print::out(&format!(
        "{}{fleet}\ntrust version {} of {}: {} of {} must sign, expires {}\n",
        format::table(&rows),
        trust.version,
        trust.site,
        trust.threshold,
        format::count(trust.keys.len(), "key"),
        expires.unwrap_or_else(|| "never".into())
    ))?;
    if let Some(warning) = expiry::trust_warning(trust, now()) {
        print::note(&format!("warning: {warning}: `stringless refresh` renews it"));
    }
    Ok(0)
}

/// The fleet keys, with what they may sign.
fn fleet_table(trust: &Trust, secret: &dyn Fn(&PublicKey) -> Option<String>) -> String {
    let mut rows = vec![["FLEET KEY", "ID", "MAY SIGN", "SECRET KEY"].map(str::to_owned).to_vec()];
    for key in &trust.fleet {
        rows.push(vec![
            key.name.to_string(),
            key.id.clone(),
            key.may.as_ref().map_or_else(|| "all".to_owned(), |may| may.join(", ")),
            secret(&key.key).unwrap_or_else(|| "elsewhere".into()),
        ]);
    }
    format::table(&rows)
}
