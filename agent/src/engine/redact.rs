//! Secrets of the node's configuration, taken out of what an engine prints.
//!
//! An engine runs as root and can read the configuration; what it prints goes into logs and reports, where
//! others can read it.

/// Takes secrets out of a stream, also where one comes in two parts.
pub struct Mask {
    /// The longest first: one may be a part of another.
    secrets: Vec<Vec<u8>>,
    /// The end of what came, as long as it may be the start of a secret.
    held: Vec<u8>,
}

impl Mask {
    /// A mask for these secrets.
    pub fn new(secrets: &[String]) -> Self {
        let mut secrets: Vec<Vec<u8>> = secrets.iter().map(|secret| secret.clone().into_bytes()).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets, held: Vec::new() }
    }

    /// What of the stream may be shown after these bytes.
    pub fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        self.show(true)
    }

    /// What was held back, at the end of the stream.
    pub fn rest(&mut self) -> Vec<u8> {
        self.show(false)
    }

    /// From left to right: the longest secret that stands there is taken out. With `more` to come, what
    /// may yet become a secret, or a longer one, is held back.
    fn show(&mut self, more: bool) -> Vec<u8> {
        if self.secrets.is_empty() {
            return std::mem::take(&mut self.held);
        }
        let mut shown = Vec::with_capacity(self.held.len());
        let mut rest = &self.held[..];
        while let Some((first, after)) = rest.split_first() {
            if more && self.secrets.iter().any(|s| s.len() > rest.len() && s.starts_with(rest)) {
                break;
            }
            match self.secrets.iter().find(|secret| rest.starts_with(secret)) {
                Some(secret) => {
                    shown.extend_from_slice(SHOWN);
                    rest = &rest[secret.len()..];
                }
                None => {
                    shown.push(*first);
                    rest = after;
                }
            }
        }
        let left = rest.len();
        self.held.drain(..self.held.len() - left);
        shown
    }
}

const SHOWN: &[u8] = b"********";

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(secrets: &[&str], parts: &[&str]) -> String {
        let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let mut mask = Mask::new(&secrets);
        let mut all: Vec<u8> = parts.iter().flat_map(|part| mask.pass(part.as_bytes())).collect();
        all.extend(mask.rest());
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn takes_secrets_out_wherever_they_are_cut() {
        assert_eq!(shown(&[], &["as it is"]), "as it is");
        let text = "key=hunter2hunter, key=hunter2";
        for at in 0..text.len() {
            let (one, two) = text.split_at(at);
            let masked = shown(&["hunter2", "hunter2hunter"], &[one, two]);
            assert_eq!(masked, "key=********, key=********", "{at}");
        }
        let bytes: Vec<String> = text.chars().map(String::from).collect();
        let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
        assert!(!shown(&["hunter2"], &bytes).contains("hunter2"));
        assert_eq!(shown(&["hunter2"], &["hunt", "ers"]), "hunters", "what only began like one is shown");
    }

    #[test]
    fn holds_nothing_back_that_cannot_be_a_secret() {
        let mut mask = Mask::new(&["hunter2".into()]);
        assert_eq!(mask.pass(b"progress 10%\r"), b"progress 10%\r");
        assert_eq!(mask.pass(b"hun"), b"");
        assert_eq!(mask.rest(), b"hun");
    }
}
