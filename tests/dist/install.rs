//! `dist/install.sh` and what runs it: by each shell, with each program that it may verify with, and into each refusal.

use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::netns::Net;
use e2e::process::{PATIENCE, both, run};
use e2e::server::{Fault, Server};
use e2e::tls::Authority;
use e2e::tools;

use crate::lab::{Lab, write_program};
use crate::release::VERSION;

const SHELLS: [&[&str]; 6] = [
    &["dash"],
    &["bash"],
    &["bash", "--posix"],
    &["posh"],
    &["yash", "-o", "posixly-correct"],
    &["busybox", "ash"],
];

#[test]
fn each_shell_installs_with_each_verifier() {
    let Some(lab) = Lab::new() else { return };
    for verifier in ["minisign", "openssl"] {
        lab.programs(&[verifier]);
        for shell in SHELLS {
            if tools::program(shell[0]).is_none() {
                return;
            }
            lab.installs(shell, &["--from", &lab.from()]);
        }
    }
}

#[test]
fn it_comes_from_a_web_server_by_each_downloader() {
    let Some(lab) = Lab::new() else { return };
    let authority = Authority::new();
    fs::write(lab.folder.path().join("ca.pem"), authority.pem()).unwrap();
    let server = Server::start(&Net::host(), lab.release.parent(), Some(&authority.issue(&["127.0.0.1"])));
    lab.programs(&["minisign", "curl"]);
    lab.installs(&["dash"], &["--from", &server.url("{version}")]);

    let archive =
        format!("{VERSION}/stringless-{VERSION}-{}-unknown-linux-musl.tar.gz", std::env::consts::ARCH);
    server.fault(&archive, Fault::short(100));
    lab.refuses(&["--from", &server.url("{version}")], "fetching https://");
    server.fault(&archive, Fault::Flip(100));
    lab.refuses(&["--from", &server.url("{version}")], "checking https://");
    server.mend();

    // wget takes its authorities from the command line alone.
    lab.programs(&["minisign"]);
    let (wget, ca) = (tools::find("wget").unwrap(), lab.folder.path().join("ca.pem"));
    let with_ca = format!("#!/bin/sh\nexec {} --ca-certificate={} \"$@\"\n", wget.display(), ca.display());
    lab.replace("wget", &with_ca);
    lab.installs(&["dash"], &["--from", &server.url("{version}")]);
}

#[test]
fn what_the_key_has_not_signed_is_refused() {
    let Some(lab) = Lab::new() else { return };
    let from = lab.from();
    let sums = lab.release.path().join("SHA256SUMS");
    let signature = lab.release.path().join("SHA256SUMS.minisig");
    let (good, signed) = (fs::read_to_string(&sums).unwrap(), fs::read_to_string(&signature).unwrap());
    let other = Lab::new().unwrap();
    for verifier in ["minisign", "openssl"] {
        lab.programs(&[verifier]);
        let not_signed = format!("verifying file://{}: the key", sums.display());
        lab.refuses(&["--from", &from, "--key", &other.release.key], &not_signed);
        fs::write(&sums, format!("{good}\n")).unwrap();
        lab.refuses(&["--from", &from], &not_signed);
        fs::write(&sums, &good).unwrap();
        // The comment of another version, without a signature of that comment.
        fs::write(&signature, signed.replace(&format!("stringless {VERSION}"), "stringless 9.9.9")).unwrap();
        lab.refuses(&["--from", &from, "--version", VERSION], &not_signed);
        fs::write(&signature, "not a signature\n").unwrap();
        lab.refuses(&["--from", &from], &not_signed);
        fs::remove_file(&signature).unwrap();
        lab.refuses(&["--from", &from], "reading file://");
        fs::write(&signature, &signed).unwrap();
    }
    // An older release at the address of a newer one.
    let here = format!("file://{}", lab.release.path().display());
    lab.refuses(&["--from", &here, "--version", "9.9.9"], "verifying file://");
}

