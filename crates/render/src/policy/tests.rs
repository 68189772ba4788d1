use serde_json::Value;

use super::*;

const SITE: &str = "site: example\nstores: [{url: 's3://configs/site/one', region: eu-central-1}]\n\
    environments: {production: {}, staging: {}}\napply: {engine: {script: {run: apply}}, timeout: 30m}\n";
const PRINCIPAL: &str = "user/nodes";

fn site(url: &str, region: &str) -> Site {
    let text = SITE.replace(
        "s3://configs/site/one', region: eu-central-1",
        &format!("{}', region: {region}", url.replace('\'', "''")),
    );
    Site::parse(&text, "stringless.yaml").unwrap()
}

fn ask<'a>(site: &'a Site, audience: Audience) -> PolicyRequest<'a> {
    PolicyRequest {
        site,
        environment: None,
        audience: Some(audience),
        principal: None,
        group: None,
        form: POLICY,
        tool_version: "0.1.0",
    }
}

/// Each dialect with each of its forms.
fn forms() -> Vec<(&'static str, &'static str)> {
    let form = |name: &'static str| name.strip_prefix("policies/")?.strip_suffix(".tera")?.split_once('/');
    platform::templates().filter_map(|(name, _)| form(name)).collect()
}

#[test]
fn each_dialect_names_bucket_and_site_for_both_parties_and_has_notes() {
    let site = site("s3://configs/site/one/", "eu-central-1");
    for (dialect, form) in forms() {
        for audience in [Audience::Nodes, Audience::Publisher] {
            let ask = PolicyRequest { principal: Some(PRINCIPAL), form, ..ask(&site, audience) };
            let policy = policy(dialect, &ask).unwrap_or_else(|fault| panic!("{dialect}/{form}: {fault}"));
            let name = format!("{dialect}/{form} for {audience:?}:\n{}", policy.text);
            assert!(!policy.notes.is_empty(), "{name}");
            assert!(policy.text.is_empty() || policy.text.contains("configs"), "{name}");
            assert!(!policy.text.contains("{{") && !policy.text.contains("#: "), "{name}");
            assert!(policy.text.is_ascii() && !policy.text.contains(" \n"), "{name}");
            if policy.text.starts_with('{') {
                serde_json::from_str::<Value>(&policy.text).unwrap_or_else(|e| panic!("{name}: {e}"));
            }
            let notes = policy.notes.join(" ");
            let limited = policy.text.contains("site/one") || notes.contains("NOT LEAST PRIVILEGE");
            assert!(limited, "{name}: neither the prefix nor a note about it");
        }
    }
    assert!(dialects().iter().all(|dialect| template(dialect, POLICY).is_ok()));
}

#[test]
fn every_dialect_of_a_cloud_exists() {
    let platforms = Platforms::embedded().unwrap();
    for cloud in &platforms.clouds {
        match &cloud.object_store {
            Some(store) if store.policy.is_some() => {
                assert!(
                    dialects().contains(dialect(&platforms, &cloud.id).unwrap().as_str()),
                    "{}",
                    cloud.id
                );
            }
            _ => assert!(dialect(&platforms, &cloud.id).unwrap_err().hint.is_some(), "{}", cloud.id),
        }
    }
    let unknown = dialect(&platforms, "nowhere").unwrap_err();
    assert!(unknown.hint.unwrap().contains("garage"));
}

#[test]
fn nodes_may_read_what_they_need_and_nothing_else() {
    let site = site("s3://configs/site/one", "eu-central-1");
    let production = Name::new("production").unwrap();
    let ask = PolicyRequest { environment: Some(&production), ..ask(&site, Audience::Nodes) };
    let policy: Value = serde_json::from_str(&policy("iam", &ask).unwrap().text).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    assert_eq!((statements.len(), &statements[0]["Action"]), (1, &Value::from("s3:GetObject")));
    let resources: Vec<&str> =
        statements[0]["Resource"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
    let keys: Vec<&str> =
        resources.iter().map(|arn| arn.split_once(":s3:::configs/site/one/").unwrap().1).collect();
    assert_eq!(keys, ["trust/*", "env/production/head", "env/production/history/*", "packs/*", "agent/*"]);
}

#[test]
fn no_policy_deletes_or_allows_everything() {
    let site = site("s3://configs", "cn-north-1");
    let text = policy("iam", &ask(&site, Audience::Publisher)).unwrap().text;
    assert!(!text.contains("Delete") && !text.contains("s3:*") && !text.contains("\"*\""), "{text}");
    assert!(text.contains("-cn:s3:::configs/packs/*") && text.contains("\"trust/*\""), "{text}");
}

#[test]
fn refuses_names_that_a_policy_would_read_as_a_pattern() {
    let refused = |url: &str| policy("iam", &ask(&site(url, "eu-central-1"), Audience::Nodes)).unwrap_err();
    for url in [
        "s3://configs/*",
        "s3://configs/a?b",
        "s3://configs/${user}",
        "s3://configs/a\"b",
        "s3://configs/a'b",
    ] {
        assert!(refused(url).message.contains("prefix"), "{url}");
    }
    let site = site("s3://configs/site/one", "eu-central-1");
    let fault = |dialect, ask: &PolicyRequest<'_>| policy(dialect, ask).unwrap_err();
    let nodes = ask(&site, Audience::Nodes);
    assert!(fault("iam", &PolicyRequest { audience: None, ..nodes }).hint.unwrap().contains("--for"));
    assert!(fault("iam", &PolicyRequest { form: "pulumi", ..nodes }).hint.unwrap().contains("terraform"));
    assert!(fault("ceph", &nodes).hint.unwrap().contains("--principal"));
    assert!(fault("ceph", &PolicyRequest { principal: Some("a\"b"), ..nodes }).message.contains("principal"));
    let folder =
        Site::parse(&SITE.replace("s3://configs/site/one', region: eu-central-1", "file:///srv/a'"), "x")
            .unwrap();
    assert!(fault("iam", &PolicyRequest { site: &folder, ..nodes }).message.contains("not a bucket"));
}
