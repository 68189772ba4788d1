//! Machines that boot: a Debian root file system with real systemd and real cloud-init, in a container.
//!
//! The root file system is an overlay: what a boot writes goes to memory and is gone with the machine.

mod first;
mod power;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use crate::netns::Lab;
use crate::overlay::{self, Overlay, PREFIX};
use crate::process::{PATIENCE, Running, run, until};
use crate::random::hex;
use crate::tools;

/// A machine on the node's side of a [`Lab`]; dropping it pulls the plug and removes it.
#[derive(Debug)]
pub struct Machine {
    id: String,
    name: String,
    namespace: PathBuf,
    disk: Overlay,
    running: Option<Running>,
    leader: u32,
    sets_rules: bool,
    unified: bool,
}

/// How cloud-init ended.
#[derive(Debug)]
pub struct CloudInit {
    /// `done`, or `error`, as `cloud-init status` says.
    pub status: String,
    /// The exit code of `cloud-init status`: 0 done, 1 error, 2 (newer ones) done with warnings.
    pub code: i32,
    /// All that `cloud-init status --long` printed.
    pub text: String,
    /// What the user-data and the modules printed: `/var/log/cloud-init-output.log`.
    pub log: String,
}

impl Machine {
    /// A machine of this Debian suite, not yet booted; `None` after saying why not.
    ///
    /// # Panics
    /// When the machine refuses a mount, or when `CI` is set and something is missing.
    pub fn new(lab: &Lab, suite: &str) -> Option<Self> {
        static SWEPT: Once = Once::new();
        tools::superuser()?;
        tools::program("systemd-nspawn")?;
        let lower = tools::rootfs(suite)?;
        SWEPT.call_once(sweep);
        let mut machine = Self::over(lab, &lower)?;
        machine.unified = suite == tools::TESTING;
        Some(machine)
    }

    /// Another machine with the disk of this one, which is off and stays so: what an image is for.
    ///
    /// # Panics
    /// When this one runs.
    pub fn copy(&self, lab: &Lab) -> Option<Self> {
        assert!(self.running.is_none(), "the machine is on");
        let mut copy = Self::over(lab, &self.disk.root())?;
        copy.unified = self.unified;
        Some(copy)
    }

    fn over(lab: &Lab, lower: &Path) -> Option<Self> {
        let id = format!("node-{}", hex(4));
        let machine = Self {
            name: id.clone(),
            id,
            namespace: lab.node.path()?,
            disk: Overlay::over(lower),
            running: None,
            leader: 0,
            sets_rules: false,
            unified: false,
        };
        machine.write("etc/hosts", fs::read(lab.etc.join("hosts")).unwrap(), 0o644);
        // A name server that refuses at once: a silent one costs cloud-init half a minute.
        machine.write("etc/resolv.conf", fs::read(lab.etc.join("resolv.conf")).unwrap(), 0o644);
        machine.write("etc/cloud/cloud.cfg.d/99-lab.cfg", IMAGE, 0o644);
        machine.write("etc/ssh/ssh_host_ed25519_key", "", 0o600);
        Some(machine)
    }

    /// Gives the machine its name, which is its instance id, too.
    pub fn name(&mut self, name: &str) {
        self.name = name.into();
    }

    /// Lets it set rules of a firewall, which are those of the node's side of the lab. Others may not: they
    /// would also take down the network that they find, when they are switched off.
    pub fn sets_rules(&mut self) {
        self.sets_rules = true;
    }

    /// Gives the machine its user-data, as a NoCloud seed.
    pub fn seed(&self, user_data: impl AsRef<[u8]>) {
        self.write("var/lib/cloud/seed/nocloud/user-data", user_data, 0o600);
        let meta_data = format!("instance-id: \"{}\"\nlocal-hostname: \"{}\"\n", self.name, self.name);
        self.write("var/lib/cloud/seed/nocloud/meta-data", meta_data, 0o644);
    }

    /// Lets it install packages from the archive at `url` alone (a folder of packages with their index).
    pub fn archive(&self, url: &str) {
        self.write("etc/apt/sources.list", format!("deb [trusted=yes] {url}/ ./\n"), 0o644);
    }

