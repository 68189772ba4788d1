//! What starts the agent on this machine: looks at the files that a bootstrap or a package writes.

use std::fs;
use std::path::{Path, PathBuf};

use stringless_core::status::{Kind, Schedule};

use crate::disk::read_text;

/// All that starts the agent.
pub fn find(root: &Path) -> Vec<Schedule> {
    systemd(root).or_else(|| openrc(root)).or_else(|| rc(root)).into_iter().chain(cron(root)).collect()
}

/// Whether the service manager that a schedule needs runs; `None`: unknown.
pub fn is_managed(kind: Kind, root: &Path) -> Option<bool> {
    match kind {
        Kind::SystemdTimer | Kind::SystemdService => Some(root.join("run/systemd/system").is_dir()),
        Kind::Openrc => Some(root.join("run/openrc").is_dir()),
        Kind::Rc => None,
        Kind::Cron => runs(root, &["cron", "crond", "fcron", "cronie"]),
    }
}

/// The bootstrap script that waits to be run again, if the first boot is not complete yet.
pub fn pending_bootstrap(config: &Path) -> Option<PathBuf> {
    Some(config.with_file_name("bootstrap.sh")).filter(|path| path.is_file())
}

fn systemd(root: &Path) -> Option<Schedule> {
    let unit = |name: &str| {
        let at = UNITS.iter().map(|folder| root.join(folder).join(name));
        at.into_iter().find(|path| path.symlink_metadata().is_ok())
    };
    let enabled = |name: &str| {
        let entries = fs::read_dir(root.join(UNITS[0])).into_iter().flatten().flatten();
        let wants = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|end| end == "wants"));
        wants.into_iter().any(|folder| folder.join(name).symlink_metadata().is_ok())
    };
    let timer = unit(TIMER).map(|file| Schedule {
        kind: Kind::SystemdTimer,
        file: shown(&file),
        enabled: enabled(TIMER),
    });
    let daemon = |file: &PathBuf| read_text(file).is_none_or(|text| text.contains("--daemon"));
    let service = unit(SERVICE).filter(daemon).map(|file| Schedule {
        kind: Kind::SystemdService,
        file: shown(&file),
        enabled: enabled(SERVICE),
    });
    // A package brings its timer beside the service that a bootstrap has made.
    match (timer, service) {
        (Some(timer), Some(service)) if !timer.enabled && service.enabled => Some(service),
        (timer, service) => timer.or(service),
    }
}

fn openrc(root: &Path) -> Option<Schedule> {
    let file = root.join("etc/init.d/stringless");
    let text = read_text(&file)?;
    let levels = fs::read_dir(root.join("etc/runlevels")).into_iter().flatten().flatten();
    let enabled = levels.into_iter().any(|level| level.path().join("stringless").symlink_metadata().is_ok());
    text.contains("openrc-run").then_some(Schedule { kind: Kind::Openrc, file: shown(&file), enabled })
}

fn rc(root: &Path) -> Option<Schedule> {
    let file = root.join("usr/local/etc/rc.d/stringless");
    read_text(&file)?;
    let set = |path: &&str| {
        let text = read_text(&root.join(path)).unwrap_or_default();
        text.replace(['"', '\''], "").lines().any(|line| line.trim().eq_ignore_ascii_case(ENABLED))
    };
    let enabled = ["etc/rc.conf", "etc/rc.conf.local", "etc/rc.conf.d/stringless"].iter().any(set);
    Some(Schedule { kind: Kind::Rc, file: shown(&file), enabled })
}

fn cron(root: &Path) -> Option<Schedule> {
    let calls = |path: &PathBuf| {
        let text = read_text(path).unwrap_or_default();
        text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains("stringless-agent"))
    };
    let file =
        ["etc/cron.d/stringless", "etc/crontabs/root"].iter().map(|path| root.join(path)).find(calls)?;
    Some(Schedule { kind: Kind::Cron, file: shown(&file), enabled: true })
}

