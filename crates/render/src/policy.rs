//! (site, dialect) → the policy of its bucket: what nodes and publishers may do, in the language of a store.
//! No IO. Dialects are data: `templates/policies/<dialect>/<form>.tera`, with one line `#: ` for each note.

use std::collections::BTreeSet;

use serde::Serialize;
use stringless_core::fault::Fault;
use stringless_core::name::Name;
use tera::Context;

use crate::platform::{self, Platforms};
use crate::request::Tool;
use crate::site::Site;
use crate::templates::fill;

/// The party that a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// The machines that follow the site.
    Nodes,
    /// The people or programs that publish it.
    Publisher,
}

/// A request for a policy.
#[derive(Clone, Copy, Debug)]
pub struct PolicyRequest<'a> {
    /// The site; the policy is for its first store.
    pub site: &'a Site,
    /// The environment; `None`: every one.
    pub environment: Option<&'a Name>,
    /// The party that the policy is for; `None` if the form holds both policies.
    pub audience: Option<Audience>,
    /// The name of that party, if the store requires one.
    pub principal: Option<&'a str>,
    /// The tool whose groups wait for signals of the nodes; `None`: the nodes signal nothing.
    pub group: Option<Tool>,
    /// `policy`, or another form of the dialect.
    pub form: &'a str,
    /// The version of the program that writes it.
    pub tool_version: &'a str,
}

/// A policy, with notes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// The text to load into the store, or to run.
    pub text: String,
    /// What the policy is, how to install it, and what it cannot express.
    pub notes: Vec<String>,
}

/// The values for the templates.
#[derive(Clone, Debug, Serialize)]
struct PolicyContext<'a> {
    version: &'a str,
    site: &'a str,
    url: &'a str,
    bucket: &'a str,
    /// Empty, or with a slash at its end.
    prefix: String,
    region: &'a str,
    endpoint: &'a str,
    /// A name, or `*`.
    environment: &'a str,
    /// Whether the policy is for one environment.
    one: bool,
    for_publisher: bool,
    principal: &'a str,
    /// The tool whose groups wait for signals, or empty.
    group: &'a str,
    /// How the names of these groups begin.
    group_prefix: String,
    /// `bucket/prefix/`: the text before the key of an object.
    place: String,
}

/// How the names of groups begin whose nodes may signal them.
#[must_use]
pub fn group_prefix(site: &Site) -> String {
    let name = site.site.as_str().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    format!("stringless-{}-", name.collect::<String>())
}

/// The dialect with this name, or the dialect of the cloud with this id or alias.
///
/// # Errors
/// When there is none (the hint lists them), or when no store of the cloud is known.
pub fn dialect(platforms: &Platforms, name: &str) -> Result<String, Fault> {
    let of_cloud =
        platforms.clouds.iter().find(|cloud| cloud.id == name || cloud.aliases.iter().any(|a| a == name));
    let Some(cloud) = of_cloud else {
        if dialects().contains(name) {
            return Ok(name.to_owned());
        }
        return Err(Fault::new(format!(
            "looking up the policies of `{name}`: it is neither a cloud nor a dialect"
        ))
        .hint(format!("`stringless list clouds` names clouds; dialects are {}", names(&dialects()))));
    };
    let policy = cloud.object_store.as_ref().and_then(|store| store.policy.as_ref());
    policy.map(ToString::to_string).ok_or_else(|| {
        Fault::new(format!(
            "looking up the policies of {}: no object store of this cloud is known",
            cloud.name
        ))
        .hint(format!("name the store's dialect instead: {}", names(&dialects())))
    })
}

