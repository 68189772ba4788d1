//! A private certificate authority, and a TLS terminator to put in front of a plain server.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::netns::Net;
use crate::process::{Running, until};
use crate::{netns, tools};

/// The names and addresses that a [`Lab`](crate::netns::Lab)'s servers have.
pub const SERVER_NAMES: &[&str] =
    &["localhost", "127.0.0.1", netns::CLOUD, "s3.test", "*.s3.test", "files.test", "mirror.test"];

/// A certificate authority that nobody knows but the test.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A server's certificate and key.
#[derive(Debug)]
pub struct Certificate {
    /// Both as PEM, the key last.
    pub pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    /// A new authority with a key of its own.
    ///
    /// # Panics
    /// When no key can be made.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// The authority's certificate, for whoever shall believe it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server with these names and addresses.
    ///
    /// # Panics
    /// When one of them is not a name.
    pub fn issue(&self, names: &[&str]) -> Certificate {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Test server");
        params.subject_alt_names = names.iter().map(|name| alternative(name)).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certificate {
            pem: certificate.pem() + &key.serialize_pem(),
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Certificate {
    /// What a server in this process needs to speak TLS.
    ///
    /// # Panics
    /// When rustls refuses the pair.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(self.chain.clone(), self.key.clone_key());
        Arc::new(config.unwrap())
    }
}

fn alternative(name: &str) -> SanType {
    match name.parse::<Ipv4Addr>() {
        Ok(address) => SanType::IpAddress(address.into()),
        Err(_) => SanType::DnsName(name.try_into().unwrap()),
    }
}

/// stunnel, between a TLS port of its own and a plain port on the same host.
#[derive(Debug)]
pub struct Terminator {
    port: u16,
    _running: Running,
    _folder: tempfile::TempDir,
}

impl Terminator {
    /// Starts it on `net` in front of the plain `target` port there.
    ///
    /// # Panics
    /// When it does not listen within ten seconds.
    pub fn start(net: &Net, certificate: &Certificate, target: u16) -> Option<Self> {
        let program = tools::program("stunnel4")?;
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| -> PathBuf { folder.path().join(name) };
        let port = net.free_port();
        let host = net.address();
        fs::write(file("cert.pem"), &certificate.pem).unwrap();
        let config = format!(
            "foreground = yes\npid =\ndebug = warning\n[tls]\naccept = {host}:{port}\nconnect = 127.0.0.1:{target}\ncert = {}\n",
            file("cert.pem").display()
        );
        fs::write(file("stunnel.conf"), config).unwrap();
        let mut running = Running::start(net.command(program).arg(file("stunnel.conf")), &file("log"));
        let listens = until(Duration::from_secs(10), || {
            net.connect(&format!("{host}:{port}")).is_ok() || running.ended().is_some()
        });
        assert!(listens && running.ended().is_none(), "stunnel does not listen:\n{}", running.log());
        Some(Self { port, _running: running, _folder: folder })
    }

    /// The TLS port.
    pub fn port(&self) -> u16 {
        self.port
    }
}
