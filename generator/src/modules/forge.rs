//! A forge and its API (version 3): the releases of a module, their dependencies, and their archives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use semver::Version;
use serde::Deserialize;
use stringless_core::hash::Sha256;

use super::http;
use super::metadata::Metadata;
use super::tree::quoted;
use crate::error::{Error, Result};
use crate::http::Http;
use crate::puppetfile::name::{is_full, slug};

/// The default forge.
pub const PUBLIC: &str = "https://forgeapi.puppet.com";
/// The environment variable with the token for a forge that requires one.
pub const TOKEN: &str = "STRINGLESS_FORGE_TOKEN";

/// A forge. Its responses are cached while the program runs.
#[derive(Debug)]
pub struct Forge {
    base: String,
    token: Option<String>,
    http: Http,
    modules: Mutex<HashMap<String, Arc<ForgeModule>>>,
    releases: Mutex<HashMap<String, Arc<Release>>>,
}

/// A forge's data about a module.
#[derive(Clone, Debug, Default)]
pub struct ForgeModule {
    /// Its versions, the newest first.
    pub versions: Vec<Version>,
    /// The version that the forge shows first.
    pub current: Option<Version>,
    /// Whether its author has deprecated it.
    pub deprecated: bool,
    /// The module that replaces it.
    pub successor: Option<String>,
}

/// A forge's data about a release.
#[derive(Clone, Debug)]
pub struct Release {
    /// The URL of the archive: `https://forge/v3/files/…`.
    pub url: String,
    /// The hash of its archive, if the forge names it.
    pub sha256: Option<Sha256>,
    /// Its dependencies: name and range of versions.
    pub needs: Vec<(String, String)>,
}

impl Forge {
    /// The forge at `address`; the web addresses of the public forge are replaced with its API.
    #[must_use]
    pub fn new(address: &str, http: Http) -> Self {
        let base = base_of(address);
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        let (modules, releases) = Default::default();
        Self { base: base.to_owned(), token, http, modules, releases }
    }

    /// The address of its API.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The forge's data about the module `name`.
    ///
    /// # Errors
    /// Temporary: the forge does not answer. Refused: it has no such module.
    pub fn module(&self, name: &str) -> Result<Arc<ForgeModule>> {
        let slug = checked(name)?;
        cached(&self.modules, &slug, || {
            let url = format!("{}/v3/modules/{slug}", self.base);
            let answer: ModuleAnswer = self.json(&url)?.ok_or_else(|| self.missing(name, None))?;
            let mut versions = versions(answer.releases);
            if versions.is_empty() {
                versions = self.listed(&slug)?;
            }
            let current = answer.current_release.and_then(|release| Version::parse(&release.version).ok());
            let successor = answer.superseded_by.and_then(|module| module.slug);
            Ok(ForgeModule { versions, current, deprecated: answer.deprecated_at.is_some(), successor })
        })
    }

    /// The forge's data about a release of the module `name`.
    ///
    /// # Errors
    /// As [`Forge::module`].
    pub fn release(&self, name: &str, version: &str) -> Result<Arc<Release>> {
        let slug = checked(name)?;
        let version = Version::parse(version).map_err(|e| {
            Error::configuration(format!("asking for `{name}` {}: {e}", quoted(version)))
                .hint("a version has three numbers, as in `1.20.3`")
        })?;
        let key = format!("{slug}-{version}");
        cached(&self.releases, &key, || {
            let url = format!("{}/v3/releases/{key}", self.base);
            let answer: ReleaseAnswer = self.json(&url)?.ok_or_else(|| self.missing(name, Some(&version)))?;
            let sha256 = answer.file_sha256.as_deref().and_then(|text| Sha256::parse(text).ok());
            let needs = Metadata::of_value(&answer.metadata).needs.into_iter().collect();
            Ok(Release { url: self.absolute(&answer.file_uri), sha256, needs })
        })
    }

    /// The archive of a release, checked against the hash that the forge names.
    ///
    /// # Errors
    /// As [`Forge::module`]; refused when the archive has another hash than the forge names.
    pub fn archive(&self, name: &str, version: &str) -> Result<Vec<u8>> {
        let release = self.release(name, version)?;
        let token = self.token.as_deref().filter(|_| release.url.starts_with(&format!("{}/", self.base)));
        let bytes = http::get(&self.http, &release.url, MAX_ARCHIVE, token)?
            .ok_or_else(|| self.missing(name, Version::parse(version).ok().as_ref()))?;
        let found = Sha256::of(&bytes);
        match release.sha256.filter(|expected| *expected != found) {
            None => Ok(bytes),
            Some(expected) => Err(Error::refused(format!(
                "fetching `{name}` {version} from {}: the archive has the hash {found}, and the forge says {expected}",
                http::plain(&self.base)
            ))
            .hint("it was damaged or replaced: run the command again, and report it to the forge if the error stays")),
        }
    }

