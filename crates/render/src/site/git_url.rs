//! URLs of git repositories: which of them are safe to hand to git, and how messages show them.

use stringless_core::fault::Fault;

/// Refuses a URL that git would read as an option or as the name of a program to run.
///
/// # Errors
/// Refused, with the URL.
pub fn check_url(url: &str) -> Result<(), Fault> {
    let Some(why) = why_unsafe(url) else { return Ok(()) };
    let url: String = redacted(url).chars().flat_map(char::escape_debug).collect();
    Err(Fault::new(format!("reading the repository `{url}`: {why}"))
        .hint("a URL is https://…, ssh://…, git://…, file://…, user@host:path, or a path"))
}

/// Why git must not get `url`; `None` if the URL is safe.
#[must_use]
pub fn why_unsafe(url: &str) -> Option<&'static str> {
    if url.is_empty() {
        Some("it is empty")
    } else if url.starts_with('-') {
        Some("it begins with `-`, and git would take it for an option")
    } else if url.chars().any(char::is_control) {
        Some("it holds a control character")
    } else if helper(url).is_some_and(runs_programs) {
        Some(NAMES_A_PROGRAM)
    } else if ssh_host(url).is_some_and(|host| host.starts_with('-')) {
        Some("its host begins with `-`, and ssh would take it for an option")
    } else {
        None
    }
}

/// Why a `Puppetfile` must not name `url`. As [`why_unsafe`], and it refuses every remote helper of git
/// (`NAME::…`): which of them run is a setting of the user, and a `Puppetfile` is written by others.
#[must_use]
pub fn why_unsafe_in_puppetfile(url: &str) -> Option<&'static str> {
    let is_name = |helper: &str| helper.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    why_unsafe(url).or_else(|| helper(url).is_some_and(is_name).then_some(NAMES_A_PROGRAM))
}

/// The text before `::`, where git expects the name of a remote helper.
fn helper(url: &str) -> Option<&str> {
    url.split_once("::").map(|(helper, _)| helper)
}

/// Whether `helper` is a remote helper that runs the rest of the URL as a program. Git itself runs other
/// helpers only if the user's settings allow it.
fn runs_programs(helper: &str) -> bool {
    // A path or an IPv6 address can hold `::`, too; such a URL names no helper.
    let in_path = helper.contains(['/', '@', '[']);
    !in_path && (helper.is_empty() || ["ext", "fd"].iter().any(|runs| helper.eq_ignore_ascii_case(runs)))
}

/// `url` without its password.
#[must_use]
pub fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
    let Some((user, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    let user = match user.split_once(':') {
        Some((user, _)) => format!("{user}:…@"),
        // Over HTTP, a token can stand alone in the place of the user's name.
        None if scheme.starts_with("http") => "…@".to_owned(),
        None => format!("{user}@"),
    };
    let path = path.map(|path| format!("/{path}")).unwrap_or_default();
    format!("{scheme}://{user}{host}{path}")
}

/// The host of `ssh://user@host/…` and of `user@host:path`.
fn ssh_host(url: &str) -> Option<&str> {
    let authority = match url.split_once("://") {
        Some((_, rest)) => rest.split('/').next()?,
        None => url.split_once(':').filter(|(host, _)| !host.contains('/'))?.0,
    };
    Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}

/// Whether `byte` is a lower-case hex digit.
pub fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// Whether `text` is a full object id, of SHA-1 or of SHA-256.
pub fn is_full_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(is_hex)
}

const NAMES_A_PROGRAM: &str = "it names a program to run";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_puppetfile_names_no_remote_helper_and_a_site_file_only_those_of_git() {
        for url in ["", "-u", "ext::sh -c x", "EXT::sh", "fd::7", "::x", "a\nb", "ssh://-oProxy/x", "u@-o:x"]
        {
            assert!(why_unsafe(url).is_some() && why_unsafe_in_puppetfile(url).is_some(), "{url:?}");
        }
        for url in ["https://h/a.git", "ssh://[::1]/x", "u@h:x", "/a/b::c", "../a", "file:///a"] {
            assert_eq!((why_unsafe(url), why_unsafe_in_puppetfile(url)), (None, None), "{url:?}");
        }
        let other = "codecommit::eu-central-1://modules";
        assert_eq!(why_unsafe(other), None);
        assert_eq!(why_unsafe_in_puppetfile(other), Some(NAMES_A_PROGRAM));
    }
}