    /// Switches it on, and waits until cloud-init has begun its last stage: the one that runs scripts.
    ///
    /// The stages of cloud-init 25.1 wait for a datagram each; on a loaded machine one can be lost, and
    /// then it waits for ever. Nothing of the user-data has run by then, so the machine is switched off
    /// and on; and few machines boot at the same time.
    ///
    /// # Panics
    /// When no first process appears within two minutes, or the last stage does not begin three times.
    pub fn boot(&mut self) {
        static TURNS: [Mutex<()>; 2] = [Mutex::new(()), Mutex::new(())];
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let turn = NEXT.fetch_add(1, Ordering::Relaxed) % TURNS.len();
        let _turn = TURNS[turn].lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..3 {
            let before = self.last_stages();
            self.switch_on();
            if until(STAGES, || self.last_stages() > before) {
                return;
            }
            println!("{}: cloud-init hangs before its last stage, booting again", self.id);
            self.switch_off();
        }
        panic!("cloud-init never began its last stage\n{}", self.read(LOG).unwrap_or_default());
    }

    /// How often cloud-init began its last stage on this disk.
    fn last_stages(&self) -> usize {
        self.read(LOG).unwrap_or_default().matches("running 'modules:final'").count()
    }

    fn switch_on(&mut self) {
        let mut nspawn = Command::new("systemd-nspawn");
        if self.unified {
            // From version 258 on systemd refuses the older hierarchy of control groups, which this machine may have.
            nspawn.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
        }
        nspawn.args([
            "--quiet",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--link-journal=no",
            "--console=pipe",
        ]);
        if self.sets_rules {
            nspawn.arg("--capability=CAP_NET_ADMIN");
        }
        nspawn.args(["--resolv-conf=off", "--timezone=off"]);
        nspawn.arg(format!("--machine={}", self.id));
        nspawn.arg(format!("--network-namespace-path={}", self.namespace.display()));
        nspawn.arg("--directory").arg(self.disk.root());
        let mut running = Running::start(&mut nspawn, &self.disk.folder().join("console"));
        let started = until(PATIENCE, || {
            self.leader = first::of(running.id()).unwrap_or(0);
            self.leader != 0 || running.ended().is_some()
        });
        assert!(started && running.ended().is_none(), "the machine does not start:\n{}", running.log());
        self.running = Some(running);
    }

    /// Pulls the plug.
    fn switch_off(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        // With its first process the machine is gone, and nspawn ends by itself.
        first::end(self.leader);
        until(PATIENCE, || running.ended().is_some());
    }

    /// Waits until cloud-init has done everything, and tells how it went.
    ///
    /// # Panics
    /// When that takes longer than `limit`: with all that is known by then.
    pub fn cloud_init(&self, limit: Duration) -> CloudInit {
        let result = Path::new("/proc").join(self.leader.to_string()).join("root/run/cloud-init/result.json");
        let done = until(limit, || result.exists());
        // The result is there a moment before the unit of the last stage has ended.
        let mut output = run(self.command("cloud-init").args(["status", "--long"]), COMMAND);
        until(if done { PATIENCE } else { Duration::ZERO }, || {
            let over = !String::from_utf8_lossy(&output.stdout).contains("status: running");
            if !over {
                output = run(self.command("cloud-init").args(["status", "--long"]), COMMAND);
            }
            over
        });
        let text = crate::process::both(&output);
        let log = self.read(LOG).unwrap_or_default();
        if !done {
            let jobs = crate::process::both(&run(self.command("systemctl").arg("list-jobs"), COMMAND));
            panic!("cloud-init is not done after {limit:?}\n{text}\n{log}\n{jobs}");
        }
        let status =
            text.lines().find_map(|line| line.strip_prefix("status: ")).unwrap_or_default().to_string();
        CloudInit { status, code: output.status.code().unwrap_or(-1), text, log }
    }

