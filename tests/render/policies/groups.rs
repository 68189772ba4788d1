//! A node may say how its first run ended to the groups and stacks of its own site, and to no others.
//!
//! moto has neither of the two calls. It has the rules of IAM, and they judge the statements here.

use std::process::Command;

use e2e::process::{PATIENCE, succeed};
use e2e::tools;

use super::{policy, site};

/// Prints for each action and resource whether the policy permits it.
const JUDGE: &str = "\
import json, sys
from moto.iam.access_control import IAMPolicyStatement, PermissionResult
policy, asked = json.loads(sys.argv[1]), sys.argv[2:]
for action, resource in zip(asked[::2], asked[1::2]):
    results = [IAMPolicyStatement(one).is_action_permitted(action, resource) for one in policy['Statement']]
    print(PermissionResult.PERMITTED in results)
";

const COMPLETE: &str = "autoscaling:CompleteLifecycleAction";
const SIGNAL: &str = "cloudformation:SignalResource";

fn group(name: &str) -> String {
    format!("arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:0b1c:autoScalingGroupName/{name}")
}

fn stack(name: &str) -> String {
    format!("arn:aws:cloudformation:eu-central-1:123456789012:stack/{name}/0b1c")
}

#[test]
fn a_node_signals_to_its_own_groups_only() {
    let Some(python) = tools::cached("python", "python") else { return };
    let Some(site) = site("http://127.0.0.1:9") else { return };
    let judge = |format: Option<&str>, asked: &[(&str, String)]| {
        let mut args = vec!["aws", "--for", "nodes", "--environment", "production"];
        args.extend(format.iter().flat_map(|format| ["--group", format]));
        let mut command = Command::new(&python);
        command.args(["-c", JUDGE]).arg(policy(&site, &args));
        asked.iter().for_each(|(action, resource)| {
            command.args([action, resource.as_str()]);
        });
        let printed = succeed(&mut command, PATIENCE);
        let all: Vec<bool> = printed.lines().map(|line| line == "True").collect();
        assert_eq!(all.len(), asked.len(), "{printed}");
        all
    };
    let (own, other) = ("stringless-example-web", "stringless-of-others-web");
    for (format, action, place) in
        [("terraform", COMPLETE, group as fn(&str) -> String), ("cloudformation", SIGNAL, stack)]
    {
        let asked = [
            (action, place(own)),
            (action, place(other)),
            (action, place("web")),
            ("autoscaling:SetDesiredCapacity", group(own)),
            ("autoscaling:TerminateInstanceInAutoScalingGroup", group(own)),
            ("cloudformation:DeleteStack", stack(own)),
        ];
        let permitted = judge(Some(format), &asked);
        assert_eq!(permitted, [true, false, false, false, false, false], "{format}");
        assert_eq!(judge(None, &asked), [false; 6], "without --group");
    }
}
