//! MIME multipart, read by cloud-init itself, of both releases that are here, and by Python's mail parser.

use std::fs;
use std::process::Command;

use base64ct::{Base64, Encoding as _};
use e2e::tools;
use serde_json::{Value, json};
use stringless_render::envelope::Attachment;
use stringless_render::platform::Form;
use stringless_render::render;
use stringless_render::request::Request;

use crate::envelope::{DISTRO, case, piped, request};

/// Files of a user, what cloud-init takes them for, and their names on the node.
const FILES: [(&str, &str, &str); 9] = [
    ("first.yaml", "#cloud-config\npackages: [git]\nruncmd: [[echo, a]]\nlocale: C\n", "text/cloud-config"),
    ("second.yaml", "#cloud-config\npackages: [jq]\nruncmd: [[echo, b]]\nlocale: D\n", "text/cloud-config"),
    ("my script", "#!/bin/sh\necho '--stringless-0000000000000000'\n", "text/x-shellscript"),
    ("utf8.sh", "#!/bin/sh\necho h\u{e9}\u{1f980}\n", "text/x-shellscript"),
    ("crlf.sh", "#!/bin/sh\r\necho a\r\n", "text/x-shellscript"),
    ("no-end.sh", "#!/bin/sh\necho a", "text/x-shellscript"),
    ("odd.sh", "#!/bin/sh\n\n\n# From me\nFrom me\n.\n=20\n--\n \n\n", "text/x-shellscript"),
    ("hook", "#cloud-boothook\n#!/bin/sh\necho early\n", "text/cloud-boothook"),
    ("late.yaml", "## template: jinja\n#cloud-config\nfqdn: {{ v1.instance_id }}.test\n", "text/jinja2"),
];

#[test]
fn cloud_init_and_python_read_back_every_part() {
    let case = case();
    let with: Vec<Attachment> =
        FILES.iter().map(|(name, text, _)| Attachment::new(name, text.as_bytes()).unwrap()).collect();
    let plain = request(&case, "aws", Some(Form::Mime), None, None).unwrap();
    let data = render(&Request { with: &with, ..plain }).unwrap();
    assert!(data.text.is_ascii() && !data.text.contains('\r'));

    let mut expected: Vec<Value> = Vec::new();
    for (n, (name, text, kind)) in FILES.iter().enumerate() {
        let name = format!("{:02}-{}", n + 1, name.replace(' ', "-"));
        expected.push(json!([kind, name, Base64::encode_string(text.as_bytes())]));
    }
    let ours = Base64::encode_string(data.body.as_bytes());
    expected.push(json!(["text/x-shellscript", "stringless-bootstrap", ours]));

    let parts = |command: &mut Command, script: &str| -> Value {
        let output = piped(command.args(["-B", "-c", script]), data.text.as_bytes());
        serde_json::from_slice(&output)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output)))
    };
    let Some(python) = tools::cached("python", "python") else { return };
    assert_eq!(parts(&mut Command::new(python), MAIL)["parts"], Value::from(expected.clone()));

    let Some(()) = tools::superuser() else { return };
    for suite in ["bookworm", "trixie"] {
        let Some(root) = tools::rootfs(suite) else { return };
        let mut chroot = Command::new("chroot");
        let read = parts(chroot.arg(root).arg("/usr/bin/python3"), CLOUD_INIT);
        assert_eq!(read["parts"], Value::from(expected.clone()), "{suite}");
        // Lists are joined, and of two values the first counts.
        assert_eq!(read["merged"]["packages"], json!(["git", "jq"]), "{suite}");
        assert_eq!(read["merged"]["runcmd"], json!([["echo", "a"], ["echo", "b"]]), "{suite}");
        assert_eq!(read["merged"]["locale"], "C", "{suite}");
        // Its scripts run in the order of their names, and what `runcmd` becomes is one of them.
        let names = read["scripts"].as_array().unwrap();
        assert_eq!(names.last().unwrap(), "stringless-bootstrap", "{suite}: {names:?}");
        assert!(names.contains(&Value::from("runcmd")), "{suite}: {names:?}");
    }
}

