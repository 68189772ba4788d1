//! garage: an S3 server that checks signatures. One per value, with keys and a bucket of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use crate::netns::Net;
use crate::process::{Running, run, succeed, until};
use crate::random::hex;
use crate::tools;

/// The bucket that every server has.
pub const BUCKET: &str = "configs";
/// The region that the server insists on.
pub const REGION: &str = "eu-central-1";
/// The version that `make setup` builds.
pub const VERSION: &str = "2.5.0";

/// An access key of the server.
#[derive(Debug, Clone)]
pub struct Key {
    /// The public half.
    pub id: String,
    /// The secret half.
    pub secret: String,
}

/// A running server; dropping it ends it and removes what it stored.
#[derive(Debug)]
pub struct Garage {
    /// May read and write the bucket.
    pub writer: Key,
    /// May only read it.
    pub reader: Key,
    net: Net,
    port: u16,
    program: PathBuf,
    folder: tempfile::TempDir,
    running: Running,
}

impl Garage {
    /// Starts a server on `net` (plain HTTP; [`Terminator`](crate::tls::Terminator) adds TLS).
    ///
    /// # Panics
    /// When it does not answer within ten minutes.
    pub fn start(net: &Net) -> Option<Self> {
        let program = tools::cached(&format!("garage-{VERSION}"), "garage")?;
        let folder = tempfile::tempdir().unwrap();
        let [port, rpc] = [net.free_port(), net.free_port()];
        let writer = Key { id: format!("GK{}", hex(12)), secret: hex(32) };
        let reader = Key { id: format!("GK{}", hex(12)), secret: hex(32) };
        let home = folder.path().display();
        let any = if net.path().is_some() { "0.0.0.0" } else { net.address() };
        let config = format!(
            "metadata_dir = \"{home}/meta\"\ndata_dir = \"{home}/data\"\ndb_engine = \"sqlite\"\nreplication_factor = 1\n\
             rpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\nrpc_secret = \"{}\"\n\
             [s3_api]\ns3_region = \"{REGION}\"\napi_bind_addr = \"{any}:{port}\"\nroot_domain = \".s3.test\"\n",
            hex(32)
        );
        fs::write(folder.path().join("garage.toml"), config).unwrap();
        let mut command = net.command(&program);
        command.args(["server", "--single-node", "--default-bucket"]);
        command.env("GARAGE_CONFIG_FILE", folder.path().join("garage.toml"));
        command.env("GARAGE_DEFAULT_ACCESS_KEY", &writer.id).env("GARAGE_DEFAULT_SECRET_KEY", &writer.secret);
        command.env("GARAGE_DEFAULT_BUCKET", BUCKET).env("NO_COLOR", "1");
        let running = Running::start(&mut command, &folder.path().join("log"));
        let mut garage = Self { writer, reader, net: net.clone(), port, program, folder, running };
        garage.wait();
        garage.admin(&["key", "import", "--yes", "-n", "reader", &garage.reader.id, &garage.reader.secret]);
        garage.admin(&["bucket", "allow", "--read", BUCKET, "--key", &garage.reader.id]);
        Some(garage)
    }

