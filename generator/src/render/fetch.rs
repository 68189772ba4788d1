//! Request → how the script first fetches the agent.

use agent_core::layout;
use agent_core::name::Name;
use agent_core::store::Store;
use serde::Serialize;

use super::config::{kinds, static_keys};
use super::{Request, quote};
use crate::fault::Fault;
use crate::site::{CredentialKind, FirstFetch};

/// How the script first fetches the agent. One of the four flags is set.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Fetch {
    /// Copied from a folder.
    pub folder: bool,
    /// From a plain URL.
    pub public: bool,
    /// From a URL that the generator signed.
    pub presigned: bool,
    /// From a URL that the script signs.
    pub signed: bool,
    /// Path or URL of the agent, up to the target.
    pub before: String,
    /// The rest of it, after the target.
    pub after: String,
    /// The host that the script talks to.
    pub host: String,
    /// What `signed` needs.
    pub sign: Sign,
}

/// What the script signs with.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Sign {
    /// `https`.
    pub scheme: String,
    /// Of the store.
    pub region: String,
    /// With the instance's role, by IMDSv2; else with the keys below.
    pub role: bool,
    /// Static keys: id.
    pub access_key_id: String,
    /// Static keys: secret.
    pub secret_access_key: String,
    /// Static keys: session token, as a query value.
    pub session_token: String,
}

/// How to fetch from the site's first store.
pub(super) fn fetch(request: &Request<'_>) -> Result<Fetch, Fault> {
    let store = request.site.stores[0].parse().map_err(|error| Fault::new(format!("reading {error}")))?;
    let target = Name::new(TARGET).map_err(|error| Fault::new(error.to_string()))?;
    let key = layout::agent(&request.agent.version, &target);
    let address = match (&store, request.site.first_fetch()) {
        (Store::S3(bucket), FirstFetch::Signed) => bucket.path(&key),
        _ => store.object(&key),
    };
    let (before, after) = address.rsplit_once(TARGET).unwrap_or((&address, ""));
    let mut fetch = Fetch { before: before.into(), after: after.into(), ..Fetch::default() };
    fetch.host = match &store {
        Store::File { root } => root.clone(),
        Store::Web { base } => base.split('/').nth(2).unwrap_or_default().into(),
        Store::S3(bucket) => bucket.host.clone(),
    };
    match (&store, request.site.first_fetch()) {
        (Store::File { .. }, _) => fetch.folder = true,
        (_, FirstFetch::Public) => fetch.public = true,
        (_, FirstFetch::Presigned) => fetch.presigned = true,
        (Store::S3(bucket), FirstFetch::Signed) => {
            fetch.signed = true;
            fetch.sign = sign(request)?;
            fetch.sign.scheme.clone_from(&bucket.scheme);
            fetch.sign.region.clone_from(&bucket.region);
        }
        (Store::Web { .. }, FirstFetch::Signed) => {
            return Err(Fault::new("rendering the first fetch: only `s3://` stores take signed requests")
                .hint("set `node.first_fetch: public`"));
        }
    }
    if !fetch.folder && !before.bytes().all(in_url) {
        return Err(Fault::new(format!("rendering the first fetch: `{before}` holds a character that URLs do not have"))
            .hint("write it percent-encoded in `stores`"));
    }
    Ok(fetch)
}

/// The signed URL of the agent for `target`: empty where the first fetch is another one, `None` where
/// the request has no link for that target.
pub(super) fn presigned_url(request: &Request<'_>, target: &Name) -> Result<Option<String>, Fault> {
    if request.site.first_fetch() != FirstFetch::Presigned {
        return Ok(Some(String::new()));
    }
    match request.presigned.get(target) {
        Some(url) if !url.bytes().all(in_url) => {
            Err(Fault::new("rendering the first fetch: the signed URL holds a character that URLs do not have"))
        }
        url => Ok(url.cloned()),
    }
}

fn sign(request: &Request<'_>) -> Result<Sign, Fault> {
    let used = kinds(request)?;
    if used.contains(&CredentialKind::InstanceRole) {
        return Ok(Sign { role: true, ..Sign::default() });
    }
    if !used.contains(&CredentialKind::Static) {
        return Err(Fault::new("rendering the first fetch: the script has no role and no keys to sign with")
            .hint("set `node.first_fetch` to `presigned` or `public`, or add `static` to `node.credentials`"));
    }
    let keys = static_keys(request)?;
    Ok(Sign {
        access_key_id: keys.access_key_id.clone(),
        secret_access_key: keys.secret_access_key.clone(),
        session_token: quote::uri(keys.session_token.as_deref().unwrap_or_default()),
        ..Sign::default()
    })
}

/// What RFC 3986 allows in a URL: nothing that a shell, curl's config or a header takes for more.
fn in_url(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b)
}

/// Stands for the target, which the node finds out; no store's address holds it.
const TARGET: &str = "TARGET-OF-THE-NODE";
