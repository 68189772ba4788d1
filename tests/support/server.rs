//! A static file server, plain or over TLS, with faults: what an `https://` store is to a node.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::forge::gzip;
pub use crate::http::{Delivery, Greeting, Meeting, Reply, Seen};
use crate::http::{Request, Service};
use crate::netns::Net;
use crate::random::{Dice, hex};
use crate::tls::Certificate;

/// What the server does wrong for one path.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The file, badly delivered.
    Deliver(Delivery),
    /// Another answer altogether.
    Answer(Reply),
    /// The file with one byte changed: at this place, counted on from the start at the file's end.
    Flip(usize),
    /// The whole file, whatever range is asked for.
    NoRange,
    /// A part of the file that nobody asked for, said to be this first byte and what follows.
    Range(usize),
    /// The part that was asked for by its header, with the bytes from the start of the file.
    FalseRange,
    /// Another tag with each answer.
    NewTag,
    /// The file, compressed for the way, and said to be.
    Encoded,
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
    faults: Arc<Mutex<Faults>>,
    base: String,
}

/// What goes wrong: by path in turn, each so many times or for ever, and by chance on any path.
#[derive(Debug, Default)]
struct Faults {
    by_path: HashMap<String, VecDeque<(Fault, Option<u32>)>>,
    by_chance: Option<Chance>,
}

#[derive(Debug)]
struct Chance {
    dice: Dice,
    percent: u64,
    among: Vec<Fault>,
}

impl Server {
    /// Serves `folder` on a free port of `net`, over TLS when there is a certificate.
    pub fn start(net: &Net, folder: &Path, certificate: Option<&Certificate>) -> Self {
        Self::on(net.listen(), &net.host_part(), folder, certificate)
    }

    /// Serves `folder` on `listener`; `host` is the name that [`url`](Self::url) uses.
    ///
    /// # Panics
    /// When the socket has no address.
    pub fn on(listener: TcpListener, host: &str, folder: &Path, certificate: Option<&Certificate>) -> Self {
        let scheme = if certificate.is_some() { "https" } else { "http" };
        let folder = folder.to_path_buf();
        let faults = Arc::<Mutex<Faults>>::default();
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
        self.faults_in_turn(path, vec![(fault, None)]);
    }

    /// Does wrong for the next `times` requests of `path`.
    pub fn fault_times(&self, path: &str, fault: Fault, times: u32) {
        self.faults_in_turn(path, vec![(fault, Some(times))]);
    }

    /// Does wrong for `path` in these ways, one after the other, each so many times or for ever.
    pub fn faults_in_turn(&self, path: &str, faults: Vec<(Fault, Option<u32>)>) {
        self.faults.lock().unwrap().by_path.insert(format!("/{path}"), faults.into());
    }

    /// Does wrong in one of these ways for so many of a hundred requests, chosen by `seed`.
    pub fn fault_by_chance(&self, seed: u64, percent: u64, among: Vec<Fault>) {
        self.faults.lock().unwrap().by_chance = Some(Chance { dice: Dice::new(seed), percent, among });
    }

    /// Gives every new connection this instead of service; `None`: service.
    pub fn greet(&self, greeting: Option<Greeting>) {
        self.service.greet(greeting);
    }

    /// Does everything right again.
    pub fn mend(&self) {
        *self.faults.lock().unwrap() = Faults::default();
        self.greet(None);
    }

    /// How many connections there were.
    pub fn connections(&self) -> u64 {
        self.service.connections()
    }

    /// The requests since the last call.
    pub fn take(&self) -> Vec<Seen> {
        self.service.take()
    }
}

fn answer(folder: &Path, faults: &Mutex<Faults>, request: &Request) -> Reply {
    let fault = faults.lock().unwrap().due(request.path());
    match fault {
        Some(Fault::Answer(reply)) => reply,
        Some(Fault::Deliver(delivery)) => Reply { delivery, ..file(folder, request, |_| {}) },
        Some(Fault::Flip(place)) => file(folder, request, |bytes| {
            let place = place % bytes.len().max(1);
            bytes[place] ^= 1;
        }),
        Some(Fault::NoRange) => file(folder, &request.without("range"), |_| {}),
        Some(Fault::Range(first)) => {
            file(folder, &request.without("range").with("range", &format!("bytes={first}-")), |_| {})
        }
        Some(Fault::FalseRange) => {
            let whole = file(folder, &request.without("range"), |_| {});
            let asked = file(folder, request, |_| {});
            Reply { body: whole.body[..asked.body.len()].to_vec(), ..asked }
        }
        Some(Fault::NewTag) => {
            let mut reply = file(folder, &request.without("if-none-match"), |_| {});
            reply.headers.retain(|(name, _)| name != "etag");
            reply.with("etag", format!("\"{}\"", hex(8)))
        }
        Some(Fault::Encoded) => {
            let reply = file(folder, request, |bytes| *bytes = gzip(bytes));
            reply.with("content-encoding", "gzip")
        }
        None => file(folder, request, |_| {}),
    }
}

impl Faults {
    fn due(&mut self, path: &str) -> Option<Fault> {
        if let Some(turns) = self.by_path.get_mut(path)
            && let Some((fault, left)) = turns.front_mut()
        {
            let fault = fault.clone();
            if let Some(times) = left {
                *times -= 1;
                if *times == 0 {
                    turns.pop_front();
                }
            }
            return Some(fault);
        }
        let chance = self.by_chance.as_mut()?;
        let hit = chance.dice.below(100) < chance.percent;
        hit.then(|| chance.among[chance.dice.below(chance.among.len() as u64) as usize].clone())
    }
}

