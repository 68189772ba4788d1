//! Hiera: the findings about a hierarchy, held against what the real Puppet reads and refuses.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use e2e::process::{both, run};
use e2e::tools;

use super::Site;

/// Every kind of level, and whether the file is read on the one node that [`puppet`] is.
const LEVELS: &str = "\
version: 5
defaults: {datadir: data, data_hash: yaml_data}
hierarchy:
  - {name: node, path: 'nodes/%{trusted.certname}.yaml'}
  - {name: facts, paths: ['role/%{::role}.yaml', 'role/%{facts.role}/%{role}.yaml']}
  - {name: literal, path: 'a[1]*.yaml'}
  - {name: nothing, path: 'x%{}%{::}.yaml'}
  - {name: glob, glob: 'b/*.yaml'}
  - {name: globs, globs: ['c/**/*.yaml', 'd/{x,y}/%{role}.yaml', 'e/?.yaml']}
  - {name: other, datadir: 'hieradata/%{environment}', path: common.yaml}
  - {name: beside, path: '../beside/./%{role}.yaml'}
  - {name: class, path: 'class/%{calling_class_path}.yaml'}
  - {name: mapped, mapped_paths: [services, service, 'service/%{service}.yaml']}
  - {name: json, path: common.json, data_hash: json_data}
";
const REACHED: &[&str] = &[
    "data/nodes/web1.yaml",
    "data/role/web.yaml",
    "data/role/web/web.yaml",
    "data/a[1]*.yaml",
    "data/x.yaml",
    "data/b/1.yaml",
    "data/c/1.yaml",
    "data/c/2/3/4.yaml",
    "data/d/y/web.yaml",
    "data/e/f.yaml",
    "hieradata/production/common.yaml",
    "beside/web.yaml",
    "data/service/ntp.yaml",
    "data/common.json",
    "data/link.yaml",
];
const UNREACHED: &[&str] = &[
    "data/nodes/web1.yml",
    "data/nodes/old/web1.yaml",
    "data/role/web/x/web.yaml",
    "data/a1b.yaml",
    "data/b/1/2.yaml",
    "data/d/z/web.yaml",
    "data/e/ff.yaml",
    "data/common.yaml",
    "hieradata/common.yaml",
    "data/web1.yaml",
    "data/node/web1.yaml",
    "data/class.yaml",
    // Of Hiera 3; the Puppet of today knows no such variable.
    "data/class/profile/web.yaml",
];

#[test]
fn what_is_reported_as_unreached_is_what_puppet_does_not_read() {
    let Some(site) = Site::with(&["puppet"]) else { return };
    site.write("hiera.yaml", &format!("{LEVELS}  - {{name: link, path: 'pointer/%{{role}}.yaml'}}\n"));
    for (n, path) in REACHED.iter().chain(UNREACHED).enumerate() {
        let content =
            if path.ends_with("json") { format!("{{\"k{n}\": 1}}\n") } else { format!("k{n}: 1\n") };
        site.write(path, &content);
    }
    fs::create_dir(site.tree().join("data/pointer")).unwrap();
    std::os::unix::fs::symlink("../link.yaml", site.tree().join("data/pointer/web.yaml")).unwrap();

    let run = site.run("build --json").expect(0);
    let end = ":0: hiera: no level of `hiera.yaml` reads it";
    let printed: BTreeSet<String> = site
        .findings(&run)
        .iter()
        .map(|printed| printed.strip_suffix(end).unwrap_or(printed).to_owned())
        .collect();
    assert_eq!(printed, UNREACHED.iter().map(|&path| path.to_owned()).collect());

    let count = REACHED.len() + UNREACHED.len();
    let code = format!(
        "class profile::web {{
           Integer[0, {}].each |$n| {{ if lookup(\"k$n\", {{default_value => 0}}) == 1 {{ notice(\"read k$n.\") }} }}
         }}
         $services = ['ntp'] include profile::web",
        count - 1
    );
    let output = puppet(&site, &code);
    assert!(output.status.success(), "{}", both(&output));
    let text = both(&output);
    for (n, path) in REACHED.iter().chain(UNREACHED).enumerate() {
        assert_eq!(text.contains(&format!("read k{n}.")), n < REACHED.len(), "{path}: {text}");
    }
}

#[test]
fn what_is_reported_as_refused_is_what_puppet_refuses_or_ignores() {
    let Some(site) = Site::with(&["puppet"]) else { return };
    site.set("checks: {yaml: off}");
    site.write("data/common.yaml", "k: 1\n");
    // With what Puppet does: it fails, or reads nothing of the data.
    for (text, refused) in [
        ("version: 5\nhierarchy: [{name: a, path: common.yaml}]\n", None),
        ("version: 5\nhierarchy: [{name: a, path: common.yaml, glob: '*'}]\n", Some(true)),
        ("version: 5\ndefaults: {datadir: data}\nhierarchy: [{name: a, path: common.yaml}]\n", Some(true)),
        (
            "version: 5\nhierarchy: [{name: a, path: common.yaml}]\ndefault_hierarchy: [{name: b, path: x}]\n",
            Some(true),
        ),
        (":hierarchy: [common]\n", Some(false)),
    ] {
        site.write("hiera.yaml", text);
        let findings = site.findings(&site.run("build --json").expect(0));
        assert_eq!(
            findings.iter().any(|printed| printed.starts_with("hiera.yaml:0: hiera: ")),
            refused.is_some(),
            "{text}: {findings:?}"
        );
        let output = puppet(&site, "notice(\"read ${lookup('k', {default_value => 0})}.\")");
        assert_eq!(output.status.success(), refused != Some(true), "{text}: {}", both(&output));
        assert_eq!(both(&output).contains("read 1."), refused.is_none(), "{text}: {}", both(&output));
    }
}

/// Compiles and applies `code` as the node `web1` in the environment that is the site's tree.
fn puppet(site: &Site, code: &str) -> Output {
    let at = |part: &str| site.path(part).display().to_string();
    fs::create_dir_all(site.path("environments")).unwrap();
    // Puppet makes its folders itself, but none below /dev, where tests have memory for a disk.
    fs::create_dir_all(site.path("vardir/state")).unwrap();
    let environment = site.path("environments/production");
    if !Path::new(&environment).exists() {
        std::os::unix::fs::symlink(site.tree(), environment).unwrap();
    }
    let mut command = Command::new(tools::program("puppet").unwrap());
    command.arg("apply");
    for setting in ["confdir", "codedir", "vardir"] {
        command.args([format!("--{setting}"), at(setting)]);
    }
    command.args(["--environmentpath", &at("environments"), "--environment", "production"]);
    command.args(["--certname", "web1", "--color", "false", "-e", code]);
    command.env("FACTER_role", "web").env("HOME", site.path("")).current_dir(site.path(""));
    run(&mut command, e2e::process::PATIENCE)
}
