use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use super::{answer, example};

mod refusals;

const NOW: u64 = 1_796_000_000;
const SITE: &str = "\
site: example
stores: [{url: 'https://configs.example.org'}]
environments: {production: {}}
apply: {engine: {script: {run: apply}}}
";

fn ask(question: &Value) -> Value {
    serde_json::from_str(&answer(&question.to_string())).unwrap()
}

fn file(name: &str, text: &str) -> Value {
    json!({"name": name, "base64": Base64::encode_string(text.as_bytes())})
}

/// The site with a private bucket.
fn private() -> String {
    SITE.replace("https://configs.example.org'", "s3://configs', region: eu-central-1")
}

/// The trust of the example, whose site has the same name.
fn trust(name: &str) -> Value {
    let found = example::shown().into_iter().find(|file| file.name == "trust/1.json").unwrap();
    file(name, found.text)
}

fn lock(version: &str) -> String {
    let file = json!({"size": 1, "sha256": "ab".repeat(32)});
    let targets = json!({"x86_64-unknown-linux-musl": file, "aarch64-unknown-linux-musl": file});
    let pin = json!({"version": version, "minimum": "0.1.0", "targets": targets});
    json!({"format": 1, "agents": [pin]}).to_string()
}

/// The files of a whole site.
fn whole(site: &str) -> Vec<Value> {
    let lock = lock(stringless_render::choice::VERSION);
    vec![file("stringless.yaml", site), file("stringless.lock.json", &lock), trust("trust/1.json")]
}

fn view(files: &[Value], choice: &Value) -> Value {
    ask(&json!({"op": "view", "now": NOW, "files": files, "choice": choice}))
}

/// The first pair of which `like` is true, with its view of the site.
fn first(files: &[Value], more: &Value, like: impl Fn(&Value) -> bool) -> Value {
    let catalogue = ask(&json!({"op": "catalogue", "now": NOW}));
    for distro in catalogue["distros"].as_array().unwrap().iter().filter(|distro| distro["ended"].is_null()) {
        let clouds = view(files, &json!({"distro": distro["id"]}))["options"]["clouds"].clone();
        for cloud in clouds.as_array().unwrap() {
            let mut choice = more.clone();
            choice["distro"] = distro["id"].clone();
            choice["cloud"] = cloud.clone();
            let seen = view(files, &choice);
            if like(&seen) {
                return json!({"choice": choice, "view": seen});
            }
        }
    }
    panic!("no pair is like that");
}

fn rendered(files: &[Value]) -> Value {
    first(files, &json!({}), |view| view["result"]["text"].is_string())
}

#[test]
fn without_a_site_a_draft_of_the_example_is_shown() {
    let seen = rendered(&[])["view"].clone();
    assert_eq!((&seen["site"]["example"], &seen["site"]["name"]), (&json!(true), &json!("example")));
    let text = seen["result"]["text"].as_str().unwrap();
    assert!(text.contains("as a draft that installs nothing") && text.contains(&"0".repeat(64)), "{text}");
    assert!(seen["result"]["notes"][0].as_str().unwrap().starts_with("WARNING: this is a draft"));
    assert!(seen["command"].as_str().unwrap().ends_with(" --draft"));
    let catalogue = ask(&json!({"op": "catalogue"}));
    assert_eq!(catalogue["example"][0]["name"], "stringless.yaml");
}

#[test]
fn a_whole_site_is_rendered_from_any_names_of_its_files() {
    let flat: Vec<Value> = whole(SITE)
        .into_iter()
        .map(|file| {
            let name = file["name"].as_str().unwrap().replace("trust/", "");
            json!({"name": name, "base64": file["base64"]})
        })
        .collect();
    let deep: Vec<Value> = whole(SITE)
        .into_iter()
        .map(|file| json!({"name": format!("configs/{}", file["name"].as_str().unwrap()), "base64": file["base64"]}))
        .collect();
    let expected = rendered(&whole(SITE));
    for files in [flat, deep] {
        let seen = view(&files, &expected["choice"]);
        assert_eq!(seen["result"], expected["view"]["result"], "{files:?}");
        assert!(
            seen["site"]["files"].as_array().unwrap().iter().all(|file| file["role"] != "not used"),
            "{seen}"
        );
    }
}

