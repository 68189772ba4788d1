//! The real Ignition carries out what `stringless render` prints: it fetches the config from a strict
//! metadata service, and the agent by its hash; then the units' own commands run in the root that it made.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use e2e::bucket::Bucket;
use e2e::imds::{Facts, Imds};
use e2e::netns::Lab;
use e2e::nspawn::Machine;
use e2e::process::{both, run};
use e2e::web::Web;
use e2e::{record, tools};
use stringless_render::platform::{Form, Level, Platforms};

const APPLY: &str = "#!/bin/sh\nset -eu\ncat text >>/var/lib/applied\n";
const LIMIT: Duration = e2e::process::PATIENCE;

/// Every distro that Ignition sets up.
fn distros() -> Vec<String> {
    let platforms = Platforms::embedded().unwrap();
    let cloud = platforms.cloud("aws").unwrap();
    let takes = |distro: &&stringless_render::platform::Distro| {
        platforms.forms(distro, cloud).contains(&Form::Ignition)
    };
    platforms.distros.iter().filter(takes).map(|distro| distro.id.clone()).collect()
}

#[test]
fn it_fetches_the_agent_by_its_hash() {
    let distros = distros();
    assert!(distros.len() > 1);
    for distro in distros {
        let Some(web) = Web::new(&[], &[]) else { return };
        web.site.write("apply", APPLY, 0o755);
        web.site.write("text", "first\n", 0o644);
        let Some(_) = web.publish() else { return };
        let config = web.render(&distro, "aws", &[]);
        let Some(node) = Node::new(&web.lab) else { return };
        let output = node.ignite(&web.lab, &config);
        assert!(output.status.success(), "{}", both(&output));
        node.assert_set_up(&config);
        let first = node.first_run(&web.lab);
        assert!(first.status.success(), "{}", both(&first));
        assert_eq!(node.machine.read("var/lib/applied").as_deref(), Some("first\n"), "{}", both(&first));
        record::proved(Level::RanInRoot, &distro, "aws");
    }
}

