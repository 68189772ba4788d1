//! The engine of each layer: Puppet and its version, or the script of the live release.

use std::io::sink;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use stringless_core::config::Layer;
use stringless_core::diagnosis::Finding;
use stringless_core::manifest::{Engine, ScriptEngine};

use super::Node;
use super::finding;
use crate::engine::process::{self, End};
use crate::engine::puppet;
use crate::engine::redact::Redactor;
use crate::engine::root;

/// Looks at the engines of all layers.
pub fn look(node: &Node) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for layer in &node.config.layers {
        let Some(manifest) = node.manifest(layer) else {
            let found = format!("{}: not known before the first release is accepted", layer.site);
            findings.push(Finding::ok(CHECK, found));
            continue;
        };
        let other_root = node.is_other_root.then_some(&*node.root);
        if let Err(error) = root::check(&manifest.apply.engine, other_root, manifest.serial) {
            findings.push(finding::error(CHECK, &error, ""));
            continue;
        }
        findings.push(match &manifest.apply.engine {
            Engine::Puppet(_) => puppet_version(),
            Engine::Script(script) => script_file(node, layer, script),
        });
    }
    findings.dedup();
    findings
}

fn puppet_version() -> Finding {
    let Some(program) = puppet::program() else {
        let hint = "install `openvox-agent`; a bootstrap for the puppet engine does that";
        return Finding::failure(CHECK, "puppet: not found in /opt/puppetlabs/bin or PATH", hint);
    };
    let mut command = Command::new(&program);
    crate::engine::set_basics(&mut command);
    command.arg("--version").stdin(Stdio::null());
    let shown = program.display();
    let broken = |why: String| Finding::failure(CHECK, format!("`{shown} --version`: {why}"), REINSTALL);
    match process::run(&mut command, VERSION, sink(), Redactor::new(&[]), None) {
        Err(error) => broken(error.to_string()),
        Ok(finished) if finished.end == End::Exit(0) => {
            let version = finished.output.lines().next_back().unwrap_or_default().trim();
            Finding::ok(CHECK, format!("puppet {version}, `{shown}`"))
        }
        Ok(finished) => {
            let last = finished.output.trim_end().lines().next_back().unwrap_or_default();
            broken(format!("it {}: {last}", finished.end))
        }
    }
}

fn script_file(node: &Node, layer: &Layer, script: &ScriptEngine) -> Finding {
    let disk = node.io.disk.layer(&layer.site);
    let Some(live) = disk.live() else {
        return Finding::ok(
            CHECK,
            format!("{}: script `{}`; no release is live yet", layer.site, script.run),
        );
    };
    let path = disk.release(&live).join(&script.run);
    let is_program =
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o100 != 0);
    let noop = if script.noop { "with noop" } else { "without noop" };
    let found = format!("{}: script `{}` of release {}, {noop}", layer.site, script.run, live.serial);
    if is_program {
        Finding::ok(CHECK, found)
    } else {
        let hint = "`chmod +x` it in the source tree, and publish again; if it was changed on this node, \
                    `stringless-agent --once --force` builds the release again";
        Finding::failure(CHECK, format!("{found}: not an executable file"), hint)
    }
}

const CHECK: &str = "engine";
/// Less than the time limit of the check.
const VERSION: Duration = Duration::from_secs(60);
const REINSTALL: &str = "install the package again, and try the command by hand";
