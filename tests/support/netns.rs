//! Hosts on one machine: network namespaces joined by a wire.
//!
//! A [`Lab`] holds two: the `cloud`, where the servers are, and the `node`. Names and addresses are the
//! same in each lab, and labs do not see each other, so that tests can run side by side.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process::{PATIENCE, run, succeed, until};
use crate::tools;

/// The servers' address as the node sees it.
pub const CLOUD: &str = "10.0.2.2";
/// The node's address.
pub const NODE: &str = "10.0.2.15";
/// Where every cloud's metadata service is.
pub const METADATA: &str = "169.254.169.254";

/// The servers' address in a lab of IPv6.
pub const CLOUD_SIX: &str = "fd00::2";
/// The node's address in a lab of IPv6.
pub const NODE_SIX: &str = "fd00::15";

const NAMES: &str = "s3.test configs.s3.test files.test mirror.test proxy.test";

/// One host's view of the network: the machine's own, or that of a namespace.
#[derive(Debug, Clone)]
pub struct Net {
    namespace: Option<String>,
    address: &'static str,
    etc: Option<PathBuf>,
}

impl Net {
    /// The machine's own network; servers there listen on the loopback address.
    pub fn host() -> Self {
        Self { namespace: None, address: "127.0.0.1", etc: None }
    }

    /// The address at which a server on this host is reached.
    pub fn address(&self) -> &'static str {
        self.address
    }

    /// The same as it stands in a URL.
    pub fn host_part(&self) -> String {
        if self.address.contains(':') { format!("[{}]", self.address) } else { self.address.into() }
    }

    /// The namespace's file, for programs that enter it themselves.
    pub fn path(&self) -> Option<PathBuf> {
        self.namespace.as_ref().map(|name| Path::new("/run/netns").join(name))
    }

    /// A command that will run on this host, with the lab's names and without any other resolver.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let (Some(namespace), Some(etc)) = (self.path(), &self.etc) else {
            return Command::new(program);
        };
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", namespace.display())).args(["unshare", "--mount", "sh", "-c"]);
        command.arg(
            "mount --bind $0/hosts /etc/hosts && mount --bind $0/resolv.conf /etc/resolv.conf && exec \"$@\"",
        );
        command.arg(etc).arg(program);
        command
    }

    /// Listens on a free port of this host, at any address for a namespace, on loopback else.
    ///
    /// # Panics
    /// When it cannot.
    pub fn listen(&self) -> TcpListener {
        self.listen_at(&SocketAddr::new(self.any(), 0).to_string())
    }

    fn any(&self) -> IpAddr {
        match (&self.namespace, self.address.contains(':')) {
            (Some(_), false) => Ipv4Addr::UNSPECIFIED.into(),
            (Some(_), true) => Ipv6Addr::UNSPECIFIED.into(),
            (None, _) => Ipv4Addr::LOCALHOST.into(),
        }
    }

    /// Listens on this host at `address`, which is `IP:PORT`; waits for the address if it is still in use.
    ///
    /// A test may have closed its own socket there a moment ago. A program that another thread is starting has
    /// a copy of that socket until the program runs, and the copy listens.
    ///
    /// # Panics
    /// When it cannot.
    pub fn listen_at(&self, address: &str) -> TcpListener {
        let mut bound = self.inside(|| TcpListener::bind(address));
        until(PATIENCE, || {
            if bound.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::AddrInUse) {
                bound = self.inside(|| TcpListener::bind(address));
            }
            !bound.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::AddrInUse)
        });
        bound.unwrap_or_else(|e| panic!("listening on {address}: {e}"))
    }

    /// Connects from this host to `address`, which is `IP:PORT`.
    ///
    /// # Errors
    /// As [`TcpStream::connect`].
    pub fn connect(&self, address: &str) -> io::Result<TcpStream> {
        self.inside(|| TcpStream::connect(address))
    }

    /// A port that was free a moment ago, for programs that open their own. It is below those that the
    /// kernel hands out, so that no connection made meanwhile takes it.
    ///
    /// # Panics
    /// When none is free.
    pub fn free_port(&self) -> u16 {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let first = process::id().wrapping_mul(97);
        (0..PROGRAMS_PORTS)
            .map(|_| first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PROGRAMS_PORTS)
            .filter_map(|offset| u16::try_from(10_000 + offset).ok())
            .find(|port| self.is_free(*port))
            .expect("a free port")
    }

    /// Whether a program can listen on this port. This does not listen: a copy of a socket that listens, in a
    /// program that another thread is starting, would be in that program's way.
    fn is_free(&self, port: u16) -> bool {
        let address = SocketAddr::new(self.any(), port);
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let bound = self.inside(|| {
            let socket = net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            net::sockopt::set_socket_reuseaddr(&socket, true)?;
            Ok(net::bind(&socket, &address)?)
        });
        bound.is_ok()
    }

    /// A port of this host that is taken, at which nobody listens until a test starts it.
    ///
    /// # Panics
    /// When none is free.
    pub fn hold(&self) -> TcpListener {
        let held = self.inside(|| {
            let socket =
                net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
            Ok(socket.into())
        });
        held.unwrap_or_else(|e| panic!("holding a port: {e}"))
    }

    /// Does one thing with sockets on this host; a socket made there stays there.
    fn inside<T: Send>(&self, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let Some(path) = self.path() else { return act() };
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let namespace = File::open(path)?;
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                act()
            });
            worker.join().unwrap()
        })
    }
}

