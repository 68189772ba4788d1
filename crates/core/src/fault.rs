//! What is wrong with a file or a request, and what mends it.

use alloc::format;
use alloc::string::String;

use crate::suggest::nearest;

/// A fault in a file or a request that its author can mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Gerund, object, cause.
    pub message: String,
    /// The key or flag that mends it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same with the nearest valid key as the hint, where the message has serde's words for an unknown one.
    #[must_use]
    pub fn nearest(self) -> Self {
        match nearest(&self.message).map(|key| format!("did you mean `{key}`?")) {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}
