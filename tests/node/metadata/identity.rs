//! Who and where a node is, by the metadata service of its cloud: stand-ins as strict as the real ones, at
//! the true address, for machines that say by their firmware what they are.

use std::fs;

use e2e::agent::{Node, Run};
use e2e::forge::Forge;
use e2e::http::{Reply, Request, Service};
use e2e::imds::{Facts, Imds};
use e2e::netns::Lab;
use serde_json::{Value, json};

const ADDRESS: &str = "169.254.169.254:80";
pub const IDENTITY: &str = "var/lib/stringless/identity";
const BOOT: &str = "proc/sys/kernel/random/boot_id";
/// What a node is called that nobody tells its name: a hash of `machine\n` in /etc/machine-id.
pub const HASHED: &str = "m-ba98368796993ec2";

pub struct World {
    pub lab: Lab,
    pub forge: Forge,
    pub node: Node,
}

impl World {
    /// A node on a machine of `Cloud Inc`, that follows a folder and has this for `metadata`.
    pub fn new(metadata: &Value) -> Option<Self> {
        let (lab, forge) = (Lab::new()?, Forge::new());
        let pack = forge.script("echo \"$STRINGLESS_NODE $STRINGLESS_REGION\" >\"$OUT/applied\"");
        forge.publish(&forge.manifest(7, vec![pack]));
        let mut config = forge.config(&forge.url());
        config["metadata"] = metadata.clone();
        let node = Node::new(&lab.node, &config)?;
        node.write("etc/machine-id", "machine\n");
        let world = Self { lab, forge, node };
        world.machine("one");
        world.boot("first");
        Some(world)
    }

    pub fn machine(&self, uuid: &str) {
        self.node.write("sys/class/dmi/id/sys_vendor", "Cloud Inc. of Tests\n");
        self.node.write("sys/class/dmi/id/product_uuid", &format!("{uuid}\n"));
    }

    pub fn boot(&self, id: &str) {
        self.node.write(BOOT, &format!("{id}\n"));
    }

    pub fn service(&self, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Service {
        Service::start(self.lab.cloud.listen_at(ADDRESS), None, answer)
    }

    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(self.node.command(args).env("OUT", self.node.root())).expect(0)
    }

    /// The id and the region that a run reports.
    pub fn printed(&self) -> (String, String) {
        printed(&self.run(&["--once", "--json"]).out)
    }
}

pub fn printed(report: &str) -> (String, String) {
    let report: Value = serde_json::from_str(report).unwrap();
    let text = |key: &str| report[key].as_str().unwrap_or_default().to_owned();
    (text("node"), text("region"))
}

pub fn pair(id: &str, region: &str) -> (String, String) {
    (id.into(), region.into())
}

/// Plain texts, without a token or a header.
pub fn plain() -> Value {
    json!({
        "dmi": [{"sys_vendor": "Nobody"}, {"sys_vendor": "cloud inc", "product_uuid": "O"}],
        "address": "http://169.254.169.254",
        "instance_id": {"path": "/id"}, "region": {"path": "/region"},
    })
}

pub fn tells(id: &'static str, region: &'static str) -> impl Fn(&Request) -> Reply {
    move |request| match (request.method.as_str(), request.target.as_str()) {
        ("GET", "/id") => Reply::new(200, format!("{id}\n")),
        ("GET", "/region") => Reply::new(200, region),
        _ => Reply::new(404, ""),
    }
}

#[test]
fn a_token_comes_first_where_there_is_one() {
    let mut metadata = plain();
    metadata["token"] = json!({
        "path": "/latest/api/token", "header": "X-aws-ec2-metadata-token",
        "headers": {"X-aws-ec2-metadata-token-ttl-seconds": "60"},
    });
    metadata["instance_id"] = json!({"path": "/latest/meta-data/instance-id"});
    metadata["region"] = json!({"path": "/latest/meta-data/placement/region"});
    let Some(world) = World::new(&metadata) else { return };
    let facts = Facts {
        instance_id: "i-0123456789abcdef0".into(),
        region: "eu-central-1".into(),
        role: String::new(),
        keys: Vec::new(),
        user_data: None,
    };
    let imds = Imds::start(world.lab.cloud.listen_at(ADDRESS), facts);
    assert_eq!(world.printed(), pair("i-0123456789abcdef0", "eu-central-1"));
    assert_eq!(imds.take().iter().map(|seen| seen.status).collect::<Vec<_>>(), [200; 3]);
    assert_eq!(world.node.read("applied").as_deref(), Some("i-0123456789abcdef0 eu-central-1\n"));
    let kept = world.node.read(IDENTITY).unwrap();
    assert!(!kept.contains("one"), "what the firmware says of the machine is kept: {kept}");
}

#[test]
fn every_question_has_the_header_that_the_service_insists_on() {
    let mut metadata = plain();
    metadata["headers"] = json!({"Metadata-Flavor": "Google"});
    metadata["instance_id"] = json!({"path": "/computeMetadata/v1/instance/id"});
    metadata["region"] = json!({"path": "/computeMetadata/v1/instance/zone", "after": "/", "before": "-"});
    let Some(world) = World::new(&metadata) else { return };
    let service = world.service(|request| match request.target.as_str() {
        _ if request.header("metadata-flavor") != Some("Google") => Reply::new(403, ""),
        "/computeMetadata/v1/instance/id" => Reply::new(200, "4520031799277581759"),
        "/computeMetadata/v1/instance/zone" => Reply::new(200, "projects/17/zones/europe-west3-b"),
        _ => Reply::new(404, ""),
    });
    assert_eq!(world.printed(), pair("4520031799277581759", "europe-west3"));
    assert_eq!(service.take().len(), 2);
}

