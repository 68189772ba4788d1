//! The page for everybody: judged by axe-core, and on a phone.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use e2e::process::{PATIENCE, succeed};
use e2e::tools;

use super::page::Page;
use super::site::Site;

/// States of the page that look different.
const STATES: [&str; 4] = [
    "",
    "#distro=debian-13&cloud=aws",
    "#distro=debian-13&cloud=aws&encoding=gzip%2Bbase64",
    "#distro=nobody&cloud=aws",
];

#[test]
fn axe_finds_nothing() {
    let (Some(axe), Some(mut page), Some(site)) = (axe(), Page::open(), Site::new()) else { return };
    let axe = fs::read_to_string(axe).unwrap();
    for scheme in ["light", "dark"] {
        for width in [1280, 390] {
            page.scheme(scheme);
            page.size(width, 844);
            for state in STATES {
                page.visit(state);
                check(&mut page, &axe, &format!("{scheme}, {width}, `{state}`"));
            }
            // Everything open at once: keys, more choices, a difference, notes.
            page.visit("#distro=debian-13&cloud=hetzner");
            page.load("files", &site.files());
            page.choose("key_id", "AKIDEXAMPLE");
            page.choose("key_secret", "secret");
            page.settle();
            page.choose("role", "web");
            page.settle();
            page.eval("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
            assert_eq!(page.eval("document.getElementById('difference').hidden"), json!(false));
            check(&mut page, &axe, &format!("{scheme}, {width}, all open"));
        }
    }
}

fn check(page: &mut Page, axe: &str, state: &str) {
    page.browser.call("Runtime.evaluate", json!({"expression": axe}));
    let found = page.eval(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], \
         resultTypes: ['violations']})\
         .then(({violations, passes}) => ({passes: passes.length, \
         violations: violations.map(({id, help, nodes}) => ({id, help, nodes: nodes.map((one) => one.html)}))}))",
    );
    assert_eq!(found["violations"], json!([]), "{state}");
    assert!(found["passes"].as_u64() > Some(20), "{state}: {found}");
    let wide = page.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(wide, json!(0), "{state}: the page is wider than the window");
}

/// The file of axe-core.
fn axe() -> Option<PathBuf> {
    let python = tools::cached("python", "python")?;
    let find = "import importlib.util as i; print(i.find_spec('axe_playwright_python').submodule_search_locations[0])";
    let folder = succeed(Command::new(python).args(["-c", find]), PATIENCE);
    Some(PathBuf::from(folder.trim()).join("axe.min.js"))
}

#[test]
fn what_changes_is_announced() {
    let Some(mut page) = Page::open() else { return };
    for (id, role) in
        [("status", "status"), ("site-state", "status"), ("refusal", "alert"), ("site-refusal", "alert")]
    {
        assert_eq!(page.string(&format!("document.getElementById('{id}').getAttribute('role')")), role);
    }
    let headings =
        page.eval("[...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))");
    let levels: Vec<u64> = headings.as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    assert_eq!(levels[0], 1);
    assert!(levels.windows(2).all(|two| two[1] <= two[0] + 1), "{levels:?}");
    let status = page.text("status");
    page.choose("distro", "debian-12");
    page.choose("cloud", "aws");
    page.settle();
    let after = page.text("status");
    assert!(after != status && after.contains("Debian 12") && after.contains("bytes"), "{after}");
}

/// The first picture does not wait for the program, which takes longest.
#[test]
fn the_page_is_painted_before_its_program_is_unpacked() {
    let Some(mut page) = Page::open() else { return };
    page.until("performance.getEntriesByName('first-contentful-paint').length === 1");
    let times = page.eval(
        "['first-contentful-paint', 'ready'].map((name) => performance.getEntriesByName(name)[0].startTime)",
    );
    println!("first paint, and all shown, in ms: {times}");
    assert!(times[0].as_f64() <= times[1].as_f64(), "{times}");
}