    /// The plain port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of the plain port, as an S3 endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}:{}", self.net.address(), self.port)
    }

    /// What the server has printed.
    pub fn log(&self) -> String {
        self.running.log()
    }

    /// Every request so far, in order, as `(key ID) METHOD PATH`, without the key for an unsigned one.
    pub fn requests(&self) -> Vec<String> {
        let log = self.log();
        let printed = log.lines().filter_map(|line| line.split_once("generic_server: ")?.1.split_once(' '));
        // Beside the requests stand the refusals, which begin with their status.
        printed.filter(|(client, _)| client.contains(':')).map(|(_, request)| request.to_owned()).collect()
    }

    /// Sends a request for `path` in the bucket, signed by curl and not by the code under test, and
    /// returns the status and the body; `options` are more options for curl.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn curl(&self, key: &Key, path: &str, options: &[&str]) -> (u16, Vec<u8>) {
        let body = self.folder.path().join(format!("body-{}", hex(4)));
        let mut curl = self.net.command("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--max-time",
            "100",
            "--write-out",
            "%{http_code}",
            "--output",
        ])
        .arg(&body);
        curl.args([
            "--aws-sigv4",
            &format!("aws:amz:{REGION}:s3"),
            "--user",
            &format!("{}:{}", key.id, key.secret),
        ]);
        curl.args(["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]).args(options);
        curl.arg(format!("{}/{BUCKET}/{path}", self.endpoint()));
        let status = succeed(&mut curl, LIMIT);
        (status.parse().unwrap(), fs::read(&body).unwrap_or_default())
    }

    fn wait(&mut self) {
        let ready = until(LIMIT, || {
            self.running.ended().is_some()
                || self.net.connect(&format!("{}:{}", self.net.address(), self.port)).is_ok()
        });
        assert!(ready && self.running.ended().is_none(), "garage does not listen:\n{}", self.log());
        // It listens before the key and the bucket are made.
        let made = until(LIMIT, || self.curl(&self.writer, "?list-type=2", &[]).0 == 200);
        assert!(made, "garage made no bucket:\n{}", self.log());
    }

    /// Runs lines of shell in which `garage` is the server's own command line, and tells what they printed.
    ///
    /// # Panics
    /// When one fails.
    pub fn shell(&self, lines: &str) -> String {
        let mut shell = self.net.command(Path::new("/bin/sh"));
        let folder = self.program.parent().unwrap_or(Path::new("/")).display();
        let path = format!("{folder}:/usr/bin:/bin");
        shell.args(["-ec", lines]).env("PATH", path).env("NO_COLOR", "1");
        succeed(shell.env("GARAGE_CONFIG_FILE", self.folder.path().join("garage.toml")), LIMIT)
    }

    fn admin(&self, args: &[&str]) -> Output {
        let mut command = self.net.command(&self.program);
        let output =
            run(command.env("GARAGE_CONFIG_FILE", self.folder.path().join("garage.toml")).args(args), LIMIT);
        assert!(output.status.success(), "garage {args:?}: {}", crate::process::both(&output));
        output
    }
}

const LIMIT: Duration = crate::process::PATIENCE;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netns::Lab;
    use crate::tls::{Authority, SERVER_NAMES, Terminator};

    #[test]
    fn it_checks_signatures_and_rights() {
        let Some(garage) = Garage::start(&Net::host()) else { return };
        let put = ["--upload-file", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")];
        assert_eq!(garage.curl(&garage.writer, "a", &put).0, 200);
        assert_eq!(garage.curl(&garage.reader, "a", &[]).0, 200);
        assert_eq!(garage.curl(&garage.reader, "b", &put).0, 403);
        let forged = Key { secret: hex(32), ..garage.reader.clone() };
        assert_eq!(garage.curl(&forged, "a", &[]).0, 403);
        let last = format!("(key {}) GET /{BUCKET}/a", garage.reader.id);
        assert_eq!(garage.requests().last(), Some(&last));
    }

    #[test]
    fn it_is_reached_over_tls_by_virtual_host_from_the_node() {
        let Some(lab) = Lab::new() else { return };
        let (Some(garage), authority) = (Garage::start(&lab.cloud), Authority::new()) else { return };
        let certificate = authority.issue(SERVER_NAMES);
        let Some(terminator) = Terminator::start(&lab.cloud, &certificate, garage.port()) else { return };
        let ca = lab.etc.join("ca.pem");
        fs::write(&ca, authority.pem()).unwrap();
        let url = format!("https://{BUCKET}.s3.test:{}/nothing", terminator.port());
        let get = |url: &str, ca: &str| {
            let mut curl = lab.node.command("curl");
            run(
                curl.args([
                    "--silent",
                    "--cacert",
                    ca,
                    "--write-out",
                    "%{http_code}",
                    "--output",
                    "/dev/null",
                    url,
                ]),
                LIMIT,
            )
        };
        assert_eq!(get(&url, &ca.to_string_lossy()).stdout, b"403", "unsigned");
        assert_eq!(
            get(&url, "/etc/ssl/certs/ca-certificates.crt").status.code(),
            Some(60),
            "unknown authority"
        );
    }
}
