//! The engine from a repository of the family's format, installed by the real package tool: apt, and dnf
//! and zypper as Debian builds them, in an overlay of this machine. apk and pkg cannot be had here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use e2e::netns::Net;
use e2e::process::{both, run, succeed};
use e2e::rendering::{Case, os_release, puppet_site};
use e2e::server::{Fault, Server};
use e2e::{record, tools};
use stringless_core::hash::Sha256;
use stringless_render::platform::{Form, Level};

const AGENT: &str = "#!/bin/sh\ncase $1 in version|--once) ;; *) exit 64 ;; esac\n";
/// Debian's rpm wants to be asked twice, and keeps its database elsewhere than all others do.
const RPM: &str = "#!/bin/sh\n[ \"$1\" = --import ] || set -- --force-debian \"$@\"\nexec /usr/bin/rpm --dbpath /var/lib/rpm \"$@\"\n";
pub const CLOUD: &str = "nocloud";

#[test]
fn apt_installs_the_pinned_version_or_tells_why_not() {
    installs("apt", "debian-12");
}

#[test]
fn dnf_installs_the_pinned_version_or_tells_why_not() {
    installs("dnf", "rocky-9");
}

#[test]
fn zypper_installs_the_pinned_version_or_tells_why_not() {
    installs("zypper", "sles-15");
}

