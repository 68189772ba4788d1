//! A forward proxy as sites have one: `CONNECT` for TLS, whole URLs for plain HTTP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::netns::Net;
use crate::process::until;

/// The running proxy; dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Option<thread::JoinHandle<()>>,
}

/// How a proxy treats what it is asked.
#[derive(Debug, Clone)]
pub enum Manner {
    /// Forwards everything.
    Open,
    /// Forwards tunnels; anything else is forbidden.
    Tunnels,
    /// Forwards tunnels for this user and password, in base64 as on the wire; else 407.
    Login(String),
    /// These bytes, then the end.
    Says(Vec<u8>),
    /// Nothing, until the asker gives up.
    Silent,
}

#[derive(Debug)]
struct Shared {
    net: Net,
    manner: Manner,
    asked: Mutex<Vec<String>>,
    stopping: AtomicBool,
}

impl Proxy {
    /// Starts it on `net`. Every name leads to that host, so only its port counts.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn start(net: &Net) -> Self {
        Self::with(net, Manner::Open)
    }

    /// The same, with manners.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn with(net: &Net, manner: Manner) -> Self {
        let listener = net.listen();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let (asked, stopping) = <(Mutex<_>, AtomicBool)>::default();
        let shared = Arc::new(Shared { net: net.clone(), manner, asked, stopping });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Self { port, shared, acceptor: Some(acceptor) }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it was asked for since the last call: `CONNECT host:port`, `GET http://…`.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().ok();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while !shared.stopping.load(Ordering::Relaxed) {
        let Ok((socket, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(3));
            continue;
        };
        let shared = Arc::clone(shared);
        thread::spawn(move || forward(&socket, &shared).ok());
    }
}

fn forward(client: &TcpStream, shared: &Shared) -> io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && head.len() < 64 * 1024 {
        if reader.by_ref().take(16 * 1024).read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let (first, rest) = head.split_once("\r\n").unwrap_or((&head, ""));
    let words: Vec<&str> = first.split(' ').collect();
    let [method, target, _version] = words[..] else { return Ok(()) };
    shared.asked.lock().unwrap().push(format!("{method} {target}"));
    if let Some(answer) = shared.instead(method, rest) {
        client.try_clone()?.write_all(&answer)?;
        client.shutdown(Shutdown::Write)?;
        io::copy(&mut reader.take(1 << 20), &mut io::sink())?;
        return Ok(());
    }
    let authority = target.strip_prefix("http://").unwrap_or(target);
    let (authority, path) = authority.split_at(authority.find('/').unwrap_or(authority.len()));
    let port = authority.rsplit_once(':').map_or("80", |(_, port)| port);
    let mut server = shared.net.connect(&format!("{}:{port}", shared.net.address()))?;
    if method == "CONNECT" {
        client.try_clone()?.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    } else {
        let end = "connection: close\r\n";
        server.write_all(format!("{method} {path} HTTP/1.1\r\n{end}{rest}").as_bytes())?;
    }
    let back = thread::spawn({
        let (mut server, mut client) = (server.try_clone()?, client.try_clone()?);
        move || {
            io::copy(&mut server, &mut client).ok();
            client.shutdown(Shutdown::Write).ok();
        }
    });
    io::copy(&mut reader, &mut server).ok();
    server.shutdown(Shutdown::Write).ok();
    back.join().ok();
    Ok(())
}

impl Shared {
    /// What the asker gets instead of being forwarded.
    fn instead(&self, method: &str, headers: &str) -> Option<Vec<u8>> {
        let login = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_owned())
        };
        match &self.manner {
            Manner::Open => None,
            Manner::Tunnels | Manner::Login(_) if method != "CONNECT" => Some(FORBIDDEN.into()),
            Manner::Tunnels => None,
            Manner::Login(wanted) => {
                let shown = headers.lines().find_map(login);
                (shown.as_deref() != Some(&format!("Basic {wanted}"))).then(|| NO_LOGIN.into())
            }
            Manner::Says(bytes) => Some(bytes.clone()),
            Manner::Silent => {
                until(Duration::from_secs(60), || self.stopping.load(Ordering::Relaxed));
                Some(Vec::new())
            }
        }
    }
}

const FORBIDDEN: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
const NO_LOGIN: &[u8] = b"HTTP/1.1 407 Proxy Authentication Required\r\n\
    proxy-authenticate: Basic realm=\"test\"\r\ncontent-length: 0\r\n\r\n";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;
    use crate::process::{run, succeed};
    use crate::server::Server;
    use crate::tls::{Authority, SERVER_NAMES};

    #[test]
    fn it_forwards_both_kinds() {
        let Some(_) = crate::tools::program("curl") else { return };
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "text").unwrap();
        let authority = Authority::new();
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let proxy = Proxy::start(&Net::host());
        let get = |url: &str| {
            let via = format!("http://127.0.0.1:{}", proxy.port());
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--noproxy", "", "--max-time", "100", "--proxy", &via, "--cacert"]);
            succeed(curl.arg(folder.path().join("ca.pem")).arg(url), crate::process::PATIENCE)
        };
        let plain = Server::start(&Net::host(), folder.path(), None);
        let tls = Server::start(&Net::host(), folder.path(), Some(&authority.issue(SERVER_NAMES)));
        assert_eq!(get(&plain.url("a")), "text");
        assert_eq!(get(&tls.url("a")), "text");
        let asked = [format!("GET {}", plain.url("a")), format!("CONNECT 127.0.0.1:{}", tls.port())];
        assert_eq!(proxy.take(), asked);
    }

    #[test]
    fn it_has_manners() {
        let Some(_) = crate::tools::program("curl") else { return };
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "text").unwrap();
        let plain = Server::start(&Net::host(), folder.path(), None);
        let get = |proxy: &Proxy, login: &str, options: &[&str]| {
            let via = format!("http://{login}127.0.0.1:{}", proxy.port());
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--noproxy", "", "--max-time", "1", "--proxy", &via]).args(options);
            let output = run(curl.arg(plain.url("a")), crate::process::PATIENCE);
            (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let (tunnel, through) = (["--proxytunnel"], (Some(0), "text".to_owned()));
        let tunnels = Proxy::with(&Net::host(), Manner::Tunnels);
        assert_eq!(get(&tunnels, "", &["--write-out", "%{http_code}"]).1, "403");
        assert_eq!(get(&tunnels, "", &tunnel), through);
        let login = Proxy::with(&Net::host(), Manner::Login("dXNlcjpwYXNz".into()));
        assert_eq!(get(&login, "user:pass@", &tunnel), through);
        assert_eq!(get(&login, "user:word@", &tunnel).0, Some(56));
        assert_eq!(get(&login, "", &tunnel).0, Some(56));
        assert_eq!(get(&Proxy::with(&Net::host(), Manner::Silent), "", &tunnel).0, Some(28));
        let nonsense = Proxy::with(&Net::host(), Manner::Says(b"nonsense\n".to_vec()));
        assert_ne!(get(&nonsense, "", &tunnel).0, Some(0));
    }
}
