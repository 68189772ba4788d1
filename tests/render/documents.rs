//! The forms that are no script: parsed by the programs that take them.

use std::fs;
use std::io::Read as _;
use std::process::Command;

use base64ct::{Base64, Encoding};
use e2e::nix::{self, evaluated};
use e2e::process::{both, run};
use e2e::rendering::{BUCKET, Case, SCRIPT, SECRET, WEB, site};
use e2e::tools;
use serde_json::Value;
use stringless_render::platform::Form;
use stringless_render::request::UserData;

use super::every_pair::{LIMIT, everywhere};

#[test]
fn each_ignition_config_is_valid_and_holds_what_it_should() {
    let Some(validate) = tools::program("ignition-validate") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    each(Form::Ignition, |name, data| {
        let file = folder.path().join(name);
        fs::write(&file, &data.text).unwrap();
        files.push(file);
        let config: Value = serde_json::from_str(&data.text).unwrap_or_else(|e| panic!("{name}: {e}"));
        let files = config["storage"]["files"].as_array().unwrap();
        let carried = files.iter().any(|file| file["path"].as_str().unwrap().ends_with("bootstrap.sh"));
        for file in files {
            let (path, source) =
                (file["path"].as_str().unwrap(), file["contents"]["source"].as_str().unwrap());
            let inline = source.strip_prefix("data:;base64,").map(|text| Base64::decode_vec(text).unwrap());
            match path.rsplit('/').next().unwrap() {
                "stringless-agent" => {
                    assert_eq!(file["mode"], 0o755, "{name}");
                    let hash = file["contents"]["verification"]["hash"].as_str().unwrap();
                    assert!(hash.starts_with("sha256-") && hash.len() == 71, "{name}: {hash}");
                    assert!(
                        source.starts_with("https://") || source.starts_with("s3://"),
                        "{name}: {source}"
                    );
                }
                "agent.json" => {
                    assert_eq!(file["mode"], 0o600, "{name}");
                    stringless_core::config::Config::parse(&inline.unwrap()).unwrap();
                }
                "bootstrap.sh" => {
                    assert_eq!(file["mode"], 0o700, "{name}");
                    assert_eq!(file["contents"]["compression"], "gzip", "{name}");
                    let script = unpacked(&inline.unwrap());
                    assert!(
                        script.starts_with("#!/bin/sh\n") && script.ends_with("\nmain \"$@\"\n"),
                        "{name}"
                    );
                }
                "ca.pem" => assert!(inline.unwrap().starts_with(b"-----BEGIN"), "{name}"),
                other => panic!("{name}: {other}"),
            }
        }
        assert_eq!(
            files.iter().filter(|file| !file["contents"]["verification"].is_null()).count(),
            usize::from(!carried)
        );
    });
    for file in &files {
        let output = run(Command::new(&validate).arg(file), LIMIT);
        // A site's proxy is reached in the clear, also for what is then encrypted on the way through it.
        let printed = both(&output);
        let other =
            printed.lines().any(|line| !line.is_empty() && !line.contains("$.ignition.proxy.httpsProxy"));
        assert!(output.status.success() && !other, "{printed}");
    }
    let broken = folder.path().join("broken");
    fs::write(&broken, fs::read_to_string(&files[0]).unwrap().replace("\"mode\": 493", "\"mode\": \"0755\""))
        .unwrap();
    assert!(
        !run(Command::new(&validate).arg(&broken), LIMIT).status.success(),
        "the validator takes anything"
    );
}

/// The text that gzip made into `bytes`.
pub fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn each_unit_of_a_document_is_what_systemd_takes() {
    let Some(analyze) = tools::program("systemd-analyze") else { return };
    let mut seen = 0;
    each(Form::Ignition, |name, data| {
        // The units do not differ by cloud.
        if !name.contains("+aws+") {
            return;
        }
        let config: Value = serde_json::from_str(&data.text).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut units = Vec::new();
        for unit in config["systemd"]["units"].as_array().unwrap() {
            let file = folder.path().join(unit["name"].as_str().unwrap());
            let text = unit["contents"].as_str().unwrap();
            let command = text
                .lines()
                .find_map(|line| line.strip_prefix("ExecStart="))
                .map(|line| line.split(' ').next().unwrap());
            fs::write(&file, command.map_or(text.to_owned(), |command| text.replace(command, "/bin/true")))
                .unwrap();
            units.push(file);
        }
        let printed = both(&run(Command::new(&analyze).arg("verify").arg("--man=no").args(&units), LIMIT));
        assert!(!printed.lines().any(|line| line.contains("stringless")), "{name}: {printed}");
        seen += 1;
    });
    assert!(seen > 5, "{seen}");
}

#[test]
fn each_nix_module_evaluates_to_what_it_should() {
    let Some(instantiate) = tools::program("nix-instantiate") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (mut names, mut texts) = (Vec::new(), Vec::new());
    each(Form::Nix, |name, data| {
        names.push(name.to_owned());
        texts.push(data.text.clone());
    });
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (name, module) in names.iter().zip(evaluated(&instantiate, folder.path(), &texts)) {
        // It becomes the whole configuration of the system: without what the image is it would build none.
        let image = serde_json::json!(["/modules/virtualisation/amazon-image.nix"]);
        assert_eq!(module["imports"], image, "{name}");
        assert_eq!(
            module["systemd"]["services"]["stringless-first"]["serviceConfig"]["Type"], "oneshot",
            "{name}"
        );
        let config = &module["environment"]["etc"]["stringless/agent.json"];
        if let Some(text) = config["text"].as_str() {
            assert_eq!(config["mode"], "0600", "{name}");
            stringless_core::config::Config::parse(text.as_bytes()).unwrap();
        } else {
            let start =
                module["systemd"]["services"]["stringless-first"]["serviceConfig"]["ExecStart"].as_str();
            assert!(start.unwrap().starts_with("/bash/bin/sh /text/"), "{name}: {start:?}");
        }
    }
    let broken = folder.path().join("broken.nix");
    fs::write(&broken, "{ pkgs, ... }: { a = ").unwrap();
    assert!(
        !run(nix::command(&instantiate, folder.path()).arg("--parse").arg(&broken), LIMIT).status.success()
    );
}

