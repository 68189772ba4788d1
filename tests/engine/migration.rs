//! Control repos that r10k deployed, from the repository to a node that Puppet has applied: each shape of
//! `fixtures/control-repos`, with the settings of the site file that `docs/guides/from-r10k.md` has, and no others.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::process::Command;
use std::time::Duration;

use e2e::agent::{Node, Run};
use e2e::netns::Net;
use e2e::process::succeed;
use e2e::puppet_forge::PuppetForge;
use e2e::site::Site;
use e2e::tools;
use serde_json::json;

#[test]
fn a_node_applies_each_shape_of_control_repo() {
    let Some(world) = World::new() else { return };
    let branches = |repository: &str| format!("sources: {{control: {{git: '{}'}}}}\n", world.url(repository));

    // Its `config_version` asks git.
    let Some(lab) = world.lab(&branches("roles-and-profiles")) else { return };
    lab.applies("production", &["greeting: hello", "two", "web 0.3.1"]);

    // Its `config_version` reads what r10k writes; branches differ in their modules.
    let Some(lab) = world.lab(&branches("multi-branch")) else { return };
    lab.applies("staging", &["greeting: hello", "base 1.2.0"]);
    lab.applies("hotfix_1_2", &["greeting: gr\u{fc}\u{df} dich", "base 1.1.0"]);

    // Its `config_version` is the example of Puppet's documentation; environments are folders.
    let folder = |name: &str| {
        let url = world.url("monorepo");
        format!("  {name}: {{source: {{git: '{url}', branch: main, path: puppet/environments/{name}}}}}\n")
    };
    let Some(lab) = world.lab(&format!("environments:\n{}{}", folder("production"), folder("staging")))
    else {
        return;
    };
    lab.applies("production", &["production"]);
    lab.applies("staging", &["staging"]);
}

/// The repositories, and a forge with the modules that they name.
struct World {
    folder: tempfile::TempDir,
    forge: PuppetForge,
}

impl World {
    fn new() -> Option<Self> {
        for program in ["git", "puppet"] {
            tools::program(program)?;
        }
        tools::generator()?;
        let world = Self { folder: tempfile::tempdir().unwrap(), forge: PuppetForge::start() };
        for (name, version) in [("base", "1.1.0"), ("base", "1.2.0"), ("web", "0.3.1")] {
            let class = format!("class {name} {{\n  notice('{name} {version}')\n}}\n");
            world.forge.release(&format!("example-{name}"), version, &[("manifests/init.pp", &class)]);
        }
        let script = tools::root().join("tests/fixtures/control-repos/gen.sh");
        succeed(Command::new(script).arg(world.folder.path()).arg(world.forge.url()), LIMIT);
        Some(world)
    }

    fn url(&self, name: &str) -> String {
        format!("file://{}/{name}.git", self.folder.path().display())
    }

    /// A site with these environments, all of them published.
    fn lab(&self, environments: &str) -> Option<Lab> {
        let bucket = tempfile::tempdir().unwrap();
        let store = format!("file://{}", bucket.path().display());
        let site = Site::init(&Net::host(), &["--store", &store])?;
        let text = format!(
            "site: example\nstores: [{{url: '{store}'}}]\n{environments}apply: {{engine: {{puppet: {{}}}}}}\n\
             checks: {{puppet: off, epp: off, erb: off}}\n"
        );
        site.write("stringless.yaml", text, 0o644);
        site.push_agent()?;
        let check = site.run(&["check"]).expect(0);
        assert!(check.out.contains("`config_version` of environment.conf is not run"), "{}", check.out);
        let _ = site.run(&["publish", "--all"]).expect(0);
        Some(Lab { site, _bucket: bucket })
    }
}

/// A published site.
struct Lab {
    site: Site,
    _bucket: tempfile::TempDir,
}

impl Lab {
    /// A node that is rendered for the environment applies it, and Puppet says these words. Its configuration is named
    /// for the release.
    fn applies(&self, environment: &str, words: &[&str]) {
        let user_data = self.site.render("debian-13", "nocloud", &["-e", environment]);
        let mut config = Site::config(&user_data);
        config["node"] = json!("web9");
        let Some(node) = Node::on_this_machine(&config) else { return };
        let mut command = node.command(&["--once", "--json"]);
        let run = Run::of(command.env("HOME", node.root()).env("LC_ALL", "C.UTF-8")).expect(0);
        let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
        let output = report["layers"][0]["output"].as_str().unwrap();
        for word in words {
            assert!(output.contains(word), "{environment}: `{word}` is missing in\n{output}");
        }
        let printed = self.site.run(&["history", "-e", environment, "--json"]).expect(0).out;
        let history: serde_json::Value = serde_json::from_str(&printed).unwrap();
        let commit = history["releases"][0]["commit"].as_str().unwrap();
        let version = format!("version 1-{}", &commit[..12]);
        assert!(output.contains(&version), "{environment}: `{version}` is missing in\n{output}");
    }
}

const LIMIT: Duration = e2e::process::PATIENCE;