#[test]
fn one_document_is_asked_for_once() {
    let mut metadata = plain();
    let path = "/openstack/latest/meta_data.json";
    metadata["instance_id"] = json!({"path": path, "json": "/uuid"});
    metadata["region"] = json!({"path": path, "json": "/meta/zones/0"});
    let Some(world) = World::new(&metadata) else { return };
    let uuid = "83679162-1378-4288-a2d4-70e13ec132aa";
    let document = json!({"uuid": uuid, "meta": {"zones": ["nova"]}, "name": "x".repeat(50_000)});
    let service = world.service(move |request| match request.target == path {
        true => Reply::new(200, document.to_string()),
        false => Reply::new(404, ""),
    });
    assert_eq!(world.printed(), pair(uuid, "nova"));
    assert_eq!(service.take().len(), 1);
}

#[test]
fn an_idle_run_asks_nobody_and_neither_does_status() {
    let Some(world) = World::new(&plain()) else { return };
    let service = world.service(tells("i-1", "north"));
    let status = || world.run(&["status", "--json"]).out;
    assert_eq!(printed(&status()), pair(HASHED, ""), "before the first run");
    assert!(service.take().is_empty());
    assert_eq!(world.printed(), pair("i-1", "north"));
    assert_eq!(service.take().len(), 2);
    for _ in 0..2 {
        assert_eq!(world.printed(), pair("i-1", "north"));
    }
    let status = status();
    assert_eq!(printed(&status), pair("i-1", "north"));
    assert!(status.contains("\"node_from\": \"metadata\""), "{status}");
    let text = world.run(&["status"]).out;
    assert!(text.contains("\nnode        i-1\nregion      north\n"), "{text}");
    assert!(service.take().is_empty());
    // Not for ever: what is new may be asked of a machine that has booted.
    world.boot("second");
    assert_eq!(world.printed(), pair("i-1", "north"));
    assert_eq!(service.take().len(), 2);
}

#[test]
fn the_copy_of_a_node_does_not_keep_its_id() {
    let Some(world) = World::new(&plain()) else { return };
    let service = world.service(tells("i-1", "north"));
    assert_eq!(world.printed(), pair("i-1", "north"));
    drop(service);
    // The same machine goes on with its name while nobody answers.
    world.boot("second");
    assert_eq!(world.printed(), pair("i-1", "north"));
    // A machine made from its disk does not, whether its firmware tells the two apart …
    world.machine("other");
    let run = world.run(&["--once", "--json"]);
    assert_eq!(printed(&run.out), pair(HASHED, ""));
    assert!(run.err.contains("asking the metadata service"), "{}", run.err);
    // … or not.
    world.machine("one");
    fs::remove_file(world.node.root().join("sys/class/dmi/id/product_uuid")).unwrap();
    let mut metadata = plain();
    metadata["dmi"] = json!([]);
    let mut config = world.forge.config(&world.forge.url());
    config["metadata"] = metadata;
    world.node.configure(&config);
    let service = world.service(tells("i-2", "south"));
    assert_eq!(world.printed(), pair("i-2", "south"));
    drop(service);
    assert_eq!(world.printed(), pair("i-2", "south"));
    world.boot("third");
    assert_eq!(world.printed(), pair(HASHED, ""));
}

#[test]
fn what_cloud_init_left_counts_and_the_configured_name_comes_after() {
    let Some(world) = World::new(&plain()) else { return };
    let service = world.service(tells("i-1", "north"));
    let mut config = world.forge.config(&world.forge.url());
    config["metadata"] = plain();
    config["node"] = json!("configured");
    world.node.configure(&config);
    world.node.write("var/lib/cloud/data/instance-id", "i-cloud-init\n");
    assert_eq!(world.printed(), pair("i-cloud-init", "north"));
    service.take();
    world.node.write(
        "run/cloud-init/instance-data.json",
        r#"{"base64_encoded_keys": [], "ds": {"a": [1, null]}, "v1": {"region": "south", "x": {}}}"#,
    );
    fs::remove_file(world.node.root().join(IDENTITY)).unwrap();
    assert_eq!(world.printed(), pair("i-cloud-init", "south"));
    assert!(service.take().is_empty(), "it knows both");
    // An id and a region that come from no cloud.
    world.node.write("var/lib/cloud/data/instance-id", "iid-datasource-none\n");
    world.node.write("run/cloud-init/instance-data.json", r#"{"v1": {"region": null}}"#);
    assert_eq!(world.printed(), pair("i-1", "north"));
    world.machine("somewhere else");
    world.boot("second");
    drop(service);
    world.node.write("run/cloud-init/instance-data.json", "{");
    assert_eq!(world.printed(), pair("configured", ""));
}

#[test]
fn an_oracle_cloud_id_names_the_node_by_its_end() {
    let Some(world) = World::new(&Value::Null) else { return };
    let end = "abuw4ljrlsfiqw6vzzxb43vyypt4pkodawglp3wqxjqofakrwvou52gb6s5a";
    world.node.write("var/lib/cloud/data/instance-id", &format!("ocid1.instance.oc1.phx.{end}\n"));
    assert_eq!(world.printed(), pair(end, ""));
}
