//! (site, dialect) → the policies of its bucket: what nodes and publishers may do, in the words of a store.
//! No IO. Dialects are data: `templates/policies/<dialect>/<form>.tera`, one line `#: ` for each thing to say.

use std::collections::BTreeSet;

use serde::Serialize;
use stringless_core::fault::Fault;
use stringless_core::name::Name;
use tera::Context;

use crate::platform::{self, Catalog};
use crate::site::Site;
use crate::templates::fill;

/// Whom a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Machines that follow the site.
    Nodes,
    /// Whoever publishes it.
    Publisher,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The site; its first store counts.
    pub site: &'a Site,
    /// The one environment that is meant; `None`: every one.
    pub environment: Option<&'a Name>,
    /// Whom the policy is for; `None` where the form holds both.
    pub audience: Option<Audience>,
    /// The name of that party, where the store wants one.
    pub principal: Option<&'a str>,
    /// `policy`, or another form of the dialect.
    pub form: &'a str,
}

/// A policy, and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// What is loaded into the store, or run.
    pub text: String,
    /// What it is, how it gets there, what it cannot express.
    pub notes: Vec<String>,
}

/// What the templates see.
#[derive(Clone, Debug, Serialize)]
struct Page<'a> {
    version: &'static str,
    site: &'a str,
    url: &'a str,
    bucket: &'a str,
    /// Empty, or with a slash at its end.
    prefix: String,
    region: &'a str,
    endpoint: &'a str,
    /// A name, or `*`.
    environment: &'a str,
    /// The environment is a name.
    one: bool,
    for_publisher: bool,
    principal: &'a str,
    /// `bucket/prefix/`: what stands before the key of an object.
    place: String,
}

/// The dialect that `name` stands for: a cloud's, by id or alias, or itself.
///
/// # Errors
/// When there is none, with those there are; or when the cloud has no store of its own.
pub fn dialect(catalog: &Catalog, name: &str) -> Result<String, Fault> {
    let of_cloud =
        catalog.clouds.iter().find(|cloud| cloud.id == name || cloud.aliases.iter().any(|a| a == name));
    let Some(cloud) = of_cloud else {
        if dialects().contains(name) {
            return Ok(name.to_owned());
        }
        return Err(Fault::new(format!(
            "looking up the policies of `{name}`: it is no cloud and no dialect"
        ))
        .hint(format!("`stringless list clouds` names clouds; dialects are {}", names(&dialects()))));
    };
    let policy = cloud.object_store.as_ref().and_then(|store| store.policy.as_ref());
    policy.map(ToString::to_string).ok_or_else(|| {
        Fault::new(format!(
            "looking up the policies of {}: it has no object store that is known here",
            cloud.name
        ))
        .hint(format!("name the store's dialect instead: {}", names(&dialects())))
    })
}

/// Writes the policy in `dialect`.
///
/// # Errors
/// When the site's first store is no bucket, when its name would be read as more than a name, when the
/// dialect has no such form or wants to know more.
pub fn policy(dialect: &str, ask: &Ask<'_>) -> Result<Policy, Fault> {
    let template = template(dialect, ask.form)?;
    let text = platform::templates().find(|(name, _)| *name == template).map_or("", |(_, text)| text);
    if text.contains("for_publisher") && ask.audience.is_none() {
        return Err(Fault::new("writing the policy: it is for nodes, or for the publisher")
            .hint("`--for nodes` or `--for publisher`"));
    }
    if let Some(example) = text.lines().find_map(|line| line.strip_prefix(WANTS))
        && ask.principal.is_none()
    {
        return Err(Fault::new("writing the policy: this store names in it whom it is for")
            .hint(format!("`--principal NAME`, as in {example}")));
    }
    if let Some(principal) = ask.principal
        && !principal.bytes().all(|b| b.is_ascii_alphanumeric() || b":/_.@+=-".contains(&b))
    {
        return Err(Fault::new(format!(
            "writing the policy: `{}` is no name of a principal",
            principal.escape_default()
        )));
    }
    let mut context = context(ask, ask.audience)?;
    for (name, audience) in [("nodes_policy", Audience::Nodes), ("publisher_policy", Audience::Publisher)] {
        if text.contains(name) {
            let filled =
                fill(&format!("policies/{dialect}/{POLICY}.tera"), &self::context(ask, Some(audience))?)?;
            context.insert(name, noted(&filled).text.trim_end());
        }
    }
    let mut policy = noted(&fill(&template, &context)?);
    if let Some(environment) = ask.environment
        && !policy.text.contains(environment.as_str())
    {
        policy.notes.push(format!(
            "NOT LEAST PRIVILEGE: it is not for `{environment}` alone, but for every environment"
        ));
    }
    Ok(policy)
}

