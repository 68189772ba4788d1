//! The texts of the page are those of `stringless render`, byte for byte.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::process::Command;

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};
use stringless_core::fault::Fault;
use stringless_core::time::Timestamp;
use stringless_core::version::Version;
use stringless_render::platform::{Encoding, Form};
use stringless_render::request::{AgentPins, Request};
use stringless_render::{encode, render};

use e2e::process::{PATIENCE, both, run};
use e2e::rendering::{Case, SECRET};
use e2e::tools;

use super::page::{NOW, Page};
use super::site::Site;

#[test]
fn each_pair_in_each_form_is_what_the_library_renders() {
    let (Some(mut page), Some(site)) = (Page::open(), Site::new()) else { return };
    page.load("files", &site.files());
    let case = Case::new(&site.read("stringless.yaml"));
    let (mut asked, mut clouds) = (Vec::new(), BTreeSet::new());
    for (distro, cloud) in case.platforms.pairs() {
        for form in case.platforms.forms(distro, cloud) {
            let choice = choice(&distro.id, &cloud.id, form, None);
            asked.push((choice, rendered(&site, &case.request(distro, cloud, Some(form)))));
        }
        // Every encoding, possible or not, once on each cloud.
        if clouds.insert(&cloud.id) {
            for encoding in Encoding::ALL {
                let request = case.request(distro, cloud, None).and_then(|request| {
                    Ok(Request {
                        encoding: encode::encoding(cloud, request.boot, Some(encoding))?,
                        ..request
                    })
                });
                let form = case.platforms.forms(distro, cloud)[0];
                let choice = choice(&distro.id, &cloud.id, form, Some(encoding));
                asked.push((choice, rendered(&site, &request)));
            }
        }
    }
    assert!(asked.len() > 1000, "{}", asked.len());
    let mut texts = 0;
    for some in asked.chunks(50) {
        let choices: Vec<&Value> = some.iter().map(|(choice, _)| choice).collect();
        let answers = page.eval(&format!("{}.map((one) => stringless.view(one, {NOW}))", json!(choices)));
        for ((choice, expected), answer) in some.iter().zip(answers.as_array().unwrap()) {
            match expected {
                Ok(bytes) => {
                    let error = &answer["error"];
                    assert!(error.is_null(), "{choice}: {error}");
                    same(choice, &answer["result"], bytes);
                    texts += 1;
                }
                Err(fault) => {
                    assert!(answer["result"].is_null(), "{choice} is not refused as by {fault}");
                    assert_eq!(answer["error"]["what"], fault.to_string(), "{choice}");
                    assert_eq!(answer["error"]["hint"].as_str(), fault.hint.as_deref(), "{choice}");
                }
            }
        }
    }
    assert!(texts > 1000, "{texts} of {}", asked.len());
    assert!(page.faults().is_empty(), "{:?}", page.faults());
}

/// What is copied, and what is downloaded.
fn same(choice: &Value, result: &Value, bytes: &[u8]) {
    assert_eq!(result["base64"], Base64::encode_string(bytes), "{choice}");
    match str::from_utf8(bytes) {
        Ok(text) => assert_eq!(result["text"], text, "{choice}"),
        Err(_) => assert!(result["text"].is_null(), "{choice}"),
    }
}

fn rendered(site: &Site, request: &Result<Request<'_>, Fault>) -> Result<Vec<u8>, Fault> {
    let request = request.clone()?;
    let version = env!("CARGO_PKG_VERSION");
    let now = Timestamp::from_seconds(NOW);
    let agent = AgentPins { version: Version::parse(version).unwrap(), ..request.agent };
    let request = Request { trust: site.trusted_keys(), now, agent, tool_version: version, ..request };
    Ok(render(&request)?.encoded())
}

fn choice(distro: &str, cloud: &str, form: Form, encoding: Option<Encoding>) -> Value {
    json!({
        "distro": distro, "cloud": cloud, "form": form.as_str(), "encoding": encoding.map(Encoding::as_str),
        "environment": null, "boot_agent": null, "cpu": null, "role": null, "labels": [], "min_serial": 7,
        "lock": null, "eol_ok": true, "draft": false,
        "keys": {"id": "AKIDEXAMPLE", "secret": SECRET, "token": null},
    })
}

