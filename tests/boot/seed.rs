//! A NoCloud volume as `--as seed` makes it: packed, and with files of the user's own beside the script.

use std::fs;

use e2e::web::Web;

use super::{BOOT, assert_applies, assert_done, at_once, fill, machine, said};

#[test]
fn cloud_init_unpacks_a_seed_and_runs_the_script_last() {
    at_once(&["debian-12", "debian-13"], |distro| {
        let Some(web) = Web::new(&[], &[]) else { return };
        fill(&web.site, "first");
        let Some(_) = web.publish() else { return };
        let late =
            "#!/bin/sh\necho script >>/root/order\n[ ! -e /etc/stringless ] || echo too late >>/root/order\n";
        web.site.write("zz late.sh", late, 0o644);
        web.site.write(
            "one.yaml",
            "#cloud-config\nruncmd: [[sh, -c, 'echo one >>/root/order']]\nlocale: false\n",
            0o644,
        );
        web.site.write(
            "two.yaml",
            "#cloud-config\nruncmd: ['echo two h\u{e9} >>/root/order']\nlocale: C\n",
            0o644,
        );
        let files = ["--with", "zz late.sh", "--with", "one.yaml", "--with", "two.yaml"];
        let seed = ["--as", "seed", "--instance-id", "web-1", "--encoding", "gzip", "--out", "seed"];
        web.render(distro, "nocloud", &[&files[..], &seed].concat());

        let Some(mut machine) = machine(&web.lab, distro) else { return };
        for name in ["user-data", "meta-data"] {
            let bytes = fs::read(web.site.path("seed").join(name)).unwrap();
            machine.write(&format!("var/lib/cloud/seed/nocloud/{name}"), bytes, 0o600);
        }
        machine.boot();
        let done = machine.cloud_init(BOOT);
        assert_done(&machine, &done);
        assert!(done.log.contains("stringless: ready"), "{}", done.log);
        assert_applies(&machine, "1 first\n", std::time::Duration::ZERO);
        assert_eq!(said(&machine, "cat /root/order"), "script\none\ntwo h\u{e9}\n");
        let status = said(&machine, "stringless-agent status --json");
        assert!(status.contains("\"web-1\""), "{status}");
    });
}
