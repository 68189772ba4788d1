//! The trust documents of a site: a chain, each verified by the one before it. No IO.

use stringless_core::fault::Fault;
use stringless_core::name::Name;
use stringless_core::trust::Trust;
use stringless_core::verify::{self, Verified};

/// A trust document of a site.
#[derive(Clone, Debug)]
pub struct TrustFile {
    /// The bytes of the file, with the signatures.
    pub bytes: Vec<u8>,
    /// Its content, verified by the version before it; the first one of a chain is verified by its own keys.
    pub trust: Verified<Trust>,
}

/// Verifies the document of this `version` that came from `origin`: it follows `chain`, or begins it. Its expiry is not
/// checked: that matters only where something is signed.
///
/// # Errors
/// When it is not such a document of `site`.
pub fn follow(
    chain: &[TrustFile],
    version: u64,
    bytes: Vec<u8>,
    origin: &str,
    site: &Name,
) -> Result<TrustFile, Fault> {
    let trust = match chain.last() {
        None => verify::own_trust_document(&bytes, site),
        Some(last) => verify::next_trust(&bytes, &last.trust.trusted_keys(), site),
    };
    let trust = trust.map_err(|refusal| {
        Fault::new(format!("verifying `{origin}`: {refusal}"))
            .hint("restore `trust/` from version control: a trust document never changes")
    })?;
    if trust.version != version {
        let found = trust.version;
        return Err(Fault::new(format!("verifying `{origin}`: it holds trust version {found}")));
    }
    Ok(TrustFile { bytes, trust })
}

/// The newest trust of a chain.
///
/// # Errors
/// When the chain is empty.
pub fn newest(chain: &[TrustFile]) -> Result<&Trust, Fault> {
    let last = chain.last().ok_or_else(|| Fault::new("reading `trust/`: it is empty"))?;
    Ok(&last.trust)
}
