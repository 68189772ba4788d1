//! The whole files, read by the tools that check such files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use e2e::netns::Net;
use e2e::process::{both, run};
use e2e::site::Site;
use e2e::tools;
use serde_json::Value;

use super::policy;

/// Sites whose names could matter to a file.
fn sites() -> Option<Vec<Site>> {
    let site = |store: &str, region: &str| {
        Site::init(&Net::host(), &["--store", store, "--region", region, "--style", "path"])
    };
    [
        site("s3://example-configs", "eu-central-1"),
        site("s3://example.configs/a/b+c=d@e", "us-gov-west-1"),
        site("s3://123456789012-0/x", "cn-north-1"),
    ]
    .into_iter()
    .collect()
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn cloudformation_takes_the_template() {
    let (Some(lint), Some(sites)) = (tools::cached("python", "cfn-lint"), sites()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    // It takes longer to start than to read.
    let lint = |names: &[String]| {
        let mut command = Command::new(&lint);
        let output = run(command.args(["--format", "json", "--"]).args(names).current_dir(&folder), LIMIT);
        let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
        let file = |finding: &Value| finding["Filename"].as_str().unwrap().to_owned();
        let blamed: BTreeSet<String> = findings.as_array().unwrap().iter().map(file).collect();
        (output.status.success(), blamed, both(&output))
    };
    let mut templates = Vec::new();
    for (n, site) in sites.iter().enumerate() {
        let template = policy(site, &["aws", "--form", "cloudformation"]);
        for whom in ["nodes", "publisher"] {
            let document = policy(site, &["aws", "--for", whom]);
            assert!(squeezed(&template).contains(&squeezed(&document)), "{document}\nis not in\n{template}");
        }
        write(&format!("{n}.yaml"), &template);
        templates.push(template);
    }
    let names: Vec<String> = (0..templates.len()).map(|n| format!("{n}.yaml")).collect();
    let (good, _, printed) = lint(&names);
    assert!(good, "{printed}");

    let wrong = [
        ("Type: AWS::S3::Bucket\n", "Type: AWS::S3::Buckett\n"),
        ("PublicAccessBlockConfiguration:", "PublicAccessBlocking:"),
        ("\"Effect\": \"Allow\"", "\"Effect\": \"Permit\""),
        ("!Ref NodeRole", "!Ref NoRole"),
    ];
    let mut names = BTreeSet::new();
    for (n, (right, wrong)) in wrong.into_iter().enumerate() {
        assert!(templates[0].contains(right), "{right}");
        let name = format!("wrong-{n}.yaml");
        write(&name, &templates[0].replace(right, wrong));
        names.insert(name);
    }
    let (good, blamed, printed) = lint(&names.iter().cloned().collect::<Vec<_>>());
    assert!(!good && blamed == names, "the checker would have found it: {printed}");
}

#[test]
fn terraform_reads_the_files() {
    let (Some(python), Some(sites)) = (tools::cached("python", "python"), sites()) else { return };
    let read = |text: &str, file: &Path| {
        fs::write(file, text).unwrap();
        let program = "import hcl2,json,sys; print(json.dumps(hcl2.load(open(sys.argv[1]))))";
        run(Command::new(&python).args(["-B", "-c", program]).arg(file), LIMIT)
    };
    for site in &sites {
        let file = site.path("main.tf");
        for store in ["aws", "digitalocean"] {
            let text = policy(site, &[store, "--form", "terraform"]);
            let output = read(&text, &file);
            assert!(output.status.success(), "{}\n{text}", both(&output));
            let parsed: Value = serde_json::from_slice(&output.stdout).unwrap();
            let resources = parsed["resource"].as_array().unwrap();
            let of = |kind: &str| {
                resources.iter().any(|r| r.as_object().unwrap().keys().any(|k| k.trim_matches('"') == kind))
            };
            let expected: &[&str] = if store == "aws" {
                &[
                    "aws_s3_bucket",
                    "aws_s3_bucket_public_access_block",
                    "aws_s3_bucket_policy",
                    "aws_iam_role",
                    "aws_iam_instance_profile",
                    "aws_iam_policy",
                ]
            } else {
                &["digitalocean_spaces_bucket", "digitalocean_spaces_key"]
            };
            assert!(expected.iter().all(|kind| of(kind)), "{parsed:#}");
            for whom in ["nodes", "publisher"].into_iter().filter(|_| store == "aws") {
                let document = policy(site, &[store, "--for", whom]);
                assert!(squeezed(&text).contains(&format!("jsonencode({})", squeezed(&document))), "{text}");
            }
        }
        let broken =
            policy(site, &["aws", "--form", "terraform"]).replacen("jsonencode({", "jsonencode({{", 1);
        assert!(!read(&broken, &file).status.success(), "the checker would have found it");
    }
}

const LIMIT: Duration = e2e::process::PATIENCE;
