use stringless_core::manifest::{PuppetEngine, ScriptEngine};

use super::*;

const SMALLEST: &str = "\
site: example
stores: [{url: 'file:///srv/bucket'}]
environments: {production: {}}
apply: {engine: {script: {run: apply}}}
";

const FULL: &str = "\
site: example
stores:
  - url: s3://bucket/prefix
    region: eu-central-1
    endpoint: https://s3.example.org
    style: path
  - url: https://mirror.example.org/x
environments:
  production: {source: {path: .}}
  staging:
    source: {path: ../staging}
    apply: {timeout: 5m, reapply: never}
apply:
  engine: {puppet: {}}
  timeout: 20m
expires: never
node:
  schedule: daemon
  interval: 2m
  splay: 10s
  first_fetch: presigned
  credentials: [instance_role, static]
  proxy: http://proxy:3128
  no_proxy: 10.0.0.0/8,.internal
  ca_file: ca.pem
  name: web-1
  role: web
  labels: {dc: fra1}
puppet:
  package: openvox
  version: 8.28.1
  release_sha256:
    some-distro: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
agent: {version: 0.1.0}
";

fn parse(text: &str) -> Result<Site, Fault> {
    Site::parse(text, "stringless.yaml")
}

#[test]
fn fills_in_defaults() {
    let site = parse(SMALLEST).unwrap();
    assert_eq!(site.first_fetch(), FirstFetch::Public);
    assert_eq!(site.node.schedule, Schedule::Timer);
    assert_eq!((site.node.interval.seconds(), site.node.splay.seconds()), (300, 60));
    assert_eq!(site.expires.seconds(), Some(30 * 86_400));
    assert_eq!(site.agent.version, None);
    let production = Name::new("production").unwrap();
    assert_eq!(site.environments[&production].source.path, ".");
    let apply = site.apply(&production).unwrap();
    assert_eq!((apply.timeout, apply.reapply), (1800, None));
}

#[test]
fn an_environment_overrides_the_site() {
    let site = parse(FULL).unwrap();
    let apply = |name: &str| site.apply(&Name::new(name).unwrap());
    let (production, staging) = (apply("production").unwrap(), apply("staging").unwrap());
    assert_eq!((production.timeout, production.reapply), (1200, Some(1800)));
    assert_eq!((staging.timeout, staging.reapply), (300, None));
    let fault = apply("prod").unwrap_err();
    assert_eq!(fault.hint.as_deref(), Some("`environments` has production, staging"));
}

#[test]
fn requests_to_private_stores_are_signed() {
    let site = parse(&FULL.replace("  first_fetch: presigned\n", "")).unwrap();
    assert_eq!(site.first_fetch(), FirstFetch::Signed);
}

#[test]
fn a_written_site_file_is_read_back_unchanged() {
    for text in [SMALLEST, FULL] {
        let site = parse(text).unwrap();
        let written = serde_yaml::to_string(&site).unwrap();
        assert_eq!(parse(&written).unwrap(), site, "{written}");
    }
}

#[test]
fn a_fault_names_file_line_key_and_remedy() {
    let change = |from: &str, to: &str| {
        assert!(FULL.contains(from), "{from}");
        parse(&FULL.replace(from, to)).expect_err(to)
    };
    for (from, to, message, hint) in [
        ("expires:", "expire:", "stringless.yaml:16: unknown field `expire`", "did you mean `expires`?"),
        ("splay:", "spley:", "stringless.yaml:20: node: unknown field `spley`", "did you mean `splay`?"),
        (
            "schedule: daemon",
            "schedule: deamon",
            "node.schedule: unknown variant `deamon`",
            "did you mean `daemon`?",
        ),
        ("{puppet: {}}", "{pupet: {}}", "unknown variant `pupet`", "did you mean `puppet`?"),
        ("interval: 2m", "interval: 2", "stringless.yaml:19: node.interval: `2` is not a span of time", ""),
        ("interval: 2m", "interval: 5s", "node.interval: expected 10 seconds to 7 days", ""),
        ("s3://bucket/prefix", "s3://B", "stores[0]: store `s3://B`", ""),
        ("http://proxy:3128", "'http://pro xy'", "node.proxy: expected", ""),
        (
            "http://proxy:3128",
            "proxy:3128",
            "node.proxy: expected `http://[user:password@]host:port`, but",
            "",
        ),
        ("http://proxy:3128", "https://proxy:3128", "only proxies with `http://` are supported", ""),
        (".internal", "'.internal, .b'", "no_proxy", ""),
        ("role: web", "role: web/1", "stringless.yaml:27: node.role: name `web/1` is not allowed", ""),
        ("role: web", "role: web\n  role_from: {tag: role}", "node.role_from: `node.role` is set, too", ""),
        ("role: web", "role_from: {tag: a/b}", "node.role_from: tag `a/b`: use 1 to 100", ""),
        ("role: web", "role_from: {tags: role}", "unknown field `tags`", "did you mean `tag`?"),
        ("dc: fra1", "dc: 'fra1 '", "node: label `dc`: its value is not allowed", ""),
        ("dc: fra1", "d/c: fra1", "name `d/c` is not allowed", ""),
        ("dc: fra1", "dc: fra1, Dc: fra2", "both would be the variable STRINGLESS_LABEL_DC", ""),
        ("  staging:", "  feature-x:", "environments.feature-x: Puppet allows", ""),
        ("  staging:", "  ../x:", "not allowed", ""),
        ("[instance_role, static]", "[static, static]", "is listed twice", ""),
        ("site: example", "site: 'a b'", "site: name `a b` is not allowed", ""),
        ("e3b0c4", "zzb0c4", "release_sha256", ""),
    ] {
        let fault = change(from, to);
        assert!(fault.message.contains(message), "{to}: {fault}");
        assert!(fault.message.starts_with("reading stringless.yaml"), "{to}: {fault}");
        assert!(fault.hint.unwrap_or_default().contains(hint), "{to}");
    }
}

