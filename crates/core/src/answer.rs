//! Recognises an answer that did not come from a store as it is: a web page of a network's login, of a proxy
//! or of an error, and bytes that somebody compressed on the way.
//!
//! No object of a store begins like a web page. Such an answer says nothing about the store, so it is worth a
//! retry; it is no attack that the node would have to refuse.

/// What an answer is instead of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The end of a sentence about the answer: `it is a web page …`.
    pub what: &'static str,
    /// What to do about it.
    pub hint: &'static str,
}

/// A web page in place of an object.
pub const WEB_PAGE: Foreign = Foreign {
    what: "it is a web page (HTML or XML), not the object",
    hint: "something in between answers in place of the store: the login page of a network, a proxy, or a web \
           server whose error page has the status 200. Open the URL from this machine, for example with curl",
};

/// An object that was compressed on the way.
pub const COMPRESSED: Foreign = Foreign {
    what: "it was compressed on the way (content-encoding), which nobody asked for",
    hint: "turn compression off for the store's files in the server, the cache or the proxy in front of it",
};

/// Whether the bytes begin like a web page.
#[must_use]
pub fn is_web_page(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    start.trim_ascii_start().first() == Some(&b'<')
}

/// Whether the header `content-encoding` names an encoding.
#[must_use]
pub fn is_encoded(header: Option<&str>) -> bool {
    header.is_some_and(|name| !name.trim().is_empty() && !name.trim().eq_ignore_ascii_case("identity"))
}

/// What a signed document is instead, if its bytes or its header show that.
#[must_use]
pub fn in_place_of_a_document(bytes: &[u8], content_encoding: Option<&str>) -> Option<Foreign> {
    if is_web_page(bytes) {
        return Some(WEB_PAGE);
    }
    let packed = bytes.starts_with(GZIP) || is_encoded(content_encoding) && !bytes.starts_with(DOCUMENT);
    packed.then_some(COMPRESSED)
}

const GZIP: &[u8] = b"\x1f\x8b";
const DOCUMENT: &[u8] = b"untrusted comment:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_what_is_no_document() {
        for page in ["<!DOCTYPE html><p>", "\n <html>", "\u{feff}<HTML>", "<?xml version='1.0'?><Error/>"] {
            assert_eq!(in_place_of_a_document(page.as_bytes(), None), Some(WEB_PAGE), "{page}");
        }
        for (bytes, header) in
            [(&b"\x1f\x8b\x08\0"[..], None), (b"\x1f\x8b\x08\0", Some("gzip")), (b"\x8b\x03\x80", Some("br"))]
        {
            assert_eq!(in_place_of_a_document(bytes, header), Some(COMPRESSED));
        }
        let document = b"untrusted comment: a\n";
        for (bytes, header) in [
            (&document[..], None),
            (document, Some("identity")),
            (document, Some("gzip")),
            (b"", None),
            (b"nonsense", None),
            (b"{}", Some("")),
        ] {
            assert_eq!(in_place_of_a_document(bytes, header), None);
        }
    }
}
