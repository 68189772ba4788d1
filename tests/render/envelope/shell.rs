//! Lines for the shell of a machine that runs already.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use e2e::netns::Net;
use e2e::process::{both, run};
use e2e::server::Server;
use e2e::tls::{Authority, SERVER_NAMES};
use e2e::tools;
use stringless_render::embed::source;
use stringless_render::render;
use stringless_render::request::{Tool, UserData};

use crate::envelope::{LIMIT, case, request};

/// What terminals take of a line at most, without the line end.
const LINE: usize = 4095;
const SHELLS: [&[&str]; 5] =
    [&["dash"], &["bash"], &["posh"], &["yash", "-o", "posixly-correct"], &["busybox", "ash"]];

/// Stands in for the script: it tells that it ran, and how it was called.
const TELLS: &str = "#!/bin/sh\necho \"it's $# 'ran' \\$HOME `echo x`\" >ran\nexit 7\n";

#[test]
fn every_shell_runs_the_whole_of_it_or_nothing() {
    let case = case();
    let request = request(&case, "aws", None, Some(Tool::Curl), None).unwrap();
    let data = render(&request).unwrap();
    let whole = source(&request, &data, Tool::Curl, None).unwrap();
    assert!(whole.lines().all(|line| line.len() <= LINE), "a line is too long for a terminal");
    let data = UserData { text: TELLS.into(), ..data };
    let text = source(&request, &data, Tool::Curl, None).unwrap();
    for shell in SHELLS {
        let Some(_) = tools::program(shell[0]) else { return };
        let folder = tempfile::tempdir().unwrap();
        let output = sh(shell, &text, folder.path());
        assert_eq!(output.status.code(), Some(7), "{shell:?}: {}", both(&output));
        assert_eq!(fs::read_to_string(folder.path().join("ran")).unwrap(), "it's 0 'ran' $HOME x\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{shell:?}: it left something behind");
    }
    // Cut anywhere, it runs nothing.
    let end = text.rfind("END\n").unwrap();
    for cut in (0..end - 1).step_by(7) {
        let folder = tempfile::tempdir().unwrap();
        sh(&["dash"], &text[..cut], folder.path());
        assert!(!folder.path().join("ran").exists(), "cut at {cut} of {}", text.len());
    }
}

#[test]
fn what_is_fetched_runs_only_if_it_is_what_was_rendered() {
    let Some(_) = tools::program("curl") else { return };
    let case = case();
    let request = request(&case, "aws", None, Some(Tool::Curl), None).unwrap();
    let data = UserData { text: TELLS.into(), ..render(&request).unwrap() };
    let net = Net::host();
    let authority = Authority::new();
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("it's"), TELLS).unwrap();
    let server = Server::on(net.listen(), "localhost", files.path(), Some(&authority.issue(SERVER_NAMES)));
    fs::write(files.path().join("ca.pem"), authority.pem()).unwrap();
    let url = server.url("it's");
    let line = source(&request, &data, Tool::Curl, Some(&url)).unwrap();
    assert!(line.lines().all(|line| line.len() <= LINE) && line.lines().count() == 2, "{line}");
    let trusting = |shell: &[&str], text: &str, folder: &Path| {
        let line = format!(
            "CURL_CA_BUNDLE='{}'; export CURL_CA_BUNDLE\n{text}",
            files.path().join("ca.pem").display()
        );
        sh(shell, &line, folder)
    };
    for shell in SHELLS {
        let Some(_) = tools::program(shell[0]) else { return };
        let folder = tempfile::tempdir().unwrap();
        let output = trusting(shell, &line, folder.path());
        assert_eq!(output.status.code(), Some(7), "{shell:?}: {}", both(&output));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{shell:?}: it left something behind");
    }
    let refused = |text: &str, why: &str| {
        let folder = tempfile::tempdir().unwrap();
        let output = trusting(&["dash"], text, folder.path());
        assert!(!output.status.success() && !folder.path().join("ran").exists(), "{why}: {}", both(&output));
    };
    refused(&line.replace("/it", "/not"), "nothing is there");
    fs::write(files.path().join("it's"), format!("{TELLS}#")).unwrap();
    refused(&line, "another script is there");
    for url in ["http://h/a", "ftp://h/a", "h/a", "https://h/a b", "https://h/\u{e9}", "https://h/\n", ""] {
        assert!(source(&request, &data, Tool::Curl, Some(url)).is_err(), "{url:?}");
    }
}

/// Runs `text` as if it were pasted, in `folder`, which is also where temporary files go.
fn sh(shell: &[&str], text: &str, folder: &Path) -> Output {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["-c", text]).current_dir(folder).env("TMPDIR", folder);
    run(&mut command, LIMIT)
}