fn installs(tool: &str, distro: &str) {
    let (make, kind, programs): (_, _, &[&str]) = match tool {
        "apt" => ("debs.sh", "deb", &["apt-get", "dpkg-deb", "dpkg-scanpackages", "gpg"]),
        _ => ("rpms.sh", "rpm", &[tool, "rpm", "rpmbuild", "rpmsign", "createrepo_c", "gpg"]),
    };
    for program in programs {
        if tools::program(program).is_none() {
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&Net::host(), folder.path(), None);
    let make = tools::root().join("tests/roots").join(make);
    succeed(Command::new(make).arg(folder.path()).arg(server.url("")), LIMIT);
    let release = format!("release-{tool}.{kind}");
    let mut case = case(true);
    let known = case.platforms.distros.iter_mut().find(|known| known.id == distro).unwrap();
    known.puppet.openvox = Some(server.url(&release));

    // Another package than the pinned one: nothing of it is run.
    let Some(root) = Root::new(&case, distro) else { return };
    let (code, printed) = root.run(&case, distro);
    assert!(code == 1 && printed.contains("its SHA-256 is not the pinned"), "{printed}");
    for key in ["etc/pki/rpm-gpg/GPG-KEY-openvox-openvox8-release", "usr/share/keyrings/openvox-keyring.gpg"]
    {
        assert!(!root.path(key).exists());
    }
    // Another copy of the mirror may have it.
    let slept = root.path("slept");
    assert_eq!(fs::read_to_string(&slept).unwrap(), "1\n2\n4\n8\n16\n32\n");
    fs::remove_file(&slept).unwrap();

    let pin = Sha256::of(&fs::read(folder.path().join(&release)).unwrap());
    case.site.puppet.release_sha256.insert(distro.to_owned(), pin);
    if tool != "zypper" {
        // The repository is away, too long: the tool says what it missed, and there is an end. zypper has
        // patience of its own, which takes minutes.
        let index = if tool == "apt" { "./InRelease" } else { "repodata/repomd.xml" };
        server.fault_times(index, Fault::status(503), 10_000);
        let (code, printed) = root.run(&case, distro);
        assert!(
            code == 1 && printed.contains("cannot install openvox-agent 8.28.1 (reason above)\n"),
            "{printed}"
        );
        assert!(printed.contains("503") && root.engine().is_none(), "{printed}");
        assert_eq!(fs::read_to_string(&slept).unwrap(), "1\n2\n4\n8\n16\n".to_owned() + &"32\n".repeat(9));
        server.mend();
    }

    // It is back: neither the newest nor the oldest, but the pinned one.
    let (code, printed) = root.run(&case, distro);
    assert_eq!((code, root.engine().as_deref()), (0, Some("8.28.1")), "{printed}");

    // Another version is not put in its place.
    let Some(root) = Root::new(&case, distro) else { return };
    case.site.puppet.version = Some("8.99.0".into());
    let (code, printed) = root.run(&case, distro);
    assert!(
        code == 1 && printed.contains("cannot install openvox-agent 8.99.0 (reason above)\n"),
        "{printed}"
    );
    assert!(root.engine().is_none(), "{printed}");
    record::proved(Level::RanWithPackageTool, distro, CLOUD);
}

/// A site whose engine is Puppet, from OpenVox's repository where `openvox`, and whose agent does nothing.
pub fn case(openvox: bool) -> Case {
    let mut case = Case::new(&puppet_site("{url: 'file:///srv/bucket'}", openvox, ""));
    for file in case.targets.values_mut() {
        (file.size, file.sha256) = (AGENT.len() as u64, Sha256::of(AGENT.as_bytes()));
    }
    case
}

/// This machine, with what is written to it kept apart; dropping it removes that.
pub struct Root {
    folder: tempfile::TempDir,
}

impl Root {
    pub fn new(case: &Case, distro: &str) -> Option<Self> {
        tools::superuser()?;
        let folder = tempfile::tempdir_in(tools::memory()).unwrap();
        let home = folder.path().display().to_string();
        succeed(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=0755", "tmpfs", &home]), LIMIT);
        let root = Self { folder };
        for name in ["root", "upper", "work"] {
            fs::create_dir(root.folder.path().join(name)).unwrap();
        }
        let layers = format!("lowerdir=/,upperdir={home}/upper,workdir={home}/work");
        let mut mount = Command::new("mount");
        succeed(mount.args(["-t", "overlay", "-o", &layers, "overlay", &format!("{home}/root")]), LIMIT);
        root.write("etc/os-release", &os_release(case.platforms.distro(distro).unwrap()));
        root.write("usr/local/sbin/rpm", RPM);
        root.write("usr/local/sbin/sleep", "#!/bin/sh\necho \"$1\" >>/slept\n");
        root.write("usr/local/sbin/cron", "#!/bin/sh\n");
        for target in case.targets.keys() {
            root.write(&format!("srv/bucket/agent/0.1.0/{target}/stringless-agent"), AGENT);
        }
        // Nor does it ask the archives of the machine that tests.
        for sources in ["etc/apt/sources.list", "etc/apt/sources.list.d"] {
            fs::remove_file(root.path(sources)).or_else(|_| fs::remove_dir_all(root.path(sources))).ok();
        }
        // The machine that tests may have an engine of its own.
        for engine in ["usr/bin/puppet", "usr/local/bin/puppet", "opt/puppetlabs/bin/puppet"] {
            fs::remove_file(root.path(engine)).ok();
        }
        Some(root)
    }

    pub fn run(&self, case: &Case, distro: &str) -> (i32, String) {
        self.write("user-data", &case.render(distro, CLOUD, Form::Script).unwrap().text);
        let enter = "mount --rbind /dev \"$0/dev\" && mount -t proc proc \"$0/proc\" && chroot \"$0\" /usr/bin/env -i /user-data; exit $?";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", enter]).arg(self.path(""));
        let output = run(&mut command, LIMIT);
        (output.status.code().unwrap_or(-1), both(&output))
    }

    /// The version of the engine that is installed.
    pub fn engine(&self) -> Option<String> {
        let places = ["opt/puppetlabs/bin/puppet", "usr/bin/puppet"];
        let text = places.iter().find_map(|place| fs::read_to_string(self.path(place)).ok())?;
        text.lines().find_map(|line| line.strip_prefix("echo ").map(str::to_owned))
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::remove_file(&file).ok();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        for mount in [self.folder.path().join("root"), self.folder.path().to_path_buf()] {
            run(Command::new("umount").arg("--lazy").arg(mount), LIMIT);
        }
    }
}

pub const LIMIT: Duration = e2e::process::PATIENCE;
