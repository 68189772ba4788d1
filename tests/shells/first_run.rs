//! What the first run of the agent makes of the script's end.

use crate::root::{SH, SHELLS};
use crate::{INSTALLED, installed, prepare};

/// The agent is there and scheduled, so that the node heals; the machine's boot counts as failed.
#[test]
fn a_failed_first_run_is_the_script_s_failure() {
    for shell in SHELLS {
        for code in [3, 4, 78] {
            let Some((_, root, script)) = prepare("") else { return };
            root.write("var/lib/stringless/bootstrapped", "of another time", 0o600);
            root.write("ends", format!("{code}\n"), 0o644);
            let ended = root.run(shell, &script);
            assert_eq!(ended.code, code, "{shell:?} {}", ended.told);
            let told = format!(
                "stringless: the first run failed with exit status {code} (reason above); it will be tried again\n"
            );
            assert_eq!(ended.told, told, "{shell:?}");
            assert_eq!(installed(&root), INSTALLED[..3], "{shell:?}");
            assert_eq!(root.read("runs").lines().count(), 1);
        }
    }
}

#[test]
fn a_store_that_does_not_answer_is_asked_again_and_then_given_up() {
    let Some((_, root, script)) = prepare("") else { return };
    root.write("ends", "1\n1\n", 0o644);
    let ended = root.run(SH, &script);
    assert_eq!((ended.code, root.read("slept").as_str()), (0, "5\n10\n"), "{}", ended.told);
    let Some((_, root, script)) = prepare("") else { return };
    root.write("ends", "1\n".repeat(9), 0o644);
    let ended = root.run(SH, &script);
    assert_eq!((ended.code, root.read("slept").as_str()), (1, "5\n10\n20\n"), "{}", ended.told);
    assert_eq!(installed(&root), INSTALLED[..3]);
}
