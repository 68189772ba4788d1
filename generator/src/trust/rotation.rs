//! (Trust N, a change) → trust N+1, or why the change is refused. No IO.

use stringless_core::count::count;
use stringless_core::fleet::duty::FleetKey;
use stringless_core::key::PublicKey;
use stringless_core::name::Name;
use stringless_core::trust::{MAX_KEYS, Trust, TrustKey};

use crate::error::{Error, Result};
use crate::trust::quorum::title;

/// A change of the trust that an administrator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Add a key.
    Add(Name, PublicKey),
    /// Remove a key.
    Remove(Name),
    /// Replace the key of this name: the old key no longer counts.
    Replace(Name, PublicKey),
    /// Change how many keys must sign.
    Threshold(usize),
    /// Add a fleet key, with its duties; `None`: all.
    AddFleet(Name, PublicKey, Option<Vec<String>>),
    /// Remove a fleet key.
    RemoveFleet(Name),
    /// Keep the keys, for a new expiry date or new serials.
    Renew,
}

/// The trust that follows `trust`, with this change. Expiry and serials stay the same.
///
/// # Errors
/// When nobody could sign any more, or the change contradicts the keys of `trust`.
pub fn next(trust: &Trust, change: &Change) -> Result<Trust> {
    let version = trust.version.checked_add(1).ok_or_else(|| refused("there is no higher trust version"))?;
    let mut next = Trust { version, ..trust.clone() };
    match change {
        Change::Add(name, key) => {
            check_new(trust, name, key)?;
            if trust.keys.iter().any(|one| one.name == *name) {
                return Err(refused(format!("there is a key `{name}` already"))
                    .hint(format!("`stringless keys rotate {name} --public FILE` replaces it")));
            }
            next.keys.push(named(name, key));
        }
        Change::Remove(name) => {
            let at = position(trust, name)?;
            next.keys.remove(at);
        }
        Change::Replace(name, key) => {
            let at = position(trust, name)?;
            check_new(trust, name, key)?;
            next.keys[at] = named(name, key);
        }
        Change::Threshold(threshold) => next.threshold = *threshold,
        Change::AddFleet(name, key, may) => {
            check_new(trust, name, key)?;
            let (name, id, key, may) = (name.clone(), key.id(), key.clone(), may.clone());
            // The same key with other duties replaces the entry.
            match next.fleet.iter_mut().find(|one| one.name == name) {
                Some(one) if one.key.same_key(&key) => one.may = may,
                Some(_) => {
                    return Err(refused(format!("there is a fleet key `{name}` already")).hint(format!(
                        "`stringless keys fleet remove {name}` first, or choose another name"
                    )));
                }
                None => next.fleet.push(FleetKey { name, id, key, may }),
            }
        }
        Change::RemoveFleet(name) => {
            let all: Vec<&str> = trust.fleet.iter().map(|key| key.name.as_str()).collect();
            let at = trust.fleet.iter().position(|key| key.name == *name).ok_or_else(|| {
                Error::usage(format!("changing the trust: there is no fleet key `{name}`")).hint(format!(
                    "the fleet keys of the site: {}",
                    if all.is_empty() { "none".into() } else { all.join(", ") }
                ))
            })?;
            next.fleet.remove(at);
        }
        Change::Renew => {}
    }
    check(&next)?;
    Ok(next)
}

/// Whether `trust` is already as the change asks.
#[must_use]
pub fn is_applied(trust: &Trust, change: &Change) -> bool {
    let named = |name: &Name| trust.keys.iter().find(|key| key.name == *name);
    match change {
        Change::Add(name, key) | Change::Replace(name, key) => {
            named(name).is_some_and(|one| one.key.same_key(key))
        }
        Change::Remove(name) => named(name).is_none(),
        Change::Threshold(threshold) => trust.threshold == *threshold,
        Change::AddFleet(name, key, may) => {
            let there = trust.fleet.iter().find(|one| one.name == *name);
            there.is_some_and(|one| one.key.same_key(key) && one.may == *may)
        }
        Change::RemoveFleet(name) => !trust.fleet.iter().any(|one| one.name == *name),
        Change::Renew => false,
    }
}

/// Refuses a key that the trust has under another name: one person could sign for two. Also refuses a key with the id
/// of another key: signatures are matched to keys by the id.
fn check_new(trust: &Trust, name: &Name, key: &PublicKey) -> Result<()> {
    if let Some(one) = trust.fleet.iter().find(|one| one.name != *name && one.key.same_key(key)) {
        return Err(refused(format!("the key for `{name}` is already the fleet key `{}`", one.name))
            .hint("a fleet key signs every minute, a release key rarely: `stringless keygen FILE` makes another one"));
    }
    match trust.keys.iter().find(|one| one.key.same_key(key)) {
        Some(one) => Err(refused(format!("the key for `{name}` is already the key of {}", title(one)))
            .hint("each person needs a different key: `stringless keygen FILE`, or `minisign -G`")),
        None if trust.keys.iter().any(|one| one.name != *name && one.id == key.id()) => {
            Err(refused(format!("the key for `{name}` has the id {} of another key", key.id()))
                .hint("make another one: `stringless keygen FILE`"))
        }
        None => Ok(()),
    }
}

