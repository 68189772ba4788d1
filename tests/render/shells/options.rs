//! The options of the shell that starts the script, such as the `sh -e` of other tools, change nothing.

use crate::shells::root::Shell;
use crate::shells::{AGENT, BIN, INSTALLED, REPEATS, installed, object, prepare};

const OPTIONS: [Shell; 6] = [
    &["/bin/sh", "-e"],
    &["/bin/sh", "-eu"],
    &["/bin/sh", "-euCf"],
    &["/usr/bin/posh", "-eu"],
    &["/usr/bin/yash", "-o", "posixly-correct", "-eu"],
    &["/usr/bin/busybox", "ash", "-eu"],
];

#[test]
fn the_script_comes_to_the_same_end() {
    for shell in OPTIONS {
        let Some((case, root, script)) = prepare("") else { return };
        // An agent that is not the pinned one, a run that fails, and one that goes well.
        root.write(&format!("srv/bucket/{}", object(&case)), "another", 0o644);
        let ended = root.run(shell, &script);
        let reason = "stringless: cannot copy the agent from the store (reason above)\n";
        assert!(ended.code == 1 && ended.printed.contains(reason), "{shell:?} {}", ended.printed);
        assert!(!root.exists(BIN) && REPEATS.iter().all(|path| root.exists(path)), "{shell:?}");

        root.write(&format!("srv/bucket/{}", object(&case)), AGENT, 0o644);
        root.write("ends", "4\n", 0o644);
        let ended = root.run(shell, &script);
        let reason = "stringless: the first run failed with exit status 4 (reason above)\n";
        assert!(ended.code == 4 && ended.printed.contains(reason), "{shell:?} {}", ended.printed);

        let ended = root.run(shell, &script);
        assert_eq!((ended.code, ended.printed.as_str()), (0, "stringless: ready\n"), "{shell:?}");
        assert_eq!(installed(&root), INSTALLED, "{shell:?}");
    }
}
