//! URLs of git repositories: which of them are safe to hand to git, and how they are shown.

use stringless_core::fault::Fault;

/// Refuses a URL that git would take for an option or for the name of a program to run.
///
/// # Errors
/// Refused, with the URL.
pub fn check_url(url: &str) -> Result<(), Fault> {
    let scheme = url.split_once("::").map(|(scheme, _)| scheme);
    let why = if url.is_empty() {
        "it is empty"
    } else if url.starts_with('-') {
        "it begins with `-`, and git would take it for an option"
    } else if url.chars().any(char::is_control) {
        "it holds a control character"
    } else if scheme.is_some_and(runs_programs) {
        "it names a program to run"
    } else if ssh_host(url).is_some_and(|host| host.starts_with('-')) {
        "its host begins with `-`, and ssh would take it for an option"
    } else {
        return Ok(());
    };
    let url: String = shown(url).chars().flat_map(char::escape_debug).collect();
    Err(Fault::new(format!("reading the repository `{url}`: {why}"))
        .hint("a URL is https://…, ssh://…, git://…, file://…, user@host:path, or a path"))
}

/// Whether what stands before `::` is a transport that runs what follows. Of the others git itself runs
/// only those that the user's settings allow.
fn runs_programs(scheme: &str) -> bool {
    // What looks like one in an IPv6 address or a path is none.
    let elsewhere = scheme.contains(['/', '@', '[']);
    !elsewhere && (scheme.is_empty() || ["ext", "fd"].iter().any(|runs| scheme.eq_ignore_ascii_case(runs)))
}

/// `url` without its password.
#[must_use]
pub fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
    let Some((user, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    let user = match user.split_once(':') {
        Some((user, _)) => format!("{user}:…@"),
        // A token alone stands where a user's name does.
        None if scheme.starts_with("http") => "…@".to_owned(),
        None => format!("{user}@"),
    };
    let path = path.map(|path| format!("/{path}")).unwrap_or_default();
    format!("{scheme}://{user}{host}{path}")
}

/// What follows the user's name in `ssh://user@host/…` and in `user@host:path`.
fn ssh_host(url: &str) -> Option<&str> {
    let authority = match url.split_once("://") {
        Some((_, rest)) => rest.split('/').next()?,
        None => url.split_once(':').filter(|(host, _)| !host.contains('/'))?.0,
    };
    Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}

pub fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// Whether `text` is a full object id, of either of git's hashes.
pub fn is_full_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(is_hex)
}
