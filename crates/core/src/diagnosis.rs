//! What `stringless-agent doctor --json` prints.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

/// What all checks found.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Diagnosis {
    /// 1.
    pub format: u32,
    /// The version of the agent.
    pub agent: &'static str,
    /// Whether no check failed.
    pub ok: bool,
    /// What each check found.
    pub checks: Vec<Finding>,
}

/// What a check found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Runs succeed, but something needs attention.
    Warning,
    /// Runs fail, or will.
    Failure,
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
}

impl Verdict {
    /// The word in the text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// Servers may put anything into their answers.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
