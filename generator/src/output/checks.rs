//! The findings of the checks, printed by the commands that build.

use std::collections::BTreeSet;

use stringless_core::name::Name;

use super::{format, print};
use crate::cache;
use crate::checks::Checked;
use crate::error::Result;
use crate::fs::write_atomic;
use crate::site::SiteDir;

/// Prints on standard error what the checks found in the code of `environment`. A warning that the last build printed,
/// too, is only counted; a check that could not run is named each time.
///
/// # Errors
/// When a required check found something, or could not run.
pub fn admit(site: &SiteDir, environment: &Name, checked: &Checked) -> Result<()> {
    // Without a cache, everything is printed.
    let file = site.cache("checks").ok().map(|folder| folder.join(format!("{environment}.printed")));
    let before = file.as_ref().and_then(|file| cache::read(file).ok()?).unwrap_or_default();
    let before = String::from_utf8_lossy(&before);
    let before: BTreeSet<&str> = before.lines().collect();
    let (mut warnings, mut old) = (BTreeSet::new(), 0);
    for unable in checked.unable.iter().filter(|unable| !unable.required) {
        print::note(&format!("warning: {unable}"));
    }
    for (required, text) in checked.findings.iter().map(|finding| (finding.required, finding.to_string())) {
        // The error names only the first finding of the required checks.
        if required {
            print::note(&format!("fault: {text}"));
        } else if before.contains(text.as_str()) {
            old += 1;
            warnings.insert(text);
        } else {
            print::note(&format!("warning: {text}"));
            warnings.insert(text);
        }
    }
    if old > 0 {
        print::note(&format!(
            "note: {} as in the last build of `{environment}`: `stringless check` lists all",
            format::count(old, "warning")
        ));
    }
    if let Some(file) = file.filter(|_| !warnings.iter().map(String::as_str).eq(before.iter().copied())) {
        let text: String = warnings.iter().map(|warning| format!("{warning}\n")).collect();
        write_atomic(&file, text.as_bytes()).ok();
    }
    checked.verdict(environment.as_str())
}
