//! The site's trust documents in `trust/`: a chain, each verified by the one before it.

use stringless_core::trust::{Trust, TrustedKeys};
use stringless_core::verify::Verified;

use crate::clock::now;
use crate::error::{Error, Result};

/// A trust document of the site, as it lies in `trust/`.
#[derive(Clone, Debug)]
pub struct TrustFile {
    /// Its bytes, signatures included.
    pub bytes: Vec<u8>,
    /// What it says, verified by the version before it, the first one by its own keys.
    pub trust: Verified<Trust>,
}

/// The newest trust of a chain.
///
/// # Errors
/// When there is none.
pub fn newest(chain: &[TrustFile]) -> Result<&Trust> {
    let last = chain.last().ok_or_else(|| Error::configuration("reading `trust/`: it is empty"))?;
    Ok(&last.trust)
}

/// The newest trust, which may sign: it is not past its date.
///
/// # Errors
/// Refused when it is.
pub fn in_force(chain: &[TrustFile]) -> Result<&Trust> {
    let newest = newest(chain)?;
    match newest.expires {
        Some(expires) if now() >= expires => {
            Err(Error::refused(format!("verifying `trust/{}.json`: it expired at {expires}", newest.version))
                .hint("`stringless refresh` gives it another year"))
        }
        _ => Ok(newest),
    }
}

/// The keys of each trust document, in order.
#[must_use]
pub fn keys(chain: &[TrustFile]) -> Vec<TrustedKeys> {
    chain.iter().map(|file| file.trust.trusted_keys()).collect()
}
