//! Removes the secrets of the node's configuration from the output of an engine.
//!
//! An engine runs as root and can read the configuration. Its output goes into logs and reports that other
//! users can read.

/// Removes secrets from a stream, even if a secret arrives in several parts.
pub struct Redactor {
    /// Sorted, longest first, because one may be a part of another.
    secrets: Vec<Vec<u8>>,
    /// The end of the input that may be the start of a secret.
    held: Vec<u8>,
}

impl Redactor {
    /// A redactor for these secrets.
    pub fn new(secrets: &[String]) -> Self {
        let mut secrets: Vec<Vec<u8>> = secrets.iter().map(|secret| secret.clone().into_bytes()).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets, held: Vec::new() }
    }

    /// Adds bytes, and returns the output that is safe to show now.
    pub fn redact(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        self.release(true)
    }

    /// Returns the rest at the end of the stream.
    pub fn finish(&mut self) -> Vec<u8> {
        self.release(false)
    }

    /// Replaces secrets from left to right, the longest possible one first. If `more` input may come, holds
    /// back an end that may become a secret or a longer one.
    fn release(&mut self, more: bool) -> Vec<u8> {
        if self.secrets.is_empty() {
            return std::mem::take(&mut self.held);
        }
        let mut out = Vec::with_capacity(self.held.len());
        let mut rest = &self.held[..];
        while let Some((first, after)) = rest.split_first() {
            if more && self.secrets.iter().any(|s| s.len() > rest.len() && s.starts_with(rest)) {
                break;
            }
            match self.secrets.iter().find(|secret| rest.starts_with(secret)) {
                Some(secret) => {
                    out.extend_from_slice(REPLACEMENT);
                    rest = &rest[secret.len()..];
                }
                None => {
                    out.push(*first);
                    rest = after;
                }
            }
        }
        let left = rest.len();
        self.held.drain(..self.held.len() - left);
        out
    }
}

const REPLACEMENT: &[u8] = b"********";

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(secrets: &[&str], parts: &[&str]) -> String {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let mut redactor = Redactor::new(&secrets);
        let mut all: Vec<u8> = parts.iter().flat_map(|part| redactor.redact(part.as_bytes())).collect();
        all.extend(redactor.finish());
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn removes_secrets_that_arrive_in_parts() {
        assert_eq!(redacted(&[], &["as it is"]), "as it is");
        let text = "key=hunter2hunter, key=hunter2";
        for at in 0..text.len() {
            let (one, two) = text.split_at(at);
            let redacted = redacted(&["hunter2", "hunter2hunter"], &[one, two]);
            assert_eq!(redacted, "key=********, key=********", "{at}");
        }
        let bytes: Vec<String> = text.chars().map(String::from).collect();
        let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
        assert!(!redacted(&["hunter2"], &bytes).contains("hunter2"));
        assert_eq!(
            redacted(&["hunter2"], &["hunt", "ers"]),
            "hunters",
            "text that only starts like a secret is shown"
        );
    }

    #[test]
    fn holds_back_only_what_may_be_a_secret() {
        let mut redactor = Redactor::new(&["hunter2".into()]);
        assert_eq!(redactor.redact(b"progress 10%\r"), b"progress 10%\r");
        assert_eq!(redactor.redact(b"hun"), b"");
        assert_eq!(redactor.finish(), b"hun");
    }
}
