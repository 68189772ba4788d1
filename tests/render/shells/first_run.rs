//! What the first run of the agent makes of the script's end.

use crate::shells::root::{SH, SHELLS};
use crate::shells::{INSTALLED, REPEATS, installed, prepare};

/// The agent is there and scheduled, so that the node heals; the machine's boot counts as failed.
#[test]
fn a_failed_first_run_is_the_script_s_failure() {
    for shell in SHELLS {
        for code in [3, 4, 78] {
            let Some((_, root, script)) = prepare("") else { return };
            root.write("var/lib/stringless/bootstrapped", "of another time", 0o600);
            root.write("ends", format!("{code}\n").repeat(9), 0o644);
            let ended = root.run(shell, &script);
            assert_eq!(ended.code, code, "{shell:?} {}", ended.printed);
            // What was refused may have been the answer of something in between.
            let tries = if code == 3 { 6 } else { 1 };
            let again: String = [1, 2, 4, 8, 16][..tries - 1]
                .iter()
                .map(|pause| format!("stringless: run_agent failed (reason above), again in {pause} s\n"))
                .collect();
            let printed = format!(
                "{again}stringless: the first run failed with exit status {code} (reason above)\n\
                 stringless: this script will be repeated\n"
            );
            assert_eq!(ended.printed, printed, "{shell:?}");
            assert_eq!(installed(&root), INSTALLED[..3], "{shell:?}");
            assert!(REPEATS.iter().all(|path| root.exists(path)), "{shell:?}");
            assert_eq!(root.read("runs").lines().count(), tries);
        }
    }
}

#[test]
fn another_schedule_ends_the_one_before() {
    const LINK: &str = "etc/systemd/system/timers.target.wants/stringless.timer";
    const CRON: &str = "etc/cron.d/stringless";
    for shell in SHELLS {
        for (schedule, cron) in [("cron", true), ("boot", false)] {
            let Some((_, root, script)) = prepare(&format!("node: {{schedule: {schedule}}}\n")) else {
                return;
            };
            root.write(LINK, "", 0o644);
            root.write(CRON, "of another time", 0o644);
            assert_eq!(root.run(shell, &script).code, 0, "{shell:?} {schedule}");
            assert!(!root.exists(LINK), "{shell:?} {schedule}");
            assert_eq!(root.read(CRON).contains("--once"), cron, "{shell:?} {schedule}");
            assert_eq!(root.exists(CRON), cron, "{shell:?} {schedule}");
        }
    }
}

/// A disk that is full, for one: then there is an empty unit, which systemctl enables without a word.
#[test]
fn a_schedule_that_cannot_be_written_is_a_failure() {
    const UNITS: [&str; 2] = ["etc/systemd/system/stringless.service", "etc/systemd/system/stringless.timer"];
    for (systemd, files) in [(true, &UNITS[..]), (false, &["etc/cron.d/stringless"])] {
        for file in files {
            let Some((_, root, script)) = prepare("") else { return };
            if systemd {
                root.add_systemd();
            }
            root.write(&format!("{file}/in-the-way"), "", 0o644);
            let ended = root.run(SH, &script);
            assert_eq!(ended.code, 1, "{file}: {}", ended.printed);
            assert!(ended.printed.contains("stringless: cannot schedule the agent\n"), "{}", ended.printed);
            assert!(!root.exists("var/lib/stringless/bootstrapped"), "{file}");
        }
    }
}

#[test]
fn what_fails_before_the_first_run_leaves_the_last_good_boot_and_its_schedule() {
    let Some((_, root, script)) = prepare("") else { return };
    assert_eq!(root.run(SH, &script).code, 0);
    let broken = "#!/bin/sh\ncase $* in *agent.json) exit 1 ;; esac\nexec /usr/bin/mv \"$@\"\n";
    root.write("usr/local/sbin/mv", broken, 0o755);
    let ended = root.run(SH, &script);
    let printed = "stringless: cannot write /etc/stringless\nstringless: this script will be repeated\n";
    assert_eq!((ended.code, ended.printed.as_str()), (1, printed));
    assert_eq!(installed(&root), INSTALLED);
    assert_eq!(root.read("runs").lines().count(), 1);
}

#[test]
fn a_store_that_does_not_answer_is_asked_again_and_then_given_up() {
    let Some((_, root, script)) = prepare("") else { return };
    root.write("ends", "1\n1\n", 0o644);
    let ended = root.run(SH, &script);
    assert_eq!((ended.code, root.read("slept").as_str()), (0, "1\n2\n"), "{}", ended.printed);
    let Some((_, root, script)) = prepare("") else { return };
    root.write("ends", "1\n".repeat(9), 0o644);
    let ended = root.run(SH, &script);
    assert_eq!((ended.code, root.read("slept").as_str()), (1, "1\n2\n4\n8\n16\n"), "{}", ended.printed);
    // An earlier run may be at work, which a new schedule would end.
    assert_eq!(installed(&root), INSTALLED[1..3]);
}
