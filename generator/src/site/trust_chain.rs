//! The site's trust documents in `trust/`: a chain, each verified by the one before it.

use stringless_core::trust::{Trust, TrustedKeys};
pub use stringless_render::trust_chain::{TrustFile, newest};

use crate::clock::now;
use crate::error::{Error, Result};

/// The newest trust, if it has not expired. Only such a trust may sign.
///
/// # Errors
/// Refused when it has expired.
pub fn in_force(chain: &[TrustFile]) -> Result<&Trust> {
    let newest = newest(chain)?;
    match newest.expires {
        Some(expires) if now() >= expires => {
            Err(Error::refused(format!("verifying `trust/{}.json`: it expired at {expires}", newest.version))
                .hint("`stringless refresh` renews it for another year"))
        }
        _ => Ok(newest),
    }
}

/// The keys of each trust document, in the order of the chain.
#[must_use]
pub fn keys(chain: &[TrustFile]) -> Vec<TrustedKeys> {
    chain.iter().map(|file| file.trust.trusted_keys()).collect()
}
