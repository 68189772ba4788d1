//! What holds at the moment of a click, and what the address keeps.

use serde_json::json;

use super::page::Page;
use super::site::Site;

const PAIR: &str = "#distro=debian-13&cloud=aws";

/// Letters that were written just before the click are in what is copied.
#[test]
fn copying_waits_for_no_pause() {
    let (Some(mut page), Some(site)) = (Page::open_at(PAIR), Site::new()) else { return };
    let permissions = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
    page.browser.call("Browser.grantPermissions", permissions);
    page.load("files", &site.files());
    let written = |role: &str, button: &str| {
        format!(
            "(() => {{ const role = document.getElementById('role'); role.value = '{role}'; \
             role.dispatchEvent(new Event('input', {{bubbles: true}})); \
             document.getElementById('{button}').click(); }})()"
        )
    };
    page.eval(&written("first", "copy"));
    page.until("document.getElementById('status').innerText.startsWith('Copied')");
    let copied = page.string("navigator.clipboard.readText()");
    assert!(copied == page.shown() && copied.contains("first"), "{copied}");
    page.eval(&written("second", "copy-command"));
    page.until("document.getElementById('status').innerText.includes('the command')");
    let copied = page.string("navigator.clipboard.readText()");
    assert!(copied == page.text("command") && copied.contains("--role second"), "{copied}");
    // What became impossible is not copied.
    page.eval(&written("not possible", "copy"));
    page.settle();
    assert_eq!(page.string("navigator.clipboard.readText()"), copied);
    assert!(page.text("refusal").contains("not possible"), "{}", page.text("refusal"));
}

#[test]
fn the_steps_leave_the_choices_in_the_address() {
    let Some(mut page) = Page::open_at(&format!("{PAIR}&role=web")) else { return };
    let address = page.string("location.hash");
    assert!(address.contains("role=web"), "{address}");
    for (link, title) in [(".steps li:nth-child(2) a", "the-machine-title"), (".skip", "user-data-title")] {
        page.eval(&format!("document.querySelector('{link}').click()"));
        assert_eq!(page.focused(), title);
        assert_eq!(page.string("location.hash"), address);
    }
    // What is no choice changes none.
    page.eval("void (location.hash = '#toString=1')");
    page.eval("new Promise((done) => setTimeout(done, 100))");
    assert_eq!(page.string("document.getElementById('role').value"), "web");
}

#[test]
fn notes_lead_to_what_they_name() {
    let (Some(mut page), Some(site)) = (Page::open_at(PAIR), Site::new()) else { return };
    assert_eq!(page.text("copy"), "Copy the example");
    // It is a draft in any case: nothing leads to a choice without effect.
    assert!(page.text("notes").contains("--draft") && !page.text("notes").contains("On this page"));
    page.load("files", &site.files());
    assert_eq!(page.text("copy"), "Copy the text");
    let first = page.string("document.querySelector('#notes li').innerText");
    assert!(
        first.contains("does not ask the store") && first.contains("On this page: Lowest serial"),
        "{first}"
    );
    page.click("#notes li button");
    assert_eq!(page.focused(), "min_serial");
    page.choose("min_serial", "0");
    page.settle();
    assert!(page.text("refusal").contains("from 1 on"), "{}", page.text("refusal"));
    page.choose("min_serial", "1");
    page.eval("void document.getElementById('draft').click()");
    page.settle();
    assert!(page.text("notes").contains("Render without --draft"), "{}", page.text("notes"));
    page.eval("document.getElementById('more').open = false");
    page.click("#notes li button");
    assert_eq!(page.focused(), "draft");
}
