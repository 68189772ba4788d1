//! A static file server, plain or over TLS, with faults: what an `https://` store is to a node.

use std::collections::HashMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use crate::http::{Delivery, Reply, Seen};
use crate::http::{Request, Service};
use crate::netns::Net;
use crate::tls::Certificate;

/// What the server does wrong for one path.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The file, badly delivered.
    Deliver(Delivery),
    /// Another answer altogether.
    Answer(Reply),
}

impl Fault {
    /// An answer with this status and no body.
    pub fn status(status: u16) -> Self {
        Self::Answer(Reply::new(status, ""))
    }

    /// Half of the file, then a closed connection.
    pub fn short(bytes: usize) -> Self {
        Self::Deliver(Delivery::Short(bytes))
    }

    /// No answer at all for this long.
    pub fn hang(seconds: u64) -> Self {
        Self::Deliver(Delivery::Hang(Duration::from_secs(seconds)))
    }
}

/// Serves a folder; dropping it ends it.
#[derive(Debug)]
pub struct Server {
    service: Service,
    faults: Faults,
    base: String,
}

type Faults = Arc<Mutex<HashMap<String, (Fault, Option<u32>)>>>;

impl Server {
    /// Serves `folder` on a free port of `net`, over TLS when there is a certificate.
    pub fn start(net: &Net, folder: &Path, certificate: Option<&Certificate>) -> Self {
        Self::on(net.listen(), net.address(), folder, certificate)
    }

    /// Serves `folder` on `listener`; `host` is the name that [`url`](Self::url) uses.
    ///
    /// # Panics
    /// When the socket has no address.
    pub fn on(listener: TcpListener, host: &str, folder: &Path, certificate: Option<&Certificate>) -> Self {
        let scheme = if certificate.is_some() { "https" } else { "http" };
        let folder = folder.to_path_buf();
        let faults = Faults::default();
        let known = Arc::clone(&faults);
        let tls = certificate.map(Certificate::server_config);
        let service = Service::start(listener, tls, move |request| answer(&folder, &known, request));
        let base = format!("{scheme}://{host}:{}", service.port());
        Self { service, faults, base }
    }

    /// The address of a path below the folder; of the folder itself for `""`.
    pub fn url(&self, path: &str) -> String {
        if path.is_empty() { self.base.clone() } else { format!("{}/{path}", self.base) }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.service.port()
    }

    /// From now on does wrong for `path` (as in [`url`](Self::url)).
    pub fn fault(&self, path: &str, fault: Fault) {
        self.faults.lock().unwrap().insert(format!("/{path}"), (fault, None));
    }

    /// Does wrong for the next `times` requests of `path`.
    pub fn fault_times(&self, path: &str, fault: Fault, times: u32) {
        self.faults.lock().unwrap().insert(format!("/{path}"), (fault, Some(times)));
    }

    /// Does everything right again.
    pub fn mend(&self) {
        self.faults.lock().unwrap().clear();
    }

    /// The requests since the last call.
    pub fn take(&self) -> Vec<Seen> {
        self.service.take()
    }
}

fn answer(folder: &Path, faults: &Faults, request: &Request) -> Reply {
    match due(faults, request.path()) {
        Some(Fault::Answer(reply)) => reply,
        Some(Fault::Deliver(delivery)) => Reply { delivery, ..file(folder, request) },
        None => file(folder, request),
    }
}

fn due(faults: &Faults, path: &str) -> Option<Fault> {
    let mut faults = faults.lock().unwrap();
    let (fault, left) = faults.get_mut(path)?;
    let fault = fault.clone();
    if let Some(times) = left {
        *times -= 1;
        if *times == 0 {
            faults.remove(path);
        }
    }
    Some(fault)
}

