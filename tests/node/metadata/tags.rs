//! The role of a node by the tag of its machine: each cloud's service answers as its own pages say, and a tag that is
//! missing, hostile or cannot be read never changes a role that is known.

use std::sync::{Arc, Mutex};

use e2e::agent::Run;
use e2e::http::{Reply, Request};
use serde_json::{Value, json};
use stringless_core::tag::TagKey;
use stringless_render::platform::Platforms;

use crate::metadata::identity::{World, plain};

/// A cloud's file, and what its service answers for a machine with the role `web`.
const CLOUDS: [(&str, &str, &str); 9] = [
    ("aws", "/latest/meta-data/tags/instance/role", "web"),
    (
        "azure",
        "/metadata/instance/compute/tagsList?api-version=2021-01-01&format=json",
        r#"[{"name": "Role", "value": "db"}, {"name": "role", "value": "web"}]"#,
    ),
    ("gce", "/computeMetadata/v1/instance/attributes/role", "web"),
    ("openstack", "/openstack/latest/meta_data.json", r#"{"uuid": "u", "meta": {"role": "web", "a": "b"}}"#),
    ("ovhcloud", "/openstack/latest/meta_data.json", r#"{"uuid": "u", "meta": {"role": "web"}}"#),
    ("digitalocean", "/metadata/v1/tags/", "blue\nrole:web\n"),
    ("linode", "/v1/instance", r#"{"id": 17, "region": "us-iad", "tags": ["blue", "role:web"]}"#),
    (
        "oracle",
        "/opc/v2/instance/",
        r#"{"freeformTags": {"role": "web"}, "definedTags": {"a": {"role": "db"}}}"#,
    ),
    ("scaleway", "/conf?format=json", r#"{"id": "u", "tags": ["role=web"]}"#),
];

/// A world whose node finds its role in the tag `role`, which is text below `/tag`.
fn world() -> Option<World> {
    let world = World::new(&plain())?;
    let pack =
        world.forge.script("echo \"$STRINGLESS_NODE is ${STRINGLESS_ROLE:-nothing}\" >\"$OUT/applied\"");
    world.forge.publish(&world.forge.manifest(8, vec![pack]));
    let mut config = world.forge.config(&world.forge.url());
    config["metadata"] = plain();
    config["role_from"] = json!({"tag": "role", "path": "/tag", "needs": "the tag `role`"});
    world.node.configure(&config);
    Some(world)
}

/// A service whose tag is what is in `tag`; none: 404.
fn tells(tag: &Arc<Mutex<Option<&'static str>>>) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let tag = Arc::clone(tag);
    move |request| match (request.target.as_str(), *tag.lock().unwrap()) {
        ("/id", _) => Reply::new(200, "i-1"),
        ("/region", _) => Reply::new(200, "north"),
        ("/tag", Some(value)) => Reply::new(200, value),
        _ => Reply::new(404, "not found"),
    }
}

fn once(world: &World, args: &[&str], code: i32) -> (Value, Run) {
    let args: Vec<&str> = ["--once", "--json"].iter().chain(args).copied().collect();
    let run = Run::of(world.node.command(&args).env("OUT", world.node.root())).expect(code);
    (serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("{e}\n{}{}", run.out, run.err)), run)
}

fn status(world: &World) -> String {
    world.run(&["status"]).out
}

#[test]
fn each_cloud_that_gives_tags_gives_the_role() {
    let Some(world) = world() else { return };
    let platforms = Platforms::embedded().unwrap();
    let with_tags = platforms.clouds.iter().filter(|cloud| cloud.tags.is_some()).count();
    assert_eq!(with_tags, CLOUDS.len());
    for (cloud, path, answer) in CLOUDS {
        let cloud = platforms.cloud(cloud).unwrap();
        let metadata = cloud.metadata.as_ref().unwrap();
        let mut config = world.forge.config(&world.forge.url());
        config["metadata"] = serde_json::to_value(metadata).unwrap();
        // One cloud has another address, which the lab does not route.
        config["metadata"]["address"] = plain()["address"].clone();
        config["role_from"] =
            serde_json::to_value(cloud.tags.as_ref().unwrap().of(&TagKey::new("role").unwrap())).unwrap();
        world.node.configure(&config);
        for (name, value) in &metadata.dmi[0] {
            world.node.write(&format!("sys/class/dmi/id/{name}"), value);
        }
        let (headers, token) = (metadata.headers.clone(), metadata.token.clone());
        let service = world.service(move |request| {
            let has = |(name, value): (&String, &String)| request.header(&name.to_lowercase()) == Some(value);
            match &token {
                Some(token) if request.method == "PUT" && request.target == token.path => {
                    return Reply::new(200, "a-token");
                }
                Some(token) if request.header(&token.header.to_lowercase()) != Some("a-token") => {
                    return Reply::new(401, "");
                }
                _ => {}
            }
            match request.target == path && headers.iter().all(has) {
                true => Reply::new(200, answer),
                false => Reply::new(404, ""),
            }
        });
        let (report, run) = once(&world, &["--force"], 0);
        let found = (&report["role"], &report["role_from"]);
        assert_eq!(found, (&json!("web"), &json!("tag")), "{}: {}\n{:?}", cloud.id, run.err, service.take());
        drop(service);
        std::fs::remove_dir_all(world.node.root().join("sys")).unwrap();
    }
}

#[test]
fn a_tag_is_read_after_a_boot_and_changes_the_role() {
    let Some(world) = world() else { return };
    let tag = Arc::new(Mutex::new(Some("web")));
    let service = world.service(tells(&tag));
    once(&world, &[], 0);
    assert_eq!(world.node.read("applied").as_deref(), Some("i-1 is web\n"));
    let asked = |service: &e2e::http::Service| {
        service.take().iter().filter(|seen| seen.request.target == "/tag").count()
    };
    assert_eq!(asked(&service), 1);
    // An idle run and `status` ask nobody, even if the tag has changed.
    *tag.lock().unwrap() = Some("db");
    once(&world, &[], 0);
    assert!(status(&world).contains("role        web, from the machine's tag\n"), "{}", status(&world));
    assert!(service.take().is_empty());
    // A boot shows the change, and makes the release due.
    world.boot("second");
    let (report, run) = once(&world, &[], 0);
    assert_eq!(report["layers"][0]["reason"], json!("role or labels changed"));
    assert!(run.err.contains("the tag `role` changed the role from `web` to `db`"), "{}", run.err);
    assert_eq!(world.node.read("applied").as_deref(), Some("i-1 is db\n"));
    // So does `--force`.
    *tag.lock().unwrap() = Some("web");
    once(&world, &["--force"], 0);
    assert_eq!(world.node.read("applied").as_deref(), Some("i-1 is web\n"));
}

#[test]
fn a_tag_that_cannot_be_read_changes_no_known_role() {
    let Some(world) = world() else { return };
    let tag = Arc::new(Mutex::new(Some("web")));
    let service = world.service(tells(&tag));
    once(&world, &[], 0);
    // It is gone, it is hostile, its service is off.
    for (n, (value, expected)) in [
        (None, "it answered 404"),
        (Some("../../etc"), "its value: name `../../etc` is not allowed"),
        (Some("db\nSTRINGLESS_NODE=x"), "is not allowed"),
        (Some("$(touch /x)"), "is not allowed"),
        (Some(""), "is not allowed"),
    ]
    .into_iter()
    .enumerate()
    {
        *tag.lock().unwrap() = value;
        world.boot(&format!("boot {n}"));
        let (report, _) = once(&world, &[], 0);
        assert_eq!(
            (&report["role"], &report["layers"][0]["reason"]),
            (&json!("web"), &json!(null)),
            "{report}"
        );
        let said = status(&world);
        assert!(said.contains("role        web, from the machine's tag\n"), "{said}");
        assert!(said.contains("warning     reading the tag `role`: ") && said.contains(expected), "{said}");
        // It is not asked for at each run.
        service.take();
        once(&world, &[], 0);
        assert!(service.take().is_empty());
    }
    drop(service);
    world.boot("last");
    let (report, run) = once(&world, &["--force"], 0);
    assert_eq!(report["role"], json!("web"), "{}", run.err);
    assert_eq!(world.node.read("applied").as_deref(), Some("i-1 is web\n"));
}

#[test]
fn a_new_node_without_a_role_applies_nothing_and_says_what_it_needs() {
    let Some(world) = world() else { return };
    let tag = Arc::new(Mutex::new(None));
    let service = world.service(tells(&tag));
    let (report, run) = once(&world, &[], 1);
    let error = "finding the role of this node: reading the tag `role`: GET http://169.254.169.254/tag: it answered 404";
    assert!(
        run.err.contains(error) && run.err.contains("hint: this machine needs the tag `role`"),
        "{}",
        run.err
    );
    assert!(report["layers"][0]["error"].as_str().unwrap().contains(error), "{report}");
    assert_eq!((&report["layers"][0]["requests"], &report["role"]), (&json!(0), &json!(null)));
    assert!(status(&world).contains("warning     no role: the tag `role`: "), "{}", status(&world));
    // A tag that is no role is for people to correct.
    for value in ["web server", "\u{1b}[31mweb", "-web"] {
        *tag.lock().unwrap() = Some(value);
        let (_, run) = once(&world, &[], 78);
        assert!(run.err.contains("its value: name `") && !run.err.contains('\u{1b}'), "{}", run.err);
    }
    assert_eq!(world.node.read("applied"), None);
    // It is asked for at every run until it is there.
    *tag.lock().unwrap() = Some("web");
    once(&world, &[], 0);
    assert_eq!(world.node.read("applied").as_deref(), Some("i-1 is web\n"));
    drop(service);
}

#[test]
fn a_tag_service_that_is_off_is_temporary() {
    let Some(world) = world() else { return };
    let (_, run) = once(&world, &[], 1);
    assert!(run.err.contains("finding the role of this node: reading the tag `role`: "), "{}", run.err);
    assert_eq!(world.node.read("applied"), None);
    let tag = Arc::new(Mutex::new(Some("web")));
    let _service = world.service(tells(&tag));
    once(&world, &[], 0);
}

#[test]
fn the_copy_of_a_node_does_not_keep_its_role() {
    let Some(world) = world() else { return };
    world.node.write("var/lib/cloud/data/instance-id", "i-1\n");
    let tag = Arc::new(Mutex::new(Some("web")));
    let service = world.service(tells(&tag));
    once(&world, &[], 0);
    // A machine made from its disk has another id, and a service that does not answer.
    drop(service);
    world.node.write("var/lib/cloud/data/instance-id", "i-2\n");
    let (report, _) = once(&world, &[], 1);
    assert_eq!((&report["role"], &report["node"]), (&json!(null), &json!("i-2")));
    // On a machine of another cloud, its address is not even tried.
    world.node.write("sys/class/dmi/id/sys_vendor", "Other\n");
    let service = world.service(tells(&tag));
    let (_, run) = once(&world, &[], 78);
    assert!(run.err.contains("not a machine of the cloud"), "{}", run.err);
    assert!(service.take().is_empty());
}
