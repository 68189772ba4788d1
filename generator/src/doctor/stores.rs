//! Each store of the site: whether it answers, what it publishes, and whether it follows the first.

use std::collections::BTreeMap;
use std::path::Path;

use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::name::Name;
use stringless_core::store::Store as Address;
use stringless_core::time::Timestamp;

use super::findings::Findings;
use super::{Doctor, dates};
use crate::clock::now;
use crate::error::{Error, Kind, Result};
use crate::remote::site_store::SiteStore;
use crate::site::stores::open_one;
use crate::site::trust_chain::TrustFile;
use crate::store::{Asked, Store};

/// The serial of each environment in the first store.
type Serials = BTreeMap<Name, u64>;

impl Doctor<'_> {
    /// Looks at every store; the first is the one that is published to.
    pub(super) fn stores(self, chain: &[TrustFile], list: &mut Findings) {
        let mut first = Serials::new();
        for (n, settings) in self.site.site.stores.iter().enumerate() {
            let what = format!("store {}", settings.url);
            if let Ok(Address::File { root }) = settings.parse()
                && !Path::new(&root).is_dir()
            {
                list.warn(&what, format!("there is no folder `{root}`"), "`stringless publish` makes it");
                continue;
            }
            let store = match open_one(self.site, settings) {
                Ok(store) => store,
                Err(error) => {
                    list.error(&what, &error);
                    continue;
                }
            };
            let published = match clock(&store, &what, list) {
                Ok(published) => published,
                Err(error) => {
                    // Every other request would end the same way, each after all its tries.
                    list.error(&what, &error);
                    continue;
                }
            };
            let remote = SiteStore::new(self.site, store, chain.to_vec());
            self.releases(&remote, &what, n == 0, &mut first, list);
            agent_files(self, &remote.store, &what, n == 0, list);
            listing(&remote.store, &what, list);
            if n == 0 {
                self.writes(&remote.store, &what, list);
            }
            self.access(settings, &what, published, list);
        }
    }

    fn releases(
        self,
        remote: &SiteStore<'_>,
        what: &str,
        is_first: bool,
        first: &mut Serials,
        list: &mut Findings,
    ) {
        for name in self.site.environments() {
            let place = format!("{what}, {name}");
            match remote.published(&name) {
                Ok(Some(found)) => {
                    let manifest: &Manifest = &found.manifest;
                    let newest = match is_first {
                        true => remote.last_seen(&name).map(|seen| seen.manifest.serial),
                        false => first.get(&name).copied(),
                    };
                    match newest.filter(|newest| *newest > manifest.serial) {
                        Some(newest) => behind(&place, manifest.serial, newest, is_first, list),
                        None => dates::release(&place, manifest, list),
                    }
                    match remote.refusal(&name, &found) {
                        Ok(Some(refusal))
                            if remote.newest_trust().is_ok_and(|trust| !trust.fleet.is_empty()) =>
                        {
                            list.error(&place, &refusal.hint(REFUSED));
                        }
                        _ => found.head.iter().for_each(|head| dates::head(&place, head, list)),
                    }
                    if is_first {
                        first.insert(name, manifest.serial);
                    }
                }
                Ok(None) if is_first => {
                    list.warn(&place, "nothing is published".into(), "`stringless publish`");
                }
                Ok(None) if first.contains_key(&name) => {
                    list.warn(&place, "nothing is published here, but in the first store".into(), MIRROR);
                }
                Ok(None) => {}
                Err(error) if error.kind() == Kind::Refused => list.error(&place, &error),
                Err(error) => {
                    list.error(what, &error);
                    break;
                }
            }
        }
    }
}

fn behind(place: &str, serial: u64, newest: u64, is_first: bool, list: &mut Findings) {
    if is_first {
        let error = Error::refused(format!("it has release {serial}, and had release {newest} before"))
            .hint("the store has lost it, or hides it: `stringless history` shows what there is");
        list.error(place, &error);
    } else {
        list.warn(place, format!("it has release {serial}, and the first store has {newest}"), MIRROR);
    }
}

/// Compares the clock of this machine with that of the store. Returns whether anything is published there.
///
/// # Errors
/// When the store does not answer.
fn clock(store: &Store, what: &str, list: &mut Findings) -> Result<bool> {
    let Some(reply) = store.ask(&layout::trust(1), Asked::Read)? else { return Ok(true) };
    let published = reply.status == 200;
    let Some(date) = reply.date else {
        list.not_checked(
            what,
            "its clock: it sends no `Date`".into(),
            "compare the clock of this machine with another",
        );
        return Ok(published);
    };
    let (off, word) = difference(date, now());
    match off {
        0..60 => list.ok(what, "its clock and that of this machine agree".into()),
        60..MOST_SKEW => list.warn(
            what,
            format!("the clock of this machine is {off} seconds {word} that of the store"),
            SET,
        ),
        _ => list.error(
            what,
            &Error::temporary(format!("the clock of this machine is {off} seconds {word} that of the store"))
                .hint("set the clock, as with NTP: stores refuse signed requests that are 15 minutes off"),
        ),
    }
    Ok(published)
}

fn difference(store: Timestamp, here: Timestamp) -> (u64, &'static str) {
    let (store, here) = (store.seconds(), here.seconds());
    (store.abs_diff(here), if here > store { "ahead of" } else { "behind" })
}

/// Whether the store has the agents that were pushed.
fn agent_files(doctor: Doctor<'_>, store: &Store, what: &str, is_first: bool, list: &mut Findings) {
    let Ok(lock) = doctor.site.lock() else { return };
    let pin = lock.pin(doctor.site.agent_version());
    for (target, file) in &pin.targets {
        let hint = if is_first { "`stringless agent push` uploads it" } else { MIRROR };
        let missing = || format!("it does not have the agent {} for {target}", pin.version);
        match store.holds(&layout::agent(&pin.version, target), file.size) {
            Ok(true) => {}
            Ok(false) if is_first => list.error(what, &Error::refused(missing()).hint(hint)),
            Ok(false) => list.warn(what, missing(), hint),
            Err(error) => {
                list.error(what, &error);
                return;
            }
        }
    }
}

/// Whether the objects can be listed, which `gc`, `history` and `environments` need.
fn listing(store: &Store, what: &str, list: &mut Findings) {
    if matches!(store, Store::Web(_)) {
        return;
    }
    match store.list("trust/") {
        Ok(found) if found.is_empty() => {
            list.ok(what, "its objects can be listed; no trust is published yet".into());
        }
        Ok(_) => list.ok(what, "its objects can be listed".into()),
        Err(error) => list.error(what, &error),
    }
}

/// Stores refuse signed requests whose time is further off, in seconds.
const MOST_SKEW: u64 = 15 * 60;
const SET: &str = "set the clock, as with NTP";
const REFUSED: &str = "nodes refuse it: `stringless publish` makes a head that they accept";
const MIRROR: &str = "`stringless mirror` copies it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_a_direction() {
        let at = Timestamp::from_seconds;
        assert_eq!(difference(at(100), at(160)), (60, "ahead of"));
        assert_eq!(difference(at(160), at(100)), (60, "behind"));
        assert_eq!(difference(at(5), at(5)).0, 0);
    }
}
