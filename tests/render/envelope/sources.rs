//! Sources of other tools: CloudFormation, read by its linter; and which tool fits which cloud.

use std::fs;
use std::process::Command;

use e2e::process::{both, run};
use e2e::tools;
use stringless_render::embed::source;
use stringless_render::platform::{Encoding, Form};
use stringless_render::render;
use stringless_render::request::{Tool, UserData};

use crate::envelope::{DISTRO, LIMIT, case, piped, request};

/// Texts that would be more than text if one place did not quote.
pub const HOSTILE: [&str; 22] = [
    "${local.x}\n",
    "$${local.x}\n",
    "$$${a}\n",
    "%{if true}a%{endif}\n",
    "%%{a}\n",
    "$$$ $( `id` %s\n",
    "STRINGLESS\nSTRINGLESS_\n",
    "  STRINGLESS\n",
    "{{ .Vars }} {{`{{`}} {{\n",
    "{{\"\\n\"}}{{/* a */}}\n",
    "\"quoted\" 'too' \\n \\u0041 \\\\\n",
    "no end of line",
    "two ends\n\n",
    "\n\nlate\n",
    "  blanks first\n",
    "tab\tinside\n",
    "carriage\r\nreturn\r\n",
    "h\u{e9} \u{1f980}\n",
    "\u{7f}\u{1b}[0m\n",
    "- a: b\n  c: [d, {e}] # f & *g !h |i >j\n---\n...\n",
    "!Sub ${AWS::Region} Fn::Sub: {{resolve:ssm:a}}\n",
    "#{a} <% b %> EOF\nEOT\n",
];

