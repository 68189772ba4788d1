//! Nothing leaves the browser, and nothing of the site or the keys stays.

use std::fs;

use serde_json::json;

use e2e::rendering::SECRET;
use e2e::tools;

use super::page::Page;
use super::site::Site;

#[test]
fn no_request_leaves() {
    let (Some(mut page), Some(site)) = (Page::open(), Site::new()) else { return };
    page.load("folder", &[site.path().to_owned()]);
    for cloud in ["aws", "gce", "hetzner"] {
        page.choose("distro", "debian-13");
        page.choose("cloud", cloud);
        page.settle();
    }
    let file = page.string("location.href.split('#')[0]");
    let mut requests = 0;
    for event in page.browser.events(&["Network.requestWillBeSent", "Network.webSocketCreated"]) {
        let url = event["params"]["request"]["url"].as_str().unwrap_or("a socket").to_owned();
        requests += 1;
        assert!(url == file || url == "about:blank" || url.starts_with("data:"), "{url}");
    }
    assert!(requests > 0);
    // It could not even if it wanted to.
    let fetched = "fetch('https://example.org/').then(() => 'sent', () => 'refused')";
    assert_eq!(page.string(fetched), "refused");
    let violations = page.faults();
    assert!(!violations.is_empty() && violations.iter().all(|one| one.to_string().contains("example.org")));
}

#[test]
fn keys_are_in_no_address_and_in_no_storage() {
    let (Some(mut page), Some(site)) = (Page::open_at("#distro=debian-13&cloud=hetzner"), Site::new()) else {
        return;
    };
    page.load("files", &site.files());
    assert_eq!(page.eval("document.getElementById('keys').hidden"), json!(false));
    page.choose("key_id", "AKIDEXAMPLE");
    page.choose("key_secret", SECRET);
    page.settle();
    assert!(page.shown().contains(SECRET), "{}", page.text("user-data"));
    for place in [
        "decodeURIComponent(location.href)",
        "decodeURIComponent(document.getElementById('link').href)",
        "document.getElementById('command').textContent",
    ] {
        let text = page.string(place);
        assert!(text.contains("debian-13"), "{place}: {text}");
        assert!(!text.contains("AKIDEXAMPLE") && !text.contains(SECRET), "{place}: {text}");
    }
    assert_eq!(page.eval("[localStorage.length, sessionStorage.length, document.cookie]"), json!([0, 0, ""]));
    for id in ["key_id", "key_secret", "key_token"] {
        let field =
            format!("(({{type, autocomplete}}) => [type, autocomplete])(document.getElementById('{id}'))");
        assert_eq!(page.eval(&field), json!(["password", "off"]));
    }
    // A pair that needs none takes none.
    page.choose("cloud", "aws");
    page.settle();
    assert_eq!(page.eval("document.getElementById('keys').hidden"), json!(true));
    assert!(!page.shown().contains(SECRET));
}

#[test]
fn the_policy_of_the_page_allows_nothing_unsafe() {
    let Some(file) = tools::page() else { return };
    let text = fs::read_to_string(file).unwrap();
    let policy = text.split("http-equiv=\"Content-Security-Policy\" content=\"").nth(1).unwrap();
    let policy = policy.split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let unsafe_words: Vec<&str> = policy.split([' ', ';']).filter(|word| word.contains("unsafe")).collect();
    assert_eq!(unsafe_words, ["'wasm-unsafe-eval'"], "{policy}");
    assert!(!policy.contains('*') && !policy.contains("http"), "{policy}");
    for (n, line) in text.lines().enumerate() {
        assert!(!line.contains(" style=\"") && !line.contains("javascript:"), "line {}", n + 1);
        assert!(!line.contains("innerHTML") && !line.contains("insertAdjacentHTML"), "line {}", n + 1);
        assert!(!line.contains(" onclick=") && !line.contains(" onload="), "line {}", n + 1);
    }
    for source in ["src=\"http", "href=\"http", "url(http", "@import"] {
        assert!(!text.contains(source), "{source}");
    }
}
