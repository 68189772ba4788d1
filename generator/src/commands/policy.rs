//! `stringless policy`.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;
use stringless_render::platform::Platforms;
use stringless_render::policy::{self, Audience, POLICY, PolicyRequest};

use crate::cli::PolicyArgs;
use crate::error::{Error, Result};
use crate::output::{json, print};
use crate::site::SiteDir;

/// The output of `policy --json`.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// The policy language.
    dialect: &'a str,
    /// What the policy is wrapped in: `policy` is the policy alone.
    form: &'a str,
    /// The party that it is for; null if the form is for all.
    #[serde(rename = "for")]
    audience: Option<Audience>,
    /// The policy, ready to be loaded or run.
    policy: &'a str,
    /// What it does, and what the store cannot express.
    notes: &'a [String],
}

/// Prints a policy.
///
/// # Errors
/// When the store is unknown, or cannot express the policy.
pub fn run(site: Option<&Path>, args: &PolicyArgs) -> Result<u8> {
    let dialect = policy::dialect(&Platforms::embedded()?, &args.store).map_err(Error::usage_fault)?;
    let site = SiteDir::open(site)?;
    if let Some(environment) = &args.environment {
        site.environment(Some(environment))?;
    }
    let form = args.form.as_deref().unwrap_or(POLICY);
    let request = PolicyRequest {
        site: &site.site,
        environment: args.environment.as_ref(),
        audience: args.audience.map(Into::into),
        principal: args.principal.as_deref(),
        group: args.group,
        form,
        tool_version: env!("CARGO_PKG_VERSION"),
    };
    let policy = policy::policy(&dialect, &request)?;
    if args.json {
        let audience = request.audience;
        let (policy, notes) = (policy.text.as_str(), policy.notes.as_slice());
        json::print(None, &Report { dialect: &dialect, form, audience, policy, notes })?;
        return Ok(0);
    }
    print::out(&policy.text)?;
    for note in &policy.notes {
        print::note(note);
    }
    Ok(0)
}