#[test]
fn cloudformation_decodes_to_what_was_rendered_and_passes_its_linter() {
    let (Some(python), Some(lint)) = (tools::cached("python", "python"), tools::cached("python", "cfn-lint"))
    else {
        return;
    };
    let case = case();
    let folder = tempfile::tempdir().unwrap();
    let (mut expected, mut sources, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for (form, encoding) in [
        (Form::Script, Encoding::Plain),
        (Form::Mime, Encoding::Plain),
        (Form::CloudConfig, Encoding::GzipBase64),
    ] {
        let request = request(&case, "aws", Some(form), Some(Tool::CloudFormation), Some(encoding)).unwrap();
        let data = render(&request).unwrap();
        let mut texts = vec![data.clone()];
        if form == Form::Script {
            texts.extend(HOSTILE.iter().map(|text| with_text(&data, text)));
        }
        for data in texts {
            let text = source(&request, &data, Tool::CloudFormation, None).unwrap();
            let file = folder.path().join(format!("{}.yaml", sources.len()));
            fs::write(&file, &text).unwrap();
            files.push(file);
            sources.push(text);
            expected.push(data.encoded());
        }
    }
    let input = serde_json::to_vec(&sources).unwrap();
    let read: Vec<String> =
        serde_json::from_slice(&piped(Command::new(python).args(["-c", YAML]), &input)).unwrap();
    for (n, value) in read.iter().enumerate() {
        assert_eq!(value.as_bytes(), expected[n], "{}", sources[n]);
    }
    // Of the hostile texts it says, rightly, that they look like mistakes.
    let ours = files.iter().zip(&expected).filter(|(_, bytes)| bytes.len() > 1000).map(|(file, _)| file);
    let output = run(Command::new(&lint).args(ours), LIMIT);
    assert!(output.status.success() && both(&output).is_empty(), "{}", both(&output));
    let wrong = sources[0].replace("InstanceType: !Ref", "InstanceKind: !Ref");
    fs::write(&files[0], wrong).unwrap();
    assert!(!run(Command::new(&lint).arg(&files[0]), LIMIT).status.success(), "it takes anything");
}

/// A new rendering is another user-data. A provider that cannot change that in place would destroy the machine.
#[test]
fn terraform_keeps_the_machine_whose_user_data_changes() {
    let case = case();
    let mut kept = Vec::new();
    for cloud in &case.platforms.clouds {
        let Ok(request) = request(&case, &cloud.id, None, Some(Tool::Terraform), None) else { continue };
        let text = source(&request, &render(&request).unwrap(), Tool::Terraform, None).unwrap();
        let replaces = &cloud.terraform.as_ref().unwrap().replaces;
        assert_eq!(text.contains("lifecycle {"), !replaces.is_empty(), "{}: {text}", cloud.id);
        if let Some(argument) = replaces.first() {
            assert!(text.contains(&format!("ignore_changes = [{argument}]")), "{}: {text}", cloud.id);
            assert!(text.contains("would replace this machine"), "{}: without a reason", cloud.id);
            kept.push(cloud.id.as_str());
        }
        if cloud.id == "aws" {
            assert!(text.contains("http_tokens = \"required\""), "{text}");
        }
    }
    assert!(kept.contains(&"digitalocean") && kept.contains(&"hetzner"), "{kept:?}");
}

#[test]
fn a_tool_that_does_not_fit_is_refused() {
    let case = case();
    let ask = |cloud: &str, form, tool, encoding| request(&case, cloud, form, Some(tool), encoding);
    let mut taken = 0;
    for (cloud, form, tool, encoding, why) in [
        ("hetzner", None, Tool::CloudFormation, None, "no resource is known"),
        ("azure", None, Tool::CloudFormation, None, "no resource is known"),
        ("vagrant", None, Tool::Terraform, None, "no resource is known"),
        ("nocloud", None, Tool::Terraform, None, "no resource is known"),
        ("aws", None, Tool::Seed, None, "take no NoCloud volume"),
        ("vmware", None, Tool::Seed, None, "take no NoCloud volume"),
        ("aws", Some(Form::Mime), Tool::Packer, None, "the tool runs a script"),
        ("aws", Some(Form::CloudConfig), Tool::Packer, None, "the tool runs a script"),
        ("aws", Some(Form::CloudConfig), Tool::Curl, None, "the tool runs a script"),
        ("aws", None, Tool::Packer, Some(Encoding::Gzip), "is not possible"),
        ("aws", None, Tool::Curl, Some(Encoding::Base64), "is not possible"),
        ("nocloud", None, Tool::Seed, Some(Encoding::Base64), "is not possible"),
        ("aws", None, Tool::CloudFormation, Some(Encoding::Gzip), "is not possible"),
        ("digitalocean", None, Tool::Terraform, Some(Encoding::GzipBase64), "is not possible"),
        ("azure", None, Tool::Terraform, Some(Encoding::Plain), "is not possible"),
        ("linode", None, Tool::Terraform, Some(Encoding::GzipBase64), "is not possible"),
        ("scaleway", None, Tool::Terraform, Some(Encoding::Base64), "is not possible"),
    ] {
        let fault = ask(cloud, form, tool, encoding).unwrap_err();
        assert!(fault.message.contains(why), "{cloud} {tool:?}: {fault}");
    }
    for (cloud, tool) in
        [("aws", Tool::Packer), ("vagrant", Tool::Curl), ("proxmox", Tool::Seed), ("vmware", Tool::Terraform)]
    {
        assert!(ask(cloud, None, tool, None).is_ok());
        taken += 1;
    }
    assert_eq!(taken, 4);
    // An image whose copies would run nothing.
    let once = e2e::rendering::site(e2e::rendering::WEB, e2e::rendering::SCRIPT, "node: {schedule: boot}\n");
    let once = e2e::rendering::Case::new(&once);
    let request = request(&once, "aws", None, Some(Tool::Packer), None).unwrap();
    let fault = source(&request, &render(&request).unwrap(), Tool::Packer, None).unwrap_err();
    assert!(fault.hint.unwrap().contains("node.schedule"));
}

#[test]
fn a_tool_that_goes_past_the_cloud_has_no_limit() {
    let mut case = case();
    case.site.node.ca_file = Some("ca.pem".into());
    let line = "A".repeat(64) + "\n";
    case.ca_pem =
        Some(format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", line.repeat(300)));
    for tool in [Tool::Packer, Tool::Curl] {
        assert!(render(&request(&case, "aws", None, Some(tool), None).unwrap()).is_ok(), "{tool:?}");
    }
    for tool in [Tool::Terraform, Tool::CloudFormation] {
        assert!(render(&request(&case, "aws", None, Some(tool), None).unwrap()).is_err(), "{tool:?}");
    }
    assert_eq!(case.platforms.distro(DISTRO).unwrap().id, DISTRO);
}

pub fn with_text(data: &UserData, text: &str) -> UserData {
    UserData { text: text.into(), ..data.clone() }
}

/// The value of the user-data: without `Fn::Base64`, the base64 itself.
const YAML: &str = "
import json, sys, yaml
class Loader(yaml.SafeLoader): pass
Loader.add_multi_constructor('!', lambda loader, suffix, node: node.value)
def value(text):
    found = yaml.load(text, Loader)['Resources']['Node']['Properties']['UserData']
    return found['Fn::Base64'] if isinstance(found, dict) else found
print(json.dumps([value(text) for text in json.load(sys.stdin)]))
";
