//! Which files of a folder the page reads, and what replaces what.

use std::fs;

use serde_json::json;

use e2e::rendering::SECRET;

use super::page::Page;
use super::site::Site;

/// The names of the loaded files.
const NAMES: &str = "[...document.querySelectorAll('#loaded-files li code')].map((one) => one.innerText)";
const PAIR: &str = "#distro=debian-13&cloud=aws&min_serial=1";

/// A certificate, in the file that `node.ca_file` names.
fn certificate(site: &Site, name: &str) -> String {
    let pem = rcgen::generate_simple_self_signed(["ca.example.org".to_owned()]).unwrap().cert.pem();
    if let Some((folder, _)) = name.rsplit_once('/') {
        fs::create_dir_all(site.path().join(folder)).unwrap();
    }
    site.write(name, &pem);
    pem
}

/// Names it in the site file.
fn name_certificate(site: &Site, name: &str) {
    let text = site.read("stringless.yaml").replace("node:\n", &format!("node:\n  ca_file: {name}\n"));
    assert!(text.contains(name));
    site.write("stringless.yaml", &text);
}

/// What `stringless render` prints for the pair.
fn rendered(site: &Site, more: &[&str]) -> String {
    let made = site.stringless(&[&["render", "debian-13", "aws", "--min-serial", "1"], more].concat());
    String::from_utf8(made.stdout).unwrap()
}

#[test]
fn of_a_folder_only_what_the_site_file_names_is_read() {
    let (Some(mut page), Some(site)) = (Page::open_at(PAIR), Site::new()) else { return };
    certificate(&site, "files/deep/ca.pem");
    name_certificate(&site, "./files/deep/ca.pem");
    site.write("files/other.pem", "other\n");
    fs::create_dir_all(site.path().join("certs")).unwrap();
    let pair = rcgen::generate_simple_self_signed(["node.example.org".to_owned()]).unwrap();
    for name in ["server-key.pem", "certs/tls.pem", "keys/tls.pem"] {
        site.write(name, &pair.signing_key.serialize_pem());
    }
    site.write("team-layer.json", "{}");
    let expected = json!(["files/deep/ca.pem", "stringless.lock.json", "stringless.yaml", "trust/1.json"]);
    page.load("folder", &[site.path().to_owned()]);
    assert_eq!(page.eval(NAMES), expected, "{}", page.text("site-refusal"));
    assert_eq!(page.shown(), rendered(&site, &[]));
    page.click("#forget");
    page.drop_files(&[site.path()]);
    assert_eq!(page.eval(NAMES), expected, "{}", page.text("site-refusal"));
    assert_eq!(page.shown(), rendered(&site, &[]));
    // The site file may have another name, which the command then says.
    page.click("#forget");
    fs::rename(site.path().join("stringless.yaml"), site.path().join("prod.yaml")).unwrap();
    page.load("folder", &[site.path().to_owned()]);
    assert_eq!(page.shown(), rendered(&site, &["-f", "prod.yaml"]));
    assert!(page.text("command").contains("-f prod.yaml"), "{}", page.text("command"));
    assert!(page.faults().is_empty(), "{:?}", page.faults());
}

#[test]
fn a_file_with_a_secret_key_is_refused_whatever_its_name() {
    let (Some(mut page), Some(site)) = (Page::open(), Site::new()) else { return };
    let pair = rcgen::generate_simple_self_signed(["node.example.org".to_owned()]).unwrap();
    site.write("tls.pem", &pair.signing_key.serialize_pem());
    fs::copy(site.path().join("keys/release.key"), site.path().join("release.txt")).unwrap();
    // Without the comment that says so.
    let key = site.read("keys/release.key");
    site.write("bare.txt", key.split_once('\n').unwrap().1);
    for name in ["tls.pem", "release.txt", "bare.txt"] {
        page.load("files", &[site.path().join(name)]);
        let said = page.text("site-refusal");
        assert!(said.contains(name) && said.contains("holds a secret key"), "{said}");
        assert!(page.text("site-state").contains("No site is loaded"));
    }
    // Also where the site file names it.
    name_certificate(&site, "tls.pem");
    page.load("folder", &[site.path().to_owned()]);
    assert!(page.text("site-refusal").contains("tls.pem"), "{}", page.text("site-refusal"));
}