/// Through the controls, against the command line that the page shows for the same.
#[test]
fn what_is_shown_is_what_the_shown_command_prints() {
    let (Some(mut page), Some(site)) = (Page::open(), Site::new()) else { return };
    let bin = tempfile::tempdir().unwrap();
    symlink(tools::generator().unwrap(), bin.path().join("stringless")).unwrap();
    page.load("files", &site.files());
    page.choose("role", "web");
    page.choose("labels", "dc=fra1\nowner=it's \"us\"");
    page.choose("min_serial", "12");
    let case = Case::new(&site.read("stringless.yaml"));
    let (mut clouds, mut distros) = (BTreeSet::new(), BTreeSet::new());
    let (mut compared, mut keys) = (0, 0);
    for (distro, cloud) in case.platforms.pairs() {
        // Each system and each cloud at least once.
        if !distros.insert(&distro.id) & !clouds.insert(&cloud.id) {
            continue;
        }
        page.choose("distro", &distro.id);
        page.choose("cloud", &cloud.id);
        page.settle();
        if page.eval("!document.getElementById('keys').hidden") == json!(true) {
            page.choose("key_id", "AKIDEXAMPLE");
            page.choose("key_secret", SECRET);
            page.settle();
            keys += 1;
        }
        let ended = distro.ended(Timestamp::from_seconds(NOW)).is_some();
        if ended {
            assert!(page.text("refusal").contains("its support ended on"), "{}", page.text("refusal"));
            page.eval("document.getElementById('more').open = true");
            page.click("#eol_ok");
            page.settle();
        }
        let pair = format!("{} {}", distro.id, cloud.id);
        // Where the script is encoded, what one copies stands below it.
        let shown = if page.text("packed-block").is_empty() { page.shown() } else { page.packed() };
        let command = page.text("command");
        for part in [&*pair, "--role web", "--label dc=fra1", "--min-serial 12"] {
            assert!(command.contains(part), "{part}: {command}");
        }
        assert!(!command.contains(SECRET), "{command}");
        let mut shell = Command::new("sh");
        shell.args(["-euc", &command]).current_dir(site.path());
        let path = std::env::var("PATH").unwrap_or_default();
        shell.env("PATH", format!("{}:{path}", bin.path().display()));
        shell.env("SOURCE_DATE_EPOCH", NOW.to_string()).env("STRINGLESS_NODE_ACCESS_KEY_ID", "AKIDEXAMPLE");
        shell.env("STRINGLESS_NODE_SECRET_ACCESS_KEY", SECRET);
        let printed = run(&mut shell, PATIENCE);
        assert!(printed.status.success(), "{command}\n{}", both(&printed));
        assert_eq!(shown.trim_end(), String::from_utf8_lossy(&printed.stdout).trim_end(), "{command}");
        compared += 1;
        if ended {
            page.click("#eol_ok");
        }
    }
    assert!(compared > 40 && keys > 0, "{compared}, {keys}");
    assert!(page.faults().is_empty(), "{:?}", page.faults());
}

/// The pins of Puppet's packages come from the lock file.
#[test]
fn puppet_is_installed_as_the_lock_file_pins_it() {
    let (Some(mut page), Some(site)) =
        (Page::open_at("#cloud=aws&min_serial=1"), Site::new().map(Site::with_puppet))
    else {
        return;
    };
    page.load("files", &site.files());
    let mut texts = 0;
    for distro in ["debian-13", "alma-9", "ubuntu-24.04", "fedora-44", "alpine-3.22"] {
        page.choose("distro", distro);
        page.settle();
        let made = site.stringless(&["render", distro, "aws", "--min-serial", "1"]);
        let printed = String::from_utf8_lossy(&made.stdout).into_owned();
        if made.status.success() {
            assert_eq!(page.shown(), printed, "{distro}");
            texts += 1;
        } else {
            let refused = both(&made).replace('`', "");
            let what = refused.lines().next().unwrap().trim_start_matches("error: ").to_owned();
            assert!(page.text("refusal").contains(&what), "{what}: {}", page.text("refusal"));
        }
    }
    assert!(texts >= 3, "{texts}");
    assert!(page.faults().is_empty(), "{:?}", page.faults());
}
