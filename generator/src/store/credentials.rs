//! S3 keys, from the usual environment variables or from a profile in the AWS files.

use std::collections::BTreeMap;
use std::env::VarError;
use std::path::PathBuf;
use std::{env, fs};

use stringless_core::sigv4::Credentials;

use crate::error::{Error, Result};

/// Finds the keys to publish with.
///
/// Looks first at `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; then at the profile
/// `AWS_PROFILE` (or `AWS_DEFAULT_PROFILE`, or `default`) in `AWS_SHARED_CREDENTIALS_FILE` (or
/// `~/.aws/credentials`); then at the same profile in `AWS_CONFIG_FILE` (or `~/.aws/config`).
///
/// # Errors
/// When there are no keys, or one of the pair is missing.
pub fn find() -> Result<Credentials> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    match (key_variable("AWS_ACCESS_KEY_ID")?, key_variable("AWS_SECRET_ACCESS_KEY")?) {
        (Some(access_key_id), Some(secret_access_key)) => {
            let session_token = key_variable("AWS_SESSION_TOKEN")?;
            let keys = Credentials { access_key_id, secret_access_key, session_token };
            return checked(keys, "the environment");
        }
        (None, None) => {}
        (Some(_), None) => return Err(not_set("AWS_SECRET_ACCESS_KEY")),
        (None, Some(_)) => return Err(not_set("AWS_ACCESS_KEY_ID")),
    }
    let profile = variable("AWS_PROFILE").or(variable("AWS_DEFAULT_PROFILE"));
    let home = || env::home_dir().unwrap_or_default().join(".aws");
    let file = |name, default| variable(name).map_or_else(|| home().join(default), PathBuf::from);
    let shared = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    let config = file("AWS_CONFIG_FILE", "config");
    let name = profile.as_deref().unwrap_or("default");
    for (path, section) in [(&shared, name.to_owned()), (&config, config_section(name))] {
        let Ok(text) = fs::read_to_string(path) else { continue };
        if let Some(found) = keys_in(&parse(&text), &section) {
            let place = format!("profile `{name}` of `{}`", path.display());
            let found = found.map_err(|missing| {
                Error::configuration(format!("reading {place}: no `{missing}`"))
                    .hint("a profile needs both `aws_access_key_id` and `aws_secret_access_key`")
            })?;
            return checked(found, &place);
        }
    }
    let signed_in = fs::read_to_string(&config)
        .is_ok_and(|text| gets_temporary_keys(&parse(&text), &config_section(name)))
        || fs::read_to_string(&shared).is_ok_and(|text| gets_temporary_keys(&parse(&text), name));
    let hint = if signed_in {
        format!(
            "the profile uses temporary keys; export them first: `eval \"$(aws configure export-credentials --profile {name} --format env)\"`"
        )
    } else {
        "set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or `AWS_PROFILE`".to_owned()
    };
    Err(Error::configuration(format!(
        "looking for S3 keys: none in the environment, and no profile `{name}` with keys in `{}`",
        shared.display()
    ))
    .hint(hint))
}

/// A variable that is set and not empty.
fn key_variable(name: &str) -> Result<Option<String>> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => {
            Err(Error::configuration(format!("looking for S3 keys: `{name}` is not UTF-8")))
        }
    }
}

/// Refuses keys that no service can have given, such as one with a newline at its end.
fn checked(keys: Credentials, place: &str) -> Result<Credentials> {
    match keys.check() {
        Ok(()) => Ok(keys),
        Err(why) => Err(Error::configuration(format!("looking for S3 keys in {place}: {why}"))
            .hint("copy the keys again, without blanks and newlines")),
    }
}

type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// The sections and their `key = value` lines. Indented lines are nested settings and are skipped.
fn parse(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut section = String::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(name) = line.trim_end().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.split_whitespace().collect::<Vec<_>>().join(" ");
        } else if let Some((key, value)) = line.split_once('=') {
            let keys = sections.entry(section.clone()).or_default();
            keys.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    sections
}

/// The keys in a section: `None` when it has neither of the pair, `Err` with the name of the missing one.
fn keys_in(sections: &Sections, section: &str) -> Option<std::result::Result<Credentials, &'static str>> {
    let keys = sections.get(section)?;
    match (keys.get("aws_access_key_id"), keys.get("aws_secret_access_key")) {
        (None, None) => None,
        (None, _) => Some(Err("aws_access_key_id")),
        (_, None) => Some(Err("aws_secret_access_key")),
        (Some(id), Some(secret)) => Some(Ok(Credentials {
            access_key_id: id.clone(),
            secret_access_key: secret.clone(),
            session_token: keys.get("aws_session_token").cloned(),
        })),
    }
}

/// Whether the profile signs in, assumes a role or runs a program to get its keys. The AWS CLI can export such keys.
fn gets_temporary_keys(sections: &Sections, section: &str) -> bool {
    let keys = sections.get(section);
    keys.is_some_and(|keys| {
        keys.keys().any(|key| TEMPORARY_KEYS.contains(&key.as_str()) || key.starts_with("sso_"))
    })
}

fn config_section(profile: &str) -> String {
    if profile == "default" { profile.to_owned() } else { format!("profile {profile}") }
}

fn not_set(missing: &str) -> Error {
    Error::configuration(format!("looking for S3 keys: `{missing}` is not set"))
        .hint("set both `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or neither")
}

const TEMPORARY_KEYS: [&str; 4] =
    ["role_arn", "credential_process", "web_identity_token_file", "login_session"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_profiles() {
        let text = "# x\n[default]\naws_access_key_id = A\naws_secret_access_key=b/c+d=\n[ci]\n\
            aws_access_key_id=C\naws_secret_access_key=d\naws_session_token=t\ns3 =\n  aws_access_key_id = no\n\
            [profile other]\naws_access_key_id=E\naws_secret_access_key=f\n[half]\naws_access_key_id=x\n[none]\nregion=y\n";
        let sections = parse(text);
        let found = |name: &str| {
            keys_in(&sections, name)
                .map(|keys| keys.map(|k| (k.access_key_id, k.secret_access_key, k.session_token)))
        };
        let keys = |id: &str, secret: &str, token: Option<&str>| {
            Some(Ok((id.into(), secret.into(), token.map(Into::into))))
        };
        assert_eq!(found("default"), keys("A", "b/c+d=", None));
        assert_eq!(found("ci"), keys("C", "d", Some("t")));
        assert_eq!(found(&config_section("other")), keys("E", "f", None));
        assert_eq!(found("half"), Some(Err("aws_secret_access_key")));
        assert_eq!(found("none"), None);
        assert_eq!(found("missing"), None);
    }
}
