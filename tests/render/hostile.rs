//! Settings that try to be code.

use std::collections::BTreeSet;

use base64ct::{Base64, Encoding};
use e2e::nix::evaluated;
use e2e::rendering::{BUCKET, Case, SCRIPT, WEB, puppet_site, site};
use e2e::tools;
use serde_json::Value;
use similar::TextDiff;
use stringless_core::config::Config;
use stringless_core::name::Name;
use stringless_core::sigv4::encode_path;
use stringless_render::platform::{Cloud, Distro, Form};

use super::documents::unpacked;
use super::every_pair::KEYS;

/// Texts that would run, end a quotation or end a document if one place did not quote.
const HOSTILE: [&str; 10] = [
    "$(touch$IFS/pwned)",
    "`id`",
    "';id;'",
    "\";id;\"",
    "\\",
    "$HOME",
    "&id&",
    "\nJSON\ntouch /pwned\n",
    "\u{e9}",
    "a b",
];
/// Harmless, but in need of quotes as well.
const HARMLESS: &str = "(a;b)";

#[test]
fn hostile_settings_stay_inert_or_are_refused() {
    let expected: Vec<_> = settings(HARMLESS).into_iter().collect();
    let mut rendered = 0;
    for text in HOSTILE {
        for ((name, case), (_, harmless)) in settings(text).into_iter().zip(&expected) {
            // Refused with the site file: it never reaches a script.
            let (Some(case), Some(harmless)) = (case, harmless) else { continue };
            for (distro, cloud) in scripts(&case) {
                let render = |case: &Case| case.render(distro, cloud, Form::Script);
                let (Ok(data), Ok(plain)) = (render(&case), render(harmless)) else { continue };
                let code = without(&skeleton(&unmarked(&data.body)), text);
                let expected = without(&skeleton(&unmarked(&plain.body)), HARMLESS);
                let diff = TextDiff::from_lines(&expected, &code);
                assert!(
                    code == expected,
                    "{name} on {distro}: {text:?}\n{}",
                    diff.unified_diff().context_radius(0)
                );
                assert_configured(&case, embedded(&data.body));
                rendered += 1;
            }
        }
    }
    assert!(rendered > 100, "only {rendered} were not refused");
}

