//! Virtual machines: a Debian disk with its own kernel, real systemd and real cloud-init, on an emulated
//! processor. Slow, but there is firmware: cloud-init finds out by itself in which cloud it is.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use serde_json::Value;

use crate::imds::MAC;
use crate::netns::{Lab, METADATA};
use crate::process::{Running, succeed, until};
use crate::tools;

/// A machine whose network is that of the [`Lab`]'s cloud, seen through a router; dropping it pulls the plug.
#[derive(Debug)]
pub struct Vm {
    running: Running,
    commands: Mutex<BufReader<UnixStream>>,
    console: PathBuf,
    _folder: tempfile::TempDir,
}

/// What tells a guest where it is.
#[derive(Debug, Clone, Copy)]
pub struct Hardware<'a> {
    /// The tables of its firmware, as `-smbios` takes them.
    pub firmware: &'a [&'a str],
    /// Whether the metadata service is a neighbour of the guest, which has to know its own address;
    /// else it is beyond a router, which hands out addresses by DHCP.
    pub neighbour: bool,
}

/// How a first boot ended.
#[derive(Debug)]
pub struct FirstBoot {
    /// The class of cloud-init that found the user-data.
    pub datasource: String,
    /// What cloud-init calls errors.
    pub errors: Vec<String>,
    /// What the user-data and the modules printed.
    pub log: String,
}

impl Vm {
    /// Switches on a machine of this Debian suite with a fresh disk; `None` after saying why not.
    ///
    /// # Panics
    /// When it does not come up within forty minutes, or when `CI` is set and something is missing.
    pub fn boot(lab: &Lab, suite: &str, hardware: Hardware<'_>) -> Option<Self> {
        tools::superuser()?;
        tools::program("qemu-system-x86_64")?;
        let image = tools::virtual_machine(suite)?;
        let folder = tempfile::tempdir().unwrap();
        let (console, socket) = (folder.path().join("console"), folder.path().join("commands"));
        let net = if hardware.neighbour { wire(lab) } else { "user,id=net,net=10.0.3.0/24,ipv6=off" };
        let mut qemu = lab.cloud.command("qemu-system-x86_64");
        qemu.env("TMPDIR", folder.path());
        qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-accel", "tcg"]);
        // What more there is slows glibc down; and the flags after cmpxchg16b are wrong now and then, of
        // which the kernel dies.
        qemu.args(["-cpu", "qemu64,+rdrand,-cx16", "-smp", "1", "-m", "512", "-device", "virtio-rng-pci"]);
        qemu.arg("-kernel").arg(image.join("vmlinuz")).arg("-initrd").arg(image.join("initrd"));
        qemu.args(["-append", KERNEL]);
        qemu.args(["-drive", &format!("file={}/disk.img,format=raw,if=virtio,snapshot=on", image.display())]);
        qemu.args(["-netdev", net, "-device", &format!("virtio-net-pci,netdev=net,mac={MAC},romfile=")]);
        qemu.args(["-serial", &format!("file:{}", console.display())]);
        qemu.args(["-serial", &format!("unix:{},server=on,wait=off", socket.display())]);
        qemu.args(hardware.firmware.iter().flat_map(|table| ["-smbios", table]));
        let mut running = Running::start(&mut qemu, &folder.path().join("log"));

        let mut commands = None;
        until(crate::process::PATIENCE, || {
            commands = UnixStream::connect(&socket).ok();
            commands.is_some() || running.ended().is_some()
        });
        let commands = commands.unwrap_or_else(|| panic!("qemu does not start:\n{}", running.log()));
        commands.set_read_timeout(Some(BOOT)).unwrap();
        let vm = Self { running, commands: Mutex::new(BufReader::new(commands)), console, _folder: folder };
        while !vm.line(&mut vm.commands.lock().unwrap()).contains("ready") {}
        Some(vm)
    }

    /// Waits until cloud-init has done everything, and tells how it went.
    ///
    /// # Panics
    /// When that takes longer than half an hour: with all that is known by then.
    pub fn first_boot(&self) -> FirstBoot {
        let result = "/run/cloud-init/result.json";
        let (text, code) = self.sh(&format!(
            "until [ -e {result} ]; do read -r up _ </proc/uptime; [ ${{up%.*}} -lt {CLOUD_INIT} ] || break; sleep 0.5; done; cat {result}"
        ));
        let log = self.sh("cat /var/log/cloud-init-output.log").0;
        assert_eq!(code, 0, "cloud-init is not done: {text}\n{log}\n{}", self.console());
        let result: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let errors = result["v1"]["errors"].as_array().into_iter().flatten();
        FirstBoot {
            datasource: result["v1"]["datasource"].as_str().unwrap_or_default().to_owned(),
            errors: errors.map(ToString::to_string).collect(),
            log,
        }
    }

    /// Runs a shell line inside, as root: what it printed, both outputs, and its status.
    ///
    /// # Panics
    /// When the machine does not answer within forty minutes.
    pub fn sh(&self, line: &str) -> (String, i32) {
        let mut commands = self.commands.lock().unwrap();
        let script = Base64::encode_string(format!("( {line}\n) 2>&1; printf ' %s' $?").as_bytes());
        commands.get_mut().write_all(format!("{script}\n").as_bytes()).unwrap();
        let answer = self.line(&mut commands);
        let bytes = Base64::decode_vec(answer.trim()).unwrap_or_else(|e| panic!("{e}: {answer}"));
        let text = String::from_utf8_lossy(&bytes);
        let (printed, code) = text.rsplit_once(' ').unwrap_or_else(|| panic!("no status in {text}"));
        (printed.to_owned(), code.parse().unwrap())
    }

    fn line(&self, commands: &mut BufReader<UnixStream>) -> String {
        let mut line = String::new();
        let read = commands.read_line(&mut line);
        assert!(
            read.as_ref().is_ok_and(|bytes| *bytes > 0),
            "the machine is silent ({read:?})\n{}\n{}",
            self.running.log(),
            self.console()
        );
        line
    }

    /// The end of what it printed on its console.
    fn console(&self) -> String {
        let text = String::from_utf8_lossy(&fs::read(&self.console).unwrap_or_default()).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

/// Lays a wire from the lab's cloud to a guest's network card, and names it as `-netdev` takes it.
fn wire(lab: &Lab) -> &'static str {
    let ip = |line: &str| succeed(lab.cloud.command("ip").args(line.split(' ')), crate::process::PATIENCE);
    ip("tuntap add dev guest mode tap");
    ip(&format!("address add {ROUTER}/24 dev guest"));
    ip(&format!("address add {METADATA}/16 dev guest"));
    ip("link set guest up");
    "tap,id=net,ifname=guest,script=no,downscript=no"
}

/// The router of a guest.
pub const ROUTER: &str = "10.0.3.2";
/// The address of a guest.
pub const GUEST: &str = "10.0.3.15";
/// Programs at the same addresses each time, so that what was translated of one serves the next.
const KERNEL: &str = "console=ttyS0 quiet rw norandmaps nokaslr no5lvl mitigations=off audit=0 \
     random.trust_cpu=on net.ifnames=0 ipv6.disable=1";
/// How long a guest may be silent, and how many seconds after its start cloud-init may end: both only end what hangs.
/// A boot takes fifteen to eighty seconds of a processor, and may get a twentieth of one.
const BOOT: Duration = Duration::from_secs(2400);
const CLOUD_INIT: u64 = 2000;
