//! HCL: Packer evaluates what is for Terraform, too, as both have the same language; python-hcl2 sees the
//! whole.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64ct::{Base64, Encoding as _};
use e2e::process::{both, run};
use e2e::tools;
use serde_json::Value;
use stringless_render::embed::source;
use stringless_render::platform::Encoding;
use stringless_render::render;
use stringless_render::request::{Request, Tool, UserData};

use crate::envelope::sources::{HOSTILE, with_text};
use crate::envelope::{LIMIT, case, piped, request};

#[test]
fn packer_evaluates_what_is_for_terraform_to_what_was_rendered() {
    let Some(packer) = tools::program("packer") else { return };
    let case = case();
    let (mut expected, mut sources) = (Vec::new(), Vec::new());
    let mut add = |request: &Request<'_>, data: &UserData| {
        sources.push(source(request, data, Tool::Terraform, None).unwrap());
        expected.push(data.encoded());
    };
    for cloud in &case.platforms.clouds {
        for encoding in Encoding::ALL {
            let Ok(request) = request(&case, &cloud.id, None, Some(Tool::Terraform), Some(encoding)) else {
                continue;
            };
            let data = render(&request).unwrap();
            add(&request, &data);
            if encoding == Encoding::Plain && cloud.id == "aws" {
                HOSTILE.iter().for_each(|text| add(&request, &with_text(&data, text)));
            }
        }
    }
    assert!(sources.len() > 30, "{}", sources.len());

    // Each source has one local; here it stands beside the others.
    let folder = tempfile::tempdir().unwrap();
    let local = |(n, source): (usize, &String)| {
        let inside = source.split_once("locals {\n").unwrap().1.split_once("\n}\n\nresource \"").unwrap().0;
        format!("locals {{\n{}\n}}\n", inside.replacen("user_data =", &format!("v{n} ="), 1))
    };
    let locals: String = sources.iter().enumerate().map(local).collect();
    let out = folder.path().join("out");
    // A few at a time: they become one argument of a shell.
    let numbers: Vec<usize> = (0..sources.len()).collect();
    let prints: String = numbers.chunks(6).map(|some| prints(some, &out)).collect();
    let build = format!("{locals}{NULL}build {{\n  sources = [\"source.null.base\"]\n{prints}}}\n");
    packer_build(&packer, folder.path(), &build);
    let evaluated = fs::read_to_string(out).unwrap();
    for (n, line) in evaluated.lines().enumerate() {
        let value = Base64::decode_vec(line).unwrap();
        assert!(value == expected[n], "{}\nbecame\n{}", sources[n], String::from_utf8_lossy(&value));
    }
    assert_eq!(evaluated.lines().count(), expected.len());
    resources_take_it(&sources);
}

/// A step that appends these locals, as base64.
fn prints(some: &[usize], out: &Path) -> String {
    let values: String = some.iter().map(|n| format!("\"V{n}=${{base64encode(local.v{n})}}\", ")).collect();
    let echoes: String = some.iter().map(|n| format!("echo $V{n}; ")).collect();
    let out = out.display();
    format!(
        "  provisioner \"shell-local\" {{\n    environment_vars = [{values}]\n    inline = [\"{{ {echoes}}} >>{out}\"]\n  }}\n"
    )
}

/// The whole of each source, as python-hcl2 reads it: one resource whose arguments name the local.
fn resources_take_it(sources: &[String]) {
    let Some(python) = tools::cached("python", "python") else { return };
    let input = serde_json::to_vec(sources).unwrap();
    let read: Vec<Value> =
        serde_json::from_slice(&piped(Command::new(python).args(["-c", HCL]), &input)).unwrap();
    for (source, read) in sources.iter().zip(read) {
        let resources = read["resource"].as_array().unwrap();
        let text = resources[0].to_string();
        assert!(resources.len() == 1 && text.contains("${local.user_data}"), "{source}\n{text}");
        assert_eq!(read["locals"].as_array().unwrap().len(), 1, "{source}");
    }
}