    /// The versions from the list of releases, for forges that do not name them with the module.
    fn listed(&self, slug: &str) -> Result<Vec<Version>> {
        let mut url = format!("{}/v3/releases?module={slug}&limit=100", self.base);
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let Some(page): Option<Page> = self.json(&url)? else { break };
            all.extend(page.results);
            match page.pagination.next {
                Some(next) => url = self.absolute(&next),
                None => break,
            }
        }
        Ok(versions(all))
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, url: &str) -> Result<Option<T>> {
        let Some(bytes) = http::get(&self.http, url, MAX_ANSWER, self.token.as_deref())? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| {
            Error::temporary(format!("reading {}: it is not the response of a forge: {e}", http::plain(url)))
                .hint("set `modules: {forge: URL}` in the site file, or `forge` in the Puppetfile, to the URL of its API")
        })
    }

    fn absolute(&self, address: &str) -> String {
        if address.starts_with('/') { format!("{}{address}", self.base) } else { address.to_owned() }
    }

    fn missing(&self, name: &str, version: Option<&Version>) -> Error {
        let version = version.map_or(String::new(), |version| format!(" {version}"));
        let message = format!("asking {} for `{name}`{version}: it has none", http::plain(&self.base));
        Error::refused(message)
            .hint("is the name spelled as on the forge, `author/name`? The release may have been withdrawn")
    }
}

/// The address of the API of the forge at `address`.
#[must_use]
pub fn base_of(address: &str) -> &str {
    let plain = address.trim_end_matches('/');
    let host = plain.split_once("://").map_or(plain, |(_, host)| host);
    if KNOWN.contains(&host) { PUBLIC } else { plain.strip_suffix("/v3").unwrap_or(plain) }
}

/// The cached response, or a new one.
fn cached<T>(
    known: &Mutex<HashMap<String, Arc<T>>>,
    key: &str,
    ask: impl FnOnce() -> Result<T>,
) -> Result<Arc<T>> {
    let locked = || known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = locked().get(key) {
        return Ok(Arc::clone(answer));
    }
    let answer = Arc::new(ask()?);
    locked().insert(key.to_owned(), Arc::clone(&answer));
    Ok(answer)
}

/// The name for a URL, without characters that have a meaning in a URL.
fn checked(name: &str) -> Result<String> {
    if is_full(name) {
        return Ok(slug(name));
    }
    let message = format!("asking for `{}`: it is not the name of a module on a forge", quoted(name));
    Err(Error::configuration(message)
        .hint("write `author/name`; a module from another source needs `:git` or `type: 'tarball'`"))
}

fn versions(releases: Vec<ReleaseLine>) -> Vec<Version> {
    let there = releases.into_iter().filter(|release| release.deleted_at.is_none());
    let mut versions: Vec<Version> =
        there.filter_map(|release| Version::parse(&release.version).ok()).collect();
    versions.sort();
    versions.dedup();
    versions.reverse();
    versions
}

#[derive(Deserialize)]
struct ModuleAnswer {
    #[serde(default)]
    releases: Vec<ReleaseLine>,
    #[serde(default)]
    current_release: Option<ReleaseLine>,
    #[serde(default)]
    deprecated_at: Option<String>,
    #[serde(default)]
    superseded_by: Option<Successor>,
}

#[derive(Deserialize)]
struct ReleaseLine {
    version: String,
    #[serde(default)]
    deleted_at: Option<String>,
}

#[derive(Deserialize)]
struct Successor {
    #[serde(default)]
    slug: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    pagination: Pagination,
    results: Vec<ReleaseLine>,
}

#[derive(Deserialize)]
struct Pagination {
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct ReleaseAnswer {
    file_uri: String,
    #[serde(default)]
    file_sha256: Option<String>,
    #[serde(default)]
    metadata: serde_json::Value,
}

/// The host names of the public forge.
const KNOWN: [&str; 4] =
    ["forge.puppet.com", "forge.puppetlabs.com", "forgeapi.puppetlabs.com", "forgeapi.puppet.com"];
/// The largest response: that of a module holds its readme and its change log.
const MAX_ANSWER: u64 = 32 << 20;
/// The largest archive: no module of the public forge comes near this size.
pub const MAX_ARCHIVE: u64 = 256 << 20;
const MAX_PAGES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_meaning_in_a_url_are_refused() {
        assert_eq!(checked("puppetlabs/apt").unwrap(), "puppetlabs-apt");
        for name in ["apt", "a/b/c", "a-b-c", "a/../b", "a/b?x=1", "/b", "a/", "a/b%2e", "a/b\n"] {
            assert!(checked(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_public_forge_has_several_names() {
        let base = |address| Forge::new(address, Http::new(None).unwrap()).base;
        for name in
            ["https://forge.puppet.com/", "http://forge.puppetlabs.com", "https://forgeapi.puppetlabs.com"]
        {
            assert_eq!(base(name), PUBLIC);
        }
        assert_eq!(base("http://127.0.0.1:1/v3/"), "http://127.0.0.1:1");
        assert_eq!(base("https://host/puppet/forge"), "https://host/puppet/forge");
    }
}