#[test]
fn the_serial_comes_from_the_choice_then_from_the_page_and_the_command_says_it() {
    let choice = rendered(&whole(SITE))["choice"].clone();
    let ask = |serials: Value, serial: Value| {
        let mut choice = choice.clone();
        choice["min_serial"] = serial;
        ask(&json!({"op": "view", "now": NOW, "files": whole(SITE), "serials": serials, "choice": choice}))
    };
    for (serials, serial, expected) in [
        (json!({"production": 12}), json!(40), 40),
        (json!({"production": 12}), json!(null), 12),
        (json!({"staging": 12}), json!(null), 1),
        (json!(null), json!(null), 1),
    ] {
        let seen = ask(serials, serial);
        assert_eq!(seen["result"]["min_serial"], expected);
        let command = seen["command"].as_str().unwrap();
        assert!(command.ends_with(&format!(" --min-serial {expected}")), "{command}");
        // It stands above all other notes.
        let noted = seen["result"]["notes"][0].to_string().contains("does not ask the store");
        assert_eq!(noted, expected == 1, "{seen}");
    }
}

#[test]
fn a_retired_environment_is_refused_unless_the_serial_is_given() {
    let mut choice = rendered(&whole(SITE))["choice"].clone();
    let seen = |choice: &Value| {
        ask(
            &json!({"op": "view", "now": NOW, "files": whole(SITE), "retired": ["production"], "choice": choice}),
        )
    };
    let refused = seen(&choice);
    assert_eq!(refused["error"]["what"], "rendering for `production`: the environment was retired");
    assert!(refused["error"]["hint"].as_str().unwrap().contains("`stringless publish -e production`"));
    assert!(refused["result"].is_null() && refused["command"].is_null(), "{refused}");
    choice["min_serial"] = json!(4);
    assert_eq!(seen(&choice)["result"]["min_serial"], 4);
}

#[test]
fn the_command_names_a_site_file_that_it_does_not_find() {
    let choice = rendered(&whole(SITE))["choice"].clone();
    let mut files = whole(SITE);
    files[0]["name"] = json!("prod.yaml");
    let seen = view(&files, &choice);
    assert!(seen["command"].as_str().unwrap().contains(" -f prod.yaml "), "{seen}");
    assert!(!view(&whole(SITE), &choice)["command"].as_str().unwrap().contains("-f "));
}