#[test]
fn a_changed_or_short_archive_is_refused() {
    let Some(lab) = Lab::new() else { return };
    let name = format!("stringless-{VERSION}-{}-unknown-linux-musl.tar.gz", std::env::consts::ARCH);
    let archive = lab.release.path().join(&name);
    let good = fs::read(&archive).unwrap();
    for bytes in [&good[..good.len() / 2], &[&good[..], b"more"].concat()] {
        fs::write(&archive, bytes).unwrap();
        lab.refuses(&["--from", &lab.from()], "checking file://");
    }
    fs::remove_file(&archive).unwrap();
    lab.refuses(&["--from", &lab.from()], "reading file://");
    lab.release.sign();
    lab.refuses(&["--from", &lab.from()], "reading file://");
}

#[test]
fn a_newer_version_stays_unless_an_older_one_is_named() {
    let Some(lab) = Lab::new() else { return };
    fs::create_dir(lab.to()).unwrap();
    let newer = "#!/bin/sh\necho stringless 10.0.0\n";
    write_program(&lab.to().join("stringless"), newer);
    let (code, printed) = lab.run(&["dash"], &["--from", &lab.from()]);
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("stringless is 10.0.0 already"), "{printed}");
    assert_eq!(fs::read_to_string(lab.to().join("stringless")).unwrap(), newer);
    let (code, printed) = lab.run(&["dash"], &["--from", &lab.from(), "--version", VERSION]);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(lab.left(), ["stringless"]);
}

#[test]
fn other_machines_and_wrong_options_are_refused() {
    let Some(lab) = Lab::new() else { return };
    let from = lab.from();
    let uname = |system: &str, cpu: &str| {
        lab.replace("uname", &format!("#!/bin/sh\n[ \"$1\" = -s ] && echo {system} || echo {cpu}\n"));
    };
    uname("Linux", "riscv64");
    lab.refuses(&["--from", &from], "installing stringless: there is no build for the CPU riscv64");
    uname("Darwin", "arm64");
    lab.refuses(&["--from", &from], "installing stringless: there is no build for Darwin");
    uname("Linux", "arm64");
    lab.installs(&["dash"], &["--from", &from]);
    lab.programs(&[]);
    lab.refuses(&["--from", &from], "verifying the release: there is neither minisign nor OpenSSL 3");
    lab.replace("openssl", "#!/bin/sh\necho 'OpenSSL 1.1.1'\n");
    lab.refuses(&["--from", &from], "verifying the release: there is neither minisign nor OpenSSL 3");
    lab.programs(&["minisign"]);
    lab.refuses(
        &["--from", "https://example.org/x"],
        "fetching https://example.org/x/SHA256SUMS: there is neither",
    );
    lab.refuses(&["--from", "http://example.org/x"], "reading the options: http://example.org/x is not");
    lab.refuses(&["--version", "1.0/../.."], "reading the options: 1.0/../.. is not a version");
    lab.refuses(&["--form", "x"], "reading the options: there is no --form");
}

#[test]
fn a_folder_of_the_same_name_stays_and_each_version_in_the_address_is_filled_in() {
    let Some(lab) = Lab::new() else { return };
    lab.installs(&["dash"], &["--from", &format!("{}/../{{version}}/", lab.from())]);
    fs::remove_file(lab.to().join("stringless")).unwrap();
    fs::create_dir(lab.to().join("stringless")).unwrap();
    let (code, printed) = lab.run(&["dash"], &["--from", &lab.from()]);
    assert!(code == 1 && printed.contains("it is a folder\n\nhint: --to"), "{printed}");
    assert_eq!(lab.left(), ["stringless"]);
    assert_eq!(fs::read_dir(lab.to().join("stringless")).unwrap().count(), 0);
}

#[test]
fn a_release_is_signed_with_the_key_in_a_file_beside_it() {
    let Some(lab) = Lab::new() else { return };
    let sign = |key: &str| {
        let mut sums = Command::new(tools::root().join("dist/sums.sh"));
        sums.arg(VERSION).current_dir(lab.release.parent());
        run(
            sums.env("STRINGLESS_RELEASE_KEY_FILE", key).env("STRINGLESS_RELEASE_KEY", &lab.release.key),
            PATIENCE,
        )
    };
    assert!(sign("release.key").status.success());
    lab.installs(&["dash"], &["--from", &lab.from()]);
    let refused = sign("absent.key");
    assert!(!refused.status.success() && both(&refused).contains("absent.key cannot be read\n\nhint: "));
    lab.installs(&["dash"], &["--from", &lab.from()]);
}

