//! What a Forge has on its shelf, and what it answers of it.

use std::collections::HashMap;
use std::fmt::Write;

use md5::Md5;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::http::{Reply, Request};

#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) releases: Vec<Published>,
    pub(super) deprecated: Vec<String>,
    pub(super) faults: HashMap<String, (Reply, u32)>,
}

#[derive(Debug, Clone)]
pub(super) struct Published {
    pub(super) module: String,
    pub(super) version: String,
    pub(super) metadata: Value,
    pub(super) archive: Vec<u8>,
    /// What it says that the archive's checksums and size are.
    pub(super) stated: Stated,
    pub(super) withdrawn: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Stated {
    size: usize,
    md5: String,
    pub(super) sha256: String,
}

impl Shelf {
    pub(super) fn answer(&mut self, request: &Request) -> Reply {
        if let Some((reply, left)) = self.faults.get_mut(request.path())
            && *left > 0
        {
            *left -= 1;
            return reply.clone();
        }
        self.right(request)
    }

    pub(super) fn right(&self, request: &Request) -> Reply {
        let query = query(&request.target);
        let parts: Vec<&str> = request.path().trim_start_matches('/').split('/').collect();
        let found = match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["v3", "modules", slug]) => self.module(slug),
            ("GET", ["v3", "releases", slug]) => {
                self.there().find(|release| release.slug() == *slug).map(|release| release.whole(self))
            }
            ("GET", ["v3", "releases"]) => Some(self.list(&query)),
            ("GET", ["v3", "files", name]) => {
                let file = self.there().find(|release| release.file() == *name);
                return match file {
                    Some(release) => {
                        Reply::new(200, release.archive.clone()).with("content-type", "application/x-gzip")
                    }
                    None => missing(),
                };
            }
            _ => None,
        };
        match found {
            Some(value) => answer(200, &value),
            None => missing(),
        }
    }

    fn there(&self) -> impl Iterator<Item = &Published> {
        self.releases.iter().filter(|release| !release.withdrawn)
    }

    /// A module with its releases, the newest first: `current_release` is the highest that is no pre-release, or
    /// else the highest.
    fn module(&self, slug: &str) -> Option<Value> {
        let all: Vec<&Published> = self.releases.iter().filter(|known| known.module == slug).collect();
        all.first()?;
        let mut live = all.iter().filter(|release| !release.withdrawn);
        let current =
            live.clone().find(|release| !release.version.contains('-')).or_else(|| live.next()).copied();
        let mut value = self.short(slug);
        let more = json!({
            "current_release": current.map(|release| release.whole(self)),
            "releases": all.iter().map(|release| release.short()).collect::<Vec<_>>(),
            "created_at": MADE, "updated_at": MADE, "downloads": 1, "superseded_by": null,
            "module_group": "base", "endorsement": null, "supported": false,
        });
        value.append(&mut object(more));
        Some(Value::Object(value))
    }

    /// A module as it stands within a release.
    fn short(&self, slug: &str) -> Map<String, Value> {
        let (owner, name) = slug.split_once('-').unwrap_or_default();
        let deprecated = self.deprecated.iter().any(|module| module == slug);
        object(json!({
            "uri": format!("/v3/modules/{slug}"),
            "slug": slug, "name": name,
            "deprecated_at": deprecated.then_some(MADE),
            "owner": {"uri": format!("/v3/users/{owner}"), "slug": owner, "username": owner},
        }))
    }

    /// A page of the releases, as `?module=owner-name&limit=20&offset=0` asks for it; deleted ones are not among
    /// them unless `show_deleted` says so.
    fn list(&self, query: &HashMap<String, String>) -> Value {
        let number =
            |key: &str, other: usize| query.get(key).and_then(|text| text.parse().ok()).unwrap_or(other);
        let (limit, offset) = (number("limit", 20).clamp(1, 100), number("offset", 0));
        let deleted = query.get("show_deleted").is_some_and(|text| text == "true");
        let module = query.get("module").map(|text| text.replace('/', "-"));
        let all: Vec<&Published> = self
            .releases
            .iter()
            .filter(|release| module.as_ref().is_none_or(|module| release.module == *module))
            .filter(|release| deleted || !release.withdrawn)
            .collect();
        let others: String = query
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "limit" | "offset"))
            .fold(String::new(), |mut text, (key, value)| {
                write!(text, "{key}={value}&").unwrap();
                text
            });
        let page = |offset: usize| format!("/v3/releases?{others}limit={limit}&offset={offset}");
        json!({
            "pagination": {
                "limit": limit, "offset": offset, "total": all.len(),
                "first": page(0), "current": page(offset),
                "previous": (offset > 0).then(|| page(offset.saturating_sub(limit))),
                "next": (offset + limit < all.len()).then(|| page(offset + limit)),
            },
            "results": all.iter().skip(offset).take(limit).map(|release| release.whole(self)).collect::<Vec<_>>(),
        })
    }
}

impl Published {
    pub(super) fn slug(&self) -> String {
        format!("{}-{}", self.module, self.version)
    }

    fn file(&self) -> String {
        format!("{}.tar.gz", self.slug())
    }

    fn short(&self) -> Value {
        json!({
            "uri": format!("/v3/releases/{}", self.slug()),
            "slug": self.slug(), "version": self.version, "supported": false,
            "created_at": MADE, "deleted_at": self.withdrawn.then_some(MADE), "deleted_for": null,
            "file_uri": format!("/v3/files/{}", self.file()), "file_size": self.stated.size,
        })
    }

    fn whole(&self, shelf: &Shelf) -> Value {
        let mut value = object(self.short());
        let more = json!({
            "module": shelf.short(&self.module), "metadata": self.metadata,
            "file_md5": self.stated.md5, "file_sha256": self.stated.sha256,
            "tags": [], "downloads": 1, "updated_at": MADE,
        });
        value.append(&mut object(more));
        Value::Object(value)
    }
}

impl Stated {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { size: bytes.len(), md5: hex(&Md5::digest(bytes)), sha256: hex(&Sha256::digest(bytes)) }
    }
}

fn answer(status: u16, value: &Value) -> Reply {
    Reply::new(status, value.to_string()).with("content-type", "application/json; charset=utf-8")
}

fn missing() -> Reply {
    let text = "The requested resource could not be found";
    answer(404, &json!({"message": "404 Not Found", "errors": [text]}))
}

fn query(target: &str) -> HashMap<String, String> {
    let pairs = target.split_once('?').map_or("", |(_, query)| query).split('&');
    pairs
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.into(), value.replace("%2F", "/").replace("%2f", "/")))
        .collect()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Versions as SemVer orders them, as far as tests need: by number, a pre-release before its release.
pub(super) fn order(version: &str) -> ([u64; 3], bool, String) {
    let (numbers, pre) = version.split_once('-').unwrap_or((version, ""));
    let mut three = [0; 3];
    for (place, number) in three.iter_mut().zip(numbers.split(['.', '+'])) {
        *place = number.parse().unwrap_or_default();
    }
    (three, pre.is_empty(), pre.into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const MADE: &str = "2026-01-02 03:04:05 -0700";