/// The name of the template of that form.
fn template(dialect: &str, form: &str) -> Result<String, Fault> {
    let name = format!("policies/{dialect}/{form}.tera");
    let of_dialect = format!("policies/{dialect}/");
    let forms: BTreeSet<&str> = platform::templates()
        .filter_map(|(name, _)| name.strip_prefix(of_dialect.as_str())?.strip_suffix(".tera"))
        .collect();
    if forms.contains(form) {
        return Ok(name);
    }
    Err(Fault::new(format!("writing the policy: `{dialect}` has no form `{form}`"))
        .hint(format!("`--form` {}", forms.into_iter().collect::<Vec<_>>().join(" or "))))
}

/// Every dialect.
fn dialects() -> BTreeSet<&'static str> {
    platform::templates()
        .filter_map(|(name, _)| Some(name.strip_prefix("policies/")?.split_once('/')?.0))
        .collect()
}

fn context(ask: &Ask<'_>, audience: Option<Audience>) -> Result<Context, Fault> {
    let settings = &ask.site.stores[0];
    settings.parse().map_err(|error| Fault::new(format!("reading {error}")))?;
    let Some(rest) = settings.url.strip_prefix("s3://") else {
        return Err(Fault::new(format!(
            "writing the policy: the first store, `{}`, is no bucket",
            settings.url
        ))
        .hint("policies are for `s3://` stores; whoever can write a folder is up to its file system"));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    // `*`, `?` and `$` are wildcards and variables of policies, quotes end their strings.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._/+=@".contains(&b);
    if !prefix.bytes().all(plain) {
        return Err(Fault::new(format!(
            "writing the policy: the prefix `{prefix}` of the first store is more than a name to policies"
        ))
        .hint("use letters, digits and `-._/+=@` in it"));
    }
    let region = settings.region.as_deref().unwrap_or_default();
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        site: ask.site.site.as_str(),
        url: settings.url.trim_end_matches('/'),
        bucket,
        region,
        endpoint: settings.endpoint.as_deref().unwrap_or_default(),
        environment: ask.environment.map_or("*", Name::as_str),
        one: ask.environment.is_some(),
        for_publisher: audience == Some(Audience::Publisher),
        principal: ask.principal.unwrap_or_default(),
        place: format!("{bucket}/{prefix}"),
        prefix,
    };
    Context::from_serialize(&page).map_err(|error| Fault::new(error.to_string()))
}

/// Takes the lines that say something out of the text.
fn noted(text: &str) -> Policy {
    let mut policy = Policy { text: String::with_capacity(text.len()), notes: Vec::new() };
    for line in text.split_inclusive('\n').filter(|line| !line.starts_with(WANTS)) {
        match line.strip_prefix(SAYS) {
            Some(note) => policy.notes.push(note.trim_end().to_owned()),
            None => policy.text.push_str(line),
        }
    }
    policy
}

fn names(all: &BTreeSet<&str>) -> String {
    all.iter().copied().collect::<Vec<_>>().join(", ")
}

/// The form that every dialect has.
pub const POLICY: &str = "policy";
/// Begins a line of a template that is said beside the policy.
const SAYS: &str = "#: ";
/// Begins a line of a template that shows what its principal looks like.
const WANTS: &str = "#? ";

#[cfg(test)]
mod tests;