#[test]
fn files_are_known_by_what_the_site_file_names() {
    let names = |files: &[Value]| ask(&json!({"op": "names", "files": files}));
    let site = format!("{SITE}node: {{ca_file: ./files/ca.pem, layers: {{before: [a/base.json]}}}}\n");
    let files =
        [whole(&site), vec![file("ca.pem", "x"), file("1.json", "x"), file("notes.txt", "x")]].concat();
    let seen = names(&files);
    assert_eq!((&seen["site"], &seen["named"]), (&json!("example"), &json!(["files/ca.pem", "a/base.json"])));
    let roles: Vec<&str> =
        seen["files"].as_array().unwrap().iter().map(|file| file["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["site file", "lock file", "trust", "CA", "trust", "not used"]);
    assert_eq!(names(&files[1..]), json!({"site": null, "named": [], "files": []}));
}

#[test]
fn a_branch_of_a_source_is_taken_by_its_name() {
    let sources = format!("{SITE}sources: {{control: {{git: 'https://git.example.org/control'}}}}\n");
    let mut choice = rendered(&whole(SITE))["choice"].clone();
    choice["environment"] = json!("feature_a");
    let seen = view(&whole(&sources), &choice);
    assert_eq!(
        (&seen["site"]["branches"], &seen["chosen"]["environment"]),
        (&json!(true), &json!("feature_a"))
    );
    assert!(seen["result"]["text"].as_str().unwrap().contains("environment feature_a"));
    // With two sources that are applied in different ways, nobody knows which one has the branch.
    let two = format!(
        "{SITE}sources: {{a: {{git: 'https://h/a'}}, b: {{git: 'https://h/b', apply: {{timeout: 5m}}}}}}\n"
    );
    let seen = view(&whole(&two), &choice);
    assert!(seen["error"]["what"].as_str().unwrap().contains("the site has none of that name"), "{seen}");
}

#[test]
fn keys_are_asked_for_where_nodes_read_the_store_with_keys() {
    let private = private();
    let found = first(&whole(&private), &json!({}), |view| view["needs_keys"] == true);
    let hint = found["view"]["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("STRINGLESS_NODE_ACCESS_KEY_ID"), "{hint}");
    let with = |id: &str| {
        let mut choice = found["choice"].clone();
        choice["keys"] = json!({"id": id, "secret": "not-a-secret-of-anybody"});
        view(&whole(&private), &choice)
    };
    assert!(with("")["error"].is_object());
    let [id, secret, token] = stringless_render::STATIC_KEYS;
    assert_eq!(found["view"]["variables"], json!([id, secret]));
    let mut session = found["choice"].clone();
    session["keys"] = json!({"id": "AKIDEXAMPLE", "secret": "not-a-secret-of-anybody", "token": "t"});
    assert_eq!(view(&whole(&private), &session)["variables"], json!([id, secret, token]));
    // A label that is half written says nothing about keys.
    let mut half = found["choice"].clone();
    half["labels"] = json!(["dc"]);
    assert!(view(&whole(&private), &half)["needs_keys"].is_null());
    // A site whose nodes shall use roles only, on a cloud without roles.
    let roles = format!("{private}node: {{credentials: [instance_role]}}\n");
    let seen = view(&whole(&roles), &found["choice"]);
    assert!(seen["error"]["what"].as_str().unwrap().contains("offers no role"), "{seen}");
    assert_eq!(seen["needs_keys"], true);
    let mut draft = found["choice"].clone();
    draft["draft"] = json!(true);
    let seen = view(&whole(&private), &draft);
    assert!(seen["needs_keys"] == false && seen["result"]["text"].is_string(), "{seen}");
    let seen = with("AKIDEXAMPLE");
    assert!(seen["result"]["text"].as_str().unwrap().contains("AKIDEXAMPLE"), "{seen}");
    assert!(seen["needs_keys"] == true && !seen["command"].as_str().unwrap().contains("AKIDEXAMPLE"));
}

#[test]
fn each_form_says_where_its_parts_stand() {
    let choice = rendered(&whole(SITE))["choice"].clone();
    let seen = |key: &str, value: &str| {
        let mut choice = choice.clone();
        choice[key] = json!(value);
        view(&whole(SITE), &choice)["result"].clone()
    };
    let forms = view(&whole(SITE), &choice)["options"]["forms"].clone();
    for form in forms.as_array().unwrap() {
        let result = seen("form", form.as_str().unwrap());
        let text = result["text"].as_str().unwrap();
        match result["body_line"].as_u64() {
            Some(line) => {
                let first = text.lines().nth(usize::try_from(line).unwrap() - 1).unwrap().trim_start();
                assert!(first.starts_with("#!/bin/sh"), "{form}: {first}");
                assert!(result["body"].is_null());
            }
            None => assert!(result["body"].as_str().unwrap().starts_with("#!/bin/sh"), "{form}"),
        }
    }
    let packed = first(&whole(SITE), &json!({"encoding": "gzip"}), |view| view["result"].is_object());
    let packed = &packed["view"]["result"];
    assert!(packed["text"].is_null() && packed["body"].is_string(), "{packed}");
    assert_eq!(Base64::decode_vec(packed["base64"].as_str().unwrap()).unwrap()[..2], [0x1f, 0x8b]);
}

#[test]
fn the_layer_of_another_site_is_added() {
    let choice = rendered(&whole(SITE))["choice"].clone();
    let trust = json!({"version": 1, "threshold": 1, "keys": ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]});
    let layer = json!({"site": "base", "environment": "production", "min_serial": 3, "interval": 300, "splay": 60,
        "trust": trust, "stores": [{"url": "https://base.example.org"}]});
    let files =
        [whole(SITE), vec![file("base.json", &layer.to_string()), file("package.json", "{}")]].concat();
    let seen = view(&files, &choice);
    assert!(seen["result"]["text"].as_str().unwrap().contains("https://base.example.org"), "{seen}");
    assert!(seen["command"].as_str().unwrap().ends_with("--layer-after base.json"), "{seen}");
    let roles: Vec<&str> =
        seen["site"]["files"].as_array().unwrap().iter().map(|file| file["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["site file", "lock file", "trust", "layer", "not used"]);
    // Twice the same site.
    let twice = [files, vec![file("again.json", &layer.to_string())]].concat();
    let seen = view(&twice, &choice);
    assert!(seen["error"]["what"].as_str().unwrap().contains("the site `base` occurs twice"), "{seen}");
}