    /// A command that will run inside, as root.
    ///
    /// # Panics
    /// When the machine is off.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        assert!(self.running.is_some(), "the machine is off");
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--target", &self.leader.to_string()]);
        command.args(["env", "--ignore-environment", "HOME=/root", "LC_ALL=C.UTF-8"]);
        command.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").arg(program);
        command
    }

    /// A command on the machine's disk, booted or not: a system that is only looked at.
    pub fn chroot(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("chroot");
        command.arg(self.disk.root()).arg(program);
        command
    }

    /// Runs a shell line inside, bounded.
    ///
    /// # Panics
    /// When it takes longer than ten minutes.
    pub fn sh(&self, line: &str) -> Output {
        run(self.command("sh").args(["-c", line]), COMMAND)
    }

    /// What the machine has at `path` (no leading slash), running or not; `/run` is not among it.
    pub fn read(&self, path: &str) -> Option<String> {
        fs::read(self.disk.root().join(path)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The path outside of `path` inside (no leading slash).
    pub fn path(&self, path: &str) -> PathBuf {
        self.disk.root().join(path)
    }

    /// Puts a file into the machine (no leading slash).
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>, mode: u32) {
        let file = self.disk.root().join(path);
        fs::create_dir_all(file.parent().unwrap_or(&file)).unwrap();
        // What is there may be a link to somewhere outside.
        fs::remove_file(&file).ok();
        fs::write(&file, bytes).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.switch_off();
    }
}

/// Removes what a killed test run left behind: a name tells whose it was.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((pid, _)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')) else {
            continue;
        };
        if pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists() {
            first::unplug(&name);
            overlay::remove(&entry.path());
        }
    }
}

/// What differs from a cloud's image: the wire is there already, as DHCP would have left it, and there
/// is no ssh server that could make keys.
const IMAGE: &str = "network: {config: disabled}
apt: {preserve_sources_list: true}
locale: C.UTF-8
ssh_deletekeys: false
ssh_genkeytypes: [ed25519]
";
const LOG: &str = "var/log/cloud-init-output.log";
/// The stages before the last take a second or two; on a machine with far too much to do, a minute.
const STAGES: Duration = Duration::from_secs(120);
const COMMAND: Duration = PATIENCE;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Server;

    fn boots_once_and_stays(suite: &str) {
        let Some(lab) = Lab::new() else { return };
        let Some(mut machine) = Machine::new(&lab, suite) else { return };
        machine.seed("#!/bin/sh\necho \"hello from $(hostname)\"\necho run >>/var/lib/runs\ncat /nowhere\n");
        machine.boot();
        let first = machine.cloud_init(PATIENCE);
        assert_eq!(first.status, "error", "{}", first.text);
        assert!(first.log.contains("hello from node-"), "{}", first.log);
        assert!(first.log.contains("/nowhere"), "{}", first.log);
        machine.reboot();
        let second = machine.cloud_init(PATIENCE);
        assert_eq!((second.status.as_str(), second.code), ("done", 0), "{}", second.text);
        assert_eq!(machine.read("var/lib/runs").as_deref(), Some("run\n"));
        let folder = machine.disk.folder().to_path_buf();
        drop(machine);
        assert!(!folder.exists());
    }

    #[test]
    fn debian_12_boots_once_and_stays() {
        boots_once_and_stays("bookworm");
    }

    #[test]
    fn debian_13_boots_once_and_stays() {
        boots_once_and_stays("trixie");
    }

    #[test]
    fn a_machine_installs_packages_from_the_labs_archive() {
        let Some(lab) = Lab::new() else { return };
        let Some(debs) = tools::debs("trixie") else { return };
        let Some(mut machine) = Machine::new(&lab, "trixie") else { return };
        let server = Server::start(&lab.cloud, &debs, None);
        machine.archive(&server.url(""));
        machine.seed(
            "#!/bin/sh\nset -e\napt-get update\napt-get install -y --no-install-recommends puppet-agent\n",
        );
        machine.boot();
        let done = machine.cloud_init(PATIENCE);
        assert_eq!(done.status, "done", "{}\n{}", done.text, done.log);
        assert!(machine.path("usr/bin/puppet").exists());
    }
}
