//! What a person does with mouse and keys: choose, look, copy, download, follow a link.

use std::fs;

use serde_json::json;

use e2e::process::{PATIENCE, until};

use super::page::Page;
use super::site::Site;

#[test]
fn without_a_site_there_is_an_example_and_it_says_so() {
    let Some(mut page) = Page::open() else { return };
    assert!(page.text("site-state").contains("No site is loaded"));
    let banner = page.text("example");
    assert!(banner.starts_with("This is an example") && banner.contains("It installs nothing"), "{banner}");
    assert!(page.text("notes").contains("this is a draft"), "{}", page.text("notes"));
    assert!(page.shown().contains("as a draft that installs nothing"));
    assert_eq!(page.eval("document.getElementById('result').hidden"), json!(false));
    assert!(page.faults().is_empty(), "{:?}", page.faults());
}

#[test]
fn the_facts_are_those_of_render() {
    let (Some(mut page), Some(site)) = (Page::open(), Site::new()) else { return };
    page.load("files", &site.files());
    let same = ["render", "debian-13", "aws", "--min-serial", "3", "--role", "web", "--json", "--explain"];
    let report: serde_json::Value =
        serde_json::from_slice(&site.stringless(&same).stdout).expect("a report of render");
    for (id, value) in [("distro", "debian-13"), ("cloud", "aws"), ("role", "web"), ("min_serial", "3")] {
        page.choose(id, value);
    }
    page.settle();
    assert_eq!(page.shown(), report["user_data"].as_str().unwrap());
    assert_eq!(page.eval("document.getElementById('size').value"), report["bytes"]);
    assert_eq!(page.eval("document.getElementById('size').max"), report["max_bytes"]);
    assert!(page.text("size-words").contains("16,384 bytes"), "{}", page.text("size-words"));
    assert_eq!(page.text("readable"), report["readable_by"].as_str().unwrap());
    assert!(page.text("paste").starts_with(report["paste_into"].as_str().unwrap()));
    let tested = page.text("tested");
    assert!(tested.starts_with(&format!("{}: ", report["tested"].as_str().unwrap())), "{tested}");
    for note in report["notes"].as_array().unwrap() {
        let note = note.as_str().unwrap().replace('`', "");
        assert!(page.text("notes").contains(&note), "{note}");
    }
    // Each part beside its lines.
    let explanations = page.eval("[...document.querySelectorAll('.does')].map((one) => one.textContent)");
    let parts = report["parts"].as_array().unwrap();
    assert_eq!(explanations.as_array().unwrap().len(), parts.len());
    for (said, part) in explanations.as_array().unwrap().iter().zip(parts) {
        let does = part["does"].as_str().unwrap().replace('`', "");
        assert!(said.as_str().unwrap().ends_with(&does), "{said}: {does}");
    }
    assert!(page.faults().is_empty(), "{:?}", page.faults());
}

#[test]
fn keys_alone_make_copy_and_download_a_text() {
    let (Some(mut page), Some(site)) = (Page::open(), Site::new()) else { return };
    let downloads = tempfile::tempdir().unwrap();
    page.browser.call(
        "Browser.setDownloadBehavior",
        json!({"behavior": "allow", "downloadPath": downloads.path(), "eventsEnabled": true}),
    );
    let permissions = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
    page.browser.call("Browser.grantPermissions", permissions);
    page.load("files", &site.files());
    page.eval("document.activeElement.blur()");
    // The first stop leads past the choices.
    page.press("Tab");
    assert_eq!(page.eval("document.activeElement.className"), json!("skip"));
    page.tab_to("distro");
    page.type_text("Debian 13");
    page.press("Tab");
    assert_eq!(page.focused(), "cloud");
    page.type_text("Amazon");
    page.tab_to("role");
    page.type_text("web");
    page.tab_to("min_serial");
    page.type_text("3");
    page.settle();
    let made = site.stringless(&["render", "debian-13", "aws", "--min-serial", "3", "--role", "web"]);
    let made = String::from_utf8(made.stdout).unwrap();
    assert_eq!(page.shown(), made);

    page.tab_to("copy");
    page.press("Enter");
    page.until("document.getElementById('status').innerText.startsWith('Copied')");
    assert_eq!(page.string("navigator.clipboard.readText()"), made);
    assert!(page.text("status").contains("Launch an instance"), "{}", page.text("status"));
    page.press("Tab");
    assert_eq!(page.focused(), "download");
    page.press("Space");
    page.until("document.getElementById('status').innerText.startsWith('Downloaded')");
    let name = page.text("status").replace("Downloaded as ", "");
    let file = downloads.path().join(name.trim_end_matches('.'));
    assert!(until(PATIENCE, || fs::read(&file).is_ok_and(|bytes| bytes == made.as_bytes())), "{file:?}");

    page.tab_to("text");
    page.press("PageDown");
    page.until("document.getElementById('text').scrollTop > 0");
    page.tab_to("copy-command");
    page.press("Enter");
    page.until("document.getElementById('status').innerText.includes('command')");
    let command = page.string("navigator.clipboard.readText()");
    assert_eq!(command, page.text("command"));
    assert!(page.faults().is_empty(), "{:?}", page.faults());
}

