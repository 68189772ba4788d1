//! What the script wrote for each schedule, with systemd and with cron, is removed again.

use std::process::Command;

use e2e::process::succeed;
use e2e::tools;
use stringless_render::platform::Form;
use stringless_render::request::MetadataLock;

use crate::shells::prepare;
use crate::shells::root::{LIMIT, SH};

/// The agent in the root is a stand-in, so another one uninstalls.
#[test]
fn what_each_schedule_wrote_is_uninstalled() {
    for schedule in ["timer", "cron", "daemon", "boot"] {
        for systemd in [false, true] {
            let Some((mut case, root, _)) = prepare(&format!("node: {{schedule: {schedule}}}\n")) else {
                return;
            };
            let Some(agent) = tools::agent() else { return };
            case.lock = Some(MetadataLock::Wanted);
            root.write("usr/local/sbin/nft", "#!/bin/sh\n", 0o755);
            if systemd {
                root.add_systemd();
            }
            let before = root.changes();
            let script = case.render("debian-12", "aws", Form::Script).unwrap().body;
            assert_eq!(root.run(SH, &script).code, 0);
            let written = root.changes().len();
            succeed(Command::new(agent).arg("--root").arg(root.path("")).arg("uninstall"), LIMIT);
            let mut left = root.changes();
            left.retain(|path| !before.contains(path) && path != "runs");
            assert_eq!(left, [] as [&str; 0], "{schedule}, systemd: {systemd}");
            assert!(written > before.len() + 4, "{schedule}, systemd: {systemd}");
        }
    }
}
