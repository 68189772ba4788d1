//! The script, run for real in throw-away roots: under each shell, and into each refusal.
//! The agent here is a stand-in that writes down its runs: this is about what happens before it.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

mod cloud_config;
mod engine;
mod fetching;
mod first_run;
mod late;
mod lock;
mod options;
mod repetition;
mod root;
mod signing;
mod strict;
mod uninstall;

use e2e::netns::Net;
use e2e::rendering::{Case, SCRIPT, site};
use stringless_core::config::Config;
use stringless_core::hash::Sha256;
use stringless_render::platform::{Distro, Form};

use root::{Ended, Root, SH, SHELLS};

/// Says its version; writes down each run and ends with the next line of `/ends`, or well.
const AGENT: &str = "#!/bin/sh
case $1 in
version) echo 'stringless-agent 0.1.0' ;;
--once)
[ -s /etc/stringless/agent.json ] || exit 78
printf 'umask %s, HOME=%s, proxy=%s\\n' \"$(umask)\" \"$HOME\" \"${https_proxy-}\" >>/runs
read -r code 2>/dev/null </ends || exit 0
sed -i 1d /ends
exit \"$code\" ;;
esac
";
const FOLDER: &str = "{url: 'file:///srv/bucket'}";
const BIN: &str = "usr/local/bin/stringless-agent";
/// What the script leaves behind first, until all went well.
const REPEATS: [&str; 2] = ["etc/cron.d/stringless-bootstrap", "etc/stringless/bootstrap.sh"];
/// What the script leaves behind when all went well.
const INSTALLED: [&str; 4] =
    ["etc/cron.d/stringless", "etc/stringless/agent.json", BIN, "var/lib/stringless/bootstrapped"];

/// A case whose pinned agent is [`AGENT`].
fn case(yaml: &str) -> Case {
    let mut case = Case::new(yaml);
    for file in case.targets.values_mut() {
        (file.size, file.sha256) = (AGENT.len() as u64, Sha256::of(AGENT.as_bytes()));
    }
    case
}

/// The script for the first distro on a machine of one's own.
fn script(case: &Case) -> String {
    case.render(&distro(case).id, "nocloud", Form::Script).unwrap().body
}

fn distro(case: &Case) -> &Distro {
    case.platforms.distro("debian-12").unwrap()
}

/// Where a store keeps the agent of this machine.
fn object(case: &Case) -> String {
    let arch = std::env::consts::ARCH;
    let target = distro(case).targets.iter().find(|target| target.as_str().starts_with(arch)).unwrap();
    format!("agent/0.1.0/{target}/stringless-agent")
}

/// A root with a bucket in a folder, and the script for it.
fn prepare(more: &str) -> Option<(Case, Root, String)> {
    let case = case(&site(FOLDER, SCRIPT, more));
    let root = Root::new(distro(&case), &Net::host())?;
    root.write(&format!("srv/bucket/{}", object(&case)), AGENT, 0o644);
    let script = script(&case);
    Some((case, root, script))
}

fn installed(root: &Root) -> Vec<&'static str> {
    INSTALLED.into_iter().filter(|path| root.exists(path)).collect()
}

/// Nothing but what was there: no agent, no schedule, no half file. What repeats the script is left behind.
fn assert_untouched(root: &Root, before: &[String], ended: &Ended, reason: &str) {
    assert_eq!(ended.code, 1, "{}", ended.printed);
    assert!(ended.printed.contains(&format!("stringless: {reason}")), "{}", ended.printed);
    let without = |paths: &[String]| -> Vec<String> {
        paths.iter().filter(|path| !REPEATS.contains(&path.as_str())).cloned().collect()
    };
    assert_eq!(without(&root.changes()), without(before), "{}", ended.printed);
    assert!(REPEATS.iter().all(|path| root.exists(path)), "{}", ended.printed);
    assert!(ended.printed.ends_with("stringless: this script will be repeated\n"), "{}", ended.printed);
}

/// The same, and nothing repeats the script: it is not for this machine.
fn assert_refused(root: &Root, before: &[String], ended: &Ended, reason: &str) {
    assert_eq!(ended.code, 1, "{}", ended.printed);
    assert!(ended.printed.starts_with(&format!("stringless: {reason}")), "{}", ended.printed);
    assert_eq!(root.changes(), before, "{}", ended.printed);
}