/// Where Ignition cannot sign, the script in the config does.
#[test]
fn it_carries_the_script_that_signs() {
    let Some(mut bucket) = Bucket::new("virtual") else { return };
    let reader = bucket.garage.reader.clone();
    // A root that has not booted has nothing to schedule with.
    bucket.site.edit("schedule: timer", "schedule: boot");
    bucket.site.set_schedule(&["credentials: [static]"]);
    bucket.site.set("STRINGLESS_NODE_ACCESS_KEY_ID", &reader.id);
    bucket.site.set("STRINGLESS_NODE_SECRET_ACCESS_KEY", &reader.secret);
    bucket.site.write("apply", APPLY, 0o755);
    bucket.site.write("text", "first\n", 0o644);
    let Some(()) = bucket.site.push_agent() else { return };
    bucket.site.publish();
    let distro = &distros()[0];
    let config = bucket.site.render(distro, "digitalocean", &[]);
    let Some(node) = Node::new(&bucket.lab) else { return };
    let output = node.ignite(&bucket.lab, &config);
    assert!(output.status.success(), "{}", both(&output));
    let release = node.os_release(distro);
    node.machine.write("etc/os-release", release, 0o644);
    let first = node.first_run(&bucket.lab);
    assert!(first.status.success(), "{}", both(&first));
    assert_eq!(node.machine.read("var/lib/applied").as_deref(), Some("first\n"), "{}", both(&first));
    let script = node.machine.path("etc/stringless/bootstrap.sh");
    assert_eq!(fs::metadata(script).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn another_agent_than_the_pinned_one_is_refused() {
    let Some(web) = Web::new(&[], &[]) else { return };
    web.site.write("apply", APPLY, 0o755);
    web.site.write("text", "first\n", 0o644);
    let Some(_) = web.publish() else { return };
    let config = web.render(&distros()[0], "aws", &[]);
    let agents = web.bucket().join("agent");
    for version in fs::read_dir(agents).unwrap() {
        for target in fs::read_dir(version.unwrap().path()).unwrap() {
            fs::write(target.unwrap().path().join("stringless-agent"), "#!/bin/sh\necho pwned\n").unwrap();
        }
    }
    let Some(node) = Node::new(&web.lab) else { return };
    let output = node.ignite(&web.lab, &config);
    assert!(!output.status.success(), "{}", both(&output));
    assert!(both(&output).contains("hash verification failed"), "{}", both(&output));
    let agent = agent_of(&config);
    assert!(node.machine.read(agent.trim_start_matches('/')).is_none(), "{agent} is there");
}

/// A root that Ignition sets up.
struct Node {
    machine: Machine,
}

impl Node {
    fn new(lab: &Lab) -> Option<Self> {
        tools::program("ignition-validate")?;
        let machine = Machine::new(lab, "bookworm")?;
        // Debian's build labels files, with a program that is not a part of this root.
        machine.write("etc/selinux/config", "SELINUX=disabled\nSELINUXTYPE=targeted\n", 0o644);
        machine.write("etc/selinux/targeted/contexts/files/file_contexts", "", 0o644);
        Some(Self { machine })
    }

    /// Both stages that matter, as its units run them before a system starts.
    fn ignite(&self, lab: &Lab, config: &str) -> Output {
        let facts = Facts {
            instance_id: "i-0123456789abcdef0".into(),
            region: "eu-central-1".into(),
            role: String::new(),
            keys: Vec::new(),
            user_data: Some(config.as_bytes().to_owned()),
        };
        let _imds = Imds::start(lab.cloud.listen_at("169.254.169.254:80"), facts);
        let work = tempfile::tempdir().unwrap();
        let labels = work.path().join("setfiles");
        fs::write(&labels, "#!/bin/sh\ncat >/dev/null\n").unwrap();
        fs::set_permissions(&labels, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", work.path().display(), std::env::var("PATH").unwrap());
        let stage = |name: &str| {
            let mut ignition = lab.node.command(Path::new(IGNITION));
            ignition.env("PATH", &path).args([
                "-platform",
                "aws",
                "-log-to-stdout",
                "-stage",
                name,
                "-fetch-timeout",
                "20s",
            ]);
            ignition.arg("-root").arg(self.machine.path(""));
            ignition.arg("-config-cache").arg(work.path().join("config"));
            ignition.arg("-state-file").arg(work.path().join("state"));
            ignition.arg("-neednet").arg(work.path().join("neednet"));
            run(&mut ignition, LIMIT)
        };
        let fetched = stage("fetch");
        if fetched.status.success() { stage("files") } else { fetched }
    }

    /// The files that Ignition must write are there, readable only for root.
    fn assert_set_up(&self, config: &str) {
        let mode = |path: &str| {
            let path = self.machine.path(path.trim_start_matches('/'));
            fs::metadata(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).permissions().mode()
                & 0o7777
        };
        let agent = agent_of(config);
        let modes = [
            mode(&agent),
            mode("etc/stringless"),
            mode("etc/stringless/agent.json"),
            mode("var/lib/stringless"),
        ];
        assert_eq!(modes, [0o755, 0o700, 0o600, 0o700]);
        let presets = self.machine.path("etc/systemd/system-preset");
        let printed: String = fs::read_dir(presets)
            .unwrap()
            .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        for unit in ["stringless.timer", "stringless-first.service"] {
            assert!(printed.contains(&format!("enable {unit}")), "{printed}");
            assert!(self.machine.read(&format!("etc/systemd/system/{unit}")).is_some(), "{unit}");
        }
    }

    /// The command of the unit for the first run.
    fn first_run(&self, lab: &Lab) -> Output {
        let unit = self.machine.read("etc/systemd/system/stringless-first.service").unwrap();
        let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let mut command: Command = lab.node.command("chroot");
        command.arg(self.machine.path("")).args(["env", "-i", "PATH=/usr/bin:/bin"]).args(line.split(' '));
        run(&mut command, LIMIT)
    }

    /// What such a system says of itself.
    fn os_release(&self, distro: &str) -> String {
        let platforms = Platforms::embedded().unwrap();
        let release = &platforms.distro(distro).unwrap().os_release;
        let variant = release.variant.as_ref().map_or("", |variant| variant.as_str());
        format!("ID={}\nVERSION_ID=1.2.3\nVARIANT_ID={variant}\n", release.id)
    }
}

fn agent_of(config: &str) -> String {
    let config: serde_json::Value = serde_json::from_str(config).unwrap();
    let files = config["storage"]["files"].as_array().unwrap().iter();
    let mut paths = files.map(|file| file["path"].as_str().unwrap());
    paths.find(|path| path.ends_with("stringless-agent")).unwrap().to_owned()
}

/// Where Debian's package has it: systems have it in their first root file system alone.
const IGNITION: &str = "/usr/lib/dracut/modules.d/30ignition/ignition";
