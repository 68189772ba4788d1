use std::collections::BTreeMap;

use stringless_core::hash::Sha256;
use stringless_core::key::PublicKey;
use stringless_core::label::Labels;
use stringless_core::manifest::AgentFile;
use stringless_core::name::Name;
use stringless_core::sigv4::Credentials;
use stringless_core::time::Timestamp;
use stringless_core::trust::TrustedKeys;
use stringless_core::version::Version;

use super::*;
use crate::layer::Layers;
use crate::platform::{Cloud, Distro, Encoding, Platforms};
use crate::request::{AgentPins, Delivery, MetadataLock, delivery};
use crate::site::{CredentialKind, Site};

mod notes;
mod role;

const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
const SITE: &str = "\
site: example
stores: [{url: 's3://example/nodes', region: eu-central-1}]
environments: {production: {}}
apply: {engine: {script: {run: apply}}}
";

struct Case {
    platforms: Platforms,
    site: Site,
    environment: Name,
    labels: Labels,
    layers: Layers,
    targets: BTreeMap<Name, AgentFile>,
}

impl Case {
    fn new(site: &str) -> Self {
        let target = |name: &&str| (Name::new(name).unwrap(), AgentFile { size: 1, sha256: Sha256::of(b"") });
        Self {
            platforms: Platforms::embedded().unwrap(),
            site: Site::parse(site, "stringless.yaml").unwrap(),
            environment: Name::new("production").unwrap(),
            labels: Labels::default(),
            layers: Layers::default(),
            targets: ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"].iter().map(target).collect(),
        }
    }

    /// A distro with both packages of Puppet.
    fn distro(&self) -> &Distro {
        let all = |distro: &&Distro| distro.puppet.openvox.is_some() && distro.puppet.distro.is_some();
        self.platforms.distros.iter().find(all).unwrap()
    }

    /// The request for the first cloud that offers a role, or that offers none.
    fn request(&self, role: bool) -> Request<'_> {
        let offers = |cloud: &&Cloud| cloud.credentials.contains(&CredentialKind::InstanceRole);
        let distro = self.distro();
        let cloud = self.platforms.clouds.iter().find(|cloud| offers(cloud) == role).unwrap();
        let Delivery { boot, also, form } = delivery(&self.platforms, distro, cloud, None, None).unwrap();
        Request {
            distro,
            cloud,
            boot,
            also,
            form,
            encoding: Encoding::Plain,
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
            presigned: BTreeMap::new(),
            static_keys: Some(Credentials {
                access_key_id: "ID".into(),
                secret_access_key: "secret+key/1".into(),
                session_token: None,
            }),
            ca_pem: None,
            lock: None,
            now: Timestamp::parse("2026-11-20T18:00:00Z").unwrap(),
            tool_version: "0.1.0",
        }
    }
}

#[test]
fn no_key_is_embedded_if_the_cloud_offers_a_role() {
    let case = Case::new(&format!("{SITE}node: {{credentials: [static, instance_role]}}\n"));
    let with_role = render(&case.request(true)).unwrap().text;
    assert!(with_role.contains("instance_role") && !with_role.contains("secret+key/1"));
    let without = render(&case.request(false)).unwrap().text;
    assert!(!without.contains("instance_role") && without.contains("secret_key=secret+key/1"));
}

#[test]
fn keys_are_embedded_only_when_they_are_given() {
    let case = Case::new(SITE);
    assert!(render(&case.request(false)).unwrap().text.contains("secret_key=secret+key/1"));
    let none = |role| Request { static_keys: None, ..case.request(role) };
    assert!(render(&none(true)).is_ok());
    let fault = render(&none(false)).unwrap_err();
    assert!(fault.message.ends_with("offers no role to read the store with"), "{fault}");
    assert!(fault.hint.unwrap().starts_with(&format!("set {}", STATIC_KEYS[0])));

    let case = Case::new(&format!("{SITE}node: {{credentials: [instance_role]}}\n"));
    let fault = render(&case.request(false)).unwrap_err();
    assert!(fault.hint.unwrap().starts_with("add `static` to `node.credentials`"));
    let case = Case::new(&format!("{SITE}node: {{credentials: [static]}}\n"));
    let fault = render(&Request { static_keys: None, ..case.request(true) }).unwrap_err();
    assert!(fault.hint.unwrap().contains(STATIC_KEYS[1]));
}

#[test]
fn keys_with_odd_characters_are_refused() {
    let case = Case::new(&format!("{SITE}node: {{credentials: [static]}}\n"));
    for (id, secret) in [("a b", "s"), ("a'b", "s"), ("a", "s\nt"), ("a", "é"), ("", "s"), ("a", "")] {
        let keys =
            Credentials { access_key_id: id.into(), secret_access_key: secret.into(), session_token: None };
        let fault = render(&Request { static_keys: Some(keys), ..case.request(true) }).unwrap_err();
        assert!(fault.message.starts_with("reading STRINGLESS_NODE_"), "{id:?} {secret:?} {fault}");
        assert!(secret.len() < 2 || !fault.message.contains(secret), "{fault}");
    }
}