/// A browser that gives the page no clipboard still copies.
#[test]
fn copying_works_without_the_clipboard_of_the_browser() {
    let Some(mut page) = Page::open() else { return };
    let permissions = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
    page.browser.call("Browser.grantPermissions", permissions);
    let refuse = "navigator.clipboard.writeText = () => Promise.reject(new Error('refused'))";
    page.eval(&format!("void ({refuse})"));
    page.click("#copy");
    page.until("document.getElementById('status').innerText.startsWith('Copied')");
    let copied = page.string("navigator.clipboard.readText()");
    assert_eq!(copied, page.shown());
    assert_eq!(page.focused(), "copy");
}

#[test]
fn what_a_change_changed_is_counted_and_shown() {
    let (Some(mut page), Some(site)) = (Page::open(), Site::new()) else { return };
    page.load("files", &site.files());
    page.choose("distro", "debian-13");
    page.choose("cloud", "aws");
    page.settle();
    let before = page.shown();
    page.choose("min_serial", "1");
    page.choose("min_serial", "12");
    page.settle();
    let after = page.shown();
    assert_ne!(before, after);
    let expected = similar::TextDiff::from_lines(&before, &after);
    let count = |tag| expected.iter_all_changes().filter(|change| change.tag() == tag).count();
    let (added, removed) = (count(similar::ChangeTag::Insert), count(similar::ChangeTag::Delete));
    let title = page.text("difference-title");
    assert!(title.ends_with(&format!("+{added} \u{2212}{removed} lines")), "{title}");
    page.click("#difference-title");
    let lines = |page: &mut Page, kind: &str| {
        page.eval(&format!("[...document.querySelectorAll('#difference-text .{kind}')].map((one) => one.textContent.slice(2))"))
    };
    let changed = |tag| {
        let changes = expected.iter_all_changes().filter(|change| change.tag() == tag);
        json!(changes.map(|change| change.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(lines(&mut page, "added"), changed(similar::ChangeTag::Insert));
    assert_eq!(lines(&mut page, "removed"), changed(similar::ChangeTag::Delete));
    // A large difference: as few lines as another program finds.
    page.choose("distro", "alpine-3.22");
    page.settle();
    let large = page.shown();
    let expected = similar::TextDiff::from_lines(&after, &large);
    let count = |tag| expected.iter_all_changes().filter(|change| change.tag() == tag).count();
    let (added, removed) = (count(similar::ChangeTag::Insert), count(similar::ChangeTag::Delete));
    assert!(added > 5 && removed > 5, "{added} {removed}");
    let title = page.text("difference-title");
    assert!(title.ends_with(&format!("+{added} \u{2212}{removed} lines")), "{title}: {added} {removed}");
    // A choice that leaves the script as it is.
    page.choose("distro", "debian-13");
    page.settle();
    page.choose("encoding", "gzip+base64");
    page.settle();
    assert!(page.text("difference-title").ends_with("nothing"), "{}", page.text("difference-title"));
    assert_eq!(page.shown(), after);
    assert!(!page.text("packed").is_empty());
}

/// Also where the form of the text holds the script further down and to the right, or encoded.
#[test]
fn explanations_stand_beside_their_lines() {
    let Some(mut page) = Page::open_at("#distro=debian-13&cloud=aws") else { return };
    let parts = "[...document.querySelectorAll('#text .part')].map((part) => \
                 [part.querySelector('.does').lastChild.textContent, part.querySelector('pre').textContent\
                 .split('\\n').map((line) => line.trim()).join('\\n')])\
                 .filter(([does]) => !does.startsWith('Holds the script'))";
    let script = page.eval(parts);
    assert!(script.as_array().unwrap().len() > 10, "{script}");
    for (form, encoding) in [("cloud-config", ""), ("mime", ""), ("script", "gzip+base64")] {
        page.choose("form", form);
        page.choose("encoding", encoding);
        page.settle();
        let seen = page.eval(parts);
        let (seen, script) = (seen.as_array().unwrap(), script.as_array().unwrap());
        assert_eq!(seen.len(), script.len(), "{form}");
        for (seen, expected) in seen.iter().zip(script) {
            assert_eq!(seen, expected, "{form} {encoding}");
        }
    }
    // Without explanations, the text is the same.
    let text = page.shown();
    page.click("#explain");
    assert_eq!(page.shown(), text);
    assert_eq!(page.eval(parts), json!([]));
}

#[test]
fn bytes_are_for_downloading_only() {
    let Some(mut page) = Page::open_at("#distro=debian-13&cloud=aws&encoding=gzip") else { return };
    assert_eq!(page.eval("document.getElementById('copy').disabled"), json!(true));
    assert!(page.text("status").contains("download"), "{}", page.text("status"));
    assert!(page.shown().starts_with("#!/bin/sh\n"));
}

#[test]
fn a_link_repeats_the_choices_and_nothing_else() {
    let (Some(mut page), Some(site)) = (Page::open(), Site::new()) else { return };
    page.load("files", &site.files());
    let chosen = [
        ("distro", "debian-13"),
        ("cloud", "hetzner"),
        ("form", "mime"),
        ("role", "web"),
        ("labels", "dc=fra1\nrack=a & b"),
        ("min_serial", "4"),
    ];
    for (id, value) in chosen {
        page.choose(id, value);
        page.settle();
    }
    if page.eval("!document.getElementById('keys').hidden") == json!(true) {
        page.choose("key_id", "AKIDEXAMPLE");
        page.choose("key_secret", e2e::rendering::SECRET);
        page.settle();
    }
    let text = page.shown();
    assert!(!text.is_empty(), "{}", page.text("user-data"));
    let link = page.string("document.getElementById('link').hash");
    assert_eq!(link, page.string("location.hash"));
    let plain = page.string("decodeURIComponent(location.hash)");
    for secret in ["AKIDEXAMPLE", e2e::rendering::SECRET, "example-config"] {
        assert!(!plain.contains(secret), "{plain}");
    }
    page.visit(&link);
    for (id, value) in chosen {
        assert_eq!(page.string(&format!("document.getElementById('{id}').value")), value, "{id}");
    }
    // Neither the site nor the keys came with it.
    assert!(page.text("site-state").contains("No site is loaded"));
    page.load("files", &site.files());
    if page.eval("!document.getElementById('keys').hidden") == json!(true) {
        assert_eq!(page.string("document.getElementById('key_secret').value"), "");
        page.choose("key_id", "AKIDEXAMPLE");
        page.choose("key_secret", e2e::rendering::SECRET);
        page.settle();
    }
    assert_eq!(page.shown(), text);
    page.click("#reset");
    page.settle();
    assert_eq!(page.string("location.hash"), "");
    assert_eq!(page.string("document.getElementById('key_secret').value"), "");
    assert_eq!(page.text("prompt").split('.').next(), Some("Choose the system and the cloud in step 2"));
    page.choose("distro", "debian-13");
    page.settle();
    assert_eq!(page.text("prompt").split('.').next(), Some("Choose the cloud in step 2"));
}