/// The script without the mark of what it was rendered from.
fn unmarked(body: &str) -> String {
    let (before, _) = body.split_once(" >$state/bootstrapped").unwrap();
    let mark = before.rsplit(' ').next().unwrap();
    // Where user-data runs at every boot, the mark says so.
    let hash = mark.strip_prefix("boot-").unwrap_or(mark);
    assert!(mark.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{mark}");
    body.replace(mark, "MARK")
}

/// One distro on every cloud, and every distro on one.
fn scripts(case: &Case) -> Vec<(&str, &str)> {
    let takes =
        |(distro, cloud): &(&Distro, &Cloud)| case.platforms.forms(distro, cloud).contains(&Form::Script);
    let mut seen = BTreeSet::new();
    let pairs = case.platforms.pairs().filter(takes);
    pairs
        .filter(|(distro, _)| seen.insert(&distro.id) || distro.id == "debian-12")
        .map(|(distro, cloud)| (&*distro.id, &*cloud.id))
        .collect()
}

/// The node gets exactly the settings of the site file.
fn assert_configured(case: &Case, json: &str) {
    let config = Config::parse(json.as_bytes()).unwrap_or_else(|e| panic!("{e}: {json}"));
    assert_eq!(config.layers[0].stores[0].url, case.site.stores[0].url);
    assert_eq!(config.proxy, case.site.node.proxy);
    assert_eq!(config.no_proxy, case.site.node.no_proxy);
}

/// The same for what is no script: it parses, holds the same parts, and tells the node the same.
#[test]
fn hostile_settings_stay_inside_documents() {
    let Some(instantiate) = tools::program("nix-instantiate") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut modules: Vec<(Case, String)> = Vec::new();
    let mut configs = 0;
    for text in HOSTILE.into_iter().chain([HARMLESS, "''${x}", "${x}", "%22", "]]"]) {
        for (name, case) in settings(text) {
            let Some(case) = case else { continue };
            let (distro, cloud) =
                case.platforms.pairs().find(|(d, c)| takes(&case, d, c, Form::Ignition)).unwrap();
            if let Ok(data) = case.render(&distro.id, &cloud.id, Form::Ignition) {
                let config: Value =
                    serde_json::from_str(&data.text).unwrap_or_else(|e| panic!("{name}: {text:?}: {e}"));
                let files = config["storage"]["files"].as_array().unwrap();
                let inline = |end: &str| {
                    let file = files.iter().find(|file| file["path"].as_str().unwrap().ends_with(end))?;
                    let text = file["contents"]["source"].as_str()?.strip_prefix("data:;base64,")?;
                    let bytes = Base64::decode_vec(text).unwrap();
                    let packed = bytes.starts_with(&[0x1f, 0x8b]);
                    Some(if packed { unpacked(&bytes) } else { String::from_utf8(bytes).unwrap() })
                };
                match (inline("agent.json"), inline("bootstrap.sh")) {
                    (Some(json), None) => assert_configured(&case, json.trim_end()),
                    (None, Some(script)) => assert_configured(&case, embedded(&script)),
                    other => panic!("{name}: {text:?}: {other:?}"),
                }
                configs += 1;
            }
            let (distro, cloud) =
                case.platforms.pairs().find(|(d, c)| takes(&case, d, c, Form::Nix)).unwrap();
            let rendered = case.render(&distro.id, &cloud.id, Form::Nix);
            if let Ok(data) = rendered {
                modules.push((case, data.text));
            }
        }
    }
    assert!(configs > 40 && modules.len() > 20, "{configs} and {} were not refused", modules.len());
    let texts: Vec<&str> = modules.iter().map(|(_, text)| &**text).collect();
    let values = evaluated(&instantiate, folder.path(), &texts);
    for ((case, text), value) in modules.iter().zip(values) {
        let json = &value["environment"]["etc"]["stringless/agent.json"]["text"];
        let carried = value["systemd"]["services"]["stringless-first"]["serviceConfig"]["ExecStart"].as_str();
        match json.as_str() {
            Some(json) => assert_configured(case, json),
            None => assert!(carried.unwrap().starts_with("/bash/bin/sh /text/"), "{text}"),
        }
    }
}

fn takes(case: &Case, distro: &Distro, cloud: &Cloud, form: Form) -> bool {
    case.platforms.forms(distro, cloud).contains(&form)
}

/// A case for each setting that takes a text, with `text` in it; `None` where it is refused.
fn settings(text: &str) -> Vec<(&'static str, Option<Case>)> {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let (value, url) = (quoted(text), |start: &str| quoted(&format!("{start}{text}")));
    let yaml = [
        ("folder", site(&format!("{{url: {}}}", url("file:///srv/")), SCRIPT, "")),
        ("web", site(&format!("{{url: {}}}", url("https://h.example/")), SCRIPT, "")),
        ("bucket", site(&format!("{{url: {}, region: r}}", url("s3://bucket/")), SCRIPT, KEYS)),
        ("run", site(WEB, &format!("{{script: {{run: {value}}}}}"), "")),
        ("proxy", site(WEB, SCRIPT, &format!("node: {{proxy: {}}}\n", url("http://u:p@proxy/")))),
        ("no_proxy", site(WEB, SCRIPT, &format!("node: {{proxy: 'http://p:1', no_proxy: {value}}}\n"))),
        ("name", site(WEB, SCRIPT, &format!("node: {{name: {value}}}\n"))),
        ("ca_file", site(WEB, SCRIPT, &format!("node: {{ca_file: {value}}}\n"))),
        ("region", site(&format!("{{url: 's3://bucket', region: {value}}}"), SCRIPT, KEYS)),
        (
            "endpoint",
            site(&format!("{{url: 's3://bucket', region: r, endpoint: {}}}", url("https://h")), SCRIPT, KEYS),
        ),
    ];
    let keys = "node: {credentials: [static]}\n";
    let mut cases: Vec<_> = yaml.into_iter().map(|(name, yaml)| (name, parse(&yaml))).collect();
    let mut add = |name, yaml: &str, change: &dyn Fn(&mut Case)| {
        let mut case = Case::new(yaml);
        change(&mut case);
        cases.push((name, Some(case)));
    };
    add("secret", &site(BUCKET, SCRIPT, keys), &|case| case.keys.secret_access_key = text.into());
    add("session", &site(BUCKET, SCRIPT, keys), &|case| case.keys.session_token = Some(text.into()));
    add("version", &puppet_site(WEB, false, ""), &|case| case.site.puppet.version = Some(text.into()));
    add("link", &site(BUCKET, SCRIPT, "node: {credentials: [static], first_fetch: presigned}\n"), &|case| {
        let targets: Vec<Name> = case.targets.keys().cloned().collect();
        let link = |target| (target, format!("https://h.example/?a={text}"));
        case.presigned = targets.into_iter().map(link).collect();
    });
    add("ca_pem", &site(WEB, SCRIPT, "node: {ca_file: ca.pem}\n"), &|case| {
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
        case.ca_pem = Some(format!("{text}\n{certificate}\n{text}\n"));
    });
    cases
}

fn parse(yaml: &str) -> Option<Case> {
    let parsed = stringless_render::site::Site::parse(yaml, "stringless.yaml").ok()?;
    let mut case = Case::new(&site(WEB, SCRIPT, ""));
    case.site = parsed;
    case.ca_pem = Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into());
    Some(case)
}

/// The script without its quoted documents, comments and the insides of single quotes: whatever of it
/// a setting changes is code.
fn skeleton(script: &str) -> String {
    let mut code = String::new();
    let mut lines = script.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with('#') {
            continue;
        }
        code.push_str(line.split(" # ").next().unwrap());
        code.push('\n');
        for mark in ["JSON", "PEM", "UNIT"] {
            if line.contains(&format!("<<'{mark}'")) {
                assert!(lines.any(|line| line == mark), "{mark} does not end");
            }
        }
    }
    let (mut kept, mut rest) = (String::new(), code.chars());
    let mut double = false;
    while let Some(c) = rest.next() {
        kept.push(c);
        match c {
            '\\' => kept.extend(rest.next()),
            '"' => double = !double,
            '\'' if !double => {
                assert!(rest.any(|c| c == '\''), "a quotation does not end:\n{script}");
                kept.push('\'');
            }
            _ => {}
        }
    }
    assert!(!double, "a quotation does not end:\n{script}");
    while kept.contains(r"''\'''") {
        kept = kept.replace(r"''\'''", "''");
    }
    kept
}

/// `code` without what the percent-encoded `text` brings into it.
fn without(code: &str, text: &str) -> String {
    let path = encode_path(text);
    code.replace(&path, "(text)").replace(&path.replace('/', "%2F"), "(text)")
}

fn embedded(script: &str) -> &str {
    script.split_once("<<'JSON'").unwrap().1.split_once('\n').unwrap().1.split_once("\nJSON\n").unwrap().0
}
