//! A layer: the part of a node's `agent.json` about one site, as a file for the people of another site.
//! The file is public: it never holds keys for a store. No IO.

use stringless_core::config::{CredentialSource, Layer, NodeStore};
use stringless_core::fault::Fault;
use stringless_core::json::{self, MAX_BYTES};
use stringless_core::name::Name;
use stringless_core::trust::TrustedKeys;

use crate::site::{CredentialKind, Site};

/// The layers of other sites that a node follows besides its own site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    /// Layers before the node's own site.
    pub before: Vec<Layer>,
    /// Layers after it.
    pub after: Vec<Layer>,
}

impl Layers {
    /// The layers of nodes of the site `own`.
    ///
    /// # Errors
    /// When a site occurs twice.
    pub fn new(own: &Name, before: Vec<Layer>, after: Vec<Layer>) -> Result<Self, Fault> {
        let layers = Self { before, after };
        let mut sites = vec![own];
        for layer in layers.all() {
            if sites.iter().any(|other| other.as_str().eq_ignore_ascii_case(layer.site.as_str())) {
                let message = format!("combining the layers: the site `{}` occurs twice", layer.site);
                return Err(Fault::new(message).hint(
                    "a node follows each site once: remove one from `node.layers` of the site file, `--layer-before` \
                     or `--layer-after`",
                ));
            }
            sites.push(&layer.site);
        }
        Ok(layers)
    }

    /// All layers, those before the own site first.
    pub fn all(&self) -> impl Iterator<Item = &Layer> {
        self.before.iter().chain(&self.after)
    }
}

/// Makes the layer of a site, for nodes on any cloud.
///
/// # Errors
/// When the site's stores can be read with static keys only.
pub fn from_site(
    site: &Site,
    environment: &Name,
    trust: TrustedKeys,
    min_serial: u64,
) -> Result<Layer, Fault> {
    let stores = site.stores.iter().map(|store| {
        let private = store.url.starts_with("s3://");
        Ok(NodeStore {
            url: store.url.clone(),
            region: store.region.clone(),
            endpoint: store.endpoint.clone(),
            style: store.style,
            credentials: if private { sources(&site.node.credentials)? } else { Vec::new() },
        })
    });
    Ok(Layer {
        site: site.site.clone(),
        environment: environment.clone(),
        min_serial,
        interval: site.node.interval.seconds(),
        splay: site.node.splay.seconds(),
        trust,
        stores: stores.collect::<Result<_, Fault>>()?,
    })
}

/// The sources of credentials that need no key in the file.
fn sources(kinds: &[CredentialKind]) -> Result<Vec<CredentialSource>, Fault> {
    if kinds.is_empty() {
        return Ok(vec![CredentialSource::InstanceRole]);
    }
    let sources = kinds.iter().filter_map(|kind| match kind {
        CredentialKind::InstanceRole => Some(CredentialSource::InstanceRole),
        CredentialKind::Environment => Some(CredentialSource::Environment),
        CredentialKind::Container => Some(CredentialSource::Container),
        CredentialKind::None => Some(CredentialSource::None),
        CredentialKind::Static => None,
    });
    let sources: Vec<_> = sources.collect();
    match sources.is_empty() {
        false => Ok(sources),
        true => Err(Fault::new(
            "making the layer: nodes read its store with static keys, and a layer holds no keys",
        )
        .hint(
            "put an `https://` store in front of the bucket, or add `instance_role` or `environment` to \
             `node.credentials`",
        )),
    }
}

/// Reads the layer that came from the file `origin`.
///
/// # Errors
/// When the bytes are not a layer, when nodes would refuse it, or when it holds a key.
pub fn parse(bytes: &[u8], origin: &str) -> Result<Layer, Fault> {
    let fault = |why: String| Fault::new(format!("reading the layer `{origin}`: {why}"));
    if bytes.len() > MAX_BYTES {
        return Err(fault(format!("more than {MAX_BYTES} bytes")).hint(MADE));
    }
    let layer: Layer = json::parse(bytes).map_err(|error| fault(error.to_string()).hint(MADE))?;
    layer.check().map_err(|why| fault(why).hint(MADE))?;
    let sources = layer.stores.iter().flat_map(|store| &store.credentials);
    if sources.into_iter().any(|source| matches!(source, CredentialSource::Static(_))) {
        return Err(fault("it holds a key".into()).hint(
            "a layer is public: its store must be readable with a role, with `environment`, or over `https://`",
        ));
    }
    Ok(layer)
}