#[test]
fn a_folder_that_flags_cannot_hold_is_refused_before_anything_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("a folder");
    fs::create_dir(&odd).unwrap();
    let mut make = Command::new(tools::root().join("dist/all.sh"));
    let refused = run(make.arg(odd.join("work")).arg(odd.join("out")).arg("x"), PATIENCE);
    assert!(
        !refused.status.success() && both(&refused).contains("making a release: the folder"),
        "{refused:?}"
    );
    assert_eq!(fs::read_dir(&odd).unwrap().count(), 0);
}

#[test]
fn a_cut_script_does_nothing() {
    let Some(lab) = Lab::new() else { return };
    let script = fs::read_to_string(tools::root().join("dist/install.sh")).unwrap();
    let end = script.rfind("main \"$@\"").unwrap();
    for length in (0..=end).step_by(331).filter(|length| script.is_char_boundary(*length)) {
        let cut = lab.folder.path().join("cut.sh");
        fs::write(&cut, &script[..length]).unwrap();
        let mut command = Command::new("dash");
        command.arg(&cut).arg("--to").arg(lab.to()).args(["--from", &lab.from(), "--key", &lab.release.key]);
        run(&mut command, PATIENCE);
        assert_eq!(lab.left(), [""; 0], "{length}");
    }
}

#[test]
fn the_script_names_the_address_the_version_and_the_key_of_this_program() {
    let read = |path: &str| fs::read_to_string(tools::root().join(path)).unwrap();
    let (script, key) = (read("dist/install.sh"), read("dist/release.pub"));
    let address = env!("CARGO_PKG_REPOSITORY").trim_end_matches(".git");
    for line in [
        format!("address='{address}'"),
        format!("version='{VERSION}'"),
        format!("key='{}'", key.lines().last().unwrap()),
    ] {
        assert!(script.lines().any(|there| there == line), "{line}");
    }
}

#[test]
fn the_action_hands_its_inputs_over_as_words() {
    let Some(lab) = Lab::new() else { return };
    let action = yaml("dist/action.yml");
    let steps = action["runs"]["steps"].as_sequence().unwrap();
    let [step] = &steps[..] else { panic!("{steps:?}") };
    let path = lab.folder.path().join("path");
    let mut command = Command::new("sh");
    command.args(["-e", "-c", step["run"].as_str().unwrap()]);
    command.env("GITHUB_ACTION_PATH", tools::root().join("dist")).env("GITHUB_PATH", &path);
    command.env("RUNNER_TEMP", lab.folder.path()).env("PATH", lab.bin());
    command.env("VERSION", VERSION).env("FROM", lab.from()).env("KEY", &lab.release.key);
    let output = run(&mut command, PATIENCE);
    assert!(output.status.success(), "{}", both(&output));
    let folder = fs::read_to_string(path).unwrap();
    assert!(Path::new(folder.trim_end()).join("stringless").exists(), "{folder}");
}

/// A tag may move to other code, and a value in the text of a script is a part of the script.
#[test]
fn pipelines_name_actions_by_commit_and_put_no_value_into_a_script() {
    let (workflow, action) = (yaml(".github/workflows/release.yml"), yaml("dist/action.yml"));
    let jobs = workflow["jobs"].as_mapping().unwrap().values().map(|job| &job["steps"]);
    let steps = jobs.chain([&action["runs"]["steps"]]).flat_map(|steps| steps.as_sequence().unwrap());
    let mut scripts = 0;
    for step in steps {
        if let Some(action) = step["uses"].as_str() {
            let (_, commit) = action.split_once('@').unwrap();
            assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{action}");
        }
        if let Some(script) = step["run"].as_str() {
            assert!(!script.contains("${{"), "{script}");
            scripts += 1;
        }
    }
    assert!(scripts > 4, "{scripts}");
}

fn yaml(path: &str) -> serde_yaml::Value {
    serde_yaml::from_str(&fs::read_to_string(tools::root().join(path)).unwrap()).unwrap()
}
