//! Why the SHA-256 of a package is believed. No signature is checked: a .deb package has none, and the key of the others
//! would come from the same place as they do.

use schemars::JsonSchema;
use serde::Serialize;
use stringless_core::hash::Sha256;

use super::package::Transport;
use crate::error::{Error, Result};

/// The SHA-256 values that a package can be held against.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// The one that the administrator gave, and where: `--sha256` or `puppet.release_sha256`.
    pub given: Option<(&'static str, Sha256)>,
    /// The one that stringless.lock.json has for the same URL.
    pub pinned: Option<Sha256>,
}

/// Why a SHA-256 is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Trust {
    /// The administrator gave it.
    Given,
    /// It is the one that was pinned before.
    Pinned,
    /// Nothing was known: it is that of the bytes that came.
    FirstUse,
    /// As `FirstUse`, in the place of a pin that `--replace` gave up.
    Replaced,
}

impl Trust {
    /// In words, for a table.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Pinned => "pinned before",
            Self::FirstUse => "first use",
            Self::Replaced => "first use, replaced",
        }
    }

    /// Whether nothing but the transport speaks for it.
    pub const fn is_unproven(self) -> bool {
        matches!(self, Self::FirstUse | Self::Replaced)
    }
}

impl Known {
    /// Refuses to read a package over `transport` if nothing would tell a changed one.
    pub fn allows(&self, transport: Transport, place: &str, replace: bool) -> Result<()> {
        let held = self.given.is_some() || (self.pinned.is_some() && !replace);
        if transport != Transport::Http || held {
            return Ok(());
        }
        Err(Error::refused(format!(
            "pinning {place}: it would come without TLS, and there is no SHA-256 to hold it against"
        ))
        .hint("use an `https://` URL, or give the package's SHA-256 with `--sha256`"))
    }

    /// Holds `sha256` against what is known of the package at `place`.
    pub fn judge(&self, place: &str, sha256: Sha256, replace: bool) -> Result<Trust> {
        if let Some((origin, given)) = self.given {
            if given != sha256 {
                return Err(Error::refused(format!(
                    "pinning {place}: it has the SHA-256 {sha256}, and `{origin}` says {given}"
                ))
                .hint("use it only after you have found out which of the two is right"));
            }
            return Ok(Trust::Given);
        }
        match self.pinned {
            None => Ok(Trust::FirstUse),
            Some(pinned) if pinned == sha256 => Ok(Trust::Pinned),
            Some(_) if replace => Ok(Trust::Replaced),
            Some(pinned) => Err(Error::refused(format!(
                "pinning {place}: it has the SHA-256 {sha256}, and {pinned} is pinned: it has changed"
            ))
            .hint("does OpenVox say that it published a new one? Then `stringless pin --replace` takes it")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(given: Option<&str>, pinned: Option<&str>) -> Known {
        let hash = |text: &str| Sha256::of(text.as_bytes());
        Known { given: given.map(|text| ("--sha256", hash(text))), pinned: pinned.map(hash) }
    }

    #[test]
    fn a_hash_that_was_given_counts_most_and_a_pin_counts_more_than_what_came() {
        let now = Sha256::of(b"now");
        for (given, pinned, replace, trust) in [
            (None, None, false, Some(Trust::FirstUse)),
            (None, None, true, Some(Trust::FirstUse)),
            (None, Some("now"), false, Some(Trust::Pinned)),
            (None, Some("old"), false, None),
            (None, Some("old"), true, Some(Trust::Replaced)),
            (Some("now"), None, false, Some(Trust::Given)),
            (Some("now"), Some("old"), false, Some(Trust::Given)),
            (Some("old"), None, true, None),
            (Some("old"), Some("now"), true, None),
        ] {
            let judged = known(given, pinned).judge("https://a.test/a.deb", now, replace);
            assert_eq!(judged.ok(), trust, "{given:?} {pinned:?} {replace}");
        }
    }

    #[test]
    fn without_tls_only_a_package_with_a_known_hash_is_read() {
        let allowed = |known: Known, transport, replace| {
            known.allows(transport, "http://a.test/a.deb", replace).is_ok()
        };
        for transport in [Transport::Https, Transport::File] {
            assert!(allowed(known(None, None), transport, false));
        }
        assert!(!allowed(known(None, None), Transport::Http, false));
        assert!(!allowed(known(None, Some("old")), Transport::Http, true), "a pin that --replace gives up");
        assert!(allowed(known(None, Some("old")), Transport::Http, false));
        assert!(allowed(known(Some("now"), None), Transport::Http, true));
    }
}
