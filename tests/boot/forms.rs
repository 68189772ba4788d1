//! What surrounds the script, read by cloud-init's own parser: parts of MIME, one of them the user's own,
//! and gzip around each form. The forms by themselves are what `pairs.rs` boots.

use std::time::Duration;

use e2e::nspawn::Machine;
use e2e::web::Web;

use super::{assert_applies, assert_done, at_once, boot, fill, machine, said};

/// The user's own: a file, and a command of its own.
const OWN: &str = "#cloud-config\nwrite_files:\n- path: /etc/own\n  content: mine\nruncmd:\n- [cp, /etc/own, /var/lib/own]\n";

#[test]
fn parts_and_packed_user_data_arrive() {
    let cases: [(&str, &[&str], bool); 5] = [
        ("debian-12", &["--form", "mime", "--encoding", "gzip"], true),
        ("debian-12", &["--form", "cloud-config", "--encoding", "gzip"], false),
        ("debian-13", &["--form", "mime"], true),
        ("debian-13", &["--form", "mime", "--encoding", "gzip"], true),
        ("debian-13", &["--form", "script", "--encoding", "gzip"], false),
    ];
    at_once(&cases, |(distro, way, own)| {
        let Some(web) = Web::new(&[], &[]) else { return };
        fill(&web.site, "first");
        let Some(_) = web.publish() else { return };
        let files: &[(&str, &str)] = if *own { &[("own.yaml", OWN)] } else { &[] };
        let user_data = web.render_with(distro, "nocloud", way, files);
        assert_eq!(user_data.starts_with(&[0x1f, 0x8b]), way.contains(&"gzip"), "{way:?}");
        let Some(mut machine) = machine(&web.lab, distro) else { return };
        machine.name("lab-8");
        let done = boot(&mut machine, user_data);
        assert_done(&machine, &done);
        assert!(done.log.contains("stringless: ready"), "{way:?} {}", done.log);
        assert_applies(&machine, "1 first\n", Duration::ZERO);
        assert_eq!(said(&machine, "cat /var/lib/own 2>/dev/null"), if *own { "mine" } else { "" });
    });
}

/// The script fails, and so does the boot, however it arrived.
#[test]
fn a_failure_inside_parts_is_reported() {
    let Some(web) = Web::new(&[], &[]) else { return };
    fill(&web.site, "first");
    web.site.write("apply", "#!/bin/sh\nexit 7\n", 0o755);
    let Some(_) = web.publish() else { return };
    let options = ["--form", "mime", "--encoding", "gzip"];
    let user_data = web.render_with("debian-13", "nocloud", &options, &[("own.yaml", OWN)]);
    let Some(mut machine) = Machine::new(&web.lab, "trixie") else { return };
    let failed = boot(&mut machine, user_data);
    assert_eq!((failed.status.as_str(), failed.code), ("error", 1), "{}\n{}", failed.text, failed.log);
    assert!(failed.log.contains("exit status 4"), "{}", failed.log);
    assert_eq!(said(&machine, "cat /var/lib/own"), "mine");
}
