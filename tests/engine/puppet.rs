//! A Puppet control repo from the source tree to the node, applied by the real `puppet apply`.
//!
//! The repo is `fixtures/control-repo`; all that it manages lies below the fact `stringless_base`.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::agent::{Node, Run};
use e2e::process::succeed;
use e2e::tools;
use serde_json::{Value, json};

#[test]
fn a_control_repo_is_applied_and_a_change_arrives() {
    let Some(lab) = Lab::new("web1") else { return };
    lab.publish();

    let noop = lab.run(&["--once", "--noop"]).expect(0);
    assert!(
        format!("{}{}", noop.out, noop.err).contains("current_value 'absent', should be 'directory' (noop)")
    );
    assert!(!lab.base().exists(), "noop made {}", lab.base().display());

    let first = lab.run(&["--once", "--json", "--detailed-exitcodes"]).expect(2);
    let report = report(&first);
    assert_eq!((&report["engine_status"], &report["live"]["serial"]), (&json!(2), &json!(1)), "{report}");

    // Each level of Hiera has a say: the node, its role, its operating system, all.
    let web = lab.managed("etc/web/site.conf");
    assert!(web.contains("worker_processes 8;"), "data/nodes: {web}");
    assert!(web.contains("server_name www.example.net;"), "data/role: {web}");
    let time = lab.managed("etc/chrony/chrony.conf");
    assert!(time.contains("sourcedir /run/chrony-dhcp\n"), "data/os: {time}");
    assert!(time.contains("server ntp1.example.net iburst\n"), "data/common: {time}");
    // A fact in Ruby, functions in both languages, data in a module, a link in one, an executable file.
    let motd = lab.managed("etc/motd");
    assert!(motd.contains("Example Ltd: web1, web server (canary)\n"), "{motd}");
    assert!(motd.contains("- Packages come from apt only.\n"), "{motd}");
    assert_eq!(lab.managed("etc/motd.logo"), "  [==]\n");
    assert!(lab.managed("etc/sysctl.loaded").starts_with("not loaded: "));
    succeed(&mut Command::new(lab.base().join("usr/local/bin/health")), e2e::process::PATIENCE);

    let idle = lab.report(&["--once"], 0);
    assert_eq!((&idle["reason"], &idle["fetched"], &idle["received"]), (&json!(null), &json!(0), &json!(0)));
    // Puppet agrees that there is nothing left to do.
    let forced = lab.report(&["--once", "--force", "--detailed-exitcodes"], 0);
    assert_eq!((&forced["reason"], &forced["engine_status"]), (&json!("forced"), &json!(0)));

    // Drift is undone.
    fs::write(lab.base().join("etc/motd"), "drift\n").unwrap();
    lab.report(&["--once", "--force", "--noop"], 0);
    assert_eq!(lab.managed("etc/motd"), "drift\n");
    lab.report(&["--once", "--force", "--detailed-exitcodes"], 2);
    assert_eq!(lab.managed("etc/motd"), motd);

    // One line, one pack.
    let before = lab.packs();
    lab.edit("data/nodes/web1.yaml", "profile::web::workers: 8", "profile::web::workers: 16");
    lab.publish();
    let new: Vec<PathBuf> = lab.packs().difference(&before).cloned().collect();
    assert_eq!(new.len(), 1, "{new:?}");
    let change = lab.report(&["--once", "--detailed-exitcodes"], 2);
    assert_eq!(change["fetched"], json!(1), "{change}");
    let moved = fs::metadata(&new[0]).unwrap().len() + fs::metadata(lab.manifest()).unwrap().len();
    assert_eq!(change["received"], json!(moved));
    assert!(lab.managed("etc/web/site.conf").contains("worker_processes 16;"));
    assert!(lab.managed("var/lib/web-reloads").lines().count() == 2, "the web server learns of the change");
}

