//! What is wrong with a server's certificate, in words.
//!
//! The TLS library names most faults by an identifier of its source, such as
//! `Other(OtherError(CaUsedAsEndEntity))`.

use alloc::format;
use alloc::string::String;

/// Words for an error of the TLS library about a certificate; `None` for any other error.
#[must_use]
pub fn in_words(error: &str) -> Option<String> {
    let (_, fault) = error.split_once("invalid peer certificate: ")?;
    if let Some((_, words)) = WORDS.iter().find(|(name, _)| fault.contains(name)) {
        return Some((*words).into());
    }
    let other = fault.strip_prefix("Other(OtherError(")?.trim_end_matches(')');
    Some(format!("the server's certificate is not valid ({other})"))
}

/// Identifiers, and what they mean. Errors that have words already, with their details, are not listed.
const WORDS: [(&str, &str); 11] = [
    (
        "CaUsedAsEndEntity",
        "the server's certificate is one of an authority (CA:TRUE), not one of a server: the server needs a \
         certificate that the authority signed",
    ),
    (
        "EndEntityUsedAsCa",
        "the server's certificate was signed by a certificate that is not one of an authority",
    ),
    ("UnknownIssuer", "no trusted authority signed the server's certificate (UnknownIssuer)"),
    ("BadSignature", "a signature in the server's certificates is wrong (BadSignature)"),
    ("BadEncoding", "the server's certificate is malformed (BadEncoding)"),
    ("Revoked", "the server's certificate was revoked (Revoked)"),
    ("InvalidPurpose", "the server's certificate is not meant for servers (InvalidPurpose)"),
    (
        "UnsupportedCertVersion",
        "the server's certificate is not of version 3, the only one that is supported",
    ),
    (
        "UnsupportedSignatureAlgorithm",
        "the server's certificate is signed in a way that is not supported, for example with SHA-1",
    ),
    (
        "UnhandledCriticalExtension",
        "the server's certificate has a critical extension that is not supported (UnhandledCriticalExtension)",
    ),
    ("PathLenConstraintViolated", "the server's chain of certificates is longer than its authority allows"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_identifier_is_left_without_words() {
        let fault = "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))";
        assert!(in_words(fault).unwrap().contains("CA:TRUE"));
        assert!(
            in_words("other: invalid peer certificate: UnknownIssuer").unwrap().contains("UnknownIssuer")
        );
        let unknown = "invalid peer certificate: Other(OtherError(SomethingNew))";
        assert_eq!(in_words(unknown).unwrap(), "the server's certificate is not valid (SomethingNew)");
        for other in
            ["Connection refused", "invalid peer certificate: certificate expired: verification time"]
        {
            assert_eq!(in_words(other), None, "{other}");
        }
    }
}
