//! What the page refuses is what `stringless render` refuses, in the same words.

use std::fs;

use serde_json::json;

use e2e::process::both;

use super::page::Page;
use super::site::Site;

/// What `render` prints for the site and these arguments, and what the page shows in `#place`, are the same.
fn same(page: &mut Page, site: &Site, arguments: &[&str], place: &str) {
    let output = site.stringless(&[&["render", "debian-13", "aws", "--min-serial", "1"], arguments].concat());
    assert!(!output.status.success());
    let printed = both(&output);
    let printed = printed.trim_start_matches("error: ").trim_end();
    let (what, hint) = printed.split_once("\n\nhint: ").unwrap_or((printed, ""));
    let shown = page.text(place);
    let one_line = |text: &str| text.replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut expected = format!("Not possible: {}", one_line(what));
    if !hint.is_empty() {
        expected += &format!(" What to do: {}", one_line(hint));
    }
    assert!(one_line(&shown).starts_with(&expected), "{shown}\n{expected}");
    assert_eq!(page.text("result"), "");
    let role = format!("document.getElementById('{place}').getAttribute('role')");
    assert_eq!(page.string(&role), "alert");
}

#[test]
fn a_site_file_that_is_not_valid_names_line_and_column() {
    let (Some(mut page), Some(site)) = (Page::open_at("#distro=debian-13&cloud=aws"), Site::new()) else {
        return;
    };
    site.write("stringless.yaml", &site.read("stringless.yaml").replace("stores:", "storse:"));
    page.load("files", &site.files());
    same(&mut page, &site, &[], "site-refusal");
    assert!(page.text("site-refusal").contains("stringless.yaml:6: "), "{}", page.text("site-refusal"));
    // What is no YAML at all.
    site.write("stringless.yaml", "site: example\n\tstores: x\n");
    page.load("files", &site.files());
    same(&mut page, &site, &[], "site-refusal");
    assert!(page.text("site-refusal").contains("line 2 column 1"), "{}", page.text("site-refusal"));
    // Corrected, it is taken.
    let good = Site::new().unwrap();
    page.load("files", &good.files());
    assert_eq!(page.text("site-refusal"), "");
    assert!(page.shown().starts_with("#!/bin/sh\n"));
    assert!(page.faults().is_empty(), "{:?}", page.faults());
}

#[test]
fn a_site_over_the_limit_is_refused_with_the_way_out() {
    let (Some(mut page), Some(site)) = (Page::open_at("#distro=debian-13&cloud=aws"), Site::new()) else {
        return;
    };
    let certificates: String = (0..16)
        .map(|n| rcgen::generate_simple_self_signed([format!("ca{n}.example.org")]).unwrap().cert.pem())
        .collect();
    site.write("ca.pem", &certificates);
    let text = site.read("stringless.yaml").replace("node:\n", "node:\n  ca_file: ca.pem\n");
    site.write("stringless.yaml", &text);
    page.load("files", &[site.files(), vec![site.path().join("ca.pem")]].concat());
    same(&mut page, &site, &[], "refusal");
    assert!(page.text("refusal").contains("16384"), "{}", page.text("refusal"));
    // The way out that the hint names.
    assert!(page.text("refusal").contains("On this page: Encoding"), "{}", page.text("refusal"));
    page.click("#refusal button");
    assert_eq!(page.focused(), "encoding");
    page.choose("encoding", "gzip+base64");
    page.settle();
    assert_eq!(page.text("refusal"), "");
    let packed = ["render", "debian-13", "aws", "--min-serial", "1", "--encoding", "gzip+base64"];
    let made = String::from_utf8(site.stringless(&packed).stdout).unwrap();
    assert_eq!(page.packed().trim_end(), made.trim_end());
}

#[test]
fn a_site_without_agents_is_refused_and_a_draft_is_made() {
    let (Some(mut page), Some(site)) = (Page::open_at("#distro=debian-13&cloud=aws"), Site::new()) else {
        return;
    };
    fs::remove_file(site.path().join("stringless.lock.json")).unwrap();
    page.load("files", &[site.path().join("stringless.yaml"), site.path().join("trust/1.json")]);
    same(&mut page, &site, &[], "refusal");
    assert!(page.text("missing").contains("stringless.lock.json"), "{}", page.text("missing"));
    page.eval("document.getElementById('more').open = true");
    page.click("#draft");
    page.settle();
    let draft = site.stringless(&["render", "debian-13", "aws", "--min-serial", "1", "--draft"]);
    assert_eq!(page.shown(), String::from_utf8(draft.stdout).unwrap());
}

#[test]
fn choices_that_cannot_be_are_refused() {
    let (Some(mut page), Some(site)) = (Page::open_at("#distro=debian-13&cloud=aws"), Site::new()) else {
        return;
    };
    page.load("files", &site.files());
    page.choose("min_serial", "one");
    page.settle();
    assert!(page.text("refusal").contains("one is not a whole number"), "{}", page.text("refusal"));
    page.choose("min_serial", "1");
    for role in ["web server", "<b>web</b>", "Wéb"] {
        page.choose("role", role);
        page.settle();
        let shown = page.text("refusal");
        assert!(shown.starts_with("Not possible: ") && shown.contains(role), "{shown}");
        assert_eq!(page.eval("document.querySelectorAll('#refusal b').length"), json!(0));
    }
    page.choose("role", "");
    page.choose("labels", "dc");
    page.settle();
    assert!(page.text("refusal").contains("dc"), "{}", page.text("refusal"));
    page.choose("labels", "dc=fra1\ndc=fra2");
    page.settle();
    assert!(page.text("refusal").contains("twice"), "{}", page.text("refusal"));
    page.choose("labels", "");
    page.settle();
    assert_eq!(page.text("refusal"), "");
    // What a link names and nobody knows.
    page.visit("#distro=debain-13&cloud=aws");
    assert!(page.text("refusal").contains("debain-13"), "{}", page.text("refusal"));
    page.visit("#distro=debian-13&cloud=aws&form=ignition");
    page.load("files", &site.files());
    same(&mut page, &site, &["--form", "ignition"], "refusal");
    assert!(page.faults().is_empty(), "{:?}", page.faults());
}
