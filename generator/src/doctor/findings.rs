//! The findings of `stringless check` and `stringless doctor`, and the exit code of the worst.

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};

/// One finding.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Finding {
    /// How grave it is.
    level: Level,
    /// What was looked at.
    what: String,
    /// What was found.
    message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// It is in order.
    Ok,
    /// It works, and needs attention.
    Warning,
    /// It does not work.
    Error,
    /// It was not looked at.
    NotChecked,
}

/// All findings.
#[derive(Debug, Default)]
pub struct Findings {
    /// In the order of the checks.
    pub all: Vec<Finding>,
    /// The highest exit code of the findings.
    pub worst: u8,
}

impl Findings {
    /// Adds a finding that is in order.
    pub fn ok(&mut self, what: &str, message: String) {
        self.all.push(Finding { level: Level::Ok, what: what.to_owned(), message, hint: None });
    }

    /// Adds a warning.
    pub fn warn(&mut self, what: &str, message: String, hint: &str) {
        let hint = Some(hint.to_owned());
        self.all.push(Finding { level: Level::Warning, what: what.to_owned(), message, hint });
    }

    /// Adds an error.
    pub fn error(&mut self, what: &str, error: &Error) {
        self.worst = self.worst.max(error.exit_code());
        let (message, hint) = (error.to_string(), error.hint_text().map(str::to_owned));
        self.all.push(Finding { level: Level::Error, what: what.to_owned(), message, hint });
    }

    /// Adds what was not checked; `hint` says how it can be.
    pub fn not_checked(&mut self, what: &str, message: String, hint: &str) {
        let hint = Some(hint.to_owned());
        self.all.push(Finding { level: Level::NotChecked, what: what.to_owned(), message, hint });
    }

    /// Adds the result of a check, and returns its value.
    pub fn add<T>(&mut self, what: &str, result: Result<(T, String)>) -> Option<T> {
        match result {
            Ok((value, message)) => {
                if !message.is_empty() {
                    self.ok(what, message);
                }
                Some(value)
            }
            Err(error) => {
                self.error(what, &error);
                None
            }
        }
    }

    /// The findings as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.all {
            let word = match finding.level {
                Level::Ok => "ok",
                Level::Warning => "warning",
                Level::Error => "error",
                Level::NotChecked => "skipped",
            };
            text.push_str(&format!("{word:<8} {}: {}\n", finding.what, finding.message));
            if let Some(hint) = &finding.hint {
                text.push_str(&format!("         hint: {hint}\n"));
            }
        }
        text
    }
}