#[test]
fn packer_takes_the_build_and_runs_what_was_rendered() {
    let Some(packer) = tools::program("packer") else { return };
    let case = case();
    let request = request(&case, "aws", None, Some(Tool::Packer), None).unwrap();
    let data = render(&request).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("source.pkr.hcl"), NULL).unwrap();
    let mut checked = 0;
    for text in [data.text.as_str()].into_iter().chain(HOSTILE) {
        let hcl = source(&request, &with_text(&data, text), Tool::Packer, None).unwrap();
        fs::write(folder.path().join("build.pkr.hcl"), &hcl).unwrap();
        if text == data.text {
            let output = run(Command::new(&packer).arg("validate").arg(folder.path()), LIMIT);
            assert!(output.status.success(), "{}\n{hcl}", both(&output));
        }
        // What it would run: a copy in place of an interpreter shows it.
        let to = tempfile::tempdir().unwrap();
        let copies = hcl
            .replace("provisioner \"shell\"", "provisioner \"shell-local\"")
            .replace("\"/bin/sh\"", &format!("\"/bin/cp --target-directory={}\"", to.path().display()));
        let copies: String = copies
            .lines()
            .filter(|line| !line.starts_with("    execute_command"))
            .map(|line| format!("{line}\n"))
            .collect();
        fs::remove_file(folder.path().join("build.pkr.hcl")).unwrap();
        packer_build(&packer, folder.path(), &format!("{NULL}{copies}"));
        let mut scripts: Vec<Vec<u8>> =
            fs::read_dir(to.path()).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
        let ours = |script: &Vec<u8>| String::from_utf8_lossy(script).contains("machine-id");
        let clean = scripts.remove(scripts.iter().position(ours).unwrap());
        let waits = |script: &Vec<u8>| String::from_utf8_lossy(script).contains("cloud-init status --wait");
        let wait = scripts.remove(scripts.iter().position(waits).unwrap());
        if text == data.text {
            check_script(&clean, folder.path());
            check_script(&wait, folder.path());
        }
        let [script] = &scripts[..] else { panic!("{} scripts", scripts.len()) };
        let script = String::from_utf8(script.clone()).unwrap();
        // Its own first line before, and a line end behind.
        let body = script.split_once('\n').unwrap().1.strip_suffix('\n').unwrap();
        if text.contains("{{") {
            // Packed, so that nothing in it is taken for a template.
            assert_eq!(body, source(&request, &with_text(&data, text), Tool::Curl, None).unwrap());
        } else {
            assert_eq!(body, text);
        }
        checked += 1;
    }
    assert_eq!(checked, HOSTILE.len() + 1);
}

#[test]
fn packer_refuses_what_is_misspelt() {
    let Some(packer) = tools::program("packer") else { return };
    let case = case();
    let request = request(&case, "aws", None, Some(Tool::Packer), None).unwrap();
    let source = source(&request, &render(&request).unwrap(), Tool::Packer, None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (part, other) in [
        ("inline_shebang", "inline_shabang"),
        ("\"shell\"", "\"shall\""),
        ("source.null.base", "source.null.other"),
    ] {
        fs::write(folder.path().join("a.pkr.hcl"), format!("{NULL}{}", source.replacen(part, other, 1)))
            .unwrap();
        let output = run(Command::new(&packer).arg("validate").arg(folder.path()), LIMIT);
        assert!(!output.status.success(), "{other}: {}", both(&output));
    }
}

/// What runs last, in an image of whichever distribution.
fn check_script(script: &[u8], folder: &Path) {
    let file = folder.join("clean");
    fs::write(&file, script).unwrap();
    let Some(shellcheck) = tools::program("shellcheck") else { return };
    let output = run(Command::new(shellcheck).args(["--shell=sh", "--severity=style"]).arg(&file), LIMIT);
    assert!(output.status.success(), "{}", both(&output));
    for shell in [&["posh"][..], &["yash", "-o", "posixly-correct"], &["busybox", "ash"]] {
        let output = run(Command::new(shell[0]).args(&shell[1..]).arg("-n").arg(&file), LIMIT);
        assert!(output.status.success() && both(&output).is_empty(), "{}", both(&output));
    }
    fs::remove_file(file).unwrap();
}

fn packer_build(packer: &Path, folder: &Path, text: &str) {
    let file = folder.join("run.pkr.hcl");
    fs::write(&file, text).unwrap();
    let mut command = Command::new(packer);
    command
        .arg("build")
        .arg(&file)
        .env("CHECKPOINT_DISABLE", "1")
        .env("PACKER_NO_COLOR", "1")
        .current_dir(folder);
    let output = run(&mut command, LIMIT);
    fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "{}\n{text}", both(&output));
}

/// A builder that makes nothing.
const NULL: &str = "source \"null\" \"base\" {\n  communicator = \"none\"\n}\n";
const HCL: &str = "
import hcl2, json, sys
print(json.dumps([hcl2.loads(text) for text in json.load(sys.stdin)]))
";