/// The role is a level of Hiera; the labels are facts; the machine's own facts and those of modules stay.
#[test]
fn the_role_and_the_labels_are_facts() {
    let change = |config: &mut Value| {
        config["role"] = json!("db");
        config["labels"] = json!({"dc": "fra1", "rack.row": "7' \"#{x}"});
    };
    let Some(lab) = Lab::with("web1", change) else { return };
    lab.edit("hiera.yaml", "role/%{facts.role}.yaml", "role/%{facts.stringless_role}.yaml");
    let levels = "  - name: \"Data center\"\n    path: \"dc/%{facts.stringless.labels.dc}.yaml\"\n\n";
    lab.edit(
        "hiera.yaml",
        "  - name: \"Operating system\"\n",
        &format!("{levels}  - name: \"Operating system\"\n"),
    );
    lab.write("data/dc/fra1.yaml", "---\nplace: Frankfurt\n");
    let says = r#"
  $own = $facts['stringless']
  notice("place=${lookup('place')} site=${own['site']}/${own['environment']} serial=${own['serial']}")
  notice("node=${own['node']} role=${own['role']} top=${stringless_role} row=${facts['stringless_label_rack_row']}")
  notice("labels=${own['labels']} module=${facts['of_a_module']} inherited=${facts['of_the_machine']}")
"#;
    lab.edit("manifests/site.pp", "node default {\n", &format!("node default {{\n{says}"));
    // External facts of a module, and facts of the folders that the machine's own FACTERLIB names.
    lab.write("modules/motd/facts.d/own.txt", "of_a_module=kept\n");
    let own = lab.folder.path().join("facts");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("own.rb"), "Facter.add(:of_the_machine) { setcode { 'kept' } }\n").unwrap();
    lab.publish();
    let run = Run::of(lab.command(&["--once"]).env("FACTERLIB", &own)).expect(0);
    for said in [
        "place=Frankfurt site=example/production serial=1",
        "node=web1 role=db top=db row=7' \"#{x}",
        "labels={dc => fra1, rack.row => 7' \"#{x}} module=kept inherited=kept",
    ] {
        assert!(run.out.contains(said), "lacks `{said}`\n{}", run.out);
    }
    assert!(lab.base().join("etc/db/shop.database").exists(), "data/role/db.yaml counts");
    // What the agent wrote for Puppet is its own.
    for file in ["stringless.json", "stringless.rb"] {
        let path = lab.node.root().join("var/lib/stringless/facts").join(file);
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
}

#[test]
fn another_name_is_another_role() {
    let Some(lab) = Lab::new("db1") else { return };
    lab.publish();
    let _ = lab.run(&["--once", "--detailed-exitcodes"]).expect(2);
    assert!(lab.managed("etc/db/server.conf").contains("listen_addresses = '10.0.0.5'\n"), "data/nodes");
    assert!(lab.managed("etc/db/shop.database").contains("encoding = UTF8\n"), "data/role");
    // Hashes of several levels are merged: bob of common.yaml with groups of the node, and carol.
    assert!(lab.managed("etc/admins.d/bob.conf").contains("shell = /bin/sh\ngroups = adm,backup\n"));
    assert!(lab.base().join("etc/admins.d/carol.conf").exists());
    assert!(lab.managed("etc/sysctl.d/60-vm.swappiness.conf").contains("vm.swappiness = 1\n"));
    assert!(!lab.base().join("etc/web").exists());
}

#[test]
fn a_failing_resource_and_a_broken_manifest_are_exit_4() {
    let Some(lab) = Lab::new("app1") else { return };
    lab.publish();
    let _ = lab.run(&["--once"]).expect(0);

    let site = "manifests/site.pp";
    lab.edit(site, "  include $extra\n", "  include $extra\n  exec { '/bin/false': }\n");
    lab.publish();
    let failed = lab.run(&["--once", "--detailed-exitcodes"]).expect(4);
    let said = format!("{}{}", failed.out, failed.err);
    assert!(said.contains("returned 1 instead of one of [0]"), "Puppet's own words are passed on\n{said}");
    let status: Value = serde_json::from_str(&lab.run(&["status", "--json"]).expect(0).out).unwrap();
    assert!(status.to_string().contains("engine_failed"), "{status}");
    // It is tried again without a new release, and fails again.
    let _ = lab.run(&["--once"]).expect(4);

    lab.edit(site, "exec { '/bin/false': }", "exec { '/bin/false'");
    lab.publish();
    let broken = lab.run(&["--once"]).expect(4);
    assert!(format!("{}{}", broken.out, broken.err).contains("Syntax error"));

    lab.edit(site, "  exec { '/bin/false'\n", "");
    lab.publish();
    let mended = lab.report(&["--once", "--detailed-exitcodes"], 0);
    assert_eq!((&mended["outcome"], &mended["live"]["serial"]), (&json!("converged"), &json!(4)), "{mended}");
}

