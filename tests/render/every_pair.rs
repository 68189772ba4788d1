//! Every distro on every cloud in every form, by what must hold for each of them.

mod repeated;
mod variants;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use e2e::process::{both, run};
use e2e::rendering::SECRET;
use e2e::tools;
use stringless_core::fault::Fault;
use stringless_core::hash::Sha256;
use stringless_core::manifest::AgentPin;
use stringless_render::platform::{Cloud, Distro, Form, Platforms};
use stringless_render::render;
use stringless_render::request::{Request, UserData};
use stringless_render::rerender::{Current, Rendering};

pub use variants::KEYS;
use variants::variants;

/// Calls `check` with the name and the rendering for every pair in every form: of the variants in
/// [`WHOLE`] for each distro, of the others for one of each kind of distro.
pub fn everywhere(mut check: impl FnMut(&str, &UserData)) {
    every_request(|name, _, data| check(name, data));
}

/// As [`everywhere`], with what was asked.
pub fn every_request(mut check: impl FnMut(&str, &Request<'_>, &UserData)) {
    for (variant, case) in variants() {
        let mut kinds = BTreeSet::new();
        for (distro, cloud) in case.platforms.pairs() {
            let known = !kinds.insert((&distro.family, &distro.boot_agents, &distro.paths.bin, &cloud.id));
            if known && !WHOLE.contains(&variant) {
                continue;
            }
            for form in case.platforms.forms(distro, cloud) {
                let name = format!("{}+{}+{}+{variant}", distro.id, cloud.id, form.as_str());
                let data = rendered(&name);
                let request = case.request(distro, cloud, Some(form));
                let data = request.as_ref().and_then(|request| data.get_or_init(|| render(request)).as_ref());
                match data.and_then(|data| Ok((data, request.as_ref()?))) {
                    Ok((data, request)) => check(&name, request, data),
                    Err(fault) => {
                        assert!(cannot_be(variant, distro, form), "{name}: {fault}\n{:?}", fault.hint);
                    }
                }
            }
        }
    }
}

/// A rendering, as soon as one of the tests has made it.
type Rendered = Arc<OnceLock<Result<UserData, Fault>>>;

/// Where the rendering of this name is kept: each test looks at every one, and none needs its own.
fn rendered(name: &str) -> Rendered {
    static RENDERED: Mutex<BTreeMap<String, Rendered>> = Mutex::new(BTreeMap::new());
    Arc::clone(RENDERED.lock().unwrap().entry(name.to_owned()).or_default())
}

/// What has a reason to be refused; other tests look at each of the reasons.
fn cannot_be(variant: &str, distro: &Distro, form: Form) -> bool {
    let document = matches!(form, Form::Ignition | Form::Nix);
    let puppet = &distro.puppet;
    document && (variant.starts_with("file") || matches!(variant, "boot" | "cron"))
        || form == Form::Nix
            && (variant == "session" || variant.starts_with("signed") || variant.starts_with("locked"))
        || variant.ends_with("-distro") && puppet.distro.is_none()
        || (variant.ends_with("-openvox") || variant == "presigned") && puppet.openvox.is_none()
}

#[test]
fn each_is_plain_text_within_its_size() {
    let mut largest: BTreeMap<String, usize> = BTreeMap::new();
    everywhere(|name, data| {
        let plain = data.text.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b));
        assert!(plain, "{name}: other bytes than printable ASCII and LF");
        assert!(data.text.ends_with('\n') && !data.text.contains(" \n"), "{name}: ends of lines");
        assert!(!data.body.contains("\n\n\n") && !data.body.contains("{{"), "{name}");
        if matches!(data.form, Form::Ignition | Form::Nix) {
            assert_eq!(data.text, data.body, "{name}");
            return;
        }
        assert!(data.body.starts_with("#!/bin/sh\n"), "{name}");
        // FreeBSD's `printf %b` ends at the first byte of zero.
        assert!(!data.body.contains("printf %b"), "{name}");
        assert!(data.body.ends_with("\n}\nmain \"$@\"\n"), "{name}");
        if data.form == Form::Script {
            assert_eq!(data.text, data.body, "{name}");
            let limit = if data.body.contains("hmac()") { SIGNING } else { PLAIN };
            assert!(data.text.len() <= limit, "{name}: {} bytes, {limit} are allowed", data.text.len());
            let (_, variant) = name.rsplit_once('+').unwrap();
            let size = largest.entry(variant.to_owned()).or_default();
            *size = data.text.len().max(*size);
        }
    });
    println!("largest per variant: {largest:#?}");
}

