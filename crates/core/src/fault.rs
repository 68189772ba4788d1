//! An error in a file or a request, with a hint on how to correct it.

use alloc::format;
use alloc::string::String;

use crate::suggest::nearest;

/// An error that the author of a file or a request can correct.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Gerund, object, cause.
    pub message: String,
    /// The key or flag to change.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Adds the nearest valid key as a hint, if the message is serde's message for an unknown key.
    #[must_use]
    pub fn nearest(self) -> Self {
        match nearest(&self.message).map(|key| format!("did you mean `{key}`?")) {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}