#[test]
fn refuses_signed_requests_to_a_store_that_takes_none() {
    let fault = parse(&format!("{SMALLEST}node: {{first_fetch: signed}}\n")).unwrap_err();
    assert!(fault.message.contains("node.first_fetch: only `s3://` stores take signed requests"), "{fault}");
}

#[test]
fn the_engine_of_the_manifest_has_every_setting_of_the_site_file() {
    let engine = |settings: &str| {
        let site = parse(&SMALLEST.replace("{script: {run: apply}}", settings));
        site.and_then(|site| site.apply(&Name::new("production").unwrap())).map(|apply| apply.engine)
    };
    for (noop, root) in [(false, false), (true, false), (false, true)] {
        let script = ScriptEngine { run: "bin/apply".into(), noop, root };
        let settings = format!("{{script: {{run: bin/apply, noop: {noop}, root: {root}}}}}");
        assert_eq!(engine(&settings).unwrap(), Engine::Script(script));
    }
    assert_eq!(engine("{puppet: {}}").unwrap(), Engine::Puppet(PuppetEngine {}));
    assert!(engine("{puppet: {nop: true}}").unwrap_err().message.contains("unknown field `nop`"));
}

#[test]
fn short_forms_are_read_as_what_they_stand_for() {
    let short = SMALLEST.replace("{url: 'file:///srv/bucket'}", "'file:///srv/bucket'");
    assert_eq!(parse(&short).unwrap(), parse(SMALLEST).unwrap());
    let engine =
        |text: &str| parse(&SMALLEST.replace("{script: {run: apply}}", text)).map(|site| site.apply.engine);
    for text in ["puppet", "{puppet: {}}", "{puppet: }"] {
        assert_eq!(engine(text).unwrap(), EngineSettings::Puppet(PuppetApplySettings {}), "{text}");
    }
    for (text, why) in [
        ("script", "needs the name of its file: `{script: {run: FILE}}`"),
        ("{script: {run: a}, puppet: {}}", "only one engine is possible"),
        ("{}", "no engine is named"),
        ("[puppet]", "expected `{script: {run: FILE}}` or `puppet`, not a list"),
        ("pupet", "unknown variant `pupet`"),
        ("{script: apply}", "expected a map of settings, not the text \"apply\""),
    ] {
        let fault = engine(text).unwrap_err();
        assert!(fault.message.contains(why), "{text}: {fault}");
    }
}

#[test]
fn numbers_that_nodes_refuse_are_refused_here() {
    let fault = |setting: &str| parse(&format!("{SMALLEST}{setting}\n")).unwrap_err().message;
    let apply = |setting: &str| {
        parse(&SMALLEST.replace("engine:", &format!("{setting}, engine:"))).unwrap_err().message
    };
    for (message, why) in [
        (fault("expires: 0s"), "expires: expected at least 1 second, or `never`"),
        (fault("node: {splay: 8d}"), "node.splay: expected at most 7 days"),
        (fault("node: {disk_budget: 1KiB}"), "node.disk_budget: expected at least 1MiB"),
        (
            fault("node: {notify: {on: [failed], run: /x, per_hour: 61}}"),
            "node.notify.per_hour: expected 1 to 60",
        ),
        (apply("timeout: 0s"), "apply.timeout: expected 1 second to 1 day"),
        (apply("timeout: 25h"), "apply.timeout: expected 1 second to 1 day"),
        (apply("reapply: 0s"), "apply.reapply: expected at least 1 second, or `never`"),
        (apply("failure: {tries: 0}"), "apply.failure.tries: expected 1 to 100"),
    ] {
        assert!(message.ends_with(why), "{message}");
    }
    let many = "x, ".repeat(1001);
    assert!(fault(&format!("checks: {{ignore: [{many}]}}")).ends_with("expected at most 1000 entries"));
}

#[test]
fn a_notice_goes_to_a_program_or_to_a_url() {
    let notify = |text: &str| parse(&format!("{SMALLEST}node: {{notify: {text}}}\n"));
    let site = notify("{on: [failed, recovered], url: 'https://hooks.example.net/T0/hidden'}").unwrap();
    assert!(!format!("{site:?}").contains("hidden"), "{site:?}");
    let on_node = site.node.notify.unwrap().for_node();
    assert_eq!((on_node.on.len(), on_node.per_hour), (2, 6));
    for (text, why) in [
        ("{on: [failed]}", "node.notify.run: expected either `run` or `url`"),
        ("{on: [], run: /x}", "node.notify.on: expected"),
        ("{on: [failed], run: x}", "node.notify.run: expected the absolute path"),
        ("{on: [failed], url: 'http://a/hidden'}", "node.notify.url: expected `https://"),
        ("{on: [faild], run: /x}", "unknown variant `faild`"),
        ("{on: [failed], runs: /x}", "unknown field `runs`"),
    ] {
        let fault = notify(text).unwrap_err();
        assert!(fault.message.contains(why) && !fault.message.contains("hidden"), "{text}: {fault}");
    }
}

#[test]
fn never_panics_on_odd_text() {
    for text in ["", "[]", "site", "a: [", "\u{0}", "site: {a: b}", "%", "&a [*a]", "site: !x y"] {
        assert!(parse(text).is_err(), "{text:?}");
    }
}