#[test]
fn no_secret_stands_where_a_role_does() {
    everywhere(|name, data| {
        let role = data.body.contains("instance_role");
        assert!(!role || !data.text.contains(SECRET), "{name}");
        assert!(!data.body.contains("set -x") && !data.body.contains("| logger\n"), "{name}");
    });
}

#[test]
fn each_cloud_config_carries_the_script() {
    everywhere(|name, data| {
        if data.form != Form::CloudConfig {
            return;
        }
        assert!(data.text.starts_with("#cloud-config\n# Stringless bootstrap"), "{name}");
        let yaml: serde_yaml::Value = serde_yaml::from_str(&data.text).unwrap();
        let file = &yaml["write_files"][0];
        assert_eq!(file["content"].as_str(), Some(data.body.as_str()), "{name}");
        assert_eq!(file["permissions"].as_str(), Some("0700"), "{name}");
        // Its status is the last, and so the status of the whole.
        assert_eq!(yaml["runcmd"].as_sequence().unwrap().len(), 1, "{name}");
        assert_eq!(yaml["runcmd"][0][1], file["path"], "{name}");
        // A reboot between the stages of cloud-init must not lose what it writes once.
        let place = file["path"].as_str().unwrap();
        assert!(!["/run/", "/tmp/", "/dev/"].iter().any(|tmpfs| place.starts_with(tmpfs)), "{name}: {place}");
    });
}

#[test]
fn each_bootcmd_carries_the_script() {
    let Some(sh) = tools::program("dash") else { return };
    let mut seen = BTreeSet::new();
    everywhere(|name, data| {
        if data.form != Form::Bootcmd {
            return;
        }
        assert!(data.text.starts_with("#cloud-config\n# Stringless bootstrap"), "{name}");
        assert!(data.body.contains("Output: journalctl -u stringless-bootcmd"), "{name}");
        let yaml: serde_yaml::Value = serde_yaml::from_str(&data.text).unwrap();
        // cloud-init writes a text into the file of commands as it is; words of a list would show in the list of
        // processes.
        let command = yaml["bootcmd"][0].as_str().unwrap();
        let carried = command.split_once("<<'BOOTCMD'\n").unwrap().1.split_once("BOOTCMD\n").unwrap().0;
        assert_eq!(carried, data.body, "{name}");
        let (_, variant) = name.rsplit_once('+').unwrap();
        if seen.insert(variant.to_owned()) {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("commands");
            fs::write(&file, command).unwrap();
            let output = run(Command::new(&sh).arg("-n").arg(&file), LIMIT);
            assert!(output.status.success(), "{name}: {}", both(&output));
        }
    });
    assert!(!seen.is_empty());
}

#[test]
fn each_passes_shellcheck_and_the_shells() {
    let Some(shellcheck) = tools::program("shellcheck") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (mut files, mut seen) = (Vec::new(), BTreeSet::new());
    let platforms = Platforms::embedded().unwrap();
    everywhere(|name, data| {
        // What differs by nothing but names and versions is looked at once.
        if data.form == Form::Script && seen.insert(without_names(&platforms, name, &data.body)) {
            let file = folder.path().join(name);
            fs::write(&file, &data.body).unwrap();
            files.push(file);
        }
    });
    println!("{} scripts differ", files.len());
    // SC1091: /etc/os-release is the node's.
    for files in files.chunks(30) {
        let mut check = Command::new(&shellcheck);
        check.args(["--shell=sh", "--severity=style", "--exclude=SC1091"]).args(files);
        let output = run(&mut check, LIMIT);
        assert!(output.status.success(), "{}", both(&output));
    }
    for shell in SHELLS {
        let Some(program) = tools::program(shell[0]) else { return };
        for file in &files {
            let output = run(Command::new(&program).args(&shell[1..]).arg("-n").arg(file), LIMIT);
            assert!(output.status.success() && both(&output).is_empty(), "{shell:?}: {}", both(&output));
        }
    }
}

/// The script `DISTRO+CLOUD+…`, with other words for what the files of its distro and cloud say in words.
fn without_names(platforms: &Platforms, name: &str, script: &str) -> String {
    let [distro, cloud, ..] = name.split('+').collect::<Vec<_>>()[..] else { panic!("{name}") };
    let (distro, cloud) = (platforms.distro(distro).unwrap(), platforms.cloud(cloud).unwrap());
    let (_, version) = distro.os_release.distinction();
    let os = format!("{} {version}", distro.os_release.id);
    let code: Vec<&str> = script.lines().filter(|line| !line.starts_with("# ")).collect();
    let mut text = code.join("\n").replace(&distro.name, "NAME").replace(&cloud.name, "CLOUD");
    text = text.replace(&format!("'{os}'"), "OS").replace(&os, "OS");
    // The hash of the script, which its last lines write down.
    if let Some((before, _)) = text.split_once(" >$state/bootstrapped") {
        let mark = before.rsplit(' ').next().unwrap().to_owned();
        text = text.replace(&mark, "MARK");
    }
    for release in distro.puppet.openvox.iter() {
        text = text.replace(release, "URL").replace(&Sha256::of(distro.id.as_bytes()).to_string(), "SUM");
    }
    text
}