/// A cloud and a node on one wire; gone when dropped.
#[derive(Debug)]
pub struct Lab {
    /// Where servers run: `10.0.2.2` (`s3.test`, `files.test`, …) and `169.254.169.254`.
    pub cloud: Net,
    /// The machine: `10.0.2.15`, with its route to everything through the cloud.
    pub node: Net,
    /// `hosts` and `resolv.conf` as a machine of the lab has them.
    pub etc: PathBuf,
    _folder: tempfile::TempDir,
}

impl Lab {
    /// Makes both hosts; `None` after saying why not.
    ///
    /// # Panics
    /// When the machine refuses, or when `CI` is set and this is not the superuser.
    pub fn new() -> Option<Self> {
        Self::make(CLOUD, NODE)
    }

    /// The same without IPv4: `fd00::2` and `fd00::15`, no metadata service, and no other route.
    ///
    /// # Panics
    /// As [`Lab::new`].
    pub fn six() -> Option<Self> {
        Self::make(CLOUD_SIX, NODE_SIX)
    }

    fn make(cloud: &'static str, node: &'static str) -> Option<Self> {
        static SWEPT: Once = Once::new();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        tools::superuser()?;
        tools::program("ip")?;
        SWEPT.call_once(sweep);

        let folder = tempfile::tempdir().unwrap();
        let etc = folder.path().to_path_buf();
        let localhost = if cloud.contains(':') { "::1" } else { "127.0.0.1" };
        fs::write(etc.join("hosts"), format!("{localhost} localhost\n{cloud} {NAMES}\n")).unwrap();
        fs::write(etc.join("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();

        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let net = |role, address| {
            let namespace = format!("{PREFIX}{}-{number}{role}", process::id());
            Net { namespace: Some(namespace), address, etc: Some(etc.clone()) }
        };
        let lab = Self { cloud: net("c", cloud), node: net("n", node), etc: etc.clone(), _folder: folder };
        lab.wire();
        Some(lab)
    }

    fn wire(&self) {
        let (Some(cloud), Some(node)) = (&self.cloud.namespace, &self.node.namespace) else { return };
        let batch = self.etc.join("ip");
        fs::write(&batch, format!("netns add {cloud}\nnetns add {node}\nlink add eth0 netns {cloud} type veth peer name eth0 netns {node}\n")).unwrap();
        ip(&["-batch", &batch.to_string_lossy()]);
        let up = "link set lo up\nlink set eth0 up\naddress add";
        // Without `nodad` an address of IPv6 is not there for a second.
        let (of_cloud, of_node) = if self.cloud.address == CLOUD {
            (
                format!("{CLOUD}/24 dev eth0\naddress add {METADATA}/32 dev eth0"),
                format!("{NODE}/24 dev eth0\nroute add default via {CLOUD}"),
            )
        } else {
            (format!("{CLOUD_SIX}/64 dev eth0 nodad"), format!("{NODE_SIX}/64 dev eth0 nodad"))
        };
        for (namespace, addresses) in [(cloud, of_cloud), (node, of_node)] {
            fs::write(&batch, format!("{up} {addresses}\n")).unwrap();
            ip(&["-netns", namespace, "-batch", &batch.to_string_lossy()]);
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for namespace in [&self.node.namespace, &self.cloud.namespace].into_iter().flatten() {
            run(Command::new("ip").args(["netns", "delete", namespace]), PATIENCE);
        }
    }
}

/// Removes what a killed test run left behind: a name tells whose it was.
fn sweep() {
    for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((pid, _)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')) else {
            continue;
        };
        if pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists() {
            run(Command::new("ip").args(["netns", "delete", &name]), PATIENCE);
        }
    }
}

fn ip(args: &[&str]) {
    succeed(Command::new("ip").args(args), PATIENCE);
}

const PREFIX: &str = "stringless";
/// How many ports there are from 10000 to where the kernel begins to hand them out by itself.
const PROGRAMS_PORTS: u32 = 22_000;

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn the_node_reaches_the_metadata_address_and_two_labs_do_not_meet() {
        let (Some(one), Some(two)) = (Lab::new(), Lab::new()) else { return };
        let listener = one.cloud.listen_at("169.254.169.254:80");
        let server = thread::spawn(move || listener.accept().unwrap().0.write_all(b"here"));
        let mut text = String::new();
        one.node.connect("169.254.169.254:80").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "here");
        server.join().unwrap().unwrap();
        let refused = two.node.connect("169.254.169.254:80").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn a_lab_of_ipv6_has_nothing_else() {
        let Some(lab) = Lab::six() else { return };
        let listener = lab.cloud.listen();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || listener.accept().unwrap().0.write_all(b"here"));
        let mut text = String::new();
        let there = format!("{}:{port}", lab.cloud.host_part());
        lab.node.connect(&there).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "here");
        server.join().unwrap().unwrap();
        assert!(lab.node.connect(&format!("{CLOUD}:{port}")).is_err());
        let known = succeed(lab.node.command("getent").args(["hosts", "files.test"]), PATIENCE);
        assert!(known.starts_with(CLOUD_SIX), "{known}");
    }

    #[test]
    fn a_command_on_the_node_knows_the_labs_names_only() {
        let Some(lab) = Lab::new() else { return };
        let known = succeed(lab.node.command("getent").args(["hosts", "s3.test"]), PATIENCE);
        assert!(known.starts_with(CLOUD), "{known}");
        assert!(!run(lab.node.command("getent").args(["hosts", "debian.org"]), PATIENCE).status.success());
        let name = lab.cloud.path().unwrap();
        assert!(name.exists());
        drop(lab);
        assert!(!name.exists());
    }
}
