//! How a site comes into the page: files chosen, a folder chosen, both dropped.

use std::fs;

use serde_json::json;

use e2e::process::both;
use e2e::tools;

use super::page::Page;
use super::site::Site;

#[test]
fn a_folder_is_chosen_or_dropped_and_secret_keys_stay_out() {
    let (Some(mut page), Some(site)) = (Page::open(), Site::new()) else { return };
    fs::create_dir_all(site.path().join("modules/ntp/manifests")).unwrap();
    site.write("modules/ntp/manifests/stringless.yaml", "site: a trap\n");
    site.write("notes.json", "{}");
    let whole =
        "document.getElementById('site-state').innerText === 'The site example is loaded from these files:'";
    let names = "[...document.querySelectorAll('#loaded-files li code')].map((one) => one.innerText).sort()";
    let expected = json!(["stringless.lock.json", "stringless.yaml", "trust/1.json"]);

    page.load("folder", &[site.path().to_owned()]);
    page.until(whole);
    assert_eq!(page.eval(names), expected);
    page.click("#forget");
    assert!(page.text("site-state").contains("No site is loaded"));
    page.drop_files(&[site.path()]);
    page.until(whole);
    assert_eq!(page.eval(names), expected);
    page.click("#forget");
    let files = site.files();
    page.drop_files(&files.iter().map(AsRef::as_ref).collect::<Vec<_>>());
    page.until(whole);
    assert_eq!(page.eval(names), json!(["1.json", "stringless.lock.json", "stringless.yaml"]));
    assert!(page.faults().is_empty(), "{:?}", page.faults());
}

#[test]
fn a_secret_key_is_not_read() {
    let (Some(mut page), Some(site)) = (Page::open(), Site::new()) else { return };
    page.load("files", &[site.path().join("keys/release.key")]);
    let said = page.text("site-refusal");
    assert!(said.contains("release.key") && said.contains("secret key"), "{said}");
    assert!(page.text("site-state").contains("No site is loaded"));
}

#[test]
fn a_file_that_no_site_has_is_refused() {
    let (Some(mut page), Some(site)) = (Page::open(), Site::new()) else { return };
    site.write("disk.json", &" ".repeat((1 << 20) + 1));
    page.load("files", &[site.path().join("disk.json")]);
    assert!(page.text("site-refusal").contains("disk.json"), "{}", page.text("site-refusal"));
    page.drop_files(&[&site.path().join("keys")]);
    assert!(page.text("site-refusal").contains("no file of a site"), "{}", page.text("site-refusal"));
    assert!(page.text("site-state").contains("No site is loaded"));
}

#[test]
fn files_may_come_one_after_the_other_and_again() {
    let (Some(mut page), Some(site)) = (Page::open_at("#distro=debian-13&cloud=aws"), Site::new()) else {
        return;
    };
    page.load("files", &[site.path().join("stringless.lock.json")]);
    assert!(page.text("result").is_empty(), "{}", page.text("result"));
    assert!(page.text("site-refusal").contains("What to do"), "{}", page.text("site-refusal"));
    for file in site.files() {
        page.load("files", &[file]);
    }
    assert!(page.text("site-refusal").is_empty(), "{}", page.text("site-refusal"));
    assert!(page.shown().contains("site example"), "{}", page.text("user-data"));
    // A file that was changed is read again.
    site.write("stringless.yaml", &site.read("stringless.yaml").replace("interval: 5m", "interval: 7m"));
    page.load("files", &[site.path().join("stringless.yaml")]);
    let made = site.stringless(&["render", "debian-13", "aws", "--min-serial", "1"]);
    assert_eq!(page.shown(), String::from_utf8(made.stdout).unwrap());
}

