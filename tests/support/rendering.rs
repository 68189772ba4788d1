//! One request to render, with everything that a test does not care about filled in.

use std::collections::BTreeMap;

use stringless_core::fault::Fault;
use stringless_core::hash::Sha256;
use stringless_core::key::PublicKey;
use stringless_core::label::Labels;
use stringless_core::manifest::{AgentFile, Engine};
use stringless_core::name::Name;
use stringless_core::sigv4::Credentials;
use stringless_core::time::Timestamp;
use stringless_core::trust::TrustedKeys;
use stringless_core::version::Version;
use stringless_render::layer::Layers;
use stringless_render::platform::{Cloud, Distro, Form, Platforms};
use stringless_render::request::{AgentPins, Delivery, MetadataLock, Request, UserData, delivery};
use stringless_render::site::{PuppetPackage, Site};
use stringless_render::{encode, render};

/// A public key of a site.
pub const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
/// A secret access key, which no output may show.
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// What a rendering is made from.
pub struct Case {
    /// Every distro and cloud.
    pub platforms: Platforms,
    /// The site file.
    pub site: Site,
    /// The environment that the node follows.
    pub environment: Name,
    /// Labels of the node.
    pub labels: Labels,
    /// Layers of other sites.
    pub layers: Layers,
    /// The pinned agent of each target.
    pub targets: BTreeMap<Name, AgentFile>,
    /// Signed links to the agents.
    pub presigned: BTreeMap<Name, String>,
    /// Keys for nodes.
    pub keys: Credentials,
    /// The text of the site's `ca_file`.
    pub ca_pem: Option<String>,
    /// Where it can be done.
    pub lock: Option<MetadataLock>,
}

/// What `/etc/os-release` says on this distro, as far as a script reads it.
pub fn os_release(distro: &Distro) -> String {
    let os = &distro.os_release;
    let rest = [("VERSION_ID", &os.version), ("VARIANT_ID", &os.variant), ("VERSION_CODENAME", &os.codename)];
    let rest = rest.iter().filter_map(|(key, value)| Some(format!("{key}=\"{}\"\n", value.as_ref()?)));
    format!("ID={}\n{}", os.id, rest.collect::<String>())
}

impl Case {
    /// For the site file `site`.
    pub fn new(site: &str) -> Self {
        let platforms = Platforms::embedded().unwrap();
        let targets: Vec<Name> = platforms.distros.iter().flat_map(|distro| distro.targets.clone()).collect();
        let file =
            |target: &Name| AgentFile { size: 2_000_000, sha256: Sha256::of(target.as_str().as_bytes()) };
        Self {
            site: Site::parse(site, "stringless.yaml").unwrap_or_else(|fault| panic!("{fault}\n{site}")),
            environment: Name::new("production").unwrap(),
            labels: Labels::default(),
            layers: Layers::default(),
            targets: targets.iter().map(|target| (target.clone(), file(target))).collect(),
            presigned: BTreeMap::new(),
            keys: Credentials {
                access_key_id: "AKIDEXAMPLE".into(),
                secret_access_key: SECRET.into(),
                session_token: None,
            },
            ca_pem: None,
            lock: None,
            platforms,
        }
    }

    /// The same between two other sites, one of them with an interval of its own.
    pub fn between(mut self) -> Self {
        let layer = |site: &str, interval| {
            let text = format!(
                r#"{{"site": "{site}", "environment": "production", "min_serial": 3, "interval": {interval},
                 "trust": {{"version": 2, "threshold": 1, "keys": ["{KEY}"]}},
                 "stores": [{{"url": "https://{site}.example.net/stringless"}}]}}"#
            );
            stringless_render::layer::parse(text.as_bytes(), site).unwrap()
        };
        self.layers = Layers { before: vec![layer("base", 300)], after: vec![layer("extra", 3600)] };
        self
    }

    /// The request for a pair and a form.
    pub fn request<'a>(
        &'a self,
        distro: &'a Distro,
        cloud: &'a Cloud,
        form: Option<Form>,
    ) -> Result<Request<'a>, Fault> {
        let Delivery { boot, also, form } = delivery(&self.platforms, distro, cloud, form, None)?;
        let script = !matches!(form, Form::Ignition | Form::Nix);
        let lockable =
            script && !cloud.lock.is_empty() && ["systemd", "openrc"].contains(&distro.init.as_str());
        Ok(Request {
            distro,
            cloud,
            boot,
            also,
            form,
            encoding: encode::encoding(cloud, boot, None)?,
            with: &[],
            tool: None,
            group: None,
            signals: &[],
            cpu: None,
            site: &self.site,
            environment: &self.environment,
            role: None,
            labels: &self.labels,
            layers: &self.layers,
            trust: TrustedKeys {
                version: 1,
                threshold: 1,
                keys: vec![PublicKey::parse(KEY).unwrap()],
                fleet: Vec::new(),
            },
            min_serial: 7,
            agent: AgentPins { version: Version::parse("0.1.0").unwrap(), targets: &self.targets },
            presigned: self.presigned.clone(),
            static_keys: Some(self.keys.clone()),
            ca_pem: self.ca_pem.clone(),
            lock: self.lock.filter(|_| lockable),
            now: Timestamp::parse("2026-11-20T18:00:00Z").unwrap(),
            tool_version: "0.1.0",
        })
    }

    /// Whether the distro has the package of the engine that the site asks for.
    pub fn has_engine(&self, distro: &Distro) -> bool {
        let own = distro.puppet.distro.is_some();
        let package = match self.site.puppet.package_for(&distro.id, distro.family.as_str(), own) {
            PuppetPackage::Openvox | PuppetPackage::Auto => &distro.puppet.openvox,
            PuppetPackage::Distro => &distro.puppet.distro,
        };
        package.is_some() || matches!(self.site.apply(&self.environment).unwrap().engine, Engine::Script(_))
    }

    /// The rendering for a pair, by its ids.
    pub fn render(&self, distro: &str, cloud: &str, form: Form) -> Result<UserData, Fault> {
        let (distro, cloud) = (self.platforms.distro(distro)?, self.platforms.cloud(cloud)?);
        render(&self.request(distro, cloud, Some(form))?)
    }
}

/// A site whose engine is Puppet, from OpenVox's repository where `openvox`; `more` is added to it.
pub fn puppet_site(store: &str, openvox: bool, more: &str) -> String {
    let pins: String = Platforms::embedded()
        .unwrap()
        .distros
        .iter()
        .map(|distro| format!("    {}: {}\n", distro.id, Sha256::of(distro.id.as_bytes())))
        .collect();
    let puppet = if openvox {
        format!("puppet:\n  version: 8.28.1\n  release_sha256:\n{pins}")
    } else {
        "puppet: {package: distro}\n".into()
    };
    format!("{}{puppet}", site(store, "{puppet: {}}", more))
}

/// A site with one store and one engine.
pub fn site(store: &str, engine: &str, more: &str) -> String {
    format!(
        "site: example\nstores: [{store}]\nenvironments: {{production: {{}}}}\napply: {{engine: {engine}}}\n{more}"
    )
}

/// A private bucket.
pub const BUCKET: &str = "{url: 's3://example-config/nodes', region: eu-central-1}";
/// A public one.
pub const WEB: &str = "{url: 'https://config.example.org/nodes'}";
/// The engine that runs a file of the release.
pub const SCRIPT: &str = "{script: {run: apply}}";
