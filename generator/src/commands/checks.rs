//! The checks of one's own code, told by the commands that build.

use stringless_core::name::Name;

use crate::checks::{self, Checked, File};
use crate::error::Result;
use crate::output::print;
use crate::pack::Build;
use crate::site::SiteFolder;

/// Checks one's own code of a build as the site file says.
///
/// # Errors
/// When a file cannot be read. What is wrong with them is in what is handed out.
pub fn check(site: &SiteFolder, build: &Build) -> Result<Checked> {
    checks::run(&site.site.checks, &File::all(&build.tree), &site.cache("checks")?)
}

/// The same; what is wrong is told on standard error.
///
/// # Errors
/// When a required check found something, or could not run.
pub fn admit(site: &SiteFolder, environment: &Name, build: &Build) -> Result<Checked> {
    let checked = check(site, build)?;
    // The error tells only the first of what is required.
    for finding in &checked.findings {
        print::note(&format!("{}: {finding}", if finding.required { "fault" } else { "warning" }));
    }
    for unable in checked.unable.iter().filter(|unable| !unable.required) {
        print::note(&format!("warning: {unable}"));
    }
    checked.verdict(environment.as_str())?;
    Ok(checked)
}