/// The layer of another site, which the machine follows, too.
#[test]
fn the_output_of_layer_is_added() {
    let (Some(mut page), Some(site), Some(other)) =
        (Page::open_at("#distro=debian-13&cloud=aws&min_serial=2"), Site::new(), Site::named("base"))
    else {
        return;
    };
    let layer = other.stringless(&["layer", "--min-serial", "5"]);
    assert!(layer.status.success(), "{}", both(&layer));
    site.write("base-layer.json", &String::from_utf8(layer.stdout).unwrap());
    // From a folder, only what the site file names.
    page.load("folder", &[site.path().to_owned()]);
    assert!(!page.text("loaded-files").contains("base-layer.json"), "{}", page.text("loaded-files"));
    page.load("files", &[site.path().join("base-layer.json")]);
    let made = ["render", "debian-13", "aws", "--min-serial", "2", "--layer-after", "base-layer.json"];
    let made = site.stringless(&made);
    assert!(made.status.success(), "{}", both(&made));
    assert_eq!(page.shown(), String::from_utf8(made.stdout).unwrap());
    assert!(page.text("command").contains("--layer-after base-layer.json"), "{}", page.text("command"));
    page.click("#loaded-files [data-name='base-layer.json']");
    assert!(!page.text("command").contains("--layer-after"), "{}", page.text("command"));
    let without = site.stringless(&["render", "debian-13", "aws", "--min-serial", "2"]);
    assert_eq!(page.shown(), String::from_utf8(without.stdout).unwrap());
}

/// As `stringless web --with-site` writes it, with the published serial.
#[test]
fn a_page_with_a_site_in_it_needs_no_files() {
    let (Some(_), Some(site)) = (tools::page(), Site::published()) else { return };
    let written = site.stringless(&["web", "--out", "page", "--with-site"]);
    if both(&written).contains("this build of stringless carries none") {
        return tools::skip("no page in the generator (make generator)").unwrap_or_default();
    }
    assert!(written.status.success(), "{}", both(&written));
    let file = site.path().join("page/index.html");
    let Some(mut page) = Page::open_file(&file, "#distro=debian-13&cloud=aws") else { return };
    assert!(page.text("site-state").contains("The site example is loaded"), "{}", page.text("site-state"));
    let made = site.stringless(&["render", "debian-13", "aws"]);
    assert!(made.status.success(), "{}", both(&made));
    assert_eq!(page.shown(), String::from_utf8(made.stdout).unwrap());
    assert!(!page.text("notes").contains("does not ask the store"), "{}", page.text("notes"));
    assert!(page.faults().is_empty(), "{:?}", page.faults());
}

/// Which branches there are stands in no file: their names are written.
#[test]
fn an_environment_is_chosen_or_written() {
    let (Some(mut page), Some(site)) =
        (Page::open_at("#distro=debian-13&cloud=aws&min_serial=1"), Site::new())
    else {
        return;
    };
    let text = site.read("stringless.yaml");
    let two = text.replace("  production:\n", "  staging: {source: {path: .}}\n  production:\n");
    site.write("stringless.yaml", &two);
    page.load("files", &site.files());
    let render = |environment: &str| {
        let made = ["render", "debian-13", "aws", "--min-serial", "1", "--environment", environment];
        String::from_utf8(site.stringless(&made).stdout).unwrap()
    };
    assert_eq!(page.shown(), render("production"));
    page.choose("environment", "staging");
    page.settle();
    assert_eq!(page.shown(), render("staging"));
    assert!(page.shown().contains("environment staging"), "{}", page.text("user-data"));

    let sources = "sources:\n  control: {git: 'https://git.example.org/control.git'}\n";
    site.write(
        "stringless.yaml",
        &format!("{}{sources}", text.replace("  production:\n    source: {path: .}\n", "")),
    );
    page.load("files", &site.files());
    assert_eq!(page.eval("document.getElementById('environment').checkVisibility()"), json!(false));
    page.choose("branch", "feature");
    page.settle();
    assert!(page.shown().contains("environment feature"), "{}", page.text("user-data"));
    assert!(page.text("command").contains("feature"), "{}", page.text("command"));
}
