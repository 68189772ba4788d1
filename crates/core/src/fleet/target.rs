//! Which release a node follows, by its head.

use super::head::{Head, ManifestRef};
use super::place;
use super::selector::Subject;
use crate::time::Timestamp;

/// What a node follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The release that is on its way.
    Next(ManifestRef),
    /// The stable one.
    Stable(ManifestRef),
    /// The release that it has seen last: there is no way back to an older one.
    Seen,
}

/// The release that a node follows. `seen` is the newest one that it has accepted, as trust version and serial.
///
/// A node that has seen the next release, or one with the same content, follows it, whatever the head says of the
/// rollout: there is no way back but a newer release. Any other node follows the next one only while the rollout goes
/// on, and once its place is reached.
#[must_use]
pub fn target(head: &Head, seen: Option<(u64, u64)>, subject: &Subject<'_>, now: Timestamp) -> Target {
    if let Some(next) = &head.next {
        let release = next.release();
        let has_it = seen.is_some_and(|seen| {
            let (made_under, serial) = seen;
            seen >= release.freshness() || made_under <= next.trust_version && next.was.contains(&serial)
        });
        let reached = || match next.reach(now) {
            _ if next.rush => true,
            (_, false) => false,
            (share, true) => {
                place_of(head, seen, subject) < share || share == 0 && is_first(head, seen, subject)
            }
        };
        if has_it || !head.is_expired(now) && next.goes_on(now) && reached() {
            return match seen.is_some_and(|seen| seen > release.freshness()) {
                true => Target::Seen,
                false => Target::Next(release),
            };
        }
    }
    match seen {
        Some(seen) if seen > head.stable.freshness() => Target::Seen,
        _ => Target::Stable(head.stable),
    }
}

/// The place of a node in the rollout of `head`, 0 if it is among the first.
#[must_use]
pub fn place_of(head: &Head, seen: Option<(u64, u64)>, subject: &Subject<'_>) -> u16 {
    let Some(next) = &head.next else { return 0 };
    match is_first(head, seen, subject) {
        true => 0,
        false => place::place(&head.site, &head.environment, subject.node, next.salt),
    }
}

/// Whether a node is among the first: it is selected, or a former rollout has reached it.
fn is_first(head: &Head, seen: Option<(u64, u64)>, subject: &Subject<'_>) -> bool {
    let selected = head.next.as_ref().and_then(|next| next.first.as_ref());
    selected.is_some_and(|first| first.matches(subject))
        || seen.is_some_and(|seen| seen > head.stable.freshness())
}
