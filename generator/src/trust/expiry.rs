//! Decides when an expiry date is near enough to warn, or to sign again.

use stringless_core::fleet::head::Head;
use stringless_core::manifest::Manifest;
use stringless_core::time::Timestamp;
use stringless_core::trust::Trust;

/// Whether to sign a release again: a third of its lifetime is left, or less, or the setting has changed.
///
/// `lifetime` is the lifetime that the site file now sets, in seconds.
#[must_use]
pub fn release_is_due(expires: Option<Timestamp>, lifetime: Option<u64>, now: Timestamp) -> bool {
    match (expires, lifetime) {
        (Some(expires), Some(lifetime)) => now.plus(lifetime / 3) >= expires,
        (None, None) => false,
        _ => true,
    }
}

/// The warning about a release's expiry, once a third of its lifetime is left.
#[must_use]
pub fn release_warning(manifest: &Manifest, now: Timestamp) -> Option<String> {
    let lifetime = manifest.expires?.seconds().saturating_sub(manifest.created.seconds());
    if !release_is_due(manifest.expires, Some(lifetime), now) {
        return None;
    }
    Some(format!(
        "release {} of `{}` {}",
        manifest.serial,
        manifest.environment,
        expiry(manifest.expires?, now)
    ))
}

/// The warning about a head's expiry, once a quarter of its lifetime is left: it is signed again after half of it.
#[must_use]
pub fn head_warning(head: &Head, now: Timestamp) -> Option<String> {
    let expires = head.expires?;
    let lifetime = expires.seconds().saturating_sub(head.created.seconds());
    let due = now.plus(lifetime / 4) >= expires;
    due.then(|| format!("head {} of `{}` {}", head.version, head.environment, expiry(expires, now)))
}

/// The warning about the trust's expiry, from thirty days before it.
#[must_use]
pub fn trust_warning(trust: &Trust, now: Timestamp) -> Option<String> {
    let expires = trust.expires.filter(|_| trust_is_due(trust, now))?;
    Some(format!("trust version {} {}", trust.version, expiry(expires, now)))
}

/// Whether to sign the trust again: it expires within thirty days, or has expired.
#[must_use]
pub fn trust_is_due(trust: &Trust, now: Timestamp) -> bool {
    trust.expires.is_some_and(|expires| now.plus(SOON) >= expires)
}

fn expiry(expires: Timestamp, now: Timestamp) -> String {
    if now >= expires { format!("expired at {expires}") } else { format!("expires at {expires}") }
}

/// Thirty days, in seconds: signing a trust may need several people.
pub const SOON: u64 = 30 * 86_400;
/// The lifetime that `refresh` gives a trust with an expiry date: a year, in seconds.
pub const TRUST_LIFE: u64 = 365 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::rotation::tests::{key, trust};

    #[test]
    fn an_expiry_date_is_announced_early() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let after = |seconds| Timestamp::from_seconds(now.seconds() + seconds);
        for (left, due) in [(1001, false), (1000, true), (0, true)] {
            assert_eq!(release_is_due(Some(after(left)), Some(3000), now), due, "{left}");
        }
        assert!(!release_is_due(None, None, now) && release_is_due(None, Some(1), now));
        assert!(release_is_due(Some(after(9)), None, now), "its setting changed");
        let mut dated = trust(3, 1, &[&key("a")]);
        assert_eq!(trust_warning(&dated, now), None);
        dated.expires = Some(after(SOON + 1));
        assert_eq!(trust_warning(&dated, now), None);
        dated.expires = Some(after(SOON));
        assert!(
            trust_warning(&dated, now)
                .is_some_and(|warning| warning.starts_with("trust version 3 expires at "))
        );
        assert!(trust_warning(&dated, after(SOON)).is_some_and(|warning| warning.contains("expired at ")));
    }
}
