//! The bytes of a package: where they come from, over which transport, and whether they are a package at all.

use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::http::Http;
use crate::modules::http;

/// Where packages are read.
pub(super) enum Origin<'a> {
    /// At their own URLs.
    Vendor,
    /// In a folder.
    Folder(&'a Path),
    /// Below the URL of a mirror, without a slash at its end.
    Mirror(&'a str),
}

/// What carried a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Transport {
    /// TLS, with a server that an authority vouches for.
    Https,
    /// No TLS: anybody on the way can change what is sent.
    Http,
    /// A file on this machine.
    File,
}

/// A package that was read.
pub(super) struct Package {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The URL that sent it, after all redirections, or the path of its file.
    pub from: String,
    /// What carried it.
    pub transport: Transport,
}

impl<'a> Origin<'a> {
    /// The origin that `--from` names.
    pub fn new(from: Option<&'a Path>) -> Self {
        let Some(path) = from else { return Self::Vendor };
        match path.to_str().filter(|text| text.starts_with("https://") || text.starts_with("http://")) {
            Some(url) => Self::Mirror(url.trim_end_matches('/')),
            None => Self::Folder(path),
        }
    }

    /// The URL or path of the package whose own URL is `url`.
    pub fn place(&self, url: &str) -> String {
        let name = file_name(url);
        match self {
            Self::Vendor => url.to_owned(),
            Self::Folder(folder) => folder.join(name).display().to_string(),
            Self::Mirror(base) => format!("{base}/{name}"),
        }
    }

    /// What carries the package whose own URL is `url`.
    pub fn transport(&self, url: &str) -> Transport {
        match self {
            Self::Folder(_) => Transport::File,
            _ if self.place(url).starts_with("https://") => Transport::Https,
            _ => Transport::Http,
        }
    }

    /// Reads the package whose own URL is `url`.
    pub fn read(&self, client: &Http, url: &str) -> Result<Package> {
        let place = self.place(url);
        let (bytes, from) = if let Self::Folder(_) = self {
            let bytes = fs::read(&place).map_err(|e| {
                Error::io("reading", Path::new(&place), e)
                    .hint(format!("fetch it there from {url}, or leave out `--from`"))
            })?;
            (bytes, place)
        } else {
            http::get_with_url(client, &place, MAX_PACKAGE, None)?.ok_or_else(|| {
                let error = Error::refused(format!("fetching {place}: there is no such file"));
                match self {
                    Self::Mirror(_) => error.hint(format!("the mirror must have a copy of {url}")),
                    _ => error.hint("OpenVox may have moved it: a newer `stringless` knows the new place"),
                }
            })?
        };
        is_package(file_name(url), &bytes).map_err(|why| {
            Error::refused(format!("pinning {from}: {why}"))
                .hint("does a proxy or a login page answer in its place?")
        })?;
        Ok(Package { bytes, from, transport: self.transport(url) })
    }
}

impl Transport {
    /// In words, for a table.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Https => "HTTPS",
            Self::Http => "plain HTTP",
            Self::File => "a file",
        }
    }
}

fn file_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

/// Checks that the content is a package of the kind that its name says, and an RPM that it is the named one.
fn is_package(name: &str, bytes: &[u8]) -> std::result::Result<(), String> {
    let deb = bytes.starts_with(b"!<arch>\ndebian-binary");
    let rpm = bytes.starts_with(&[0xed, 0xab, 0xee, 0xdb]);
    match (name.ends_with(".deb"), deb, rpm) {
        (true, true, _) => Ok(()),
        (true, ..) => Err("it is not a .deb package".into()),
        (false, _, false) => Err("it is not an RPM package".into()),
        (false, _, true) => {
            // The lead of an RPM has its name, in 66 bytes.
            let lead = bytes.get(10..76).unwrap_or_default();
            let inner =
                String::from_utf8_lossy(lead.split(|&b| b == 0).next().unwrap_or_default()).into_owned();
            match inner.starts_with("openvox") && inner.contains("release") {
                true => Ok(()),
                false => Err(format!("it is the package `{}`", inner.escape_debug())),
            }
        }
    }
}

/// Ten times the size of the packages that are known.
const MAX_PACKAGE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn rpm(name: &str) -> Vec<u8> {
        let mut bytes = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0, 0, 0];
        bytes.extend(name.bytes());
        bytes.resize(96, 0);
        bytes
    }

    #[test]
    fn only_packages_are_pinned() {
        let check = |name: &str, bytes: &[u8]| is_package(name, bytes);
        assert_eq!(check("a.deb", b"!<arch>\ndebian-binary   1"), Ok(()));
        assert_eq!(check("a.rpm", &rpm("openvox8-release-8-2.el9")), Ok(()));
        for (name, bytes) in [
            ("a.deb", b"<html>".to_vec()),
            ("a.deb", rpm("openvox8-release")),
            ("a.rpm", b"!<arch>\ndebian-binary".to_vec()),
            ("a.rpm", rpm("evil")),
            ("a.rpm", vec![0xed, 0xab, 0xee, 0xdb]),
            ("a.rpm", Vec::new()),
        ] {
            assert!(check(name, &bytes).is_err(), "{name}");
        }
    }

    #[test]
    fn an_origin_names_its_place_and_its_transport() {
        let url = "https://vendor.test/pool/a.deb";
        for (from, place, transport) in [
            (None, url, Transport::Https),
            (Some("mirror"), "mirror/a.deb", Transport::File),
            (Some("https://mirror.test/x/"), "https://mirror.test/x/a.deb", Transport::Https),
            (Some("http://mirror.test"), "http://mirror.test/a.deb", Transport::Http),
        ] {
            let origin = Origin::new(from.map(Path::new));
            assert_eq!(origin.place(url), place);
            assert_eq!(origin.transport(url), transport, "{from:?}");
        }
        assert_eq!(Origin::Vendor.transport("http://vendor.test/a.deb"), Transport::Http);
    }
}
