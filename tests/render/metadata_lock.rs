//! The rule of `--lock-metadata`, as the script writes it, set on a node of a lab by each of the firewalls
//! that a node may have: root reaches the metadata service, nobody else does, and all else stays open.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use e2e::http::{Reply, Service};
use e2e::netns::Lab;
use e2e::process::{both, run, until};
use e2e::rendering::{Case, SCRIPT, site};
use e2e::tools;
use stringless_render::platform::{Cloud, Form, Platforms};
use stringless_render::request::MetadataLock;

/// A lab whose node has these programs, and the rule's script.
struct Node {
    lab: Lab,
    tools: tempfile::TempDir,
    services: Vec<Service>,
}

impl Node {
    fn new(programs: &[&str], cloud: &str) -> Option<Self> {
        let lab = Lab::new()?;
        let tools = tempfile::tempdir().unwrap();
        for name in programs.iter().chain(&["setpriv", "curl", "sh"]) {
            symlink(tools::program(name)?, tools.path().join(name)).unwrap();
        }
        fs::write(tools.path().join("lock"), rule(cloud)).unwrap();
        let service = |listener: TcpListener| Service::start(listener, None, |_| Reply::new(200, "here"));
        let addresses = ["169.254.169.254:80", "169.254.169.254:443", "169.254.169.254:8080", "10.0.2.2:80"];
        let services = addresses.map(|address| service(lab.cloud.listen_at(address))).into();
        Some(Self { lab, tools, services })
    }

    /// A program of the node's own, with nothing else in its path.
    fn run(&self, program: &str, args: &[&str]) -> Output {
        let mut command = self.lab.node.command("env");
        command.arg(format!("PATH={}", self.tools.path().display())).arg(self.tools.path().join(program));
        run(command.args(args), e2e::process::PATIENCE)
    }

    fn lock(&self) -> Output {
        self.run("sh", &[&self.tools.path().join("lock").to_string_lossy()])
    }

    /// Whether this user gets an answer.
    fn reaches(&self, user: &str, address: &str) -> bool {
        let (curl, url) = (self.tools.path().join("curl"), format!("http://{address}/"));
        let curl = [&*curl.to_string_lossy(), "-gsS", "-o", "/dev/null", "-m", "100", &url];
        let output = self.run("setpriv", &[&["--reuid", user, "--clear-groups"][..], &curl].concat());
        let printed = both(&output);
        assert!(
            output.status.success() || printed.contains("(7)"),
            "neither an answer nor a refusal: {printed}"
        );
        output.status.success()
    }
}

/// Each address at which a cloud gives out the user-data, those of IPv6 too. Clouds with the same rule are tried once.
#[test]
fn no_address_of_the_service_is_left_open() {
    let platforms = Platforms::embedded().unwrap();
    let six = |cloud: &&Cloud| cloud.lock.iter().any(|address| address.contains(':'));
    let rules: BTreeMap<_, _> = platforms
        .clouds
        .iter()
        .filter(six)
        .map(|cloud| ((&cloud.lock, cloud.lock_https), &*cloud.id))
        .collect();
    assert!(rules.len() >= 5, "{rules:?}");
    for ((locked, _), cloud) in rules {
        let Some(node) = Node::new(&["nft"], cloud) else { return };
        let six: Vec<&String> = locked.iter().filter(|address| address.contains(':')).collect();
        // An address of a new interface is not used for a second.
        for net in [&node.lab.cloud, &node.lab.node] {
            let shown = |args: &[&str]| {
                both(&run(
                    net.command("ip").args(["-6", "addr", "show", "dev", "eth0"]).args(args),
                    e2e::process::PATIENCE,
                ))
            };
            let ready = || shown(&["tentative"]).is_empty() && !shown(&["scope", "link"]).is_empty();
            assert!(until(e2e::process::PATIENCE, ready));
        }
        for address in six {
            let on = |net: &e2e::netns::Net, args: &[&str]| {
                let output = run(net.command("ip").args(args), e2e::process::PATIENCE);
                assert!(output.status.success(), "{args:?}: {}", both(&output));
                both(&output)
            };
            on(&node.lab.cloud, &["address", "add", &format!("{address}/128"), "dev", "eth0", "nodad"]);
            let index = |net| on(net, &["-o", "link", "show", "eth0"]).split(':').next().unwrap().to_owned();
            let scope =
                |net| if address.starts_with("fe80") { format!("%{}", index(net)) } else { String::new() };
            if !address.starts_with("fe80") {
                on(&node.lab.node, &["route", "add", &format!("{address}/128"), "dev", "eth0"]);
            }
            let listener = node.lab.cloud.listen_at(&format!("[{address}{}]:80", scope(&node.lab.cloud)));
            let _service = Service::start(listener, None, |_| Reply::new(200, "here"));
            let host = format!("[{address}{}]", scope(&node.lab.node).replace('%', "%25"));
            let before = std::time::Instant::now();
            while !node.reaches("65534", &host) {
                assert!(before.elapsed() < Duration::from_secs(60), "{cloud}: {host} before the lock");
            }
            let output = node.lock();
            assert!(output.status.success(), "{}", both(&output));
            assert!(node.reaches("0", &host), "{cloud}: {host}: root");
            assert!(!node.reaches("65534", &host), "{cloud}: {host} answers every user");
            unlock(&node);
        }
    }
}

