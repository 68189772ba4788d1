//! The findings of the checks, printed by the commands that build.

use stringless_core::name::Name;

use super::print;
use crate::checks::Checked;
use crate::error::Result;

/// Prints on standard error what the checks found in the code of `environment`.
///
/// # Errors
/// When a required check found something, or could not run.
pub fn admit(environment: &Name, checked: &Checked) -> Result<()> {
    // The error names only the first finding of the required checks.
    for finding in &checked.findings {
        print::note(&format!("{}: {finding}", if finding.required { "fault" } else { "warning" }));
    }
    for unable in checked.unable.iter().filter(|unable| !unable.required) {
        print::note(&format!("warning: {unable}"));
    }
    checked.verdict(environment.as_str())
}