#[test]
fn the_repo_refuses_to_manage_the_machine_itself() {
    let Some(lab) = Lab::new("web1") else { return };
    lab.publish();
    let refused = Run::of(lab.command(&["--once"]).env_remove("FACTER_stringless_base")).expect(4);
    assert!(format!("{}{}", refused.out, refused.err).contains("set the fact stringless_base"));
}

/// A site with the control repo in it, a bucket that is a folder, and a node.
struct Lab {
    generator: PathBuf,
    folder: tempfile::TempDir,
    node: Node,
}

impl Lab {
    fn new(name: &str) -> Option<Self> {
        Self::with(name, |_| ())
    }

    /// A lab whose node has this configuration.
    fn with(name: &str, change: impl FnOnce(&mut Value)) -> Option<Self> {
        let generator = tools::generator()?;
        tools::program("puppet")?;
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        let bucket = format!("file://{}", at("bucket").display());
        fs::create_dir(at("bucket")).unwrap();
        succeed(
            Command::new(&generator)
                .args(["init", "site", "--site", "example", "--store", &bucket, "--no-password"])
                .current_dir(folder.path()),
            LIMIT,
        );
        let site = json!({
            "site": "example",
            "stores": [{"url": bucket}],
            "environments": {"production": {"source": {"path": "../repo"}}},
            "apply": {"engine": {"puppet": {}}},
            // What it finds is the business of another test, and takes seconds.
            "checks": {"puppet": "off", "epp": "off", "erb": "off"},
        });
        // JSON is YAML, too.
        fs::write(at("site/stringless.yaml"), site.to_string()).unwrap();
        let repo = tools::root().join("tests/fixtures/control-repo");
        succeed(Command::new("cp").arg("-R").arg(repo).arg(at("repo")), LIMIT);

        let trust = fs::read_to_string(at("site/trust/1.json")).unwrap();
        let trust: Value = serde_json::from_str(trust.split_once("\n\n").unwrap().1).unwrap();
        let keys: Vec<&Value> = trust["keys"].as_array().unwrap().iter().map(|key| &key["key"]).collect();
        let mut config = json!({
            "format": 1,
            "rendered": "2026-01-01T00:00:00Z",
            "node": name,
            "layers": [{
                "site": "example",
                "environment": "production",
                "min_serial": 1,
                "trust": {"version": 1, "threshold": 1, "keys": keys},
                "stores": [{"url": bucket}],
            }],
        });
        change(&mut config);
        let node = Node::on_this_machine(&config)?;
        Some(Self { generator, folder, node })
    }

    fn publish(&self) {
        succeed(
            Command::new(&self.generator).arg("publish").current_dir(self.folder.path().join("site")),
            LIMIT,
        );
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.node.command(args);
        command.env("FACTER_stringless_base", self.base()).env("HOME", self.folder.path());
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }

    /// What the one layer reports of a run that ends with `code`.
    fn report(&self, args: &[&str], code: i32) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        report(&self.run(&args).expect(code))
    }

    /// The folder that stands for `/` in the repo.
    fn base(&self) -> PathBuf {
        self.folder.path().join("base")
    }

    /// What the repo wrote at `path`.
    fn managed(&self, path: &str) -> String {
        let file = self.base().join(path);
        fs::read_to_string(&file).unwrap_or_else(|e| panic!("reading {}: {e}", file.display()))
    }

    /// Replaces `from` in a file of the repo.
    fn edit(&self, path: &str, from: &str, to: &str) {
        let file = self.folder.path().join("repo").join(path);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{path} lacks `{from}`");
        fs::write(file, text.replace(from, to)).unwrap();
    }

    /// Adds a file to the repo.
    fn write(&self, path: &str, text: &str) {
        let file = self.folder.path().join("repo").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn packs(&self) -> BTreeSet<PathBuf> {
        let folder: &Path = &self.folder.path().join("bucket/packs");
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    fn manifest(&self) -> PathBuf {
        self.folder.path().join("bucket/env/production/head")
    }
}

fn report(run: &Run) -> Value {
    let report: Value =
        serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("{e}\n{}{}", run.out, run.err));
    report["layers"][0].clone()
}

const LIMIT: Duration = e2e::process::PATIENCE;