/// The layer for one cloud: without the role if the cloud has no roles.
///
/// # Errors
/// When no source of credentials is left for one of its stores.
pub fn on_cloud(layer: &Layer, cloud: &str, has_role: bool) -> Result<Layer, Fault> {
    let mut layer = layer.clone();
    for store in layer.stores.iter_mut().filter(|store| !store.credentials.is_empty()) {
        store.credentials.retain(|source| has_role || *source != CredentialSource::InstanceRole);
        if store.credentials.is_empty() {
            let (site, url) = (&layer.site, &store.url);
            return Err(Fault::new(format!(
                "rendering the layer `{site}` for {cloud}: the cloud has no role to read `{url}` with"
            ))
            .hint(
                "add `environment` to its `credentials`, and put the keys into the node's \
                 `/etc/stringless/environment`; or ask for a layer with an `https://` store",
            ));
        }
    }
    Ok(layer)
}

const MADE: &str = "`stringless layer` prints one";

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "site: base\nenvironments: {production: {}}\napply: {engine: {puppet: {}}}\n";
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn layer(more: &str) -> Result<Layer, Fault> {
        let site = Site::parse(&format!("{SITE}{more}"), "stringless.yaml").unwrap();
        let key = stringless_core::key::PublicKey::parse(KEY).unwrap();
        let trust = TrustedKeys { version: 1, threshold: 1, keys: vec![key], fleet: Vec::new() };
        from_site(&site, &Name::new("production").unwrap(), trust, 7)
    }

    const S3: &str = "stores: [{url: 's3://configs/p', region: r}]\n";

    #[test]
    fn a_layer_is_read_as_it_was_written_and_holds_no_key() {
        for (more, sources) in [
            (S3.to_owned(), vec![CredentialSource::InstanceRole]),
            ("stores: [{url: 'https://h.example'}]\n".to_owned(), vec![]),
            (
                format!("{S3}node: {{credentials: [static, environment], interval: 1h}}\n"),
                vec![CredentialSource::Environment],
            ),
        ] {
            let layer = layer(&more).unwrap();
            assert_eq!(layer.stores[0].credentials, sources, "{more}");
            assert_eq!(parse(&json::write(&layer), "x").unwrap(), layer);
        }
        let fault = layer(&format!("{S3}node: {{credentials: [static]}}\n")).unwrap_err();
        assert!(fault.message.contains("with static keys") && fault.hint.unwrap().contains("https://"));
    }

    #[test]
    fn the_fault_of_an_invalid_layer_names_its_file() {
        let good = String::from_utf8(json::write(&layer(S3).unwrap())).unwrap();
        let key = r#"{"static": {"access_key_id": "A", "secret_access_key": "hidden"}}"#;
        for (text, why) in [
            (String::new(), "EOF"),
            (good.replace("\"site\"", "\"sites\""), "missing field `site`"),
            (good.replace("\"base\"", "\"../x\""), "name `../x`"),
            (good.replace("\"interval\": 300", "\"interval\": 1"), "interval: expected 10 seconds"),
            (good.replace("s3://configs/p", "ftp://b/p"), "ftp://b/p"),
            (good.replace("\"threshold\": 1", "\"threshold\": 2"), "threshold 2"),
            (good.replace("\"instance_role\"", key), "it holds a key"),
            (format!("{good}{}", " ".repeat(MAX_BYTES)), "more than"),
        ] {
            let fault = parse(text.as_bytes(), "base.json").unwrap_err();
            assert!(fault.message.starts_with("reading the layer `base.json`: "), "{fault}");
            assert!(fault.message.contains(why), "{why}: {fault}");
            assert!(fault.hint.is_some() && !fault.message.contains("hidden"), "{fault}");
        }
    }

    #[test]
    fn a_cloud_without_roles_leaves_the_other_sources() {
        let both = layer(&format!("{S3}node: {{credentials: [instance_role, environment]}}\n")).unwrap();
        assert_eq!(on_cloud(&both, "C", true).unwrap(), both);
        let left = on_cloud(&both, "C", false).unwrap();
        assert_eq!(left.stores[0].credentials, [CredentialSource::Environment]);
        let fault = on_cloud(&layer(S3).unwrap(), "C", false).unwrap_err();
        assert!(fault.message.contains("layer `base` for C"), "{fault}");
        let open = layer("stores: [{url: 'https://h.example'}]\n").unwrap();
        assert_eq!(on_cloud(&open, "C", false).unwrap(), open);
    }
}