#[test]
fn no_secret_gets_into_the_store_of_nix() {
    let password = |more: &str| format!("node: {{proxy: 'http://user:hunter2@proxy:3128'{more}}}\n");
    for (store, node, what, way) in [
        (BUCKET, "node: {credentials: [static]}\n".into(), "a key", "node.credentials: [environment]"),
        (WEB, password(""), "the password of `node.proxy`", "a proxy without a password"),
        // Whatever else of it can stand there.
        (BUCKET, password(", credentials: [instance_role]"), "the password of `node.proxy`", "a proxy"),
        (
            BUCKET,
            password(", credentials: [environment], first_fetch: public"),
            "the password of `node.proxy`",
            "a proxy",
        ),
    ] {
        let case = Case::new(&site(store, SCRIPT, &node));
        let mut asked = 0;
        for (distro, cloud) in case.platforms.pairs() {
            if case.platforms.forms(distro, cloud).contains(&Form::Nix) {
                let fault = case.render(&distro.id, &cloud.id, Form::Nix).unwrap_err();
                let said = format!("{what} would be in the Nix store, where every process can read it");
                assert!(fault.message.contains(&said) && !fault.message.contains("hunter2"), "{fault}");
                assert!(fault.hint.unwrap().contains(way), "{node}");
                asked += 1;
            }
        }
        assert!(asked > 0);
    }
    let open = Case::new(&site(WEB, SCRIPT, "node: {proxy: 'http://proxy:3128'}\n"));
    assert!(open.render("nixos", "aws", Form::Nix).is_ok());
}

/// Nothing but the units of that form reads a file of variables: elsewhere no run would ever find keys.
#[test]
fn keys_from_variables_are_for_nix_alone() {
    for kinds in ["environment", "instance_role, environment", "environment, static"] {
        let node = format!("node: {{credentials: [{kinds}], first_fetch: public}}\n");
        let case = Case::new(&site(BUCKET, SCRIPT, &node));
        let mut asked = 0;
        for (distro, cloud) in case.platforms.pairs() {
            for form in case.platforms.forms(distro, cloud) {
                let rendered = case.render(&distro.id, &cloud.id, form);
                if form == Form::Nix {
                    assert_eq!(rendered.is_ok(), !kinds.contains("static"), "{kinds}");
                    continue;
                }
                let fault = rendered.unwrap_err();
                assert!(fault.message.contains("nothing sets variables for the agent there"), "{fault}");
                assert!(fault.hint.unwrap().starts_with("remove `environment`"), "{kinds}");
                asked += 1;
            }
        }
        assert!(asked > 100, "{asked}");
    }
}

#[test]
fn what_a_document_cannot_do_is_refused() {
    let folder = "{url: 'file:///srv/bucket'}";
    for (store, more, why) in [
        (folder, "", "the site's first store is a folder"),
        (WEB, "node: {schedule: cron}\n", "the distro has no cron"),
    ] {
        let case = Case::new(&site(store, SCRIPT, more));
        let mut asked = 0;
        for (distro, cloud) in case.platforms.pairs() {
            for form in [Form::Ignition, Form::Nix] {
                if case.platforms.forms(distro, cloud).contains(&form) {
                    let fault = case.render(&distro.id, &cloud.id, form).unwrap_err();
                    assert!(fault.message.contains(why) && fault.hint.is_some(), "{fault}");
                    asked += 1;
                }
            }
        }
        assert!(asked > 1, "{why}");
    }
    let case = Case::new(&site(WEB, SCRIPT, ""));
    let mut pairs = case.platforms.pairs();
    let ignition = |distro, cloud| case.platforms.forms(distro, cloud).contains(&Form::Ignition);
    let (distro, cloud) = pairs.find(|(distro, cloud)| ignition(distro, cloud)).unwrap();
    let mut request = case.request(distro, cloud, Some(Form::Ignition)).unwrap();
    for (cpu, target) in [("aarch64", "aarch64"), ("arm64", "aarch64"), ("x86_64", "x86_64")] {
        request.cpu = Some(cpu);
        let text = stringless_render::render(&request).unwrap().text;
        assert!(
            text.contains(&format!("/agent/0.1.0/{target}-unknown-linux-musl/stringless-agent")),
            "{text}"
        );
    }
    request.cpu = Some("sparc64");
    let fault = stringless_render::render(&request).unwrap_err();
    assert_eq!(fault.hint.as_deref(), Some("`--cpu` takes x86_64 or aarch64"), "{fault}");
}

/// Calls `check` for each rendering of this form.
fn each(form: Form, mut check: impl FnMut(&str, &UserData)) {
    let mut seen = 0;
    everywhere(|name, data| {
        if data.form == form {
            let carried = name.ends_with("+session");
            assert!(carried || form != Form::Nix || !data.text.contains(SECRET), "{name}");
            check(name, data);
            seen += 1;
        }
    });
    assert!(seen > 0, "nothing is rendered as {}", form.as_str());
}
