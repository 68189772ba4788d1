//! Groups of machines: the expected files, read by the linter and the parser of their tools.

use std::fs;
use std::process::Command;

use e2e::process::{both, run};
use e2e::tools;
use serde_json::Value;

use crate::envelope::{LIMIT, piped};

fn golden(name: &str) -> String {
    fs::read_to_string(tools::root().join("tests/golden/as").join(name)).unwrap()
}

#[test]
fn a_group_of_cloudformation_passes_its_linter() {
    let Some(lint) = tools::cached("python", "cfn-lint") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("group.yaml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        run(Command::new(&lint).arg(&file), LIMIT)
    };
    let text = golden("cloudformation-group.yaml");
    let output = check(&text);
    assert!(output.status.success() && both(&output).is_empty(), "{}", both(&output));
    for (part, other) in
        [("MinSize: !Ref Size", "Smallest: !Ref Size"), ("Timeout: !Ref FirstRun", "Timeout: !Ref FirstWalk")]
    {
        let wrong = text.replace(part, other);
        assert!(wrong != text && !check(&wrong).status.success(), "it takes `{other}`");
    }
}

#[test]
fn a_group_of_terraform_is_read_whole() {
    let Some(python) = tools::cached("python", "python") else { return };
    let text = golden("terraform-group.tf");
    let input = serde_json::to_vec(&text).unwrap();
    let read = piped(Command::new(&python).args(["-c", HCL]), &input);
    let read: Value = serde_json::from_slice(&read).unwrap();
    let printed = read.to_string();
    for part in
        ["aws_launch_template", "aws_autoscaling_group", "initial_lifecycle_hook", "http_tokens", "first-run"]
    {
        assert!(printed.contains(part), "{part} is not in {printed}");
    }
    let cut = text.trim_end().strip_suffix('}').unwrap();
    let mut parser = Command::new(&python);
    let broken = serde_json::to_vec(cut).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), broken).unwrap();
    parser.args(["-c", HCL]).stdin(fs::File::open(file.path()).unwrap());
    assert!(!run(&mut parser, LIMIT).status.success(), "it takes a file that was cut off");
}

const HCL: &str = "
import hcl2, json, sys
print(json.dumps(hcl2.loads(json.load(sys.stdin))))
";