fn unlock(node: &Node) {
    let output = node.run("nft", &["delete", "table", "inet", "stringless"]);
    assert!(output.status.success(), "{}", both(&output));
}

/// The script of the rule that is rendered for this cloud.
fn rule(cloud: &str) -> String {
    let mut case = Case::new(&site("{url: 'https://files.test/one'}", SCRIPT, ""));
    case.lock = Some(MetadataLock::Required);
    let script = case.render("debian-13", cloud, Form::Script).unwrap().body;
    let rule = script.split_once("<<'LOCK' || return\n").and_then(|(_, rest)| rest.split_once("LOCK\n"));
    rule.unwrap_or_else(|| panic!("{script}")).0.to_owned()
}

fn keeps_it_for_root(programs: &[&str]) {
    let clouds: &[&str] =
        if programs[0] == "nft" { &["aws", "digitalocean", "gce"] } else { &["aws", "gce"] };
    for cloud in clouds {
        let Some(node) = Node::new(programs, cloud) else { return };
        assert!(node.reaches("65534", "169.254.169.254"), "before");
        // Once more changes nothing.
        for _ in 0..2 {
            let output = node.lock();
            assert!(output.status.success(), "{}", both(&output));
            assert!(node.reaches("0", "169.254.169.254"), "{cloud}: root");
            for user in ["1", "65534"] {
                assert!(!node.reaches(user, "169.254.169.254"), "{cloud}: {user}");
                // Where the service answers by https, too.
                assert_eq!(node.reaches(user, "169.254.169.254:443"), *cloud != "gce", "{cloud}: {user}");
                // Name servers and clocks of the cloud, and everybody else.
                assert!(node.reaches(user, "169.254.169.254:8080") && node.reaches(user, "10.0.2.2"));
            }
        }
        let (program, args) = match programs[0] {
            "nft" => ("nft", ["list", "ruleset"]),
            _ => ("iptables", ["-w", "-S"]),
        };
        let rules = both(&node.run(program, &args));
        assert_eq!(rules.matches("169.254.169.254").count(), 1, "{rules}");
        let asked: usize = node.services.iter().map(|service| service.take().len()).sum();
        assert!(asked > 0);
    }
}

#[test]
fn nft_keeps_it_for_root() {
    keeps_it_for_root(&["nft"]);
}

#[test]
fn iptables_keeps_it_for_root() {
    keeps_it_for_root(&["iptables", "ip6tables"]);
}

#[test]
fn a_node_without_a_firewall_says_so() {
    let Some(node) = Node::new(&[], "aws") else { return };
    let output = node.lock();
    assert!(!output.status.success());
    let printed = both(&output);
    assert!(printed.contains("nft") && printed.contains("iptables"), "{printed}");
    assert!(node.reaches("65534", "169.254.169.254"));
}

#[test]
fn addresses_of_ipv6_need_their_own_tool() {
    let Some(node) = Node::new(&["iptables"], "aws") else { return };
    let output = node.lock();
    assert!(!output.status.success(), "{}", both(&output));
    let Some(node) = Node::new(&["iptables"], "digitalocean") else { return };
    assert!(node.lock().status.success());
}

#[test]
fn it_is_refused_where_nothing_could_be_kept() {
    let mut case = Case::new(&site("{url: 'https://files.test/one'}", SCRIPT, ""));
    for (distro, cloud, form, why) in [
        ("debian-13", "nocloud", Form::Script, "no metadata service with a fixed address"),
        ("debian-13", "scaleway", Form::Script, "no metadata service with a fixed address to restrict"),
        ("freebsd-14", "aws", Form::Script, "neither nft nor iptables"),
        ("flatcar", "aws", Form::Ignition, "no script"),
        ("nixos", "aws", Form::Nix, "no script"),
    ] {
        case.lock = None;
        let (distro, cloud) = (case.platforms.distro(distro).unwrap(), case.platforms.cloud(cloud).unwrap());
        let mut request = case.request(distro, cloud, Some(form)).unwrap();
        request.lock = Some(MetadataLock::Wanted);
        let fault = stringless_render::render(&request).unwrap_err();
        assert!(fault.message.contains(why), "{}", fault.message);
    }
    assert!(Path::new(&rule("aws")).to_string_lossy().contains("fd00:ec2::254"));
}
