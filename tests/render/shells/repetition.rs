//! What the script leaves behind before anything needs the network: a copy of it, and what runs that again.

use e2e::netns::Net;
use e2e::rendering::{SCRIPT, site};
use stringless_render::platform::Form;

use crate::shells::root::{Root, SH, SHELLS};
use crate::shells::{AGENT, FOLDER, INSTALLED, REPEATS, case, distro, installed, object, prepare};

/// What cron and the systemd unit run.
const COPY: &str = "exec sh /etc/stringless/bootstrap.sh\n";

/// Nothing answers at first; later the copy does everything that is left, and then it is gone.
#[test]
fn the_copy_goes_on_until_it_has_succeeded_once() {
    for shell in SHELLS {
        let Some((case, root, script)) = prepare("") else { return };
        let (file, away) = (format!("srv/bucket/{}", object(&case)), root.path("away"));
        std::fs::rename(root.path(&file), &away).unwrap();
        assert_eq!(root.run(shell, &script).code, 1, "{shell:?}");
        assert_eq!(root.read(REPEATS[1]), script, "{shell:?}");
        assert_eq!(root.mode(REPEATS[1]) & 0o77, 0, "it may hold a key");
        let line = root.read(REPEATS[0]);
        assert!(
            line.starts_with("*/5 * * * * root PATH=/") && line.contains(" sh /etc/stringless/bootstrap.sh "),
            "{line}"
        );
        let ended = root.run(SH, COPY);
        assert_eq!(ended.code, 1, "{shell:?} {}", ended.printed);
        assert!(REPEATS.iter().all(|path| root.exists(path)), "{shell:?}");

        std::fs::rename(&away, root.path(&file)).unwrap();
        root.write("ends", "4\n", 0o644);
        assert_eq!(root.run(SH, COPY).code, 4, "{shell:?}");
        let ended = root.run(SH, COPY);
        assert_eq!((ended.code, ended.printed.as_str()), (0, "stringless: ready\n"), "{shell:?}");
        assert_eq!(installed(&root), INSTALLED, "{shell:?}");
        assert!(!REPEATS.iter().any(|path| root.exists(path)), "{shell:?}");
    }
}

/// A power cut: the script ends anywhere, and nothing that it would do at its end happens.
#[test]
fn a_cut_at_any_step_is_made_good_by_the_copy() {
    // Programs that the script calls, in the order of its steps, and what they are called with.
    for (program, argument) in [
        ("cp", "/srv/bucket"),
        ("chmod", "755"),
        ("mv", "stringless-agent"),
        ("mv", "agent.json"),
        ("rm", "bootstrapped"),
        ("rm", "cron.d/stringless"),
        ("rm", "bootstrap.sh"),
    ] {
        let Some((_, root, script)) = prepare("") else { return };
        let cut = format!(
            "#!/bin/sh\ncase \"$*\" in *{argument}*) [ -e /cut ] || {{ : >/cut; kill -9 $PPID; exit 1; }} ;; esac\n\
             exec /usr/bin/{program} \"$@\"\n"
        );
        root.write(&format!("usr/local/sbin/{program}"), cut, 0o755);
        root.write("script", &script, 0o600);
        // The first process of a namespace cannot be ended from inside it.
        let ended = root.run(SH, "sh /script\nexit $?\n");
        assert_eq!(ended.code, 137, "{program} {argument}: {}", ended.printed);
        assert!(REPEATS.iter().all(|path| root.exists(path)), "{program} {argument}");
        let ended = root.run(SH, COPY);
        assert_eq!(ended.code, 0, "{program} {argument}: {}", ended.printed);
        assert_eq!(installed(&root), INSTALLED, "{program} {argument}");
        assert!(!root.exists("usr/local/bin/stringless-agent.new"), "{program} {argument}");
    }
}

/// A script that comes from a pipe has no file to copy: it says so, and goes on.
#[test]
fn a_script_without_a_file_is_not_repeated() {
    let Some((_, root, script)) = prepare("") else { return };
    root.write("script", &script, 0o600);
    let ended = root.run(SH, "cat /script | sh\n");
    assert_eq!(ended.code, 0, "{}", ended.printed);
    assert!(
        ended.printed.contains("stringless: cannot copy this script: nothing will repeat it"),
        "{}",
        ended.printed
    );
    assert_eq!(installed(&root), INSTALLED);
}

/// Every form and every schedule leaves something behind, but those whose own unit repeats the script.
#[test]
fn each_form_is_repeated() {
    let case = case(&site(FOLDER, SCRIPT, "node: {schedule: boot}\n"));
    for (distro, cloud) in case.platforms.pairs() {
        for form in [Form::Script, Form::CloudConfig, Form::Mime] {
            let Ok(data) = case.render(&distro.id, &cloud.id, form) else { continue };
            let what = match distro.init.as_str() {
                "systemd" => "Restart=on-failure",
                "openrc" | "rc" => "do sh $copy",
                other => panic!("{other}"),
            };
            let at = |text: &str| data.body.find(text).unwrap_or_else(|| panic!("{}: {text}", distro.id));
            assert!(data.body.contains(what), "{} {}", distro.id, cloud.id);
            let main = at("\nmain() {");
            let steps = &data.body[main..];
            assert!(steps.find("leave_copy") < steps.find("install_agent"), "{}", distro.id);
            assert!(steps.find("check_machine") < steps.find("leave_copy"), "{}", distro.id);
        }
    }
    let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
    root.write(&format!("srv/bucket/{}", object(&case)), AGENT, 0o644);
    root.write("ends", "4\n", 0o644);
    let script = case.render(&distro(&case).id, "nocloud", Form::Script).unwrap().body;
    assert_eq!(root.run(SH, &script).code, 4);
    assert!(root.exists(REPEATS[1]), "with no schedule, nothing else would run the agent");
    assert_eq!(root.run(SH, COPY).code, 0);
    assert!(!REPEATS.iter().any(|path| root.exists(path)));
}