#[test]
fn the_script_alone_is_one_part_and_the_same_each_time() {
    let case = case();
    let Some(python) = tools::cached("python", "python") else { return };
    for (distro, cloud) in case.platforms.pairs().filter(|(distro, _)| distro.id == DISTRO) {
        let Ok(request) = case.request(distro, cloud, Some(Form::Mime)) else { continue };
        let data = render(&request).unwrap();
        assert_eq!(data, render(&request).unwrap());
        if cloud.id == "aws" {
            let output = piped(Command::new(&python).args(["-c", MAIL]), data.text.as_bytes());
            let read: Value = serde_json::from_slice(&output).unwrap();
            assert_eq!(read["parts"].as_array().unwrap().len(), 1);
        }
    }
}

#[test]
fn the_names_of_the_kinds_are_cloud_inits_own() {
    let Some(root) = tools::rootfs("trixie") else { return };
    let handlers =
        fs::read_to_string(root.join("usr/lib/python3/dist-packages/cloudinit/handlers/__init__.py"));
    let handlers = handlers.unwrap();
    let known = handlers.split_once("INCLUSION_TYPES_MAP = {").unwrap().1.split_once('}').unwrap().0;
    for line in known.lines().filter(|line| line.contains("\"#")) {
        let mut words = line.split('"').skip(1).step_by(2);
        let (start, kind) = (words.next().unwrap(), words.next().unwrap());
        let text = match start {
            // A template shows what it is in its second line.
            "## template: jinja" => "## template: jinja\n#cloud-config\n".to_owned(),
            "#cloud-config-archive" => format!("{start}\n- a\n"),
            "#cloud-config" => format!("{start}\na: b\n"),
            _ => format!("{start}\n"),
        };
        // JSON patches and upstart are nobody's user-data any more.
        let left_out = ["#cloud-config-jsonp", "#upstart-job"].contains(&start);
        let taken = Attachment::new("f", text.as_bytes());
        assert!(left_out || format!("{taken:?}").contains(&format!("\"{kind}\"")), "{start}: {taken:?}");
    }
}

/// Python's own parser of mail.
const MAIL: &str = "
import base64, email, json, sys
message = email.message_from_bytes(sys.stdin.buffer.read())
assert not message.defects, message.defects
parts = [[p.get_content_type(), p.get_filename(), base64.b64encode(p.get_payload(decode=True)).decode()]
         for p in message.walk() if not p.is_multipart()]
print(json.dumps({'parts': parts}))
";
/// cloud-init's: what it makes of user-data, and how its handler merges the parts that are cloud-config.
const CLOUD_INIT: &str = "
import base64, json, logging, sys
from cloudinit import helpers, user_data
from cloudinit.handlers.cloud_config import CloudConfigPartHandler
logging.disable(logging.CRITICAL)
paths = helpers.Paths({'cloud_dir': '/nonexistent', 'run_dir': '/nonexistent'})
message = user_data.UserDataProcessor(paths).process(sys.stdin.buffer.read())
parts, scripts = [], ['runcmd']
merger = CloudConfigPartHandler(paths)
merger._reset()
merger.cloud_buf = {}
for part in message.walk():
    if part.is_multipart():
        continue
    payload = part.get_payload(decode=True)
    parts.append([part.get_content_type(), part.get_filename(), base64.b64encode(payload).decode()])
    if part.get_content_type() == 'text/cloud-config':
        merger._merge_part(payload.decode(), dict(part))
    if part.get_content_type() == 'text/x-shellscript':
        scripts.append(part.get_filename())
print(json.dumps({'parts': parts, 'merged': merger.cloud_buf, 'scripts': sorted(scripts)}))
";
