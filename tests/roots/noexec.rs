//! Hardened images mount `/var` so that no file in it is executed.

use e2e::web::Web;
use stringless_render::platform::Platforms;

use crate::root::Root;

const APPLY: &str = "#!/bin/sh\necho \"$STRINGLESS_SERIAL $(cat text)\" >>/var/lib/applied\n";
const NOEXEC: &str = "mount --bind \"$0/var\" \"$0/var\" && mount -o remount,bind,noexec \"$0/var\"";

/// With the real agent, and an engine that is a program of the release.
#[test]
fn the_form_bootcmd_converges() {
    let Some(web) = Web::new(&[], &[]) else { return };
    web.site.write("apply", APPLY, 0o755);
    web.site.write("text", "first\n", 0o644);
    let Some(_) = web.publish() else { return };
    let platforms = Platforms::embedded().unwrap();
    let Some(root) = Root::new(platforms.distro("debian-13").unwrap(), &web.lab) else { return };
    std::fs::create_dir_all(root.path("run/systemd/system")).unwrap();
    // So that the mount option counts here.
    root.write("var/lib/program", "#!/bin/sh\n", 0o755);
    let ended = root.run_after(NOEXEC, "#!/bin/sh\n/var/lib/program\n");
    assert_eq!(ended.code, 126, "{}", ended.printed);

    let text = web.render("debian-13", "nocloud", &["--form", "bootcmd"]);
    let yaml: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    // As cloud-init runs it: a file that the shell reads. Nothing here starts the unit, so this does.
    let command = yaml["bootcmd"][0].as_str().unwrap();
    let calls = "#!/bin/sh\necho \"$*\" >>/systemctl\n";
    root.write("usr/bin/systemctl", calls, 0o755);
    let script = format!(
        "#!/bin/sh\ncat >/commands <<'COMMANDS'\n{command}COMMANDS\n/bin/sh /commands\n\
         [ ! -e /run/stringless-bootstrap.sh ] || exec sh /run/stringless-bootstrap.sh\n"
    );
    let ended = root.run_after(NOEXEC, &script);
    assert_eq!(ended.code, 0, "{}", ended.printed);
    assert!(ended.printed.ends_with("stringless: ready\n"), "{}", ended.printed);
    assert_eq!(root.read("var/lib/applied"), "1 first\n");
    assert!(root.read("systemctl").contains("start --no-block stringless-bootcmd\n"));
    assert_eq!(root.mode("run/stringless-bootstrap.sh"), 0o600);
    assert_eq!(root.mode("usr/local/lib/stringless"), 0o700);

    // It has succeeded: the next boot, with an empty /run, leaves it alone.
    std::fs::remove_file(root.path("run/stringless-bootstrap.sh")).unwrap();
    let ended = root.run_after(NOEXEC, &script);
    assert_eq!((ended.code, ended.printed.as_str()), (0, ""));
    assert_eq!(root.read("var/lib/applied"), "1 first\n");
}
