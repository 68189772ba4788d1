//! First boots: Debian's root file systems with real systemd and real cloud-init, which runs exactly what
//! `stringless render` prints; the bucket is reached over the network of a lab.
//!
//! cloud-init is handed the user-data as a NoCloud seed, for every cloud. What differs by cloud is real:
//! the store, the keys, the metadata service that the script and the agent ask.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod failures;
mod forms;
mod image;
mod images;
mod late;
mod lock;
mod openrc;
mod pairs;
mod puppet;
mod schedules;
mod schema;

mod seed;
mod testing;

use std::time::Duration;
use std::{fs, thread};

use e2e::netns::Lab;
use e2e::nspawn::{CloudInit, Machine};
use e2e::process::{both, until};
use e2e::site::Site;
use e2e::tools;

/// An `apply` that tells what it applied, in `/var/lib/applied`.
const APPLY: &str = "#!/bin/sh
set -eu
echo \"$STRINGLESS_SERIAL $(cat text)\" >>/var/lib/applied
echo \"this is $(cat text)\"
";

/// A first boot with a failure waits for its retries; a good one takes seconds.
const BOOT: Duration = e2e::process::PATIENCE;

/// Runs the cases side by side: machines mostly wait.
fn at_once<T: Sync>(cases: &[T], one: impl Fn(&T) + Sync) {
    thread::scope(|scope| {
        let threads: Vec<_> = cases.iter().map(|case| scope.spawn(|| one(case))).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// The content of the site: an `apply`, and the text that it tells.
fn fill(site: &Site, text: &str) {
    site.write("apply", APPLY, 0o755);
    site.write("text", format!("{text}\n"), 0o644);
}

/// A machine for one of the distros, on the node's side of the lab.
fn machine(lab: &Lab, distro: &str) -> Option<Machine> {
    let file = tools::root().join("distros").join(format!("{distro}.yaml"));
    let text = fs::read_to_string(file).unwrap();
    let suite =
        text.lines().find_map(|line| line.strip_prefix("name: ")?.split_once('(')?.1.strip_suffix(')'));
    Machine::new(lab, suite.unwrap_or_else(|| panic!("{distro}: its name holds no suite")))
}

/// Boots the machine with this user-data for the first time.
fn boot(machine: &mut Machine, user_data: impl AsRef<[u8]>) -> CloudInit {
    machine.seed(user_data);
    machine.boot();
    machine.cloud_init(BOOT)
}

/// The boot went well: no error, no warning, no trace of the work.
fn assert_done(machine: &Machine, boot: &CloudInit) {
    assert_eq!((boot.status.as_str(), boot.code), ("done", 0), "{}\n{}", boot.text, boot.log);
    let agent = fs::read(tools::agent().unwrap()).unwrap();
    assert!(fs::read(machine.path("usr/local/bin/stringless-agent")).unwrap() == agent, "another agent");
    let modes =
        said(machine, "stat -c '%a %U %n' /usr/local/bin/* /etc/stringless /etc/stringless/agent.json");
    let expected = "755 root /usr/local/bin/stringless-agent\n700 root /etc/stringless\n600 root /etc/stringless/agent.json\n";
    assert_eq!(modes, expected);
    assert_eq!(
        said(machine, "systemctl list-units --failed --no-legend 'stringless*' 'puppet*' 'cloud-*'"),
        ""
    );
}

/// Nothing of an installation is there, whole or half, as soon as no further try is at work.
fn assert_untouched(machine: &Machine) {
    let traces = "ls -d /usr/local/bin/* /etc/stringless/agent.json /etc/systemd/system/stringless.* /var/lib/stringless/layers /var/lib/applied 2>/dev/null";
    let mut left = String::new();
    let none = until(BOOT, || {
        left = both(&machine.sh(traces));
        left.is_empty()
    });
    assert!(none, "{left}");
}

/// Uninstalls, and nothing of the installation is left or runs. What was applied stays.
fn uninstall(machine: &Machine) {
    let applied = machine.read("var/lib/applied");
    // It may say that it waits for a run: on standard error.
    let printed = said(machine, "/usr/local/bin/stringless-agent uninstall 2>/root/errors; echo \"exit $?\"");
    assert!(printed.contains("removed `/usr/local/bin/stringless-agent`\n"), "{printed}");
    assert!(
        printed.ends_with("what was applied stays, and so do packages that were installed for it\nexit 0\n"),
        "{printed}{}",
        said(machine, "cat /root/errors")
    );
    assert_none_left(machine);
    assert!(applied.is_some() && machine.read("var/lib/applied") == applied);
}

/// No file of an installation and no process of it is there, but what the boot agent has of its own.
fn assert_none_left(machine: &Machine) {
    let files = "find /etc /usr /opt /run /var -name '*stringless*' ! -path '/var/lib/cloud/*'; \
                 grep -rlI stringless /etc; pgrep -l stringless";
    assert_eq!(said(machine, files), "");
}

/// What a shell line prints inside, both outputs.
fn said(machine: &Machine, line: &str) -> String {
    both(&machine.sh(line))
}

/// The doctor finds nothing that fails or needs attention on a machine that follows its site.
fn assert_well(machine: &Machine) {
    let doctor = said(machine, "stringless-agent doctor; echo exit $?");
    assert!(doctor.ends_with(" 0 failed, 0 need attention\nexit 0\n"), "{doctor}");
}

/// Waits until a shell line prints exactly this inside: what systemd starts is there a moment later.
fn assert_becomes(machine: &Machine, line: &str, expected: &str) {
    let mut last = String::new();
    let became = until(BOOT, || {
        last = said(machine, line);
        last == expected
    });
    assert!(became, "{line}:\n{last}expected:\n{expected}");
}

/// Waits until the machine has applied exactly this.
fn assert_applies(machine: &Machine, expected: &str, limit: Duration) {
    let applied = || machine.read("var/lib/applied").unwrap_or_default();
    let arrived = until(limit, || applied() == expected);
    let journal = if arrived {
        String::new()
    } else {
        said(machine, "journalctl -n 30 --no-pager; systemctl list-timers")
    };
    assert!(arrived, "applied:\n{}expected:\n{expected}\n{journal}", applied());
}