#[test]
fn a_newer_file_takes_the_place_of_the_older_one() {
    let (Some(mut page), Some(site)) = (Page::open_at(PAIR), Site::new()) else { return };
    let old = certificate(&site, "certs/ca.pem");
    name_certificate(&site, "certs/ca.pem");
    page.load("folder", &[site.path().to_owned()]);
    assert_eq!(page.shown(), rendered(&site, &[]));
    let new = certificate(&site, "ca.pem");
    page.load("files", &[site.path().join("ca.pem"), site.path().join("trust/1.json")]);
    assert_eq!(page.eval(NAMES), json!(["1.json", "ca.pem", "stringless.lock.json", "stringless.yaml"]));
    site.write("certs/ca.pem", &new);
    let made = rendered(&site, &[]);
    assert_ne!(old, new);
    assert_eq!(page.shown(), made, "{}", page.text("user-data"));
}

#[test]
fn a_folder_replaces_what_was_loaded() {
    let (Some(mut page), Some(one), Some(other)) = (Page::open_at(PAIR), Site::new(), Site::new()) else {
        return;
    };
    certificate(&one, "ca.pem");
    name_certificate(&one, "ca.pem");
    page.load("folder", &[one.path().to_owned()]);
    assert!(page.text("loaded-files").contains("ca.pem"));
    page.load("folder", &[other.path().to_owned()]);
    assert_eq!(page.eval(NAMES), json!(["stringless.lock.json", "stringless.yaml", "trust/1.json"]));
    assert_eq!(page.shown(), rendered(&other, &[]));
    // A site file of another name: what was loaded belongs to the first.
    let Some(third) = Site::named("third") else { return };
    page.load("files", &[third.path().join("stringless.yaml")]);
    assert_eq!(page.eval(NAMES), json!(["stringless.yaml"]));
    page.load("files", &third.files());
    assert_eq!(page.shown(), rendered(&third, &[]));
}

#[test]
fn keys_are_for_one_site() {
    let link = "#distro=debian-13&cloud=hetzner&min_serial=1";
    let (Some(mut page), Some(site), Some(other)) = (Page::open_at(link), Site::new(), Site::named("other"))
    else {
        return;
    };
    let values = "['key_id', 'key_secret', 'key_token'].map((id) => document.getElementById(id).value)";
    let typed = |page: &mut Page| {
        page.load("files", &site.files());
        page.choose("key_id", "AKIDEXAMPLE");
        page.choose("key_secret", SECRET);
        page.choose("key_token", "token");
        page.settle();
        assert!(page.shown().contains("AKIDEXAMPLE"), "{}", page.text("user-data"));
    };
    typed(&mut page);
    let said = page.text("variables");
    for name in stringless_render::STATIC_KEYS {
        assert!(said.contains(name), "{said}");
    }
    // The same site again keeps them.
    page.load("folder", &[site.path().to_owned()]);
    assert!(page.shown().contains("AKIDEXAMPLE"), "{}", page.text("user-data"));
    page.load("files", &other.files());
    assert_eq!(page.eval(values), json!(["", "", ""]));
    // The refusal leads to them.
    assert!(page.text("refusal").contains("On this page: Keys of the machine"), "{}", page.text("refusal"));
    page.click("#refusal button");
    assert_eq!(page.focused(), "key_id");
    typed(&mut page);
    page.click("#forget");
    assert_eq!(page.eval(values), json!(["", "", ""]));
    page.load("files", &site.files());
    assert_eq!(page.shown(), "");
    assert!(page.text("refusal").contains("Keys of the machine"), "{}", page.text("main"));
    // A label that is half written leaves them where they are.
    typed(&mut page);
    page.choose("labels", "dc");
    page.settle();
    assert_eq!(page.eval("document.getElementById('keys').hidden"), json!(false));
    assert!(page.text("refusal").contains("KEY=VALUE"), "{}", page.text("refusal"));
    // Nothing differs from a refusal.
    page.choose("labels", "dc=fra1");
    page.settle();
    assert_eq!(page.eval("document.getElementById('difference').hidden"), json!(true));
    assert!(!page.text("status").contains("last change"), "{}", page.text("status"));
}