/// Whether a process with one of these names runs; `None`: unknown, because this is another root or there is no
/// list of processes.
fn runs(root: &Path, names: &[&str]) -> Option<bool> {
    if root != Path::new("/") || !Path::new("/proc/self/comm").exists() {
        return None;
    }
    let mut processes = fs::read_dir("/proc").ok()?.flatten();
    Some(processes.any(|entry| {
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        names.contains(&name.trim_end())
    }))
}

/// The timer of systemd.
pub const TIMER: &str = "stringless.timer";
/// The service of systemd.
pub const SERVICE: &str = "stringless.service";
/// Where units are; the first folder also says what is enabled.
const UNITS: [&str; 4] =
    ["etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];
const ENABLED: &str = "stringless_enable=yes";

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests prepare the disk")]
mod tests {
    use super::*;

    /// Paths and texts.
    type Files<'a> = &'a [(&'a str, &'a str)];

    fn root(files: Files<'_>) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn finds_what_starts_the_agent_and_whether_it_is_enabled() {
        let timer = ("etc/systemd/system/stringless.timer", "[Timer]");
        let service = ("etc/systemd/system/stringless.service", "ExecStart=/x/stringless-agent --once");
        let daemon = ("lib/systemd/system/stringless.service", "ExecStart=/x/stringless-agent --daemon");
        let openrc = ("etc/init.d/stringless", "#!/sbin/openrc-run");
        let rc = ("usr/local/etc/rc.d/stringless", "#!/bin/sh");
        let crontab = "1 * * * * root /usr/local/bin/stringless-agent --once";
        let cases: &[(Files<'_>, &[(Kind, bool)])] = &[
            (&[], &[]),
            (&[service], &[]),
            (&[timer, service], &[(Kind::SystemdTimer, false)]),
            (
                &[timer, ("etc/systemd/system/timers.target.wants/stringless.timer", "")],
                &[(Kind::SystemdTimer, true)],
            ),
            (&[daemon], &[(Kind::SystemdService, false)]),
            (
                &[daemon, ("etc/systemd/system/multi-user.target.wants/stringless.service", "")],
                &[(Kind::SystemdService, true)],
            ),
            // A package's timer, and the service of a bootstrap.
            (
                &[
                    ("usr/lib/systemd/system/stringless.timer", "[Timer]"),
                    ("etc/systemd/system/stringless.service", "ExecStart=/x/stringless-agent --daemon"),
                    ("etc/systemd/system/multi-user.target.wants/stringless.service", ""),
                ],
                &[(Kind::SystemdService, true)],
            ),
            (&[openrc], &[(Kind::Openrc, false)]),
            (&[openrc, ("etc/runlevels/default/stringless", "")], &[(Kind::Openrc, true)]),
            (&[("etc/init.d/stringless", "#!/bin/sh")], &[]),
            (&[rc], &[(Kind::Rc, false)]),
            (&[rc, ("etc/rc.conf", "sshd_enable=\"YES\"\nstringless_enable=\"YES\"\n")], &[(Kind::Rc, true)]),
            (&[rc, ("etc/rc.conf", "stringless_enable=\"NO\"\n")], &[(Kind::Rc, false)]),
            (&[("etc/cron.d/stringless", crontab)], &[(Kind::Cron, true)]),
            (&[("etc/crontabs/root", "# stringless-agent\n")], &[]),
            (&[("etc/crontabs/root", crontab)], &[(Kind::Cron, true)]),
            (
                &[timer, ("etc/cron.d/stringless", crontab)],
                &[(Kind::SystemdTimer, false), (Kind::Cron, true)],
            ),
        ];
        for (files, expected) in cases {
            let root = root(files);
            let found: Vec<_> = find(root.path()).iter().map(|one| (one.kind, one.enabled)).collect();
            assert_eq!(&found, expected, "{files:?}");
        }
    }

    #[test]
    fn a_bootstrap_that_waits_is_beside_the_configuration() {
        let root = root(&[("etc/stringless/bootstrap.sh", "")]);
        let config = root.path().join("etc/stringless/agent.json");
        assert!(pending_bootstrap(&config).is_some());
        assert!(pending_bootstrap(&root.path().join("agent.json")).is_none());
    }
}
