//! `make demo` tells its whole story, as root and as any user, and changes nothing on this machine.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use e2e::process::{both, run, succeed};
use e2e::tools;

#[test]
fn as_root() {
    if tools::superuser().is_none() {
        return;
    }
    let Some(demo) = Demo::new() else { return };
    tells_the_story(&demo, &demo.run());
    // It clears away its own last run, and nothing else.
    let again = demo.run();
    assert!(again.status.success(), "{}", both(&again));
    fs::remove_file(demo.site().join(".made-by-make-demo")).unwrap();
    let refused = demo.run();
    assert_eq!(refused.status.code(), Some(1));
    assert!(both(&refused).contains("not from an earlier demo"), "{}", both(&refused));
}

#[test]
fn as_any_user() {
    if tools::superuser().is_none() || tools::program("setpriv").is_none() {
        return;
    }
    let Some(mut demo) = Demo::new() else { return };
    demo.user = Some(NOBODY);
    chown(demo.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    tells_the_story(&demo, &demo.run());
}

#[test]
fn the_throw_away_machine_is_apart() {
    if tools::superuser().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("bucket")).unwrap();
    fs::write(at("bucket/object"), "seen").unwrap();
    fs::write(at("secret"), "unseen").unwrap();
    let node = |script: &str| {
        let mut command = Command::new(tools::root().join("tests/demo/node.sh"));
        command.arg(at("disk")).arg(at("bucket")).args(["sh", "-c", script]);
        run(command.env("SECRET", "unseen"), LIMIT)
    };
    let looks = format!(
        "cat {0}/bucket/object; cat {0}/secret; env; ls /home; echo x >{0}/bucket/new; echo x >/usr/new; \
         ls -d /run/systemd; ls /sys /old; head -c 1 /dev/sda /dev/vda; grep -c . /proc/[0-9]*/comm; \
         echo kept >/etc/kept; exit 7",
        folder.path().display()
    );
    let output = node(&looks);
    let said = both(&output);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("seen") && !said.contains("unseen"), "{said}");
    for refused in
        ["bucket/new: Read-only", "/usr/new: Read-only", "/run/systemd': No such", "/old': No such"]
    {
        assert!(said.contains(refused), "lacks `{refused}`\n{said}");
    }
    assert!(!Path::new("/etc/kept").exists() && !at("bucket/new").exists());
    assert!(both(&node("cat /etc/kept; ip -o link || true")).contains("kept"), "its disk stays");
}

/// A copy of what the demo needs, in a folder that any user can read.
struct Demo {
    folder: tempfile::TempDir,
    user: Option<u32>,
}

impl Demo {
    fn new() -> Option<Self> {
        let (generator, agent) = (tools::generator()?, tools::agent()?);
        let folder = tempfile::tempdir().unwrap();
        let target = agent.parent().and_then(Path::file_name).unwrap();
        let copy = |from: &Path, to: PathBuf| {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            succeed(Command::new("cp").arg("-R").arg(from).arg(to), LIMIT);
        };
        copy(&generator, folder.path().join("target/release/stringless"));
        copy(&agent, folder.path().join("target/agents").join(target).join("stringless-agent"));
        for part in ["tests/demo", "tests/fixtures/script-site"] {
            copy(&tools::root().join(part), folder.path().join(part));
        }
        Some(Self { folder, user: None })
    }

    fn site(&self) -> PathBuf {
        self.folder.path().join("demo-site")
    }

    fn run(&self) -> Output {
        let script = self.folder.path().join("tests/demo/demo.sh");
        let mut command = Command::new(&script);
        if let Some(id) = self.user {
            command = Command::new("setpriv");
            command.args([format!("--reuid={id}"), format!("--regid={id}"), "--clear-groups".into()]);
            command.arg(script);
            // It may be a folder of this user alone.
            command.env_remove("TMPDIR");
        }
        for variable in ["GENERATOR_BIN", "AGENT_BIN"] {
            command.env_remove(variable);
        }
        run(command.current_dir("/"), LIMIT)
    }
}

fn tells_the_story(demo: &Demo, output: &Output) {
    let said = both(output);
    assert!(output.status.success(), "{}\n{said}", output.status);
    for part in [
        "published example production 1",
        "release 1 applied: changed",
        "role=web\n",
        "port=80\n",
        "greeting=Hello from the first release",
        "role        web, from the configuration\n",
        "label       dc=lab\n",
        "published example production 2",
        "release 2 applied: changed",
        "    Hello from the second release\n",
        "packs fetched: 1\n",
        "bytes received: 0\n",
        "agent 0.1.9 is in place; 0.1.0 is kept",
        "agent       0.1.9 (before: 0.1.0)",
        "1 would be changed",
        "~ /etc/motd",
        "That was the whole way.",
    ] {
        assert!(said.contains(part), "lacks `{part}`\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "colours only on a terminal\n{said}");
    // What was applied is on the node's disk and not on this machine.
    let motd = fs::read_to_string(demo.site().join("node/etc/motd")).unwrap();
    assert!(motd.contains("Stringless"));
    assert!(!fs::read_to_string("/etc/motd").unwrap_or_default().contains("Stringless"));
    for path in ["/etc/stringless", "/usr/local/bin/site-greeting"] {
        assert!(!Path::new(path).exists(), "{path} is on this machine");
    }
}

const NOBODY: u32 = 65534;
const LIMIT: Duration = e2e::process::PATIENCE;