fn check(next: &Trust) -> Result<()> {
    let (keys, threshold) = (next.keys.len(), next.threshold);
    if keys == 0 {
        return Err(refused("it is the last key, and without it nobody could sign")
            .hint("`stringless keys rotate NAME --public FILE` replaces it"));
    }
    if next.fleet.len() > MAX_KEYS {
        return Err(refused(format!(
            "it would have {} fleet keys, and the limit is {MAX_KEYS}",
            next.fleet.len()
        ))
        .hint("`stringless keys fleet remove NAME` removes one"));
    }
    if keys > MAX_KEYS {
        return Err(refused(format!("it would have {keys} keys, and the limit is {MAX_KEYS}"))
            .hint("`stringless keys remove NAME` removes one"));
    }
    if threshold == 0 {
        return Err(refused("with a threshold of 0, no signature would be needed")
            .hint("`stringless keys threshold 1`"));
    }
    if threshold > keys {
        return Err(refused(format!(
            "{} would have to sign, but it would have {keys}",
            count(threshold, "key")
        ))
        .hint(format!(
            "`stringless keys threshold {keys}` first, or `stringless keys add NAME --public FILE`"
        )));
    }
    next.check().map_err(refused)
}

fn position(trust: &Trust, name: &Name) -> Result<usize> {
    let all: Vec<&str> = trust.keys.iter().map(|key| key.name.as_str()).collect();
    trust.keys.iter().position(|key| key.name == *name).ok_or_else(|| {
        Error::usage(format!("changing the trust: there is no key `{name}`"))
            .hint(format!("the keys of the site: {}", all.join(", ")))
    })
}

fn named(name: &Name, key: &PublicKey) -> TrustKey {
    TrustKey { name: name.clone(), id: key.id(), key: key.clone() }
}

fn refused(why: impl std::fmt::Display) -> Error {
    Error::refused(format!("changing the trust: {why}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use stringless_core::trust::TrustType;

    pub fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    pub fn key(text: &str) -> TrustKey {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        named(&name(text), &PublicKey::parse(&pair.pk.to_base64()).unwrap())
    }

    pub fn trust(version: u64, threshold: usize, keys: &[&TrustKey]) -> Trust {
        Trust {
            kind: TrustType::Trust,
            format: stringless_core::trust::FORMAT,
            needs: Vec::new(),
            site: name("s"),
            version,
            threshold,
            keys: keys.iter().map(|key| (*key).clone()).collect(),
            fleet: Vec::new(),
            expires: None,
            min_serial: Default::default(),
        }
    }

    #[test]
    fn each_change_makes_the_next_version() {
        let [a, b, c] = ["a", "b", "c"].map(key);
        let two = trust(1, 1, &[&a, &b]);
        let done = |change| next(&two, &change).unwrap();
        let names = |trust: &Trust| trust.keys.iter().map(|key| key.name.to_string()).collect::<String>();
        let added = done(Change::Add(name("c"), c.key.clone()));
        assert_eq!((added.version, names(&added)), (2, "abc".to_owned()));
        assert_eq!(names(&done(Change::Remove(name("a")))), "b");
        let replaced = done(Change::Replace(name("a"), c.key.clone()));
        assert_eq!((names(&replaced), &replaced.keys[0].key), ("ab".to_owned(), &c.key));
        assert_eq!(done(Change::Threshold(2)).threshold, 2);
        assert_eq!(done(Change::Renew), Trust { version: 2, ..two.clone() });
        assert!(is_applied(&replaced, &Change::Replace(name("a"), c.key.clone())));
        assert!(
            !is_applied(&two, &Change::Remove(name("a"))) && is_applied(&two, &Change::Remove(name("c")))
        );
    }

    #[test]
    fn a_change_that_locks_everybody_out_is_refused() {
        let [a, b] = ["a", "b"].map(key);
        let one = trust(1, 1, &[&a]);
        let both = trust(1, 2, &[&a, &b]);
        for (trust, change, why) in [
            (&one, Change::Remove(name("a")), "last key"),
            (&one, Change::Remove(name("x")), "no key `x`"),
            (&one, Change::Threshold(0), "no signature"),
            (&one, Change::Threshold(2), "2 keys would have to sign, but it would have 1"),
            (&both, Change::Remove(name("a")), "2 keys would have to sign"),
            (&one, Change::Add(name("x"), a.key.clone()), "is already the key of a ("),
            (&one, Change::Add(name("a"), b.key.clone()), "there is a key `a` already"),
            (&both, Change::Replace(name("a"), b.key.clone()), "is already the key of b ("),
            (&both, Change::Replace(name("x"), b.key.clone()), "no key `x`"),
        ] {
            let error = next(trust, &change).unwrap_err();
            assert!(error.to_string().contains(why) && error.hint_text().is_some(), "{change:?}: {error}");
            let code = if why.starts_with("no key") { 64 } else { 3 };
            assert_eq!(error.exit_code(), code, "{error}");
        }
        let many: Vec<TrustKey> = (0..MAX_KEYS).map(|n| key(&format!("k{n}"))).collect();
        let full = trust(1, 1, &many.iter().collect::<Vec<_>>());
        assert!(
            next(&full, &Change::Add(name("x"), a.key)).unwrap_err().to_string().contains("the limit is")
        );
    }
}
