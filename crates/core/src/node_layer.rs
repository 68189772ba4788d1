//! A layer in the configuration of a node.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::config::CredentialSource;
use crate::limits;
use crate::name::Name;
use crate::node_store::NodeStore;
use crate::store::Store;
use crate::time::Timestamp;
use crate::trust::TrustedKeys;

/// One site that the node follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The site.
    pub site: Name,
    /// The environment of that site.
    pub environment: Name,
    /// The lowest serial that the node accepts, set when the bootstrap was rendered. It holds even if the
    /// node loses its state.
    pub min_serial: u64,
    /// Seconds between two checks by the daemon.
    #[serde(default = "interval")]
    pub interval: u64,
    /// The most random seconds to add to `interval`.
    #[serde(default = "splay")]
    pub splay: u64,
    /// The keys that were trusted when the bootstrap was rendered.
    pub trust: TrustedKeys,
    /// The stores to read from.
    pub stores: Vec<NodeStore>,
}

impl Layer {
    /// Whether this layer is due for a check. `checked` is the time of the last successful check; `tick` is
    /// the time between two runs ([`crate::config::Config::shortest_interval`]). A run that comes up to half a tick early
    /// counts as due, because the next run would be almost a whole tick late.
    #[must_use]
    pub fn is_due(&self, checked: Option<Timestamp>, tick: u64, now: Timestamp) -> bool {
        // If the clock was set back since the last check, the layer is due at once; otherwise it might never
        // be.
        checked.is_none_or(|at| now < at || now.plus(tick / 2) >= at.plus(self.interval))
    }

    /// Checks the rules that the types do not express.
    ///
    /// # Errors
    /// A sentence that names the key at fault.
    pub fn check(&self) -> Result<(), String> {
        self.trust.check()?;
        limits::INTERVAL.check(self.interval).map_err(|why| format!("interval: {why}"))?;
        limits::SPLAY.check(self.splay).map_err(|why| format!("splay: {why}"))?;
        if self.stores.is_empty() {
            return Err("stores: at least one is required".into());
        }
        for store in &self.stores {
            let signed = matches!(store.parse()?, Store::S3(_));
            if signed == store.credentials.is_empty() {
                let url = &store.url;
                return Err(format!(
                    "store `{url}`: `credentials` are required with `s3://`, and only there"
                ));
            }
            for source in &store.credentials {
                if let CredentialSource::Static(keys) = source {
                    keys.check()
                        .map_err(|why| format!("store `{}`: credentials: static: {why}", store.url))?;
                }
            }
        }
        Ok(())
    }
}

/// The default of [`Layer::interval`].
pub(crate) fn interval() -> u64 {
    300
}

fn splay() -> u64 {
    60
}
