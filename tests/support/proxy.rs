//! A forward proxy as sites have one: `CONNECT` for TLS, whole URLs for plain HTTP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::netns::Net;

/// The running proxy; dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    stopping: Arc<AtomicBool>,
    acceptor: Option<thread::JoinHandle<()>>,
}

impl Proxy {
    /// Starts it on `net`. Every name leads to that host, so only its port counts.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn start(net: &Net) -> Self {
        let listener = net.listen();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let acceptor = thread::spawn({
            let (net, asked, stopping) = (net.clone(), Arc::clone(&asked), Arc::clone(&stopping));
            move || accept(&listener, &net, &asked, &stopping)
        });
        Self { port, asked, stopping, acceptor: Some(acceptor) }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it was asked for since the last call: `CONNECT host:port`, `GET http://…`.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().ok();
        }
    }
}

fn accept(listener: &TcpListener, net: &Net, asked: &Arc<Mutex<Vec<String>>>, stopping: &AtomicBool) {
    while !stopping.load(Ordering::Relaxed) {
        let Ok((socket, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(3));
            continue;
        };
        let (net, asked) = (net.clone(), Arc::clone(asked));
        thread::spawn(move || forward(&socket, &net, &asked).ok());
    }
}

fn forward(client: &TcpStream, net: &Net, asked: &Mutex<Vec<String>>) -> io::Result<()> {
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
    asked.lock().unwrap().push(format!("{method} {target}"));
    let authority = target.strip_prefix("http://").unwrap_or(target);
    let (authority, path) = authority.split_at(authority.find('/').unwrap_or(authority.len()));
    let port = authority.rsplit_once(':').map_or("80", |(_, port)| port);
    let mut server = net.connect(&format!("{}:{port}", net.address()))?;
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;
    use crate::process::succeed;
    use crate::server::Server;
    use crate::tls::{Authority, SERVER_NAMES};

    #[test]
    fn it_forwards_both_kinds() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "text").unwrap();
        let authority = Authority::new();
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let proxy = Proxy::start(&Net::host());
        let get = |url: &str| {
            let via = format!("http://127.0.0.1:{}", proxy.port());
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--noproxy", "", "--max-time", "5", "--proxy", &via, "--cacert"]);
            succeed(curl.arg(folder.path().join("ca.pem")).arg(url), Duration::from_secs(10))
        };
        let plain = Server::start(&Net::host(), folder.path(), None);
        let tls = Server::start(&Net::host(), folder.path(), Some(&authority.issue(SERVER_NAMES)));
        assert_eq!(get(&plain.url("a")), "text");
        assert_eq!(get(&tls.url("a")), "text");
        let asked = [format!("GET {}", plain.url("a")), format!("CONNECT 127.0.0.1:{}", tls.port())];
        assert_eq!(proxy.take(), asked);
    }
}
