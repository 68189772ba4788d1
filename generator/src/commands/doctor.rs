//! `stringless doctor`.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::DoctorArgs;
use crate::doctor::Doctor;
use crate::doctor::findings::Finding;
use crate::error::Result;
use crate::output::{json, print};
use crate::site::SiteDir;

/// The output of `doctor --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report {
    /// Whether there is no error.
    ok: bool,
    /// Whether the stores were tried by writing to them.
    wrote: bool,
    /// The findings, in the order of the checks.
    findings: Vec<Finding>,
}

/// Looks at everything that the site needs.
///
/// # Errors
/// When there is no site. Faults of the site are printed; the exit code is 1 if there is an error among them.
pub fn run(site: Option<&Path>, args: &DoctorArgs) -> Result<u8> {
    let site = SiteDir::open(site)?;
    let list = Doctor { site: &site, write: args.write }.examine();
    let ok = list.worst == 0;
    if args.json {
        json::print(Some(&site.site.site), &Report { ok, wrote: args.write, findings: list.all })?;
    } else {
        print::out(&list.text())?;
    }
    Ok(u8::from(!ok))
}
