//! An image that Packer made: the builder runs what is rendered for it, its copies are nodes of their own.

use std::fs;
use std::time::Duration;

use e2e::process::{both, run};
use e2e::tools;
use e2e::web::Web;

use super::pairs::status;
use super::{assert_applies, at_once, boot, fill, machine, said};

#[test]
fn copies_of_an_image_converge_by_themselves() {
    at_once(&["debian-13"], |distro| {
        let Some(packer) = tools::program("packer") else { return };
        let Some(web) = Web::new(&[], &[]) else { return };
        fill(&web.site, "first");
        let Some(_) = web.publish() else { return };
        let Some(mut builder) = machine(&web.lab, distro) else { return };
        builder.name("builder");
        let plain = boot(&mut builder, "#cloud-config\n{}\n");
        assert_eq!(plain.status, "done", "{}", plain.log);

        // Packer reads and runs the build; only the way to the machine is another than ssh.
        let build = web.render(distro, "nocloud", &["--as", "packer"]);
        let work = tempfile::tempdir().unwrap();
        let inside = builder
            .command("sh")
            .arg("/root/provision")
            .get_args()
            .fold("nsenter".to_owned(), |line, arg| format!("{line} {}", arg.to_string_lossy()));
        let way = format!(
            "execute_command = [\"/bin/sh\", \"-c\", \"cp {{{{.Script}}}} {} && {inside}\"]",
            builder.path("root/provision").display()
        );
        let lines = build.replace("provisioner \"shell\"", "provisioner \"shell-local\"");
        let lines: Vec<&str> = lines
            .lines()
            .map(|line| if line.trim_start().starts_with("execute_command") { way.as_str() } else { line })
            .collect();
        let source = "source \"null\" \"base\" {\n  communicator = \"none\"\n}\n";
        fs::write(work.path().join("image.pkr.hcl"), format!("{source}{}\n", lines.join("\n"))).unwrap();
        let mut command = std::process::Command::new(packer);
        command.arg("build").arg("image.pkr.hcl").current_dir(work.path()).env("HOME", work.path());
        let output = run(&mut command, super::BOOT);
        assert!(output.status.success() && both(&output).contains("stringless: ready"), "{}", both(&output));
        assert_applies(&builder, "1 first\n", Duration::ZERO);
        assert_eq!(
            said(&builder, "ls -A /var/lib/stringless /etc/machine-id"),
            "/etc/machine-id\n\n/var/lib/stringless:\n"
        );
        builder.shut_down();

        fill(&web.site, "second");
        web.site.publish();
        for name in ["copy-1", "copy-2"] {
            let Some(mut copy) = builder.copy(&web.lab) else { return };
            copy.name(name);
            let first = boot(&mut copy, "#cloud-config\n{}\n");
            assert_eq!(first.status, "done", "{}", first.log);
            assert!(!first.log.contains("stringless:"), "the script ran again\n{}", first.log);
            if name == "copy-2" {
                assert_eq!(said(&copy, "systemctl start stringless.service"), "");
            }
            assert_applies(&copy, "1 first\n2 second\n", super::BOOT);
            assert_eq!(status(&copy)["node"], name);
        }
    });
}
