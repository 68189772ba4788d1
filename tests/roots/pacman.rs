//! The engine from an archive of Arch Linux's format, installed by the real pacman as Debian builds it, in an
//! overlay of this machine. Signatures are asked for as Arch does: of each package, by a key that is trusted.

use std::fs;
use std::process::Command;

use e2e::netns::Net;
use e2e::process::succeed;
use e2e::record;
use e2e::server::{Fault, Server};
use e2e::tools;
use stringless_render::platform::Level;

use crate::packages::{CLOUD, LIMIT, Root, case};

const DISTRO: &str = "arch";
const KEYRING: &str = "etc/pacman.d/gnupg";
/// A package that a machine of some age has, and that is too old for the engine.
const OLD: &str = "%NAME%\nlibrary\n\n%VERSION%\n1-1\n\n%ARCH%\nany\n\n";

#[test]
fn pacman_installs_the_pinned_version_or_tells_why_not() {
    for program in ["pacman", "repo-add", "bsdtar", "gpg"] {
        if tools::program(program).is_none() {
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&Net::host(), folder.path(), None);
    succeed(Command::new(tools::root().join("tests/roots/pacman.sh")).arg(folder.path()), LIMIT);
    let mut case = case(false);
    case.site.puppet.version = Some("8.10.0".into());
    let machine = || {
        let root = Root::new(&case, DISTRO)?;
        let options = "Architecture = auto\nCheckSpace\nSigLevel = Required DatabaseOptional\nLocalFileSigLevel = Optional\n";
        root.write("etc/pacman.conf", &format!("[options]\n{options}[extra]\nServer = {}\n", server.url("")));
        root.write("var/lib/pacman/local/ALPM_DB_VERSION", "9\n");
        root.write("var/lib/pacman/local/library-1-1/desc", OLD);
        root.write("var/lib/pacman/local/library-1-1/files", "");
        fs::create_dir_all(root.path(KEYRING)).unwrap();
        for file in ["pubring.kbx", "trustdb.gpg"] {
            fs::copy(folder.path().join("gnupg").join(file), root.path(KEYRING).join(file)).unwrap();
        }
        Some(root)
    };
    let refused = |(code, printed): (i32, String), version: &str, reason: &str| {
        let end = format!("cannot install puppet {version} (reason above)\n");
        assert!(code == 1 && printed.contains(&end) && printed.contains(reason), "{printed}");
    };

    // Nobody vouches for the key that signed the packages.
    let Some(root) = machine() else { return };
    fs::remove_file(root.path(KEYRING).join("trustdb.gpg")).unwrap();
    refused(root.run(&case, DISTRO), "8.10.0", "is unknown trust");
    assert!(root.engine().is_none());

    // The archive is away, too long: pacman says what it missed, and there is an end.
    let Some(root) = machine() else { return };
    server.fault_times("extra.db", Fault::status(503), 10_000);
    let ended = root.run(&case, DISTRO);
    assert!(!ended.1.contains("another version"), "{}", ended.1);
    refused(ended, "8.10.0", "503");
    assert_eq!(
        fs::read_to_string(root.path("slept")).unwrap(),
        "1\n2\n4\n8\n16\n".to_owned() + &"32\n".repeat(9)
    );
    assert!(root.engine().is_none());
    server.mend();

    // It is back: what the engine needs is brought up to date with it.
    let (code, printed) = root.run(&case, DISTRO);
    assert_eq!((code, root.engine().as_deref()), (0, Some("8.10.0")), "{printed}");
    assert!(root.path("var/lib/pacman/local/library-2-1").exists(), "{printed}");

    // The archive has another version than the pinned one, which begins alike: nothing is put in its place.
    let Some(root) = machine() else { return };
    case.site.puppet.version = Some("8.1".into());
    refused(root.run(&case, DISTRO), "8.1", "the archive has another version of puppet");
    assert!(root.engine().is_none() && !root.path("var/lib/pacman/local/library-2-1").exists());
    record::proved(Level::RanWithPackageTool, DISTRO, CLOUD);
}
