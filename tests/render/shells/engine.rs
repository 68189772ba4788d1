//! How the script installs the engine, where the engine needs a package: up to the package tool, which
//! is a stand-in here that records its arguments.

use e2e::netns::Net;
use e2e::rendering::{Case, puppet_site};
use e2e::server::Server;
use stringless_core::hash::Sha256;
use stringless_render::platform::Distro;

use crate::shells::root::{Root, SH, SHELLS};
use crate::shells::{
    AGENT, FOLDER, INSTALLED, REPEATS, assert_untouched, case, distro, installed, object, script,
};

const RELEASE: &str = "the package that adds the repository";
/// Installs a stand-in of the engine when it is called; `/ends-apt` holds the first exit codes.
const APT: &str = "#!/bin/sh
printf '%s, ' \"$DEBIAN_FRONTEND\" \"$NEEDRESTART_MODE\" \"$(umask)\" \"$*\" >>/apt
echo >>/apt
read -r code 2>/dev/null </ends-apt && sed -i 1d /ends-apt && exit \"$code\"
case $* in *'install openvox-agent='* | *'install puppet-agent')
mkdir -p /opt/puppetlabs/bin && : >/opt/puppetlabs/bin/puppet && chmod 755 /opt/puppetlabs/bin/puppet ;;
esac
";
/// What ends the schedule of an earlier script.
const STOP: &str = "stop stringless.*";
const OPTIONS: &str =
    "noninteractive, a, 0022, -qy -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold";

fn root(case: &Case) -> Option<Root> {
    let root = Root::new(distro(case), &Net::host())?;
    root.write(&format!("srv/bucket/{}", object(case)), AGENT, 0o644);
    root.write("usr/local/sbin/apt-get", APT, 0o755);
    root.write("usr/local/sbin/dpkg", "#!/bin/sh\necho \"$*\" >>/dpkg\n", 0o755);
    root.write("usr/local/sbin/systemctl", "#!/bin/sh\necho \"$*\" >>/apt\n", 0o755);
    // The machine that tests may have an engine of its own in its root.
    root.without(&["puppet"]);
    Some(root)
}

#[test]
fn the_distribution_s_package_is_installed_once() {
    let case = case(&puppet_site(FOLDER, false, ""));
    for shell in SHELLS {
        let Some(root) = root(&case) else { return };
        for _ in 0..2 {
            let ended = root.run(shell, &script(&case));
            assert_eq!(ended.code, 0, "{shell:?} {}", ended.printed);
        }
        let expected =
            format!("-q mask puppet.service\n{OPTIONS} update, \n{OPTIONS} install puppet-agent, \n");
        let expected = format!("{expected}{STOP}\n{STOP}\n");
        assert_eq!(root.read("apt"), expected, "{shell:?}");
        // What a power cut interrupted is completed, each time before the tool is asked for something.
        assert_eq!(root.read("dpkg"), "--force-confold --configure -a\n".repeat(2));
        assert_eq!(installed(&root), INSTALLED);
        assert_eq!(root.mode("etc/stringless/agent.json"), 0o600);
    }
}

#[test]
fn a_busy_package_tool_is_waited_for_and_a_broken_one_ends_it() {
    let case = case(&puppet_site(FOLDER, false, ""));
    let Some(root) = root(&case) else { return };
    // The lists, then the package; then both once more.
    root.write("ends-apt", "100\n100\n", 0o644);
    let ended = root.run(SH, &script(&case));
    assert_eq!((ended.code, root.read("slept").as_str()), (0, "1\n"), "{}", ended.printed);

    // A lock of the tool is waited for by the clock: for five minutes.
    let Some(root) = self::root(&case) else { return };
    root.write("ends-apt", "100\n".repeat(28), 0o644);
    let ended = root.run(SH, &script(&case));
    let slept: u32 = root.read("slept").lines().map(|line| line.parse::<u32>().unwrap()).sum();
    assert!(ended.code == 0 && slept >= 300, "{slept} {}", ended.printed);

    let Some(root) = self::root(&case) else { return };
    root.write("ends-apt", "100\n".repeat(99), 0o644);
    let before = root.changes();
    let ended = root.run(SH, &script(&case));
    let mut after = root.changes();
    after.retain(|path| !["apt", "dpkg"].contains(&path.as_str()) && !REPEATS.contains(&path.as_str()));
    assert_eq!(after, before);
    assert_eq!(ended.code, 1);
    assert!(
        ended.printed.contains("stringless: cannot install puppet-agent (reason above)\n"),
        "{}",
        ended.printed
    );
}

#[test]
fn the_repository_is_added_only_with_the_pinned_package() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("release.deb"), RELEASE).unwrap();
    let server = Server::start(&Net::host(), folder.path(), None);
    let mut case = case(&puppet_site(FOLDER, true, ""));
    let mut moved: Distro = distro(&case).clone();
    let id = moved.id.clone();
    moved.puppet.openvox = Some(server.url("release.deb"));
    let place = case.platforms.distros.iter_mut().find(|distro| distro.id == id).unwrap();
    *place = moved;
    let Some(root) = root(&case) else { return };
    let before = root.changes();
    let ended = root.run(SH, &script(&case));
    assert_untouched(&root, &before, &ended, &format!("cannot download {}", server.url("release.deb")));
    assert!(ended.printed.contains("its SHA-256 is not the pinned"), "{}", ended.printed);

    case.site.puppet.release_sha256.insert(id, Sha256::of(RELEASE.as_bytes()));
    for shell in SHELLS {
        let Some(root) = self::root(&case) else { return };
        let ended = root.run(shell, &script(&case));
        assert_eq!(ended.code, 0, "{shell:?} {}", ended.printed);
        let printed = root.read("apt");
        let lines: Vec<&str> = printed.lines().collect();
        assert!(
            lines[0].starts_with(&format!("{OPTIONS} install /usr/local/bin/stringless-agent.")),
            "{printed}"
        );
        assert_eq!(lines[1], "-q mask puppet.service");
        let install = format!("{OPTIONS} install openvox-agent=8.28.1-*, ");
        let rest = [format!("{OPTIONS} update, "), install, STOP.into()];
        assert_eq!(lines[2..], rest);
        assert_eq!(installed(&root), INSTALLED);
    }
}
