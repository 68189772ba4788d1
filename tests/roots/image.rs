//! What `--as packer` leaves of a builder, on systems where nothing but it takes the builder's identity away.

use e2e::netns::Lab;
use e2e::packer::steps;
use e2e::rendering::{Case, SCRIPT, WEB, site};
use stringless_render::embed::source;
use stringless_render::platform::{Distro, Encoding, Form};
use stringless_render::render;
use stringless_render::request::{Request, Tool};

use crate::root::Root;
use crate::small::{alpine, freebsd};

/// A builder's own: a copy that had it would be the builder, or could be taken for it.
const OWN: [&str; 7] = [
    "etc/ssh/ssh_host_ed25519_key",
    "etc/ssh/ssh_host_ed25519_key.pub",
    "etc/ssh/ssh_host_rsa_key",
    "etc/hostid",
    "var/lib/systemd/random-seed",
    "var/lib/seedrng/seed.credit",
    "var/db/entropy/saved-entropy.1",
];

#[test]
fn a_copy_of_alpine_is_nobody_yet() {
    let Some(lab) = Lab::new() else { return };
    let Some((root, distro)) = prepared("alpine", &lab, alpine) else { return };
    is_nobody_yet(&root, &distro);
    assert!(!root.exists("firstboot"));
    // What the disk does not let go of must not become an image.
    root.without(&["find"]);
    root.write("usr/bin/find", "#!/bin/sh\nexit 1\n", 0o755);
    assert_eq!(root.run(&clean(&distro)).code, 1);
}

#[test]
fn a_copy_of_freebsd_is_nobody_yet() {
    let Some(lab) = Lab::new() else { return };
    let Some((root, distro)) = prepared("freebsd", &lab, freebsd) else { return };
    std::fs::create_dir_all(root.path("usr/local/etc/rc.d")).unwrap();
    is_nobody_yet(&root, &distro);
    assert!(root.exists("firstboot"), "what runs user-data there does so at a first boot alone");
    assert!(root.read("calls").starts_with("service stringless onestop\n"), "{}", root.read("calls"));
}

/// A builder of this family, on which the agent has run.
fn prepared(family: &str, lab: &Lab, make: impl Fn(&Distro, &Lab) -> Option<Root>) -> Option<(Root, Distro)> {
    let case = case();
    let distro = case.platforms.distros.iter().find(|distro| distro.family.as_str() == family).unwrap();
    let root = make(distro, lab)?;
    let state = &distro.paths.state[1..];
    for path in OWN {
        root.write(path, "the builder's\n", 0o600);
    }
    for path in [&format!("{state}/state.json"), &format!("{state}/releases/1/file")] {
        root.write(path, "1", 0o600);
    }
    for path in [config(distro).as_str(), "etc/ssh/sshd_config"] {
        root.write(path, "stays", 0o600);
    }
    Some((root, distro.clone()))
}

fn is_nobody_yet(root: &Root, distro: &Distro) {
    let ended = root.run(&clean(distro));
    assert_eq!((ended.code, ended.printed.as_str()), (0, ""), "{}", distro.id);
    for path in OWN {
        assert!(!root.exists(path), "{}: {path}", distro.id);
    }
    let state = root.path(&distro.paths.state[1..]);
    assert_eq!(state.read_dir().unwrap().count(), 0, "{}", distro.id);
    assert_eq!(root.read("etc/machine-id"), "", "{}", distro.id);
    for path in [config(distro).as_str(), "etc/ssh/sshd_config"] {
        assert_eq!(root.read(path), "stays", "{}: {path}", distro.id);
    }
}

fn config(distro: &Distro) -> String {
    format!("{}/agent.json", &distro.paths.etc[1..])
}

/// The second step of the build, as a script.
fn clean(distro: &Distro) -> String {
    let case = case();
    let takes = |cloud: &&stringless_render::platform::Cloud| {
        case.platforms.forms(distro, cloud).contains(&Form::Script)
    };
    let cloud = case.platforms.clouds.iter().find(takes).unwrap();
    let asked = case.request(distro, cloud, Some(Form::Script)).unwrap();
    let request = Request { tool: Some(Tool::Packer), encoding: Encoding::Plain, ..asked };
    let build = source(&request, &render(&request).unwrap(), Tool::Packer, None).unwrap();
    format!("#!/bin/sh\n{}", steps(&build)[2])
}

fn case() -> Case {
    Case::new(&site(WEB, SCRIPT, ""))
}
