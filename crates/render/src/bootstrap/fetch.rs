//! Request → how the script fetches the agent.

use std::collections::BTreeMap;

use serde::Serialize;
use stringless_core::fault::Fault;
use stringless_core::layout;
use stringless_core::metadata::EACH_INTERFACE;
use stringless_core::name::Name;
use stringless_core::store::Store;

use super::pin::Pin;
use crate::node_config::{kinds, static_keys};
use crate::quote;
use crate::request::Request;
use crate::site::{CredentialKind, FirstFetch};

/// How the script fetches the agent. Exactly one of the four flags is set.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Fetch {
    /// Copied from a folder.
    pub folder: bool,
    /// From a plain URL, unsigned.
    public: bool,
    /// From a URL that the generator signed.
    presigned: bool,
    /// From a URL that the script signs.
    signed: bool,
    /// The path or URL of the agent, up to the target.
    before: String,
    /// The rest of the path or URL, after the target.
    after: String,
    /// With `presigned`: the end of the URL, for each target.
    #[serde(skip)]
    signatures: BTreeMap<Name, String>,
    /// The host that the script talks to.
    host: String,
    /// The values for `signed`.
    sign: Sign,
}

/// An address of the metadata service.
#[derive(Clone, Debug, Serialize)]
struct Service {
    /// As programs take it that connect by themselves.
    plain: String,
    /// As it stands in a URL: an address of IPv6 has brackets there.
    in_url: String,
}

/// The values with which the script signs.
#[derive(Clone, Debug, Default, Serialize)]
struct Sign {
    /// The scheme of the store's URL.
    scheme: String,
    /// The store's region.
    region: String,
    /// Whether the script uses the instance's role, through IMDSv2; otherwise it uses the keys below.
    role: bool,
    /// With `role`: the addresses of the metadata service, tried in order.
    services: Vec<Service>,
    /// Static keys: id.
    access_key_id: String,
    /// Static keys: secret.
    secret_access_key: String,
    /// Static keys: session token, as a query value.
    session_token: String,
}

impl Fetch {
    /// How the script fetches from the site's first store.
    pub(crate) fn new(request: &Request<'_>) -> Result<Self, Fault> {
        let store = request.site.stores[0].parse().map_err(|error| Fault::new(format!("reading {error}")))?;
        let key = layout::agent(&request.agent.version, &marker()?);
        let host = match &store {
            Store::File { .. } => String::new(),
            Store::Web { base } => base.split('/').nth(2).unwrap_or_default().into(),
            Store::S3(bucket) => bucket.host.clone(),
        };
        let mut fetch = Self { host, ..Self::default() };
        let mut address = store.object(&key);
        match (&store, request.site.first_fetch()) {
            (Store::File { .. }, _) => fetch.folder = true,
            (_, FirstFetch::Public) => fetch.public = true,
            (_, FirstFetch::Presigned) => {
                fetch.presigned = true;
                (address, fetch.signatures) = links(request)?;
            }
            (Store::S3(bucket), FirstFetch::Signed) => {
                fetch.signed = true;
                fetch.sign = sign(request)?;
                fetch.sign.scheme.clone_from(&bucket.scheme);
                fetch.sign.region.clone_from(&bucket.region);
                address = bucket.path(&key);
            }
            (Store::Web { .. }, FirstFetch::Signed) => {
                return Err(Fault::new(
                    "rendering the first fetch: only `s3://` stores take signed requests",
                )
                .hint("set `node.first_fetch: public`"));
            }
        }
        if !fetch.folder && !address.bytes().all(in_url) {
            return Err(Fault::new(
                "rendering the first fetch: its URL holds a character that URLs do not have",
            )
            .hint("write it percent-encoded in `stores`"));
        }
        let (before, after) = address.rsplit_once(MARKER).unwrap_or((&address, ""));
        (fetch.before, fetch.after) = (before.into(), after.into());
        Ok(fetch)
    }

    /// The complete URL of a pinned agent.
    pub(crate) fn url(&self, pin: &Pin) -> String {
        format!("{}{}{}{}", self.before, pin.target, self.after, pin.signature)
    }

    /// The same without what differs each time that the generator signs.
    pub(crate) fn without_signature(&self) -> Self {
        let path = |url: &str| match url.split_once('?') {
            Some((path, _)) if self.presigned => path.to_owned(),
            _ => url.to_owned(),
        };
        Self { before: path(&self.before), after: path(&self.after), ..self.clone() }
    }

    /// The end of the URL for `target`; `None` if the request has no link for it.
    pub(crate) fn signature(&self, target: &Name) -> Option<String> {
        if self.presigned { self.signatures.get(target).cloned() } else { Some(String::new()) }
    }
}

/// Splits the signed links into their common start and the rest of each, because links are long.
fn links(request: &Request<'_>) -> Result<(String, BTreeMap<Name, String>), Fault> {
    let mut marked = BTreeMap::new();
    for (target, url) in
        request.presigned.iter().filter(|(target, _)| request.distro.targets.contains(target))
    {
        if !url.bytes().all(in_url) {
            return Err(Fault::new(
                "rendering the first fetch: the signed URL holds a character that URLs do not have",
            ));
        }
        marked.insert(target.clone(), url.replacen(target.as_str(), MARKER, 1));
    }
    let mut common = marked.values().next().cloned().unwrap_or_default();
    for url in marked.values() {
        let same = common.bytes().zip(url.bytes()).take_while(|(a, b)| a == b).count();
        common.truncate(same);
    }
    let own = |(target, url): (Name, String)| {
        let own = url[common.len()..].replacen(MARKER, target.as_str(), 1);
        (target, own)
    };
    Ok((common.clone(), marked.into_iter().map(own).collect()))
}

fn sign(request: &Request<'_>) -> Result<Sign, Fault> {
    let used = kinds(request)?;
    if used.contains(&CredentialKind::InstanceRole) {
        return Ok(Sign { role: true, services: services(request), ..Sign::default() });
    }
    if !used.contains(&CredentialKind::Static) {
        return Err(Fault::new("rendering the first fetch: the script has no role and no keys to sign with")
            .hint(
                "set `node.first_fetch` to `presigned` or `public`, or add `static` to `node.credentials`",
            ));
    }
    let keys = static_keys(request)?;
    Ok(Sign {
        access_key_id: keys.access_key_id.clone(),
        secret_access_key: keys.secret_access_key.clone(),
        session_token: quote::uri(keys.session_token.as_deref().unwrap_or_default()),
        ..Sign::default()
    })
}

/// The addresses of the cloud's metadata service, without those that need the name of an interface.
fn services(request: &Request<'_>) -> Vec<Service> {
    let all = request.cloud.metadata.iter().flat_map(|metadata| &metadata.address);
    let hosts = all.filter(|address| !address.contains(EACH_INTERFACE));
    let service = |address: &String| {
        let in_url = address.trim_start_matches("http://").to_owned();
        Service { plain: in_url.trim_matches(['[', ']']).to_owned(), in_url }
    };
    hosts.map(service).collect()
}

/// The characters that RFC 3986 allows in a URL. None has a meaning in curl's configuration or in a header.
fn in_url(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b)
}

fn marker() -> Result<Name, Fault> {
    Name::new(MARKER).map_err(|error| Fault::new(error.to_string()))
}

/// A placeholder for the target, which the script replaces on the node. No store's address holds it.
const MARKER: &str = "TARGET-OF-THE-NODE";