fn file(folder: &Path, request: &Request) -> Reply {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Reply::new(405, "");
    }
    let Some(bytes) = below(folder, request.path()).and_then(|path| fs::read(path).ok()) else {
        return Reply::new(404, "not here");
    };
    let tag = format!(
        "\"{}\"",
        Sha256::digest(&bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    );
    if request.header("if-none-match") == Some(tag.as_str()) {
        return Reply::new(304, "").with("etag", tag);
    }
    let unchanged = request.header("if-range").is_none_or(|known| known == tag);
    let range = request.header("range").filter(|_| unchanged).and_then(first_byte);
    let reply = match range {
        Some(first) if first >= bytes.len() => {
            Reply::new(416, "").with("content-range", format!("bytes */{}", bytes.len()))
        }
        Some(first) => Reply::new(206, &bytes[first..])
            .with("content-range", format!("bytes {first}-{}/{}", bytes.len() - 1, bytes.len())),
        None => Reply::new(200, bytes),
    };
    reply.with("etag", tag).with("accept-ranges", "bytes")
}

/// The file that a path names, unless it climbs out of the folder.
fn below(folder: &Path, path: &str) -> Option<PathBuf> {
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    (!names.contains(&"..")).then(|| names.iter().fold(folder.to_path_buf(), |path, name| path.join(name)))
}

/// `bytes=N-`, the one form that resuming needs.
fn first_byte(range: &str) -> Option<usize> {
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::process::run;
    use crate::tls::{Authority, SERVER_NAMES};

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "0123456789").unwrap();
        folder
    }

    fn curl(args: &[&str]) -> (Option<i32>, String) {
        let output = run(
            Command::new("curl").args(["--silent", "--max-time", "5"]).args(args),
            Duration::from_secs(10),
        );
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    #[test]
    fn it_serves_whole_conditional_and_resumed_requests() {
        let folder = folder();
        let server = Server::start(&Net::host(), folder.path(), None);
        assert_eq!(curl(&[&server.url("a"), &server.url("a")]).1, "01234567890123456789");
        assert_eq!(curl(&["--range", "7-", &server.url("a")]).1, "789");
        assert_eq!(curl(&["--path-as-is", "-w", "%{http_code}", &server.url("../a")]).1, "not here404");
        let tag = curl(&["-w", "%header{etag}", "-o", "/dev/null", &server.url("a")]).1;
        let condition = format!("if-none-match: {tag}");
        assert_eq!(curl(&["-w", "%{http_code}", "-H", &condition, &server.url("a")]).1, "304");
        let statuses: Vec<_> = server.take().iter().map(|seen| (seen.status, seen.sent)).collect();
        assert_eq!(statuses, [(200, 10), (200, 10), (206, 3), (404, 8), (200, 10), (304, 0)]);
    }

    #[test]
    fn it_does_wrong_when_told_to() {
        let folder = folder();
        let server = Server::start(&Net::host(), folder.path(), None);
        server.fault_times("a", Fault::status(503), 1);
        assert_eq!(curl(&["-w", "%{http_code}", &server.url("a")]).1, "503");
        assert_eq!(curl(&[&server.url("a")]).1, "0123456789");
        server.fault("a", Fault::short(4));
        assert_eq!(curl(&[&server.url("a")]), (Some(18), "0123".into()));
        server.fault("a", Fault::Deliver(Delivery::Endless));
        assert_eq!(curl(&["--max-time", "1", "-o", "/dev/null", &server.url("a")]).0, Some(28));
        server.fault("a", Fault::Deliver(Delivery::Drop));
        assert_eq!(curl(&[&server.url("a")]).0, Some(52));
        server.mend();
        assert_eq!(curl(&[&server.url("a")]).1, "0123456789");
    }

    #[test]
    fn it_speaks_tls_to_those_who_know_the_authority() {
        let folder = folder();
        let authority = Authority::new();
        let server = Server::start(&Net::host(), folder.path(), Some(&authority.issue(SERVER_NAMES)));
        let ca = folder.path().join("ca.pem");
        fs::write(&ca, authority.pem()).unwrap();
        assert_eq!(curl(&["--cacert", &ca.to_string_lossy(), &server.url("a")]).1, "0123456789");
        assert_eq!(curl(&[&server.url("a")]).0, Some(60));
    }
}
