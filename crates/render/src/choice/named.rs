//! The names of a choice, looked up: the pair, the form, the labels, the environment.

use std::collections::BTreeMap;

use stringless_core::fault::Fault;
use stringless_core::label::Labels;
use stringless_core::name::Name;

use super::Failure;
use crate::platform::{Cloud, Distro, Form, Platforms};
use crate::site::Site;

/// The distro and the cloud that are named.
///
/// # Errors
/// When one is missing or unknown; the hint names those that fit.
pub(super) fn pair<'a>(
    platforms: &'a Platforms,
    distro: Option<&str>,
    cloud: Option<&str>,
) -> Result<(&'a Distro, &'a Cloud), Failure> {
    let fault = |message: String, hint: String| Failure::Choice(Fault::new(message).hint(hint));
    let Some(name) = distro else {
        return Err(fault(
            "rendering: DISTRO and CLOUD are missing".into(),
            "`stringless list` names all".into(),
        ));
    };
    let distro = platforms.distro(name);
    let releases: Vec<&str> = platforms.releases(name).into_iter().map(|distro| &*distro.id).collect();
    if distro.is_err() && !releases.is_empty() {
        let hint = format!("one of {}", releases.join(", "));
        return Err(fault(format!("rendering for `{name}`: the release is missing"), hint));
    }
    let distro = distro.map_err(Failure::Choice)?;
    let Some(cloud) = cloud else {
        let clouds: Vec<&str> = clouds(platforms, distro).map(|cloud| &*cloud.id).collect();
        let hint = format!("one of {}", clouds.join(", "));
        return Err(fault(format!("rendering for {}: CLOUD is missing", distro.name), hint));
    };
    Ok((distro, platforms.cloud(cloud).map_err(Failure::Choice)?))
}

/// The clouds where user-data reaches `distro`.
pub fn clouds<'a>(platforms: &'a Platforms, distro: &'a Distro) -> impl Iterator<Item = &'a Cloud> {
    platforms.clouds.iter().filter(|cloud| platforms.boot_agent(distro, cloud, None).is_some())
}

pub(super) fn ended(platforms: &Platforms, distro: &Distro, eol: &str) -> Fault {
    let next = distro.successor.as_deref().and_then(|id| platforms.distro(id).ok());
    let next = next.map(|next| format!("render for its successor `{}`, or ", next.id)).unwrap_or_default();
    Fault::new(format!("rendering for {}: its support ended on {eol}", distro.name))
        .hint(format!("{next}allow it with `--eol-ok`"))
}

/// The form of this name.
///
/// # Errors
/// When there is none; the hint names all.
pub fn form(text: &str) -> Result<Form, Failure> {
    Form::ALL.into_iter().find(|form| form.as_str() == text).ok_or_else(|| {
        let names = Form::ALL.map(Form::as_str);
        let fault = Fault::new(format!("rendering: there is no form `{text}`"));
        Failure::Choice(fault.hint(format!("`--form` {}", names.join(" or "))))
    })
}

/// The labels of a node, of keys and values.
///
/// # Errors
/// When a key is given twice, or the labels break a rule.
pub fn labels(given: &[(Name, String)]) -> Result<Labels, Failure> {
    let fault = |message: String, hint: &str| Failure::Choice(Fault::new(message).hint(hint));
    let mut labels = BTreeMap::new();
    for (key, value) in given {
        if labels.insert(key.clone(), value.clone()).is_some() {
            let message = format!("reading --label {key}={value}: `{key}` is given twice");
            return Err(fault(message, "give each label once"));
        }
    }
    Labels::new(labels).map_err(|why| fault(format!("reading --label: {why}"), "`--label dc=fra1`"))
}

/// The environment of `site` to work on: `asked`, or the only one, or `production`. `conflicts` holds the names that
/// two or more branches would have, each with its error.
///
/// # Errors
/// When there is no environment of that name, or it is not clear which one to take.
pub fn environment(
    site: &Site,
    conflicts: &BTreeMap<Name, Fault>,
    asked: Option<&Name>,
) -> Result<Name, Failure> {
    if let Some(name) = asked {
        check_environment(site, conflicts, name)?;
        return Ok(name.clone());
    }
    let is_known = |name: &Name| site.environments.contains_key(name) || conflicts.contains_key(name);
    let default = Name::new(DEFAULT).ok().filter(is_known);
    let mut names = site.environments.keys();
    let only = names.next().filter(|_| names.next().is_none() && conflicts.is_empty());
    if let Some(name) = only.cloned().or(default) {
        check_environment(site, conflicts, &name)?;
        return Ok(name);
    }
    let all: Vec<&str> = site.environments.keys().map(Name::as_str).collect();
    Err(Failure::Choice(if all.is_empty() {
        Fault::new("choosing the environment: no branch of `sources` was fetched yet")
            .hint("`stringless build` fetches the branches")
    } else {
        Fault::new("choosing the environment: the site has several, and no `production`")
            .hint(format!("`--environment E`, one of {}", all.join(", ")))
    }))
}

/// Refuses a name that no environment has, or more than one.
fn check_environment(site: &Site, conflicts: &BTreeMap<Name, Fault>, name: &Name) -> Result<(), Failure> {
    if let Some(fault) = conflicts.get(name) {
        return Err(fault.clone().into());
    }
    let Err(fault) = site.environment(name) else { return Ok(()) };
    let known = fault.hint.filter(|_| !site.environments.is_empty());
    let fetch = (!site.sources.is_empty()).then(|| "`stringless build` fetches new branches".to_owned());
    let hint: Vec<String> = known.into_iter().chain(fetch).collect();
    // The choice names it.
    Err(Failure::Choice(Fault::new(fault.message).hint(hint.join("; "))))
}

/// The environment that is used if there are several and none is named.
const DEFAULT: &str = "production";