fn file(folder: &Path, request: &Request, change: impl FnOnce(&mut Vec<u8>)) -> Reply {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Reply::new(405, "");
    }
    let Some(mut bytes) = below(folder, request.path()).and_then(|path| fs::read(path).ok()) else {
        return Reply::new(404, "not here");
    };
    change(&mut bytes);
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
            crate::process::PATIENCE,
        );
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    #[test]
    fn it_serves_whole_conditional_and_resumed_requests() {
        let Some(_) = crate::tools::program("curl") else { return };
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
    fn it_does_wrong_when_asked_to() {
        let Some(_) = crate::tools::program("curl") else { return };
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
    fn each_delivery_is_wrong_in_its_own_way() {
        let Some(_) = crate::tools::program("curl") else { return };
        let folder = folder();
        let authority = Authority::new();
        let server = Server::start(&Net::host(), folder.path(), Some(&authority.issue(SERVER_NAMES)));
        let ca = folder.path().join("ca.pem");
        fs::write(&ca, authority.pem()).unwrap();
        let get = |options: &[&str]| {
            curl(
                &[&["--cacert", &ca.to_string_lossy(), "--max-time", "1"], options, &[&server.url("a")]]
                    .concat(),
            )
        };
        let seconds = Duration::from_secs(9);
        for (delivery, code, text) in [
            (Delivery::Late(Duration::from_millis(100)), 0, "0123456789"),
            (Delivery::Late(seconds), 28, ""),
            (Delivery::MidRecord(4), 18, ""),
            (Delivery::Reset(4), 56, "0123"),
            (Delivery::Promise(4), 0, "0123"),
            (Delivery::Promise(14), 28, "0123456789"),
            (Delivery::Unsized(4, true), 0, "0123"),
            // curl does not miss the farewell of TLS; rustls does.
            (Delivery::Unsized(4, false), 0, "0123"),
            (Delivery::CutChunks, 18, "0123456789"),
            (Delivery::HangAt(4, seconds), 28, "0123"),
            (Delivery::Raw(b"nonsense\r\n\r\n".to_vec()), 1, ""),
        ] {
            let name = format!("{delivery:?}");
            server.fault("a", Fault::Deliver(delivery));
            assert_eq!(get(&[]), (Some(code), text.to_owned()), "{name}");
        }
        for endless in [Delivery::Endless, Delivery::EndlessChunks, Delivery::EndlessHead] {
            server.fault("a", Fault::Deliver(endless));
            assert_ne!(get(&["--output", "/dev/null"]).0, Some(0));
        }
        server.mend();
        // A reset may come before curl has looked at its connection: then it says that there is none.
        for (greeting, codes) in [
            (Greeting::Silence(seconds), &[28][..]),
            (Greeting::Handshake(50, seconds), &[28]),
            (Greeting::Bytes(b"nonsense".to_vec()), &[35]),
            (Greeting::Reset, &[35, 7]),
        ] {
            server.greet(Some(greeting));
            let code = get(&[]).0;
            assert!(code.is_some_and(|code| codes.contains(&code)), "{code:?} is none of {codes:?}");
        }
        server.mend();
        assert_eq!(get(&[]).1, "0123456789");
    }

    #[test]
    fn each_answer_is_wrong_in_its_own_way() {
        let Some(_) = crate::tools::program("curl") else { return };
        let folder = folder();
        let server = Server::start(&Net::host(), folder.path(), None);
        let url = server.url("a");
        let tail = ["--range", "7-", "--write-out", " %{http_code}", &url];
        for (fault, text) in [
            (Fault::Flip(12), "789 206"),
            (Fault::Flip(17), "689 206"),
            (Fault::NoRange, "0123456789 200"),
            (Fault::Range(5), "56789 206"),
            (Fault::FalseRange, "012 206"),
        ] {
            server.fault("a", fault);
            assert_eq!(curl(&tail).1, text);
        }
        server.fault("a", Fault::Encoded);
        assert_eq!(curl(&["--compressed", &url]).1, "0123456789");
        server.fault("a", Fault::NewTag);
        let tag = || curl(&["--write-out", "%header{etag}", "--output", "/dev/null", &url]).1;
        assert_ne!(tag(), tag());
        server.faults_in_turn("a", vec![(Fault::status(500), Some(1)), (Fault::status(429), Some(2))]);
        let statuses = [(); 4].map(|()| curl(&["--write-out", " %{http_code}", &url]).1);
        assert_eq!(statuses, [" 500", " 429", " 429", "0123456789 200"]);
    }

    #[test]
    fn chance_is_the_same_each_time() {
        let Some(_) = crate::tools::program("curl") else { return };
        let folder = folder();
        let server = Server::start(&Net::host(), folder.path(), None);
        let round = || {
            server.fault_by_chance(7, 30, vec![Fault::status(500), Fault::status(503)]);
            let url = server.url("a");
            curl(&vec![&*url; 100]);
            server.take().iter().map(|seen| seen.status).collect::<Vec<_>>()
        };
        let (one, two) = (round(), round());
        assert_eq!(one, two);
        let failed = one.iter().filter(|status| **status >= 500).count();
        assert!((10..60).contains(&failed), "{failed}");
    }

    #[test]
    fn it_speaks_tls_to_those_who_know_the_authority() {
        let Some(_) = crate::tools::program("curl") else { return };
        let folder = folder();
        let authority = Authority::new();
        let server = Server::start(&Net::host(), folder.path(), Some(&authority.issue(SERVER_NAMES)));
        let ca = folder.path().join("ca.pem");
        fs::write(&ca, authority.pem()).unwrap();
        assert_eq!(curl(&["--cacert", &ca.to_string_lossy(), &server.url("a")]).1, "0123456789");
        assert_eq!(curl(&[&server.url("a")]).0, Some(60));
    }
}
