//! A private certificate authority, and a TLS terminator to put in front of a plain server.

use std::fs;
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
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
        Self::valid(WELL)
    }

    /// The same, with a certificate of its own that is valid on these days, counted from now.
    ///
    /// # Panics
    /// When no key can be made.
    pub fn valid(days: Range<i64>) -> Self {
        let mut params = CertificateParams::default();
        date(&mut params, &days);
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// The authority's certificate, for clients that must trust it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server with these names and addresses.
    ///
    /// # Panics
    /// When one of them is not a name.
    pub fn issue(&self, names: &[&str]) -> Certificate {
        self.issue_valid(names, WELL)
    }

    /// The same, valid on these days, counted from now: `-9..-1` has expired, `1..9` is yet to come.
    ///
    /// # Panics
    /// When one of them is not a name.
    pub fn issue_valid(&self, names: &[&str], days: Range<i64>) -> Certificate {
        self.sign(&params(names, &days))
    }

    /// A certificate with these names that is one of an authority, as a self-made one often is.
    ///
    /// # Panics
    /// When one of them is not a name.
    pub fn issue_as_authority(&self, names: &[&str]) -> Certificate {
        let mut params = params(names, &WELL);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self.sign(&params)
    }

    /// A certificate with these names that is good for clients only.
    ///
    /// # Panics
    /// When one of them is not a name.
    pub fn issue_for_clients(&self, names: &[&str]) -> Certificate {
        let mut params = params(names, &WELL);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Certificate {
        let key = KeyPair::generate().unwrap();
        Certificate::new(&params.signed_by(&key, &self.issuer).unwrap(), &key)
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Certificate {
    /// A certificate that vouches for itself.
    ///
    /// # Panics
    /// When one of the names is none.
    pub fn self_signed(names: &[&str]) -> Self {
        let key = KeyPair::generate().unwrap();
        Self::new(&params(names, &WELL).self_signed(&key).unwrap(), &key)
    }

    fn new(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        Self {
            pem: certificate.pem() + &key.serialize_pem(),
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        }
    }

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

/// The days of what shall not fail by its date, also on a node whose clock stands years away.
const WELL: Range<i64> = -365 * 40..365 * 40;

fn params(names: &[&str], days: &Range<i64>) -> CertificateParams {
    let mut params = CertificateParams::default();
    date(&mut params, days);
    params.distinguished_name.push(DnType::CommonName, "Test server");
    params.subject_alt_names = names.iter().map(|name| alternative(name)).collect();
    params
}

fn date(params: &mut CertificateParams, days: &Range<i64>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let on = |days: i64| {
        let seconds = now.checked_add_signed(days * 86_400).unwrap();
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    (params.not_before, params.not_after) = (on(days.start), on(days.end));
}

fn alternative(name: &str) -> SanType {
    match name.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
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
    /// When it does not listen within ten minutes.
    pub fn start(net: &Net, certificate: &Certificate, target: u16) -> Option<Self> {
        let program = tools::program("stunnel4")?;
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| -> PathBuf { folder.path().join(name) };
        let port = net.free_port();
        let host = net.address();
        fs::write(file("cert.pem"), &certificate.pem).unwrap();
        let config = format!(
            "foreground = yes\npid =\ndebug = warning\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n[tls]\naccept = {host}:{port}\nconnect = 127.0.0.1:{target}\ncert = {}\n",
            file("cert.pem").display()
        );
        fs::write(file("stunnel.conf"), config).unwrap();
        let mut running = Running::start(net.command(program).arg(file("stunnel.conf")), &file("log"));
        let listens = until(crate::process::PATIENCE, || {
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

/// `openssl s_server`, which serves the files of a folder in a version of TLS that nobody should speak.
#[derive(Debug)]
pub struct Outdated {
    port: u16,
    _running: Running,
    _folder: tempfile::TempDir,
}

impl Outdated {
    /// Starts it on `net`; `version` is an option of the program, such as `-tls1_1`.
    ///
    /// # Panics
    /// When it does not listen within ten minutes.
    pub fn start(net: &Net, certificate: &Certificate, files: &Path, version: &str) -> Option<Self> {
        let program = tools::program("openssl")?;
        let folder = tempfile::tempdir().unwrap();
        let pem = folder.path().join("cert.pem");
        fs::write(&pem, &certificate.pem).unwrap();
        let port = net.free_port();
        let mut command = net.command(program);
        command.args(["s_server", "-quiet", "-WWW", version, "-cipher", "ALL:@SECLEVEL=0", "-accept"]);
        command.arg(format!("{}:{port}", net.address())).arg("-cert").arg(&pem).arg("-key").arg(&pem);
        let mut running = Running::start(command.current_dir(files), &folder.path().join("log"));
        let listens = until(crate::process::PATIENCE, || {
            net.connect(&format!("{}:{port}", net.address())).is_ok() || running.ended().is_some()
        });
        assert!(listens && running.ended().is_none(), "openssl does not listen:\n{}", running.log());
        Some(Self { port, _running: running, _folder: folder })
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::process::run;
    use crate::server::Server;

    fn curl(authority: &Authority, url: &str, options: &[&str]) -> (Option<i32>, String) {
        let ca = tempfile::NamedTempFile::new().unwrap();
        fs::write(ca.path(), authority.pem()).unwrap();
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "100", "--cacert"]).arg(ca.path());
        let output = run(curl.args(options).arg(url), crate::process::PATIENCE);
        (output.status.code(), crate::process::both(&output))
    }

    #[test]
    fn each_certificate_is_wrong_in_its_own_way() {
        let Some(_) = tools::program("curl") else { return };
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "text").unwrap();
        let (authority, net) = (Authority::new(), Net::host());
        let get = |certificate: &Certificate| {
            let server = Server::start(&net, folder.path(), Some(certificate));
            curl(&authority, &server.url("a"), &[])
        };
        let here = ["127.0.0.1"];
        assert_eq!(get(&authority.issue(&here)).1, "text");
        assert_eq!(get(&authority.issue_valid(&here, -9..9)).1, "text");
        for (certificate, why) in [
            (authority.issue_valid(&here, -9..-1), "expired"),
            (authority.issue_valid(&here, 1..9), "not yet valid"),
            (authority.issue(&["elsewhere.test"]), "subject name"),
            (authority.issue_for_clients(&here), "purpose"),
            (Certificate::self_signed(&here), "self"),
        ] {
            let (code, text) = get(&certificate);
            assert!(code == Some(60) && text.contains(why), "{why}: {code:?} {text}");
        }
        // Another authority of the same name: curl stumbles over its signature.
        assert!(matches!(get(&Authority::new().issue(&here)).0, Some(35 | 60)));
        let late = Authority::valid(-9..-1);
        let server = Server::start(&net, folder.path(), Some(&late.issue(&here)));
        assert_eq!(curl(&late, &server.url("a"), &[]).0, Some(60));
    }

    #[test]
    fn an_outdated_server_serves_who_takes_it() {
        let Some(_) = tools::program("curl") else { return };
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "text").unwrap();
        let (authority, net) = (Authority::new(), Net::host());
        let certificate = authority.issue(&["127.0.0.1"]);
        let Some(server) = Outdated::start(&net, &certificate, folder.path(), "-tls1_1") else { return };
        let url = format!("https://127.0.0.1:{}/a", server.port());
        let old = ["--tlsv1.1", "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0"];
        let (code, text) = curl(&authority, &url, &old);
        assert!(text.contains("text"), "{code:?} {text}");
        assert_eq!(curl(&authority, &url, &["--tlsv1.2"]).0, Some(35));
    }
}
