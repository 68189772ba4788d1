//! The signal that says how the first run ended: one request, signed as botocore signs, and never more than a
//! warning.

use std::process::Command;
use std::sync::{Arc, Mutex};

use e2e::agent::Node;
use e2e::forge::Forge;
use e2e::http::{Reply, Request, Service};
use e2e::netns::Net;
use e2e::process::{PATIENCE, succeed};
use e2e::tools;
use serde_json::{Value, json};

const GOOD: &str =
    "Action=SignalResource&LogicalResourceId=Nodes&StackName=a%20b&Status=SUCCESS&UniqueId=i-0abc";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const DENIED: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:sts::1 is \
                      not authorized to perform: cloudformation:SignalResource</Message></Error></ErrorResponse>";

/// A node with an instance id, and the service that its signals go to.
struct Group {
    forge: Forge,
    node: Node,
    service: Service,
    answer: Arc<Mutex<Reply>>,
}

impl Group {
    fn new() -> Option<Self> {
        let net = Net::host();
        let answer = Arc::new(Mutex::new(Reply::new(200, "<SignalResourceResponse/>")));
        let shared = Arc::clone(&answer);
        let service = Service::start(net.listen(), None, move |_| shared.lock().unwrap().clone());
        let forge = Forge::new();
        let mut config = forge.config(&forge.url());
        config["signal"] = json!([{
            "service": "cloudformation", "region": "eu-central-1",
            "endpoint": format!("http://127.0.0.1:{}/", service.port()),
            "credentials": [{"static":
                {"access_key_id": "AKID", "secret_access_key": SECRET, "session_token": "token=="}}],
            "fields": {"Action": "SignalResource", "StackName": "a b", "LogicalResourceId": "Nodes",
                       "UniqueId": "{instance}"},
            "success": {"Status": "SUCCESS"}, "failure": {"Status": "FAILURE"},
        }]);
        let node = Node::new(&net, &config)?;
        node.write("var/lib/cloud/data/instance-id", "i-0abc\n");
        Some(Self { forge, node, service, answer })
    }

    fn answer(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = Reply::new(status, body);
    }

    /// One run; its end and what it printed.
    fn once(&self, code: i32) -> String {
        let mut command = self.node.command(&["--once"]);
        e2e::agent::Run::of(command.env("OUT", self.node.root())).expect(code).err
    }

    /// The forms that came.
    fn taken(&self) -> Vec<Request> {
        self.service.take().into_iter().map(|seen| seen.request).collect()
    }

    fn forms(&self) -> Vec<String> {
        self.taken().into_iter().map(|request| String::from_utf8(request.body).unwrap()).collect()
    }
}

#[test]
fn the_first_good_run_sends_one_signed_form() {
    let Some(group) = Group::new() else { return };
    group.forge.release(7, "first");
    let log = group.once(0);
    assert!(log.contains("the first run went well"), "{log}");
    let requests = group.taken();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/"));
    assert_eq!(String::from_utf8_lossy(&request.body), GOOD);
    assert_eq!(request.header("content-length"), Some(GOOD.len().to_string().as_str()));
    assert!(!format!("{log}{:?}", group.node.read("var/lib/stringless/signal")).contains(SECRET));
    signed(request);

    // Neither a later run sends it again, nor one that fails.
    group.once(0);
    group.forge.publish(&group.forge.manifest(8, vec![group.forge.script("exit 9")]));
    group.once(4);
    assert_eq!(group.forms(), Vec::<String>::new());
    // Another instance from the same disk does.
    group.node.write("var/lib/cloud/data/instance-id", "i-0def\n");
    group.forge.release(9, "second");
    group.once(0);
    assert_eq!(group.forms(), [GOOD.replace("i-0abc", "i-0def")]);
}

#[test]
fn a_first_run_that_fails_sends_one_form_and_a_temporary_failure_none() {
    let Some(group) = Group::new() else { return };
    group.once(1);
    assert_eq!(group.forms(), Vec::<String>::new(), "nothing is published yet");
    group.forge.publish(&group.forge.manifest(7, vec![group.forge.script("exit 9")]));
    let log = group.once(4);
    assert!(log.contains("the first run failed"), "{log}");
    assert_eq!(group.forms(), [GOOD.replace("SUCCESS", "FAILURE")]);
    group.forge.release(8, "mended");
    group.once(0);
    assert_eq!(group.forms(), Vec::<String>::new());
}

