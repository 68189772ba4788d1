//! The archives and packages: what is in them, what judges say of them, and what they leave behind.
//!
//! The generator in them is a stand-in, the agent: what is tested does not run it, and a small file is packed soon.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::netns::Lab;
use e2e::nspawn::Machine;
use e2e::process::{PATIENCE, both, run, succeed};
use e2e::tools;

use crate::release::VERSION;

/// What `dist/package.sh` has made.
struct Packages {
    folder: tempfile::TempDir,
}

impl Packages {
    /// Makes them; a shell with this line before it does the work.
    fn new(before: &str) -> Option<Self> {
        let (generator, agent) = (tools::generator()?, tools::agent()?);
        tools::cached("nfpm", "nfpm")?;
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join(format!("programs/{}-unknown-linux-musl", std::env::consts::ARCH));
        fs::create_dir_all(&target).unwrap();
        for name in ["stringless", "stringless-agent"] {
            fs::copy(&agent, target.join(name)).unwrap();
        }
        let mut package = Command::new("sh");
        package.args(["-c", &format!("{before}; exec \"$@\""), "sh"]);
        package.arg(tools::root().join("dist/package.sh")).args(["programs", "out"]).arg(generator);
        package.env("STRINGLESS_CACHE", tools::cache()).env("SOURCE_DATE_EPOCH", "1700000000");
        succeed(package.current_dir(folder.path()), PATIENCE);
        Some(Self { folder })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// The files with this ending.
    fn all(&self, ending: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path()).unwrap();
        let mut found: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.to_string_lossy().ends_with(ending));
        found.sort();
        found
    }

    /// The package of the agent for this packager.
    fn agent(&self, ending: &str) -> PathBuf {
        self.all(ending)
            .into_iter()
            .find(|path| path.to_string_lossy().contains("/stringless-agent"))
            .unwrap()
    }
}

fn output(program: &str, args: &[&str], file: &Path) -> String {
    succeed(Command::new(program).args(args).arg(file), PATIENCE)
}

#[test]
fn the_same_programs_give_the_same_bytes() {
    let Some(one) = Packages::new("umask 022") else { return };
    let Some(other) = Packages::new("umask 077; export TZ=Asia/Tokyo LC_ALL=C.UTF-8") else { return };
    let names: Vec<_> =
        one.all("").iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    let (deb, cpu) = match std::env::consts::ARCH {
        "aarch64" => ("arm64", "aarch64"),
        cpu => ("amd64", cpu),
    };
    assert_eq!(
        names,
        [
            "install.sh".to_owned(),
            format!("stringless-{VERSION}-1.{cpu}.rpm"),
            format!("stringless-{VERSION}-{cpu}-unknown-linux-musl.tar.gz"),
            format!("stringless-agent-{VERSION}-1.{cpu}.rpm"),
            format!("stringless-agent-{VERSION}-{cpu}-unknown-linux-musl.tar.gz"),
            format!("stringless-agent_{VERSION}-1_{deb}.deb"),
            format!("stringless-agent_{VERSION}-r1_{cpu}.apk"),
            format!("stringless_{VERSION}-1_{deb}.deb"),
            format!("stringless_{VERSION}-r1_{cpu}.apk"),
        ]
    );
    for path in one.all("") {
        let twin = other.path().join(path.file_name().unwrap());
        assert!(fs::read(&path).unwrap() == fs::read(twin).unwrap(), "{} differs", path.display());
    }
}

#[test]
fn archives_belong_to_nobody_and_have_one_time() {
    let Some(packages) = Packages::new(":") else { return };
    for archive in packages.all(".tar.gz") {
        let listed = output("tar", &["--utc", "--numeric-owner", "-tvzf"], &archive);
        for line in listed.lines() {
            assert!(line.contains(" 0/0 ") && line.contains(" 2023-11-14 22:13 "), "{line}");
        }
        for part in ["LICENSE-MIT", "LICENSE-APACHE", "/man/stringless"] {
            assert!(listed.contains(part), "{part}\n{listed}");
        }
    }
}

#[test]
fn judges_find_no_fault() {
    let Some(packages) = Packages::new(":") else { return };
    let Some(lintian) = tools::program("lintian") else { return };
    let mut command = Command::new(lintian);
    command.args([
        "--allow-root",
        "--profile",
        "debian",
        "--fail-on",
        "error,warning",
        "--tag-display-limit",
        "0",
    ]);
    let judged = run(command.args(packages.all(".deb")), PATIENCE);
    assert_eq!((judged.status.code(), &*both(&judged)), (Some(0), ""));
    for rpm in packages.all(".rpm") {
        let checked = output("rpm", &["-K"], &rpm);
        assert!(checked.trim_end().ends_with(": digests OK"), "{checked}");
    }
}

