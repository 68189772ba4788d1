//! Agents of a release: fetched from its address, and taken only if the release key has signed them.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::{fs, io};

use flate2::read::MultiGzDecoder;
use minisign::{PublicKey, SignatureBox};
use stringless_core::hash::Sha256;
use stringless_core::name::Name;
use stringless_core::version::Version;
use tar::Archive;
use ureq::http::Method;

use super::{MAX_AGENT, elf, folder};
use crate::error::{Error, Result};
use crate::http::{Call, Http};
use crate::output::print;
use crate::site::SiteDir;
use crate::site::stores::ca_pem;

/// The agents of `version`, from the release at `from`.
///
/// # Errors
/// When the release cannot be read, or when `key` has not signed it.
pub(super) fn fetch(
    site: &SiteDir,
    from: Option<&str>,
    version: &Version,
    key: Option<&str>,
) -> Result<BTreeMap<Name, Vec<u8>>> {
    let address = from.map_or_else(address, ToOwned::to_owned).replace("{version}", &version.to_string());
    let place = Place::open(site, address.trim_end_matches('/'))?;
    print::note(&format!("fetching agent {version} from {}", place.address));
    let sums = place.read(SUMS, MAX_TEXT)?;
    let signature = place.read(SIGNATURE, MAX_TEXT)?;
    verify(&place.url(SUMS), &sums, &signature, version, &release_key(key)?)?;
    let sums = String::from_utf8_lossy(&sums);
    let (mut found, mut lacking) = (BTreeMap::new(), Vec::new());
    for target in folder::targets()? {
        let name = format!("{AGENT}-{version}-{target}.tar.gz");
        let Some(hash) = sums.lines().find_map(|line| line.strip_suffix(&format!("  {name}"))) else {
            lacking.push(target.to_string());
            continue;
        };
        let archive = place.read(&name, MAX_AGENT)?;
        let url = place.url(&name);
        if Sha256::of(&archive).to_string() != hash {
            return Err(Error::refused(format!("reading {url}: its SHA-256 is not the one in {SUMS}"))
                .hint("a download that was cut off looks like this: run it again"));
        }
        let bytes = unpack(&archive)
            .map_err(|why| Error::refused(format!("unpacking {url}: {why}")).hint(OF_THE_SAME_PROGRAM))?;
        elf::check(&url, &target, version, &bytes)?;
        found.insert(target, bytes);
    }
    if found.is_empty() {
        return Err(Error::refused(format!("reading {}: it names no agent {version}", place.url(SUMS)))
            .hint("`agent.version` in the site file chooses the version, `--from` the release"));
    }
    if !lacking.is_empty() {
        print::note(&format!(
            "warning: the release has no agent for {}: nothing can be rendered for machines that need it",
            lacking.join(", ")
        ));
    }
    Ok(found)
}

/// The address of this program's releases; the repository's address stands in Cargo.toml alone.
fn address() -> String {
    let repository = env!("CARGO_PKG_REPOSITORY").trim_end_matches(".git");
    format!("{repository}/releases/download/v{{version}}")
}

/// The key that signs releases: the given one, or the one that this program was built with.
fn release_key(given: Option<&str>) -> Result<PublicKey> {
    let text = match given {
        Some(given) if !given.starts_with("RW") || Path::new(given).is_file() => fs::read_to_string(given)
            .map_err(|e| Error::io("reading", Path::new(given), e).hint(KEY_OR_FILE))?,
        Some(given) => given.to_owned(),
        None => match option_env!("STRINGLESS_RELEASE_KEY").map(str::trim) {
            Some(built) if !built.is_empty() => built.to_owned(),
            _ => include_str!("../../../../dist/release.pub").to_owned(),
        },
    };
    let line = text.trim().lines().last().unwrap_or_default();
    PublicKey::from_base64(line).map_err(|_| {
        Error::usage(format!("reading the release key: `{line}` is not a minisign public key"))
            .hint(KEY_OR_FILE)
    })
}

/// Refuses sums that `key` has not signed, and those of another version.
fn verify(url: &str, sums: &[u8], signature: &[u8], version: &Version, key: &PublicKey) -> Result<()> {
    let refused = |why: &str| Error::refused(format!("verifying {url}: {why}"));
    let signature = std::str::from_utf8(signature).ok().and_then(|text| SignatureBox::from_string(text).ok());
    let signature = signature.ok_or_else(|| {
        refused("its signature is not one of minisign").hint(format!("{SIGNATURE} stands beside it"))
    })?;
    minisign::verify(key, &signature, Cursor::new(sums), true, false, false).map_err(|_| {
        refused("the release key has not signed it")
            .hint("`--release-key` takes the public key of those who made this release")
    })?;
    let comment = signature.trusted_comment().unwrap_or_default();
    if comment != format!("stringless {version}") {
        return Err(refused(&format!("it is signed as `{comment}`, not as stringless {version}"))
            .hint("`agent.version` in the site file chooses the version, `--from` the release"));
    }
    Ok(())
}

