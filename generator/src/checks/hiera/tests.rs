use super::*;

const HEAD: &str = "version: 5\ndefaults: {datadir: data, data_hash: yaml_data}\nhierarchy:\n";

fn regular(path: &str, content: &str) -> File {
    let content = FileContent::Bytes(content.as_bytes().into());
    File { path: path.into(), kind: FileKind::Regular(content) }
}

/// The faults of the `hiera.yaml` at `config` among these other files (path, content; `-> target` is a
/// link).
fn faults(config: (&str, &str), files: &[(&str, &str)]) -> Vec<String> {
    let mut all = vec![regular(config.0, config.1)];
    all.extend(files.iter().map(|(path, content)| match content.strip_prefix("-> ") {
        Some(target) => {
            File { path: (*path).into(), kind: FileKind::Link(FileContent::Bytes(target.as_bytes().into())) }
        }
        None => regular(path, content),
    }));
    let all: Vec<&File> = all.iter().collect();
    let mut found = Vec::new();
    for tree in trees(&all) {
        for fault in tree.check().unwrap() {
            found.push(format!("{}: {}", fault.path.unwrap_or_default(), fault.message));
        }
    }
    found
}

/// The files of an environment that its hierarchy does not read.
fn unreached(levels: &str, paths: &[&str]) -> Vec<String> {
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (*path, "{}\n")).collect();
    let found = faults(("hiera.yaml", &format!("{HEAD}{levels}")), &files);
    let end = ": no level of `hiera.yaml` reads it";
    found.iter().map(|fault| fault.strip_suffix(end).unwrap_or(fault).to_owned()).collect()
}

#[test]
fn interpolations_match_any_name() {
    let levels = "
  - {name: node, path: 'nodes/%{trusted.certname}.yaml'}
  - {name: os, paths: ['os/%{facts.os.name}-%{facts.os.release.major}.yaml', 'os/%{facts.os.family}/all.yaml']}
  - {name: all, path: common.yaml}
";
    let good =
        ["data/nodes/web1.yaml", "data/os/Debian-12.yaml", "data/os/RedHat/all.yaml", "data/common.yaml"];
    assert_eq!(unreached(levels, &good), [""; 0]);
    let bad = [
        "data/Nodes/web1.yaml",
        "data/nodes/old/web1.yaml",
        "data/nodes/web1.yml",
        "data/os/RedHat/al.yaml",
        "data/site.yaml",
    ];
    assert_eq!(unreached(levels, &bad), bad);
    // Not data, or not data of this hierarchy.
    let other =
        ["data/README.md", "data/nodes/.gitkeep", "data/.yamllint.yaml", "other/x.yaml", "manifests/site.pp"];
    assert_eq!(unreached(levels, &other), [""; 0]);
}

#[test]
fn an_interpolation_may_be_empty() {
    let levels = "
  - {name: role, path: '%{facts.role}/common.yaml'}
  - {name: two, path: 'apps/%{facts.app}/%{facts.tier}/a.yaml'}
  - {name: folder, datadir: 'hieradata/%{facts.zone}', path: 'z.yaml'}
  - {name: up, path: '%{facts.a}/../both/b.yaml'}
";
    let good = [
        "data/common.yaml",
        "data/web/common.yaml",
        "data/apps/a.yaml",
        "data/apps/x/a.yaml",
        "data/apps/x/y/a.yaml",
        "data/both/b.yaml",
        "hieradata/z.yaml",
        "hieradata/eu/z.yaml",
    ];
    assert_eq!(unreached(levels, &good), [""; 0]);
    let bad = ["data/a.yaml", "data/apps/x/y/z/a.yaml", "data/web/db/common.yaml", "hieradata/a/b/z.yaml"];
    assert_eq!(unreached(levels, &bad), bad);
}

#[test]
fn a_folder_of_a_puppet_server_is_reported() {
    let datadir = "/etc/puppetlabs/code/environments/%{environment}/hieradata";
    let config = format!("{HEAD}  - {{name: a, datadir: '{datadir}', path: x.yaml}}\n");
    let found = faults(("hiera.yaml", &config), &[]);
    assert!(found.len() == 1 && found[0].contains("which nodes do not have"), "{found:?}");
    let secrets = format!("{HEAD}  - {{name: a, datadir: /etc/secrets, path: x.yaml}}\n");
    assert_eq!(faults(("hiera.yaml", &secrets), &[]), [""; 0]);
}

#[test]
fn only_the_text_of_a_glob_is_a_pattern() {
    let levels = "
  - {name: literal, path: 'a[1]*.yaml'}
  - {name: glob, glob: 'b/*.yaml'}
  - {name: globs, globs: ['c/**/*.yaml', 'd/{x,y}/%{facts.a}.yaml', 'e/?.json']}
";
    let good = [
        "data/a[1]*.yaml",
        "data/b/x.yaml",
        "data/c/x.yaml",
        "data/c/1/2/x.yaml",
        "data/d/y/z.yaml",
        "data/e/1.json",
    ];
    assert_eq!(unreached(levels, &good), [""; 0]);
    let bad = ["data/a1x.yaml", "data/b/c/x.yaml", "data/d/z/z.yaml", "data/e/12.json", "data/e/1.yaml"];
    assert_eq!(unreached(levels, &bad), bad);
}