#[test]
fn each_unit_is_what_systemd_takes() {
    let Some(analyze) = tools::program("systemd-analyze") else { return };
    for variant in ["public", "daemon"] {
        let case = &variants()[variant];
        for distro in case.platforms.distros.iter().filter(|distro| distro.init.as_str() == "systemd") {
            let takes = |cloud: &&Cloud| case.platforms.forms(distro, cloud).contains(&Form::Script);
            let Some(cloud) = case.platforms.clouds.iter().find(takes) else { continue };
            let script = case.render(&distro.id, &cloud.id, Form::Script).unwrap().body;
            let folder = tempfile::tempdir().unwrap();
            let mut units = Vec::new();
            for part in script.split("cat >$unit").skip(1) {
                let (name, rest) = part.split_once(" <<UNIT").unwrap();
                let body = rest.split_once('\n').unwrap().1.split_once("\nUNIT\n").unwrap().0;
                assert!(
                    !body.contains("cloud-"),
                    "a unit that waits for cloud-init waits for itself:\n{body}"
                );
                let body = body.replace("/usr/local/bin/stringless-agent", "/bin/true");
                let body = body.replace("$copy", "/copy").replace("\\$", "$");
                let unit = folder.path().join(format!("stringless{name}"));
                fs::write(&unit, body).unwrap();
                units.push(unit);
            }
            // One of them repeats the script.
            assert_eq!(units.len(), if variant == "daemon" { 2 } else { 3 });
            let output = run(Command::new(&analyze).arg("verify").arg("--man=no").args(&units), LIMIT);
            let printed = both(&output);
            let ours: Vec<&str> = printed.lines().filter(|line| line.contains("stringless")).collect();
            assert!(ours.is_empty(), "{}: {printed}", distro.id);
        }
    }
}

/// Each line of each rendering is explained, and once.
#[test]
fn each_line_is_explained() {
    everywhere(|name, data| {
        let mut next = 1;
        for part in &data.parts {
            assert_eq!(part.line, next, "{name}: `{}`", part.does);
            let sentence = part.does.ends_with('.') && part.does.len() > 12 && part.does.is_ascii();
            assert!(sentence && !part.does.contains("{{"), "{name}: `{}`", part.does);
            next += part.lines;
        }
        assert_eq!(next, data.body.lines().count() + 1, "{name}: the last lines");
    });
}

/// What was rendered just now is up to date, whatever it was rendered with.
#[test]
fn each_is_up_to_date_when_it_is_new() {
    let mut locked = BTreeSet::new();
    every_request(|name, request, data| {
        let rendering =
            Rendering::read(data.text.as_bytes()).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(rendering.lock(), request.lock, "{name}");
        locked.extend(request.lock.map(|lock| format!("{lock:?}")));
        let pin = AgentPin {
            version: request.agent.version,
            minimum: request.agent.version,
            allow_downgrade: false,
            targets: request.agent.targets.clone(),
        };
        let current = Current {
            site: &request.site.site,
            trust: &request.trust,
            pin: &pin,
            serial: Some(request.min_serial),
            now: request.now,
        };
        // What `--check` knows before it has looked into the rendering.
        let asked = Request { static_keys: None, lock: None, min_serial: 1, ..request.clone() };
        let mut findings = rendering.outdated(&current);
        findings.extend(rendering.compared(&asked).unwrap_or_else(|fault| panic!("{name}: {fault}")));
        assert!(findings.is_empty(), "{name}: {findings:?}");
    });
    assert_eq!(locked.len(), 2, "{locked:?}");
}

/// Variants in which distros of one family differ by more than what they are called.
const WHOLE: [&str; 3] = ["presigned", "public-distro", "signed-openvox"];
const SHELLS: [&[&str]; 4] = [&["dash"], &["posh"], &["yash", "-o", "posixly-correct"], &["busybox", "ash"]];
/// The most bytes of a script, with all that can be switched on: without a signing block, and with one.
const PLAIN: usize = 9 * 1024;
const SIGNING: usize = 11 * 1024 + 512;
pub const LIMIT: Duration = e2e::process::PATIENCE;
