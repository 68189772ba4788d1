//! What a check found.

use serde::Serialize;

use crate::error::Error;

/// What a check found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check.
    pub check: &'static str,
    /// How bad it is.
    pub result: Verdict,
    /// What was found, on one line.
    pub found: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Runs succeed, but something needs attention.
    Warning,
    /// Runs fail, or will.
    Failure,
}

impl Verdict {
    /// The word in the text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

impl Finding {
    /// As it should be.
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, result: Verdict::Ok, found: one_line(&found.into()), hint: None }
    }

    /// Something needs attention.
    pub fn warning(check: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { result: Verdict::Warning, hint: Some(hint.into()), ..Self::ok(check, found) }
    }

    /// Runs fail, or will.
    pub fn failure(check: &'static str, found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { result: Verdict::Failure, hint: Some(hint.into()), ..Self::ok(check, found) }
    }

    /// An error of the agent's own code, with its hint or else this one.
    pub fn error(check: &'static str, error: &Error, hint: &str) -> Self {
        Self::failure(check, error.to_string(), error.hint_text().unwrap_or(hint))
    }
}

/// Servers may put anything into their answers.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
