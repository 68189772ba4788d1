//! What both stores have published of an environment.

use stringless_core::layout;
use stringless_core::name::Name;

use super::Mirror;
use crate::error::{Error, Result};
use crate::remote::Published;

/// What is published in the source, and in the target.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) here: Published,
    pub(super) there: Option<Published>,
}

impl Current {
    /// Whether the target has another object for nodes to read.
    pub(super) fn moves(&self) -> bool {
        let payload = |published: &Published| match &published.head {
            Some(head) => head.sha256(),
            None => published.manifest.sha256(),
        };
        self.there.as_ref().map(payload) != Some(payload(&self.here))
    }
}

impl Mirror<'_> {
    /// The published releases of both stores. Refused when the target would go back to an older release.
    pub(super) fn current(&self, environment: &Name) -> Result<Option<Current>> {
        let key = layout::head(environment);
        let Some(here) = self.source.published(environment)? else { return Ok(None) };
        let there = self.target.published(environment)?;
        // The mirror may be the only store that still has a release which nodes accept.
        if let Some(refused) = self.source.refusal(environment, &here)? {
            return Err(refused.of(&format!("copying `{environment}`")).hint(format!(
                "nodes refuse it, so {} keeps what it has; `stringless publish -e {environment}` publishes a release that they accept",
                self.to().url(&key)
            )));
        }
        let current = Current { here, there };
        if let Some(there) = &current.there {
            let (old, new) = (there.order(), current.here.order());
            if old > new || old == new && current.moves() {
                let title = |published: &Published| match &published.head {
                    Some(head) => format!("head {}", head.version),
                    None => format!("release {}", published.manifest.serial),
                };
                return Err(Error::refused(format!(
                    "copying {} of `{environment}`: {} already has {}",
                    title(&current.here),
                    self.to().url(&key),
                    title(there)
                ))
                .hint("a mirror never goes back: copy in the other direction with `--from`, or find out who publishes there"));
            }
        }
        Ok(Some(current))
    }
}
