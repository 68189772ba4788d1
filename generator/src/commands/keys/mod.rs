//! `stringless keys`.

pub mod list;

use std::fs;
use std::path::Path;

use stringless_core::fleet::duty;
use stringless_core::key::PublicKey;

use crate::cli::{ChangeArgs, FleetKeysCommand, KeysCommand};
use crate::clock::now;
use crate::error::{Error, Result};
use crate::output::trust_change::TrustChange;
use crate::output::{json, print};
use crate::remote::site_store::SiteStore;
use crate::site::SiteDir;
use crate::trust::change::{self, Wish};
use crate::trust::rotation::Change;
use crate::trust::secret_key::holds_secret_key;
use crate::trust::signer::Keys;

/// Shows or changes the keys of the site.
///
/// # Errors
/// When the change would lock everybody out, or the store or the keys refuse.
pub fn run(site: Option<&Path>, command: &KeysCommand) -> Result<u8> {
    let site = SiteDir::open(site)?;
    match command {
        KeysCommand::List(args) => list::run(&site, args.json),
        KeysCommand::Add { name, public, change } => {
            change_keys(&site, Change::Add(name.clone(), public_key(public)?), change)
        }
        KeysCommand::Remove { name, change } => change_keys(&site, Change::Remove(name.clone()), change),
        KeysCommand::Rotate { name, public, change } => {
            change_keys(&site, Change::Replace(name.clone(), public_key(public)?), change)
        }
        KeysCommand::Fleet(FleetKeysCommand::Add { name, public, may, change }) => {
            let may =
                if may.is_empty() { None } else { Some(duty::parse(may).map_err(|why| wrong_duty(&why))?) };
            change_keys(&site, Change::AddFleet(name.clone(), public_key(public)?, may), change)
        }
        KeysCommand::Fleet(FleetKeysCommand::Remove { name, change }) => {
            change_keys(&site, Change::RemoveFleet(name.clone()), change)
        }
        KeysCommand::Threshold { number, change } => change_keys(&site, Change::Threshold(*number), change),
    }
}

fn wrong_duty(why: &str) -> Error {
    Error::usage(format!("reading --may: {why}")).hint("`--may head`, for a key that only signs heads")
}

fn change_keys(site: &SiteDir, change: Change, args: &ChangeArgs) -> Result<u8> {
    let remote = SiteStore::open_to_write(site)?;
    let wish = Wish {
        change,
        expires: args.expires.map(|limit| limit.seconds().map(|seconds| now().plus(seconds))),
        min_serial: args.min_serial.iter().cloned().collect(),
    };
    let keys = Keys { given: &args.sign.key, offline: args.sign.offline };
    let changed = TrustChange::new(change::change(&remote, &wish, keys, args.sign.dry_run)?);
    if !args.sign.json {
        print::out(&changed.text())?;
        return changed.waiting().map_or(Ok(0), |waiting| waiting.end(args.sign.offline));
    }
    let report = changed.report();
    json::print(Some(&site.site.site), &report)?;
    report.waiting.as_ref().map_or(Ok(0), |waiting| waiting.end(args.sign.offline))
}

/// The public key on the command line: the key itself, or a file that holds it.
fn public_key(given: &str) -> Result<PublicKey> {
    if let Ok(key) = PublicKey::parse(given) {
        return Ok(key);
    }
    let bytes = fs::read(given).map_err(|e| {
        Error::configuration(format!("reading public key `{given}`: {e}"))
            .hint("`--public` takes a .pub file, or its second line: 56 characters that start with `RW`")
    })?;
    if holds_secret_key(&bytes) {
        return Err(Error::refused(format!("reading public key `{given}`: it is a secret key"))
            .hint("the public key is beside it, in the file that ends in .pub"));
    }
    let text = String::from_utf8_lossy(&bytes);
    let key = text.lines().find_map(|line| PublicKey::parse(line.trim()).ok());
    key.ok_or_else(|| {
        Error::configuration(format!("reading public key `{given}`: it is not a minisign key"))
            .hint("`stringless keygen FILE`, or `minisign -G`, makes a pair")
    })
}
