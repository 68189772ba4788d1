//! The lock of the metadata service, where it cannot be set or kept.

use stringless_render::platform::Form;
use stringless_render::request::MetadataLock;

use crate::shells::prepare;
use crate::shells::root::SH;

/// What keeps it for the next boot may fail: it is set all the same, and the failure is reported.
#[test]
fn a_lock_that_is_not_kept_is_set_and_reported() {
    for lock in [MetadataLock::Wanted, MetadataLock::Required] {
        for (file, systemd, set) in [
            ("etc/stringless/lock", true, false),
            ("etc/systemd/system/stringless-lock.service", true, true),
            ("etc/cron.d/stringless-lock", false, true),
        ] {
            let Some((mut case, root, _)) = prepare("") else { return };
            case.lock = Some(lock);
            let script = case.render("debian-12", "aws", Form::Script).unwrap().body;
            if systemd {
                root.add_systemd();
            }
            root.write("usr/local/sbin/nft", "#!/bin/sh\n: >/locked\n", 0o755);
            root.write(&format!("{file}/in-the-way"), "", 0o644);
            let ended = root.run(SH, &script);
            let required = lock == MetadataLock::Required;
            assert_eq!(ended.code, i32::from(required), "{file}: {}", ended.printed);
            let reported = ended.printed.contains("stringless: cannot lock the metadata service\n");
            assert!(reported, "{file}: {}", ended.printed);
            assert_eq!(root.exists("locked"), set, "{file}: {}", ended.printed);
            assert_eq!(root.exists("var/lib/stringless/bootstrapped"), !required, "{file}");
        }
    }
}