#[test]
fn folders_are_followed_as_puppet_does() {
    let levels = "
  - {name: other, datadir: 'hieradata/%{environment}', path: '%{}x.yaml'}
  - {name: beside, path: '../beside/./%{facts.a}.yaml'}
  - {name: away, datadir: /etc/secret, path: y.yaml}
  - {name: out, path: ../../z.yaml}
  - {name: mapped, mapped_paths: [services, service, 'service/%{service}.yaml']}
";
    let good = ["hieradata/production/x.yaml", "data/service/ntp.yaml", "beside/a.yaml"];
    assert_eq!(unreached(levels, &good), [""; 0]);
    let bad = ["hieradata/x.yaml", "hieradata/production/y.yaml", "data/y.yaml", "data/z.yaml"];
    assert_eq!(unreached(levels, &bad), bad);
}

#[test]
fn the_target_of_a_link_is_read_through_the_links_name() {
    let config = ("hiera.yaml", &*format!("{HEAD}  - {{name: a, path: 'nodes/%{{facts.a}}.yaml'}}\n"));
    let files = [
        ("data/nodes/web1.yaml", "-> ../types/web.yaml"),
        ("data/types/web.yaml", "{}"),
        ("data/types/db.yaml", "{}"),
    ];
    assert_eq!(faults(config, &files), ["data/types/db.yaml: no level of `hiera.yaml` reads it"]);
    let files = [("data/nodes", "-> ../machines"), ("machines/web.yaml", "{}"), ("data/x/y.yaml", "{}")];
    assert_eq!(faults(config, &files), ["data/x/y.yaml: no level of `hiera.yaml` reads it"]);
}

#[test]
fn a_modules_data_holds_its_own_keys() {
    let config = ("modules/ntp/hiera.yaml", &*format!("{HEAD}  - {{name: a, path: common.yaml}}\n"));
    let files = [
        ("modules/ntp/manifests/init.pp", ""),
        ("modules/ntp/data/common.yaml", "ntp::a: 1\nlookup_options: {}\n"),
        ("modules/ntp/data/os.yaml", "{}"),
        // Not a module of the environment.
        ("data/x.yaml", "x: 1"),
    ];
    assert_eq!(
        faults(config, &files),
        ["modules/ntp/data/os.yaml: no level of `modules/ntp/hiera.yaml` reads it"]
    );
    let files = [
        ("modules/ntp/metadata.json", "{}"),
        ("modules/ntp/data/common.yaml", "ntp::a: 1\nntpd::b: 2\nservers: []\n"),
    ];
    assert_eq!(
        faults(config, &files),
        [
            "modules/ntp/data/common.yaml: `ntpd::b` and 1 more: in a module's data Puppet only uses keys that begin with `ntp::`"
        ]
    );
    let fixture = ("modules/ntp/spec/fixtures/hiera.yaml", "version: 3\n");
    assert_eq!(faults(fixture, &[("modules/ntp/spec/fixtures/manifests/site.pp", "")]), [""; 0]);
    let no_module = ("files/hiera.yaml", "version: 3\n");
    assert_eq!(faults(no_module, &[]), [""; 0]);
}

#[test]
fn a_fault_names_the_level_that_puppet_refuses() {
    for (text, expected) in [
        ("---\n:hierarchy: [common]\n", "Puppet ignores version 3 here"),
        ("", "Puppet ignores version 3 here"),
        ("version: 6\n", "Puppet supports only the versions 4 and 5 here"),
        ("version: 5\nhierarchy: [{name: a, pth: x}]\n", "unknown field `pth`"),
        ("version: 5\nhierarchy: [{path: x}]\n", "missing field `name`"),
        ("version: 5\nhierarchy: [{name: a, path: x, glob: y}]\n", "level `a` has more than one of `path`"),
        ("version: 5\nhierarchy: [{name: a, path: x}, {name: a, path: y}]\n", "two levels have the name `a`"),
        ("version: 5\ndefaults: {datadir: d}\nhierarchy: [{name: a, path: x}]\n", "level `a` names none of"),
        (
            "version: 5\nhierarchy: [{name: a, data_hash: x, lookup_key: y}]\n",
            "level `a` names more than one of",
        ),
        ("version: 5\nhierarchy: [{name: a, hiera3_backend: x}]\n", "`hiera3_backend` is for Puppet's own"),
        ("version: 5\ndefault_hierarchy: [{name: a, path: x}]\n", "`default_hierarchy` is for modules only"),
        ("version: 5\nhierarchy: [{name: a, glob: 'x[.yaml'}]\n", "is not a valid pattern"),
        ("version: 5\nhierarchy: [{name: a,\n", "Hiera cannot read it"),
    ] {
        let found = faults(("hiera.yaml", text), &[]);
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
    }
}

#[test]
fn older_versions_and_defaults_are_as_puppet_has_them() {
    let four = "version: 4\ndatadir: d\nhierarchy:\n  - {name: nodes, backend: yaml, path: 'n/%{a}'}\n  - {name: common, backend: json}\n";
    let files = [("d/n/x.yaml", "{}"), ("d/common.json", "{}"), ("d/common.yaml", "{}")];
    assert_eq!(faults(("hiera.yaml", four), &files), ["d/common.yaml: no level of `hiera.yaml` reads it"]);
    let bare = [("data/common.yaml", "{}"), ("data/nodes/x.yaml", "{}")];
    assert_eq!(
        faults(("hiera.yaml", "version: 5\n"), &bare),
        ["data/nodes/x.yaml: no level of `hiera.yaml` reads it"]
    );
}