/// Writes the policy in `dialect`.
///
/// # Errors
/// When the site's first store is not a bucket, when a policy would read its prefix as a pattern, when the
/// dialect has no such form, or when it needs an audience or a principal.
pub fn policy(dialect: &str, ask: &PolicyRequest<'_>) -> Result<Policy, Fault> {
    let template = template(dialect, ask.form)?;
    let text = platform::templates().find(|(name, _)| *name == template).map_or("", |(_, text)| text);
    if text.contains("for_publisher") && ask.audience.is_none() {
        return Err(Fault::new("writing the policy: nodes and publishers need different policies")
            .hint("add `--for nodes` or `--for publisher`"));
    }
    if let Some(example) = text.lines().find_map(|line| line.strip_prefix(WANTS))
        && ask.principal.is_none()
    {
        return Err(Fault::new("writing the policy: a policy of this store names its principal")
            .hint(format!("add `--principal NAME`, as in {example}")));
    }
    if let Some(principal) = ask.principal
        && !principal.bytes().all(|b| b.is_ascii_alphanumeric() || b":/_.@+=-".contains(&b))
    {
        return Err(Fault::new(format!(
            "writing the policy: `{}` is not the name of a principal",
            principal.escape_default()
        )));
    }
    if ask.group.is_some() && ask.audience == Some(Audience::Publisher) {
        return Err(Fault::new("writing the policy: a publisher sends no signals to groups")
            .hint("leave out `--group`, or write the policy `--for nodes`"));
    }
    if let Some(group) = ask.group
        && !group_named(dialect, group)
    {
        return Err(Fault::new(format!(
            "writing the policy: `{dialect}` knows no group of `{}` that waits for signals",
            group.as_str()
        ))
        .hint("leave out `--group`"));
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
        policy
            .notes
            .push(format!("NOT LEAST PRIVILEGE: it is for every environment, not for `{environment}` alone"));
    }
    Ok(policy)
}

/// Whether the policy for nodes in `dialect` has a permission for the groups of `tool`.
fn group_named(dialect: &str, tool: Tool) -> bool {
    let name = format!("policies/{dialect}/{POLICY}.tera");
    let text = platform::templates().find(|(one, _)| *one == name).map_or("", |(_, text)| text);
    text.contains(&format!("group == \"{}\"", tool.as_str()))
}

/// The name of the template for this form.
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

fn context(ask: &PolicyRequest<'_>, audience: Option<Audience>) -> Result<Context, Fault> {
    let settings = &ask.site.stores[0];
    settings.parse().map_err(|error| Fault::new(format!("reading {error}")))?;
    let Some(rest) = settings.url.strip_prefix("s3://") else {
        return Err(Fault::new(format!(
            "writing the policy: the first store, `{}`, is not a bucket",
            settings.url
        ))
        .hint("policies are for `s3://` stores; the file system decides who can write a folder"));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    // In policies, `*` and `?` are wildcards, `$` begins a variable, and a quote ends a string.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._/+=@".contains(&b);
    if !prefix.bytes().all(plain) {
        return Err(Fault::new(format!(
            "writing the policy: a policy would read the prefix `{prefix}` of the first store as a pattern"
        ))
        .hint("use only letters, digits and `-._/+=@` in the prefix"));
    }
    let region = settings.region.as_deref().unwrap_or_default();
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let values = PolicyContext {
        version: ask.tool_version,
        site: ask.site.site.as_str(),
        url: settings.url.trim_end_matches('/'),
        bucket,
        region,
        endpoint: settings.endpoint.as_deref().unwrap_or_default(),
        environment: ask.environment.map_or("*", Name::as_str),
        one: ask.environment.is_some(),
        for_publisher: audience == Some(Audience::Publisher),
        principal: ask.principal.unwrap_or_default(),
        group: ask.group.map(Tool::as_str).unwrap_or_default(),
        group_prefix: group_prefix(ask.site),
        place: format!("{bucket}/{prefix}"),
        prefix,
    };
    Context::from_serialize(&values).map_err(|error| Fault::new(error.to_string()))
}

/// Separates the notes from the text.
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
/// Begins a line of a template that is a note.
const SAYS: &str = "#: ";
/// Begins a line of a template that shows an example of a principal.
const WANTS: &str = "#? ";

#[cfg(test)]
mod tests;