#[test]
fn the_first_fetch_needs_credentials_to_sign() {
    let case = Case::new(&format!("{SITE}node: {{credentials: [environment]}}\n"));
    let fault = render(&case.request(true)).unwrap_err();
    assert!(fault.message.contains("no role and no keys to sign with"), "{fault}");
    let case = Case::new(&format!("{SITE}node: {{first_fetch: presigned}}\n"));
    let fault = render(&case.request(true)).unwrap_err();
    assert!(fault.message.contains("no agent 0.1.0 is pinned"), "{fault}");
    let target = case.targets.keys().next().unwrap().clone();
    let link = |url: &str| BTreeMap::from([(target.clone(), url.to_string())]);
    let request = |url| Request { presigned: link(url), ..case.request(true) };
    let script = render(&request("https://h/a?X-Amz-Signature=1&b=%2F")).unwrap().text;
    assert!(script.contains("get 'https://h/a?X-Amz-Signature=1&b=%2F'"), "{script}");
    let both: BTreeMap<_, _> = case
        .targets
        .keys()
        .map(|target| (target.clone(), format!("https://h/{target}?s={}", target.as_str().len())))
        .collect();
    let script = render(&Request { presigned: both, ..case.request(true) }).unwrap().text;
    assert!(
        script.contains("get https://h/\"$target\"'?s=2'\"${link_end-}\"")
            && script.contains(" link_end=6 ;;"),
        "{script}"
    );
    assert!(render(&request("https://h/a b")).is_err());
    assert!(render(&request("https://h/\"b")).is_err());
}

#[test]
fn the_engine_is_pinned_or_comes_from_a_signed_archive() {
    let site = SITE.replace("{script: {run: apply}}", "{puppet: {}}");
    let case = Case::new(&site);
    let text = |case: &Case| render(&case.request(true)).unwrap().text;
    let id = &case.distro().id;
    let pin = Sha256::of(b"");
    // Without a setting: the distribution's own package, and OpenVox's where it is pinned.
    assert!(!text(&case).contains("openvox-agent"));
    let pinned = format!("version: 8.28.1, release_sha256: {{{id}: {pin}}}");
    assert!(text(&Case::new(&format!("{site}puppet: {{{pinned}}}\n"))).contains("openvox-agent"));
    let case = Case::new(&format!("{site}puppet: {{{pinned}, package: {{{id}: distro}}}}\n"));
    assert!(!text(&case).contains("openvox-agent"));
    for lack in ["version: 8.28.1".to_owned(), format!("release_sha256: {{{id}: {pin}}}")] {
        let case = Case::new(&format!("{site}puppet: {{package: openvox, {lack}}}\n"));
        let fault = render(&case.request(true)).unwrap_err();
        assert!(fault.message.contains("is not pinned"), "{fault}");
        assert!(fault.hint.unwrap().contains(&format!("`stringless pin {id}`")));
    }
    let case = Case::new(&format!("{site}puppet: {{package: distro}}\n"));
    assert!(render(&case.request(true)).unwrap().text.contains("apt-get"));
    let case = Case::new(&format!("{site}puppet: {{package: distro, version: \"1;rm\"}}\n"));
    assert!(render(&case.request(true)).unwrap_err().message.contains("puppet.version"));
}

#[test]
fn only_pinned_agents_are_rendered() {
    let mut case = Case::new(SITE);
    case.targets.retain(|target, _| target.as_str().starts_with("aarch64"));
    let script = render(&case.request(true)).unwrap().text;
    assert!(script.contains("aarch64|arm64) ") && !script.contains("x86_64|amd64"), "{script}");
    case.targets.clear();
    let fault = render(&case.request(true)).unwrap_err();
    assert!(fault.hint.unwrap().contains("stringless agent push"));
}

#[test]
fn the_fault_of_too_large_user_data_names_what_can_be_removed() {
    let case = Case::new(&format!("{SITE}node: {{ca_file: ca.pem}}\n"));
    let line = "A".repeat(64) + "\n";
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", line.repeat(300));
    let request = Request { ca_pem: Some(pem), form: Form::CloudConfig, ..case.request(true) };
    let fault = render(&request).unwrap_err();
    assert!(fault.message.contains("the cloud accepts 16384 (raw bytes"), "{fault}");
    let hint = fault.hint.unwrap();
    assert!(hint.contains("the form `script`") && hint.contains("fewer certificates"), "{hint}");
}

#[test]
fn only_the_certificates_of_a_ca_file_are_rendered() {
    let case = Case::new(&format!("{SITE}node: {{ca_file: ca.pem}}\n"));
    let with = |pem: Option<&str>| render(&Request { ca_pem: pem.map(Into::into), ..case.request(true) });
    let good = "subject=/CN=é\n-----BEGIN CERTIFICATE-----\r\nAAAA\n-----END CERTIFICATE-----\n";
    let script = with(Some(good)).unwrap().text;
    assert!(script.contains("<<'END_PEM'") && script.contains("\n-----BEGIN CERTIFICATE-----\nAAAA\n"));
    assert!(!script.contains("subject"));
    // A word can be base64: no line of a certificate may be the end of the here-document.
    let words = "-----BEGIN CERTIFICATE-----\nPEM\nreboot\nAA=\n-----END CERTIFICATE-----\n";
    let script = with(Some(words)).unwrap().text;
    assert!(script.contains("\nreboot\nAA=\n-----END CERTIFICATE-----\nEND_PEM\n"), "{script}");
    let ends = script.lines().filter(|line| line.contains('_') && line.ends_with("PEM")).count();
    assert_eq!(ends, 1, "{script}");
    for bad in [
        "",
        "-----BEGIN CERTIFICATE-----\nAAAA\n",
        "-----BEGIN CERTIFICATE-----\nPEM\nrm -rf /\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nPEM\nreboot\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nEND_PEM\nA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nA===\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAA=A\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        assert!(with(Some(bad)).is_err(), "{bad}");
    }
    assert!(with(None).is_err());
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let case = Case::new(SITE);
    assert_eq!(render(&case.request(true)).unwrap(), render(&case.request(true)).unwrap());
}