#[test]
fn packages_hold_the_program_its_manual_and_no_configuration() {
    let Some(packages) = Packages::new(":") else { return };
    let deb = output("dpkg-deb", &["-c"], &packages.agent(".deb"));
    let rpm = output("rpm", &["-qlp"], &packages.agent(".rpm"));
    let apk = output("tar", &["-tzf"], &packages.agent(".apk"));
    for (text, service) in [
        (&deb, "usr/lib/systemd/system/stringless.timer"),
        (&rpm, "usr/lib/systemd/system/stringless.timer"),
        (&apk, "etc/init.d/stringless"),
    ] {
        for part in ["usr/bin/stringless-agent", "usr/share/man/man1/stringless-agent.1.gz", service] {
            assert!(text.contains(part), "{part}");
        }
        assert!(!text.contains("etc/stringless"), "{text}");
    }
    let completions = output("dpkg-deb", &["-c"], &packages.all(".deb")[1]);
    for part in
        ["bash-completion/completions/stringless", "vendor-completions/_stringless", "stringless.fish"]
    {
        assert!(completions.contains(part), "{part}\n{completions}");
    }
}

/// The names in folders that packages write to.
fn tree(machine: &Machine) -> Vec<String> {
    let folders = [
        "etc",
        "usr/bin",
        "usr/lib/systemd",
        "usr/share/doc",
        "usr/share/lintian",
        "usr/share/man",
        "var/lib/systemd",
    ];
    let mut find = Command::new("find");
    find.args(folders.map(|folder| machine.path(folder)).iter().filter(|path| path.exists()));
    let mut found: Vec<_> = succeed(&mut find, PATIENCE).lines().map(ToOwned::to_owned).collect();
    found.sort();
    found
}

#[test]
fn what_dpkg_and_rpm_install_they_remove() {
    let Some(packages) = Packages::new(":") else { return };
    let Some(lab) = Lab::new() else { return };
    let Some(machine) = Machine::new(&lab, "bookworm") else { return };
    machine.write("tmp/agent.deb", fs::read(packages.agent(".deb")).unwrap(), 0o644);
    // The package with the folders of a system has it everywhere but in this root.
    machine.write("usr/share/man/man1/there", "", 0o644);
    let before = tree(&machine);
    let root = machine.path("");
    let rpm = |args: &[&str], what: &str| {
        let mut command = Command::new("rpm");
        // The root is another distribution's: nothing in its database provides the shell.
        command.arg("--root").arg(&root).args(["--dbpath", "/rpm", "--nodeps"]).args(args).arg(what);
        run(&mut command, PATIENCE)
    };
    let dpkg = |arg: &str, what: &str| run(machine.chroot("dpkg").args([arg, what]), PATIENCE);
    let rpm_file = packages.agent(".rpm").to_string_lossy().into_owned();
    let by_dpkg = |there: bool| match there {
        true => dpkg("--install", "/tmp/agent.deb"),
        false => dpkg("--purge", "stringless-agent"),
    };
    let by_rpm = |there: bool| match there {
        true => rpm(&["--install"], &rpm_file),
        false => rpm(&["--erase"], "stringless-agent"),
    };
    for change in [&by_dpkg as &dyn Fn(bool) -> Output, &by_rpm] {
        let install = change(true);
        assert!(install.status.success(), "{}", both(&install));
        assert!(fs::symlink_metadata(machine.path(WANTED)).is_ok(), "the timer is off");
        let version = succeed(machine.chroot("stringless-agent").arg("version"), PATIENCE);
        assert_eq!(version, format!("stringless-agent {VERSION}\n"));
        let verified =
            run(machine.chroot("systemd-analyze").args(["verify", "--man=no", "stringless.timer"]), PATIENCE);
        assert!(!both(&verified).contains("stringless"), "{}", both(&verified));
        // As an upgrade leaves it.
        machine.write("usr/bin/stringless-agent.previous", "", 0o755);
        let removed = change(false);
        assert!(removed.status.success(), "{}", both(&removed));
        assert_eq!(tree(&machine), before);
    }
    // Removed, but not purged, and installed again.
    let _ = by_dpkg(true);
    let removed = dpkg("--remove", "stringless-agent");
    assert!(removed.status.success(), "{}", both(&removed));
    let _ = by_dpkg(true);
    let is_on = || fs::symlink_metadata(machine.path(WANTED)).is_ok();
    assert!(is_on(), "the timer is off");
    let _ = by_dpkg(false);
    // The bootstrap script has made a schedule of another kind.
    for own in
        ["etc/systemd/system/stringless.service", "etc/cron.d/stringless", "var/lib/stringless/bootstrapped"]
    {
        machine.write(own, "", 0o644);
        let install = by_dpkg(true);
        assert!(install.status.success() && !is_on(), "{own}: {}", both(&install));
        let removed = by_dpkg(false);
        assert!(removed.status.success() && machine.path(own).exists(), "{own}: {}", both(&removed));
        fs::remove_file(machine.path(own)).unwrap();
    }
}

const WANTED: &str = "etc/systemd/system/timers.target.wants/stringless.timer";