/// The agent in an archive.
fn unpack(archive: &[u8]) -> io::Result<Vec<u8>> {
    let mut archive = Archive::new(MultiGzDecoder::new(archive).take(2 * MAX_AGENT));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.file_name().is_some_and(|name| name == AGENT) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            return Ok(bytes);
        }
    }
    Err(io::Error::other(format!("it holds no {AGENT}")))
}

/// Where a release is.
struct Place {
    address: String,
    from: From,
}

enum From {
    Folder(PathBuf),
    Web(Http),
}

impl Place {
    fn open(site: &SiteDir, address: &str) -> Result<Self> {
        let folder = address.strip_prefix("file://").filter(|folder| folder.starts_with('/'));
        let from = if let Some(folder) = folder {
            From::Folder(folder.into())
        } else if address.starts_with("https://") {
            From::Web(Http::new(ca_pem(site)?.as_deref().map(str::as_bytes))?)
        } else {
            return Err(Error::usage(format!("fetching agents from {address}: not an address of a release"))
                .hint("it begins with `https://` or `file:///`; a folder is named without them"));
        };
        Ok(Self { address: address.to_owned(), from })
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    fn read(&self, name: &str, cap: u64) -> Result<Vec<u8>> {
        let bytes = match &self.from {
            From::Folder(folder) => {
                let path = folder.join(name);
                regular(&path, cap).map_err(|e| absent(&path.display().to_string(), &e.to_string()))?
            }
            From::Web(http) => get(http, &self.url(name), cap)?,
        };
        if bytes.len() as u64 > cap {
            return Err(Error::refused(format!("reading {}: larger than {cap} bytes", self.url(name)))
                .hint(OF_THE_SAME_PROGRAM));
        }
        Ok(bytes)
    }
}

/// The first bytes of a file, one more than `cap` at most. What is no file may never end.
fn regular(path: &Path, cap: u64) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(cap + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a web server has at `url`. Forges answer with the address of their storage: the signature says what is
/// right, so any `https://` address may have it.
fn get(http: &Http, url: &str, cap: u64) -> Result<Vec<u8>> {
    let mut place = url.to_owned();
    for _ in 0..MAX_REDIRECTS {
        let call = || Ok(Call { method: Method::GET, headers: Vec::new(), body: &[] });
        let answer = http.send(&place, cap + 1, call)?;
        match (answer.status, answer.header("location")) {
            (200, _) => return Ok(answer.body),
            (301 | 302 | 303 | 307 | 308, Some(next)) => place = redirected(&place, next)?,
            (status, _) => return Err(absent(url, &format!("the server answered {status}"))),
        }
    }
    Err(absent(url, "the server redirects again and again"))
}

/// The address that a redirection from `place` leads to.
fn redirected(place: &str, next: &str) -> Result<String> {
    let host = place.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    if next.starts_with("https://") {
        Ok(next.to_owned())
    } else if next.starts_with('/') && !next.starts_with("//") {
        Ok(host + next)
    } else {
        Err(absent(place, &format!("the server redirects to {next}")))
    }
}

fn absent(place: &str, why: &str) -> Error {
    Error::temporary(format!("reading {place}: {why}")).hint(WHERE)
}

const AGENT: &str = "stringless-agent";
const SUMS: &str = "SHA256SUMS";
const SIGNATURE: &str = "SHA256SUMS.minisig";
const WHERE: &str = "`--from` takes the address of a release, or the folder that holds TARGET/stringless-agent; \
                     `agent.from` in the site file is the usual one";
const OF_THE_SAME_PROGRAM: &str = "`--from` takes the address of a release that `make dist` has made";
const KEY_OR_FILE: &str =
    "`--release-key` takes 56 characters that start with `RW`, or the file that holds them";
/// Sums and signatures, in bytes.
const MAX_TEXT: u64 = 1 << 20;
const MAX_REDIRECTS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_that_of_the_repository() {
        let address = address();
        assert!(
            address.starts_with("https://") && address.ends_with("/releases/download/v{version}"),
            "{address}"
        );
        assert!(!address.contains(".git/"), "{address}");
        release_key(None).unwrap();
    }

    #[test]
    fn redirections_stay_encrypted() {
        let from = |next| redirected("https://a.test/x/y", next).ok();
        assert_eq!(from("https://b.test/z").as_deref(), Some("https://b.test/z"));
        assert_eq!(from("/z?q").as_deref(), Some("https://a.test/z?q"));
        for next in ["http://b.test/z", "//b.test/z", "file:///etc/shadow", "z"] {
            assert_eq!(from(next), None, "{next}");
        }
    }
}
