//! The head that is published already: when it is signed again, and when nothing may take its place.

use stringless_core::fleet::head::RolloutState;
use stringless_core::trust::Trust;

use crate::clock::now;
use crate::error::{Error, Kind, Result};
use crate::release::lead;
use crate::release::publish::{Options, Publisher};
use crate::release::upload;

/// What became of a head, half of whose life is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It was signed again, with this version.
    Signed(u64),
    /// A dry run: it would be signed again.
    Planned,
    /// No key on this machine may sign it; why.
    NoKey(String),
}

impl Publisher<'_> {
    /// Signs the head again if half of its life is over.
    ///
    /// # Errors
    /// When the store fails, or the head needs a newer version of this program.
    pub(super) fn renew_head(&self, trust: &Trust, options: &Options<'_>) -> Result<Option<Renewal>> {
        let Some(published) = self.published else { return Ok(None) };
        let Some((head, payload)) = lead::renewed(published, trust, now())? else { return Ok(None) };
        if options.dry_run {
            return Ok(Some(Renewal::Planned));
        }
        match lead::signed(self.remote.site, &head, &payload, trust, options.keys) {
            Ok(signed) => {
                upload::replace_pointer(&self.remote.store, &self.remote.chain, published, &signed)?;
                Ok(Some(Renewal::Signed(head.version)))
            }
            Err(error) if error.kind() == Kind::Configuration => Ok(Some(Renewal::NoKey(error.to_string()))),
            Err(error) => Err(error),
        }
    }

    /// Refuses to publish while a release is on its way: the new one would go to every node at once.
    ///
    /// # Errors
    /// Refused, unless the options say so; and when the head needs a newer version of this program.
    pub(super) fn refuse_rollout(&self, options: &Options<'_>) -> Result<()> {
        let Some(head) = self.published.and_then(|published| published.head.as_ref()) else { return Ok(()) };
        lead::refuse_newer(head)?;
        let Some(next) = head.next.as_ref().filter(|_| !options.replace) else { return Ok(()) };
        let state = match next.state {
            RolloutState::Go => "on its way",
            RolloutState::Hold => "on its way, and held",
        };
        Err(Error::refused(format!(
            "publishing `{}`: release {} is {state}, and the new one would go to every node at once",
            head.environment, next.serial
        ))
        .hint("`stringless publish --replace` does that"))
    }
}
