//! Dates of expiry, each with the time that is left.

use stringless_core::count::count;
use stringless_core::fleet::head::Head;
use stringless_core::manifest::Manifest;
use stringless_core::time::Timestamp;
use stringless_core::trust::Trust;

use super::findings::Findings;
use crate::clock::now;
use crate::error::Error;
use crate::trust::expiry;

/// The expiry of the trust.
pub(super) fn trust(trust: &Trust, list: &mut Findings) {
    let message = format!("version {}: {}", trust.version, left(trust.expires, now()));
    judge("trust", message, trust.expires, expiry::trust_is_due(trust, now()), list);
}

/// The expiry of a published release.
pub(super) fn release(what: &str, manifest: &Manifest, list: &mut Findings) {
    if manifest.retired {
        list.ok(what, format!("release {} has retired it", manifest.serial));
        return;
    }
    let message = format!("release {}: {}", manifest.serial, left(manifest.expires, now()));
    let due = expiry::release_warning(manifest, now()).is_some();
    judge(what, message, manifest.expires, due, list);
}

/// The expiry of a head.
pub(super) fn head(what: &str, head: &Head, list: &mut Findings) {
    let message = format!("head {}: {}", head.version, left(head.expires, now()));
    let due = expiry::head_warning(head, now()).is_some();
    judge(what, message, head.expires, due, list);
}

fn judge(what: &str, message: String, expires: Option<Timestamp>, due: bool, list: &mut Findings) {
    if expires.is_some_and(|expires| now() >= expires) {
        list.error(what, &Error::refused(message).hint(REFRESH));
    } else if due {
        list.warn(what, message, REFRESH);
    } else {
        list.ok(what, message);
    }
}

/// The date, and how long it is until then.
fn left(expires: Option<Timestamp>, now: Timestamp) -> String {
    let Some(expires) = expires else { return "it never expires".to_owned() };
    let seconds = expires.seconds().saturating_sub(now.seconds());
    let span = match seconds {
        0 => return format!("it expired at {expires}"),
        1..7200 => count(seconds / 60, "minute"),
        7200..172_800 => count(seconds / 3600, "hour"),
        _ => count(seconds / 86_400, "day"),
    };
    format!("it expires at {expires}, in {span}")
}

const REFRESH: &str = "`stringless refresh` signs it again";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_has_the_unit_that_fits() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let after = |seconds| left(Some(Timestamp::from_seconds(now.seconds() + seconds)), now);
        for (seconds, end) in [
            (30 * 86_400, ", in 30 days"),
            (172_800, ", in 2 days"),
            (172_799, ", in 47 hours"),
            (7199, ", in 119 minutes"),
            (1, ", in 0 minutes"),
        ] {
            assert!(after(seconds).ends_with(end), "{}", after(seconds));
        }
        assert!(after(0).starts_with("it expired at "));
        assert_eq!(left(None, now), "it never expires");
    }
}
