//! The signed document: minisign signature blocks, an empty line, and the signed payload.
//!
//! ```text
//! untrusted comment: <text>
//! <base64 signature>
//! trusted comment: <type> <site> <name> <number>
//! <base64 global signature>
//!                                ← more blocks of four lines each, then one empty line
//! {"type": …}                    ← the payload, to the end of the object
//! ```

use alloc::vec::Vec;

use crate::json::MAX_BYTES;

/// The most signature blocks that a document may carry.
pub const MAX_BLOCKS: usize = 16;

/// A document split into its parts, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document<'a> {
    /// The four-line blocks as minisign writes them, each with its final newline.
    pub blocks: Vec<&'a str>,
    /// The signed bytes.
    pub payload: &'a [u8],
}

/// Why some bytes are not a signed document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Longer than [`MAX_BYTES`].
    #[error("longer than the limit of {MAX_BYTES} bytes")]
    TooLong,
    /// The signature part does not consist of blocks of four lines and one empty line.
    #[error("line {line}: expected {expected}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What that line should contain.
        expected: &'static str,
    },
    /// More than [`MAX_BLOCKS`] blocks.
    #[error("more than {MAX_BLOCKS} signatures")]
    TooManyBlocks,
}

impl<'a> Document<'a> {
    /// Splits `bytes` into blocks and payload.
    ///
    /// # Errors
    /// [`DocumentError`] unless the bytes have exactly the form above: at least one block, lines that end
    /// with a single line feed, no control characters in comments, and a payload that starts with `{`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DocumentError> {
        if bytes.len() > MAX_BYTES {
            return Err(DocumentError::TooLong);
        }
        let mut lines = Lines { rest: bytes, number: 0 };
        let mut blocks = Vec::new();
        loop {
            let start = lines.rest;
            let first = lines.next("`untrusted comment:`, or an empty line before the payload")?;
            if first.is_empty() && !blocks.is_empty() {
                break;
            }
            if blocks.len() == MAX_BLOCKS {
                return Err(DocumentError::TooManyBlocks);
            }
            lines.expect(first.starts_with("untrusted comment: "), "`untrusted comment: …`")?;
            let signature = lines.next("a signature")?;
            lines.expect(!signature.is_empty(), "a signature")?;
            let comment = lines.next("`trusted comment: …`")?;
            lines.expect(comment.starts_with("trusted comment: "), "`trusted comment: …`")?;
            let global = lines.next("a global signature")?;
            lines.expect(!global.is_empty(), "a global signature")?;
            let block = &start[..start.len() - lines.rest.len()];
            blocks.push(str::from_utf8(block).map_err(|_| lines.error("UTF-8"))?);
        }
        lines.number += 1;
        lines.expect(lines.rest.first() == Some(&b'{'), "a JSON object, the payload")?;
        Ok(Self { blocks, payload: lines.rest })
    }

    /// Builds the bytes of a document. `blocks` are the contents of minisign's `.minisig` files.
    #[must_use]
    pub fn assemble(blocks: &[impl AsRef<str>], payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for block in blocks {
            bytes.extend_from_slice(block.as_ref().trim_end().as_bytes());
            bytes.push(b'\n');
        }
        bytes.push(b'\n');
        bytes.extend_from_slice(payload);
        bytes
    }
}

struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self, expected: &'static str) -> Result<&'a str, DocumentError> {
        self.number += 1;
        let end = self.rest.iter().position(|&b| b == b'\n').ok_or(self.error(expected))?;
        let line = str::from_utf8(&self.rest[..end]).map_err(|_| self.error(expected))?;
        self.expect(!line.chars().any(char::is_control), "no control characters")?;
        self.rest = &self.rest[end + 1..];
        Ok(line)
    }

    fn expect(&self, holds: bool, expected: &'static str) -> Result<(), DocumentError> {
        if holds { Ok(()) } else { Err(self.error(expected)) }
    }

    fn error(&self, expected: &'static str) -> DocumentError {
        DocumentError::Line { line: self.number, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BLOCK: &str = "untrusted comment: a\nAAAA\ntrusted comment: b\nBBBB\n";

    #[test]
    fn an_assembled_document_splits_into_the_same_parts() {
        let bytes = Document::assemble(&[BLOCK, BLOCK], b"{}\n\n");
        let document = Document::parse(&bytes).unwrap();
        assert_eq!(document.blocks, [BLOCK, BLOCK]);
        assert_eq!(document.payload, b"{}\n\n");
    }

    #[test]
    fn refuses_malformed_documents() {
        let many = Document::assemble(&[BLOCK; MAX_BLOCKS + 1], b"{}");
        assert_eq!(Document::parse(&many), Err(DocumentError::TooManyBlocks));
        let long = Document::assemble(&[BLOCK], &alloc::vec![b'{'; MAX_BYTES]);
        assert_eq!(Document::parse(&long), Err(DocumentError::TooLong));
        for text in [
            "",
            "\n{}",
            "{}",
            "untrusted comment: a\nAAAA\ntrusted comment: b\nBBBB\n{}",
            "untrusted comment: a\r\nAAAA\r\ntrusted comment: b\r\nBBBB\r\n\r\n{}",
            "untrusted comment: a\nAAAA\ntrusted comment: b\nBBBB\n\n [1]",
            "untrusted comment: a\nAAAA\ntrusted comment: b\nBBBB\n\n",
            "untrusted comment: a\n\ntrusted comment: b\nBBBB\n\n{}",
            "untrusted comment: a\x1b\nAAAA\ntrusted comment: b\nBBBB\n\n{}",
            "comment: a\nAAAA\ntrusted comment: b\nBBBB\n\n{}",
        ] {
            assert!(Document::parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Document::parse(&bytes);
        }
    }
}