#[test]
fn a_refusal_may_pass_within_a_minute() {
    let Some(group) = Group::new() else { return };
    group.forge.release(7, "first");
    let path = group.forge.bucket().join("env/production/head");
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    let end = bad.len() - 3;
    bad[end] ^= 1;
    group.forge.put("env/production/head", &bad);
    group.once(3);
    group.forge.put("env/production/head", &good);
    group.once(0);
    assert_eq!(group.forms(), [GOOD]);
}

#[test]
fn what_the_service_refuses_is_a_warning_in_its_own_words() {
    let Some(group) = Group::new() else { return };
    group.forge.release(7, "first");
    group.answer(403, DENIED);
    let log = group.once(0);
    let words = "the service answered 403 AccessDenied: User: arn:aws:sts::1 is not authorized to perform: \
                 cloudformation:SignalResource; a later run sends it again";
    assert!(log.contains(words), "{log}");
    let report: Value =
        serde_json::from_str(&group.node.read("var/lib/stringless/last-run.json").unwrap()).unwrap();
    assert!(report["layers"][0]["warnings"][0].as_str().unwrap().contains(words), "{report}");
    assert_eq!(report["outcome"], "changed");
    assert_eq!(group.forms(), [GOOD], "a refusal is not tried again at once");
    // The permission came.
    group.answer(200, "");
    group.once(0);
    assert_eq!(group.forms(), [GOOD]);
    group.once(0);
    assert_eq!(group.forms(), Vec::<String>::new());
}

#[test]
fn nothing_is_sent_again_to_a_service_that_does_not_wait() {
    let Some(group) = Group::new() else { return };
    group.forge.release(7, "first");
    group.answer(400, "<Error><Code>ValidationError</Code><Message>CREATE_COMPLETE</Message></Error>");
    let log = group.once(0);
    assert!(log.contains("400 ValidationError: CREATE_COMPLETE; it is not sent again"), "{log}");
    group.once(0);
    assert_eq!(group.forms(), [GOOD]);
}

#[test]
fn without_the_key_or_with_noop_nothing_is_sent() {
    let Some(group) = Group::new() else { return };
    group.forge.release(7, "first");
    let run = group.node.command(&["--once", "--noop"]).env("OUT", group.node.root()).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    group.node.configure(&group.forge.config(&group.forge.url()));
    group.once(0);
    assert_eq!(group.forms(), Vec::<String>::new());
    assert_eq!(group.node.read("var/lib/stringless/signal"), None);
}

/// The signature is the one that botocore makes of the same request.
fn signed(request: &Request) {
    let Some(python) = tools::cached("python", "python") else { return };
    let given = request.header("authorization").unwrap();
    let (_, names) = given.split_once("SignedHeaders=").unwrap();
    let names: Vec<&str> = names.split(',').next().unwrap().split(';').collect();
    assert!(
        ["host", "content-type", "x-amz-security-token"].iter().all(|name| names.contains(name)),
        "{given}"
    );
    let headers: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), request.header(name).unwrap().into())).collect();
    let mut command = Command::new(python);
    command.args([
        "-c",
        BOTOCORE,
        &Value::Object(headers).to_string(),
        &String::from_utf8_lossy(&request.body),
        SECRET,
    ]);
    let signature = succeed(&mut command, PATIENCE);
    assert!(given.ends_with(&format!("Signature={}", signature.trim())), "{given}\n{signature}");
}

const BOTOCORE: &str = "
import json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
headers, body, secret = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
request = AWSRequest('POST', 'http://' + headers['host'] + '/', headers=headers, data=body)
request.context['timestamp'] = headers['x-amz-date']
auth = SigV4Auth(Credentials('AKID', secret, 'token=='), 'cloudformation', 'eu-central-1')
print(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))
";
