//! What is refused, with the words of the command.

use serde_json::{Value, json};

use super::{NOW, SITE, ask, file, lock, private, rendered, trust, view, whole};
use crate::answer;

/// The refusal of a choice for these files.
fn refused(files: &[Value], more: &Value) -> (String, String) {
    let mut choice = rendered(&whole(SITE))["choice"].clone();
    for (key, value) in more.as_object().unwrap() {
        choice[key] = value.clone();
    }
    let seen = view(files, &choice);
    assert!(seen["result"].is_null(), "{seen}");
    let part = |key: &str| seen["error"][key].as_str().unwrap_or_default().to_owned();
    (part("what"), part("hint"))
}

#[test]
fn what_is_no_question_is_refused() {
    for (question, why) in [
        ("", "EOF while parsing"),
        ("{}", "missing field `op`"),
        (r#"{"op":"publish"}"#, "unknown variant `publish`"),
        (r#"{"op":"view"}"#, "missing field `now`"),
        (r#"{"op":"view","now":1,"choice":{"distr":"x"}}"#, "unknown field `distr`"),
    ] {
        let answer: Value = serde_json::from_str(&answer(question)).unwrap();
        let what = answer["error"]["what"].as_str().unwrap();
        assert!(what.starts_with("reading the question: ") && what.contains(why), "{question}: {what}");
    }
}

#[test]
fn choices_that_do_not_fit_are_refused_as_the_command_refuses_them() {
    let files = whole(SITE);
    for (choice, what, hint) in [
        (json!({"distro": null}), "DISTRO and CLOUD are missing", "`stringless list`"),
        (json!({"distro": "nothing-1"}), "looking up the distro `nothing-1`", "`stringless list`"),
        (json!({"cloud": null}), "CLOUD is missing", "one of "),
        (json!({"cloud": "nowhere"}), "looking up the cloud `nowhere`", "`stringless list`"),
        (json!({"form": "paper"}), "there is no form `paper`", "`--form` script or"),
        (json!({"form": "nix"}), "the form `nix` is not possible", "possible forms: "),
        (json!({"encoding": "rot13"}), "there is no encoding `rot13`", "one of plain"),
        (json!({"boot_agent": "nobody"}), "runs `nobody`", "`--boot-agent` takes"),
        (json!({"role": "we b"}), "reading --role: ", "--role web"),
        (json!({"labels": ["dc"]}), "reading --label: `dc`: expected KEY=VALUE", "dc=fra1"),
        (json!({"labels": ["dc=a", "dc=b"]}), "`dc` is given twice", "give each label once"),
        (json!({"lock": "maybe"}), "reading --lock-metadata: `maybe`", "`wanted`"),
        (
            json!({"environment": "testing"}),
            "the site has none of that name",
            "`environments` has production",
        ),
    ] {
        let (found, remedy) = refused(&files, &choice);
        assert!(found.contains(what), "{choice}: {found}");
        assert!(remedy.contains(hint), "{choice}: {remedy}");
    }
}

#[test]
fn files_that_are_no_site_are_refused() {
    let without = |role: &str| -> Vec<Value> {
        whole(SITE).into_iter().filter(|file| !file["name"].as_str().unwrap().contains(role)).collect()
    };
    let with = |site: &str, more: &[Value]| [whole(&format!("{SITE}{site}")), more.to_vec()].concat();
    let old = file("stringless.lock.json", &lock("0.0.1"));
    let newer = file("stringless.lock.json", r#"{"format": 2, "agents": []}"#);
    let broken = file("trust/1.json", &"x".repeat(100));
    let other = SITE.replace("site: example", "site: other");
    let presigned = format!("{}node: {{first_fetch: presigned}}\n", private());
    for (files, what, hint) in [
        (without("stringless.yaml"), "there is no site file among them", "load `stringless.yaml`"),
        (without("trust"), "reading `trust/1.json`: it is not among the files", "newest file of `trust/`"),
        (without("lock"), "no agent ", "`stringless agent push`"),
        ([without("lock"), vec![old]].concat(), "was pushed for this site", "`stringless agent push`"),
        (
            [without("lock"), vec![file("stringless.lock.json", "")]].concat(),
            "reading `stringless.lock.json`: ",
            "",
        ),
        (
            [without("lock"), vec![newer]].concat(),
            "reading `stringless.lock.json`: format 2",
            "newest stringless",
        ),
        (
            [without("trust"), vec![broken]].concat(),
            "verifying `trust/1.json`: not a signed",
            "version control",
        ),
        ([without("trust"), vec![trust("trust/2.json")]].concat(), "it holds trust version 1", ""),
        (whole(&other), "signed for site `example`, expected `other`", "restore `trust/`"),
        (with("colour: red\n", &[]), "stringless.yaml:5: unknown field `colour`", ""),
        (with("node: {ca_file: ca.pem}\n", &[]), "reading `ca.pem`: it is not among", "`node.ca_file`"),
        (
            with("node: {layers: {before: [a.json]}}\n", &[]),
            "reading the layer `a.json`",
            "`stringless layer",
        ),
        (
            with("node: {layers: {after: [a.json]}}\n", &[file("a.json", "{}")]),
            "reading the layer `a.json`: missing field",
            "`stringless layer` prints one",
        ),
        (whole(&presigned), "links that a key of yours signs", "with the command"),
        (
            with("puppet: {package: {nothing: openvox}}\n", &[]),
            "there is no distro or family `nothing`",
            "list distros",
        ),
        (vec![json!({"name": "stringless.yaml", "base64": "?"})], "did not arrive whole", ""),
    ] {
        let (found, remedy) = refused(&files, &json!({}));
        assert!(found.contains(what), "{what}: {found}");
        assert!(remedy.contains(hint), "{what}: {remedy}");
    }
}

#[test]
fn a_refusal_leaves_what_is_known_of_the_site() {
    let seen = view(&whole(SITE)[..1], &rendered(&whole(SITE))["choice"]);
    assert_eq!(seen["site"]["name"], "example");
    assert_eq!(seen["site"]["environments"], json!(["production"]));
    assert_eq!(seen["site"]["files"][0]["role"], "site file");
    assert!(seen["error"]["what"].is_string() && !seen["options"]["forms"].as_array().unwrap().is_empty());
    // A question about a distro that has ended is refused, and one about an unknown form has the other lists.
    let seen = view(&[], &json!({"form": "paper"}));
    assert_eq!(seen["site"]["example"], true);
}

#[test]
fn a_distro_whose_support_has_ended_is_refused_until_it_is_allowed() {
    // In a thousand years.
    let now = NOW + 31_557_600_000;
    let catalogue = ask(&json!({"op": "catalogue", "now": now}));
    let ended = catalogue["distros"].as_array().unwrap().iter().find(|distro| distro["ended"].is_string());
    let id = &ended.unwrap()["id"];
    let cloud = view(&[], &json!({"distro": id}))["options"]["clouds"][0].clone();
    let ask = |eol_ok| {
        ask(&json!({"op": "view", "now": now, "choice": {"distro": id, "cloud": cloud, "eol_ok": eol_ok}}))
    };
    let seen = ask(false);
    assert!(seen["error"]["what"].as_str().unwrap().contains("its support ended on"), "{seen}");
    assert!(seen["error"]["hint"].as_str().unwrap().contains("`--eol-ok`"));
    assert!(ask(true)["result"]["text"].is_string());
}
