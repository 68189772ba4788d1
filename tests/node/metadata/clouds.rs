//! The metadata services of clouds, as their own pages describe them: each is asked as its file in
//! `templates/clouds/` says, by the real agent on a machine with that firmware.

use std::fs;

use e2e::http::{Reply, Request};
use e2e::tools;
use serde_json::{Value, json};

use crate::metadata::identity::{IDENTITY, World, pair};

type Service = fn(&Request) -> Reply;

const UUID: &str = "83679162-1378-4288-a2d4-70e13ec132aa";
const OCID: &str =
    "ocid1.instance.oc1.eu-frankfurt-1.abtheljrlsfiqw6vzzxb43vyypt4pkodawglp3wqxjqofakrwvou52gb6s5a";
const END: &str = "abtheljrlsfiqw6vzzxb43vyypt4pkodawglp3wqxjqofakrwvou52gb6s5a";

/// A cloud's file, its service, and what a node learns there: id and region.
const CLOUDS: [(&str, Service, &str, &str); 10] = [
    ("aws", aws, "i-0123456789abcdef0", "eu-central-1"),
    ("azure", azure, UUID, "westeurope"),
    ("digitalocean", |r| plain(r, "/metadata/v1/id", "/metadata/v1/region"), "289794365", "here-1"),
    ("exoscale", |r| plain(r, EXOSCALE[0], EXOSCALE[1]), "289794365", "here-1"),
    ("gce", gce, "4520031799277581759", "europe-west3"),
    ("hetzner", |r| plain(r, HETZNER[0], HETZNER[1]), "289794365", "here-1"),
    ("linode", linode, "17", "us-iad"),
    ("openstack", openstack, UUID, "nova"),
    ("oracle", oracle, END, "eu-frankfurt-1"),
    ("vultr", vultr, UUID, "AMS"),
];
const EXOSCALE: [&str; 2] = ["/1.0/meta-data/instance-id", "/1.0/meta-data/availability-zone"];
const HETZNER: [&str; 2] = ["/hetzner/v1/metadata/instance-id", "/hetzner/v1/metadata/region"];

#[test]
fn each_cloud_is_asked_as_it_wants_to_be() {
    let Some(world) = World::new(&Value::Null) else { return };
    let mut said = Vec::new();
    for (cloud, service, id, region) in CLOUDS {
        let file = tools::root().join("templates/clouds").join(cloud).with_extension("yaml");
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let file: Value = serde_yaml::from_str(&text).unwrap();
        let metadata = &file["metadata"];
        let mut config = world.forge.config(&world.forge.url());
        config["metadata"] = metadata.clone();
        world.node.configure(&config);
        for (name, value) in metadata["dmi"][0].as_object().unwrap() {
            world.node.write(&format!("sys/class/dmi/id/{name}"), value.as_str().unwrap());
        }
        let _ = fs::remove_file(world.node.root().join(IDENTITY));
        let service = world.service(move |request| match request.header("x-forwarded-for") {
            Some(_) => Reply::new(403, ""),
            None => service(request),
        });
        let printed = world.printed();
        if printed != pair(id, region) {
            let asked = service.take();
            said.push(format!("{cloud}: {printed:?}, asked {asked:?}"));
        }
        fs::remove_dir_all(world.node.root().join("sys")).unwrap();
    }
    assert!(said.is_empty(), "{}", said.join("\n"));
}

fn answer(request: &Request, texts: &[(&str, &str)]) -> Reply {
    let found = texts.iter().find(|(path, _)| *path == request.target && request.method == "GET");
    found.map_or_else(|| Reply::new(404, "not found"), |(_, text)| Reply::new(200, *text))
}

fn plain(request: &Request, id: &str, region: &str) -> Reply {
    answer(request, &[(id, "289794365"), (region, "here-1")])
}

fn aws(request: &Request) -> Reply {
    let lives = request.header("x-aws-ec2-metadata-token-ttl-seconds").and_then(|text| text.parse().ok());
    match (request.method.as_str(), request.header("x-aws-ec2-metadata-token")) {
        ("PUT", _) if request.target == "/latest/api/token" => match lives {
            Some(1..=21_600_u32) => Reply::new(200, "AQAEAFzQ=="),
            _ => Reply::new(400, ""),
        },
        ("GET", Some("AQAEAFzQ==")) => answer(
            request,
            &[
                ("/latest/meta-data/instance-id", "i-0123456789abcdef0"),
                ("/latest/meta-data/placement/region", "eu-central-1"),
            ],
        ),
        _ => Reply::new(401, ""),
    }
}

fn azure(request: &Request) -> Reply {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let given = |pair: &str| query.split('&').any(|given| given == pair);
    if request.header("metadata") != Some("true") || !given("api-version=2021-01-01") {
        return Reply::new(400, r#"{"error": "Bad request"}"#);
    }
    let text = match path {
        "/metadata/instance/compute/vmId" => UUID,
        "/metadata/instance/compute/location" => "westeurope",
        _ => return Reply::new(404, ""),
    };
    // Without the format it is JSON, and a text of that has quotes.
    Reply::new(200, if given("format=text") { text.to_owned() } else { format!("\"{text}\"") })
}

fn gce(request: &Request) -> Reply {
    if request.header("metadata-flavor") != Some("Google") {
        return Reply::new(403, "Missing Metadata-Flavor:Google header.");
    }
    answer(
        request,
        &[
            ("/computeMetadata/v1/instance/id", "4520031799277581759"),
            ("/computeMetadata/v1/instance/zone", "projects/17/zones/europe-west3-b"),
        ],
    )
}

fn linode(request: &Request) -> Reply {
    if (request.method.as_str(), request.target.as_str()) == ("PUT", "/v1/token") {
        let given = request.header("metadata-token-expiry-seconds").is_some();
        return if given { Reply::new(200, "0a1b2c") } else { Reply::new(400, "") };
    }
    if request.header("metadata-token") != Some("0a1b2c") {
        return Reply::new(401, "");
    }
    match request.header("accept") {
        Some("application/json") => {
            answer(request, &[("/v1/instance", r#"{"id": 17, "region": "us-iad", "tags": []}"#)])
        }
        _ => answer(request, &[("/v1/instance", "id: 17\nregion: us-iad\n")]),
    }
}

fn openstack(request: &Request) -> Reply {
    let document = json!({"uuid": UUID, "availability_zone": "nova", "meta": {"a": "b"}}).to_string();
    answer(request, &[("/openstack/latest/meta_data.json", &document)])
}

fn oracle(request: &Request) -> Reply {
    if request.header("authorization") != Some("Bearer Oracle") {
        return Reply::new(404, "");
    }
    let texts = [("/opc/v2/instance/id", OCID), ("/opc/v2/instance/canonicalRegionName", "eu-frankfurt-1")];
    answer(request, &texts)
}

fn vultr(request: &Request) -> Reply {
    let region = json!({"countrycode": "NL", "regioncode": "AMS"});
    let document = json!({"instance-v2-id": UUID, "instanceid": "42872224", "region": region}).to_string();
    answer(request, &[("/v1.json", &document)])
}