#[test]
fn each_shell_installs_schedules_and_applies() {
    for shell in SHELLS {
        let Some((_, root, script)) = prepare("") else { return };
        let ended = root.run(shell, &script);
        assert_eq!(ended.code, 0, "{shell:?}\n{}", ended.printed);
        assert_eq!(ended.printed, "stringless: ready\n", "{shell:?}");
        assert_eq!(installed(&root), INSTALLED, "{shell:?}");
        assert_eq!(root.mode(BIN), 0o755);
        assert_eq!((root.mode("etc/stringless"), root.mode("etc/stringless/agent.json")), (0o700, 0o600));
        assert_eq!(root.read("runs"), "umask 0022, HOME=/root, proxy=\n", "{shell:?}");
        let config = Config::parse(root.read("etc/stringless/agent.json").as_bytes()).unwrap();
        assert_eq!(config.layers[0].min_serial, 7);
        let line = root.read("etc/cron.d/stringless");
        let (minute, command) = line.split_once("-59/5 * * * * ").unwrap();
        assert!(minute.parse::<u32>().unwrap() < 5, "{line}");
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let expected =
            format!("root PATH={path} /usr/local/bin/stringless-agent --once 2>&1 | logger -t stringless\n");
        assert_eq!(command, expected);
        assert!(!REPEATS.iter().any(|path| root.exists(path)), "{shell:?}");
        let extra: Vec<_> =
            root.changes().into_iter().filter(|path| path.contains("stringless-agent.")).collect();
        assert!(extra.is_empty(), "{extra:?}");

        // Again, with the store gone: what is there is kept, and applied.
        std::fs::remove_dir_all(root.path("srv/bucket")).unwrap();
        assert_eq!(root.run(shell, &script).code, 0, "{shell:?}");
        assert_eq!(root.read("runs").lines().count(), 2);
    }
}

#[test]
fn what_is_renamed_is_labelled() {
    let Some((_, root, script)) = prepare("") else { return };
    root.write("usr/sbin/restorecon", "#!/bin/sh\necho \"$*\" >>/labelled\n", 0o755);
    assert_eq!(root.run(SH, &script).code, 0);
    assert_eq!(root.read("labelled"), "-F /usr/local/bin/stringless-agent\n");
}

#[test]
fn a_cut_script_does_nothing() {
    let Some((_, root, script)) = prepare("") else { return };
    let before = root.changes();
    let end = script.rfind("main").unwrap();
    for length in (0..=end).step_by(157).chain([end, end + 3]) {
        root.run(SH, &script[..length]);
        assert_eq!(root.changes(), before, "cut at {length}");
    }
}

#[test]
fn a_wrong_hash_installs_nothing() {
    let Some((case, root, script)) = prepare("") else { return };
    root.write(&format!("srv/bucket/{}", object(&case)), AGENT.replace("0.1.0", "6.6.6"), 0o755);
    let before = root.changes();
    for shell in SHELLS {
        let ended = root.run(shell, &script);
        assert_untouched(&root, &before, &ended, &format!("/{BIN}.new: its SHA-256 is not the pinned "));
    }
}

#[test]
fn an_agent_that_does_not_run_is_not_installed() {
    let mut case = case(&site(FOLDER, SCRIPT, ""));
    let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
    let broken = b"\x7fELF";
    for file in case.targets.values_mut() {
        file.sha256 = Sha256::of(broken);
    }
    root.write(&format!("srv/bucket/{}", object(&case)), broken, 0o644);
    let before = root.changes();
    let ended = root.run(SH, &script(&case));
    assert_untouched(&root, &before, &ended, "the agent does not run here (reason above)");
}

#[test]
fn another_system_is_refused() {
    let Some((case, root, script)) = prepare("") else { return };
    let release = &distro(&case).os_release;
    let version = release.version.as_ref().unwrap();
    // It has no version before its release.
    let testing = case.render("debian-14", "nocloud", Form::Script).unwrap().body;
    for (script, text, ok) in [
        (&script, "ID=other\nVERSION_ID=\"1\"\n".to_string(), false),
        (&script, format!("ID={}\n", release.id), false),
        (&script, format!("ID={}\nVERSION_ID=\"{}5\"\n", release.id, version), false),
        (&testing, "ID=debian\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\n".to_owned(), false),
        (&testing, "ID=debian\nVERSION_CODENAME=forky\n".to_owned(), true),
        (&script, format!("ID={}\nVERSION_ID=\"{}.5\"\n", release.id, version), true),
    ] {
        root.write("etc/os-release", &text, 0o644);
        let before = root.changes();
        let ended = root.run(SH, script);
        if ok {
            assert_eq!(ended.code, 0, "{}", ended.printed);
        } else {
            assert_refused(&root, &before, &ended, "this system is '");
            assert!(ended.printed.contains("render it again"), "{}", ended.printed);
        }
    }
}

