//! Pictures of the page for the documents: `STRINGLESS_BLESS=1` writes them.

use std::env;
use std::fs;

use base64ct::{Base64, Encoding as _};
use serde_json::json;

use e2e::tools;

use super::page::Page;
use super::site::Site;

#[test]
fn one_of_each_theme_stands_in_the_docs() {
    let (Some(mut page), Some(site)) = (Page::open_at("#distro=debian-13&cloud=aws&role=web"), Site::new())
    else {
        return;
    };
    page.load("folder", &[site.path().to_owned()]);
    let mut shot = |scheme: &str| {
        page.scheme(scheme);
        page.size(1280, 760);
        page.eval("scrollTo(0, 0)");
        let picture = page.browser.call("Page.captureScreenshot", json!({"format": "png"}));
        Base64::decode_vec(picture["data"].as_str().unwrap()).unwrap()
    };
    let (light, dark) = (shot("light"), shot("dark"));
    assert_ne!(light, dark);
    for (scheme, taken) in [("light", light), ("dark", dark)] {
        let file = tools::root().join(format!("docs/guides/page-{scheme}.png"));
        if env::var_os("STRINGLESS_BLESS").is_some() {
            fs::write(&file, &taken).unwrap();
        }
        let kept = fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert!(kept.starts_with(b"\x89PNG"), "{}", file.display());
        assert!(kept.len() <= 200 * 1024, "{}: {} bytes", file.display(), kept.len());
    }
}
