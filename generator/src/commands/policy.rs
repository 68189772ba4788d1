//! `stringless policy`.

use std::path::Path;

use serde::Serialize;
use stringless_render::platform::Catalog;
use stringless_render::policy::{self, Ask, Audience, POLICY};

use crate::cli::PolicyArgs;
use crate::error::Result;
use crate::output::print;
use crate::site::SiteFolder;

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    dialect: &'a str,
    form: &'a str,
    #[serde(rename = "for")]
    audience: Option<Audience>,
    policy: &'a str,
    notes: &'a [String],
}

/// Prints a policy.
///
/// # Errors
/// When the store is unknown, or the policy cannot be written in its words.
pub fn run(site: Option<&Path>, args: &PolicyArgs) -> Result<u8> {
    let dialect = policy::dialect(&Catalog::embedded()?, &args.store)?;
    let site = SiteFolder::open(site)?;
    if let Some(environment) = &args.environment {
        site.site.environment(environment)?;
    }
    let form = args.form.as_deref().unwrap_or(POLICY);
    let ask = Ask {
        site: &site.site,
        environment: args.environment.as_ref(),
        audience: args.audience.map(Into::into),
        principal: args.principal.as_deref(),
        form,
    };
    let policy = policy::policy(&dialect, &ask)?;
    if args.json {
        let audience = ask.audience;
        let (policy, notes) = (policy.text.as_str(), policy.notes.as_slice());
        print::json(&Report {
            format: print::JSON_FORMAT,
            dialect: &dialect,
            form,
            audience,
            policy,
            notes,
        })?;
        return Ok(0);
    }
    print::out(&policy.text)?;
    for note in &policy.notes {
        print::note(note);
    }
    Ok(0)
}