#[test]
fn another_cpu_is_refused() {
    let Some((_, root, script)) = prepare("") else { return };
    root.write("usr/local/sbin/uname", "#!/bin/sh\necho sparc64\n", 0o755);
    let before = root.changes();
    let ended = root.run(SH, &script);
    assert_refused(&root, &before, &ended, "no agent is pinned for the CPU sparc64");
}

#[test]
fn whoever_is_not_root_is_refused() {
    let Some((_, root, script)) = prepare("") else { return };
    root.write("usr/local/sbin/id", "#!/bin/sh\necho 1000\n", 0o755);
    let before = root.changes();
    let ended = root.run(SH, &script);
    assert_refused(&root, &before, &ended, "not root");
}

#[test]
fn nothing_to_schedule_with_is_refused_before_anything_is_done() {
    let Some((_, root, script)) = prepare("") else { return };
    root.without(&["cron"]);
    let before = root.changes();
    let ended = root.run(SH, &script);
    assert_refused(&root, &before, &ended, "no systemd and no cron to run the agent again");
    let Some((_, root, script)) = prepare("node: {schedule: cron}\n") else { return };
    root.without(&["cron"]);
    let ended = root.run(SH, &script);
    assert_eq!(ended.printed, "stringless: no cron: install it, or set node.schedule to timer or boot\n");
    let Some((_, root, script)) = prepare("node: {schedule: boot}\n") else { return };
    root.without(&["cron"]);
    assert_eq!(root.run(SH, &script).code, 0);
    assert!(!root.exists("etc/cron.d/stringless"));
}

#[test]
fn each_hash_tool_will_do_and_none_is_refused() {
    let Some((_, root, script)) = prepare("") else { return };
    root.without(&["sha256sum"]);
    root.write("usr/local/sbin/sha256", "#!/bin/sh\n[ \"$1\" = -q ] && shasum -a 256 | cut -c1-64\n", 0o755);
    for gone in [&["sha256"][..], &["shasum"], &["openssl"]] {
        assert_eq!(root.run(SH, &script).code, 0, "before {gone:?} is gone");
        root.without(gone);
        root.without(&["stringless-agent"]);
    }
    let ended = root.run(SH, &script);
    assert_eq!(ended.code, 1);
    assert_eq!(ended.printed, "stringless: no sha256sum, sha256, shasum or openssl\n");
    assert!(!root.exists(BIN));
}

#[test]
fn a_full_disk_installs_nothing() {
    for (full, reason) in
        [("usr/local/bin", "cannot copy the agent"), ("etc/stringless", "cannot write /etc/stringless")]
    {
        let Some((_, mut root, script)) = prepare("") else { return };
        root.prelude = format!(
            "mkdir -p \"$0/{full}\" && mount -t tmpfs -o size=4k,nr_inodes=3 tmpfs \"$0/{full}\" && head -c 4096 /dev/zero >\"$0/{full}/fill\""
        );
        let ended = root.run(SH, &script);
        assert_eq!(ended.code, 1, "{}", ended.printed);
        assert!(ended.printed.contains(&format!("stringless: {reason}")), "{}", ended.printed);
        assert!(!root.exists("etc/cron.d/stringless") && !root.exists("runs"), "{}", ended.printed);
    }
}

#[test]
fn hostile_folders_and_proxies_stay_text() {
    for text in ["$(touch$IFS/pwned)", "a'b;touch$IFS/pwned;'", "`touch$IFS/pwned`", "a\"b\\c", "*?[a]", "~-"]
    {
        let url = serde_json::to_string(&format!("file:///srv/{text}")).unwrap();
        // A login of a proxy has no `/` and no `?`.
        let login = text.replace('/', "%2F").replace('?', "%3F");
        let proxy = serde_json::to_string(&format!("http://{login}@proxy")).unwrap();
        let more = format!("node: {{proxy: {proxy}}}\n");
        let case = case(&site(&format!("{{url: {url}}}"), SCRIPT, &more));
        let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
        root.write(&format!("srv/{text}/{}", object(&case)), AGENT, 0o644);
        for shell in SHELLS {
            root.without(&["stringless-agent"]);
            let ended = root.run(shell, &script(&case));
            assert_eq!(ended.code, 0, "{text} {shell:?}\n{}", ended.printed);
            assert!(!root.exists("pwned"), "{text}");
            assert!(
                root.read("runs").ends_with(&format!("proxy=http://{login}@proxy\n")),
                "{}",
                root.read("runs")
            );
            let config = Config::parse(root.read("etc/stringless/agent.json").as_bytes()).unwrap();
            assert_eq!(config.layers[0].stores[0].url, format!("file:///srv/{text}"));
        }
    }
}
