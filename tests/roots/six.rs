//! Systems without curl ask for the role of the instance over IPv6, where there is no IPv4.

use e2e::http::{Reply, Service};
use e2e::netns::Lab;
use e2e::process::succeed;
use e2e::rendering::{Case, SCRIPT, site};
use stringless_core::hash::Sha256;
use stringless_render::platform::Form;

use crate::root::LIMIT;
use crate::small::{AGENT, alpine, freebsd};

const KEYS: &str = r#"{"Code": "Success", "AccessKeyId": "id", "SecretAccessKey": "secret", "Token": "t"}"#;

#[test]
fn nc_finds_the_role() {
    let Some(lab) = Lab::six() else { return };
    let address = ["address", "add", "fd00:ec2::254/128", "dev", "eth0", "nodad"];
    succeed(lab.cloud.command("ip").args(address), LIMIT);
    let route = ["route", "add", "fd00:ec2::254/128", "via", lab.cloud.address()];
    succeed(lab.node.command("ip").args(route), LIMIT);
    // The store gives the agent to everyone.
    let store = Service::start(lab.cloud.listen(), None, |_| Reply::new(200, AGENT));
    let endpoint = format!("http://s3.test:{}", store.port());
    let url = format!("{{url: 's3://bucket', region: here-1, style: path, endpoint: '{endpoint}'}}");
    let mut case = Case::new(&site(&url, SCRIPT, "node: {credentials: [instance_role]}\n"));
    for file in case.targets.values_mut() {
        (file.size, file.sha256) = (AGENT.len() as u64, Sha256::of(AGENT.as_bytes()));
    }
    for family in ["alpine", "freebsd"] {
        let distro = case.platforms.distros.iter().find(|one| one.family.as_str() == family).unwrap();
        let root = if family == "alpine" { alpine(distro, &lab) } else { freebsd(distro, &lab) };
        let Some(root) = root else { return };
        let service = Service::start(lab.cloud.listen_at("[fd00:ec2::254]:80"), None, |request| {
            Reply::new(
                200,
                match request.path().rsplit('/').next() {
                    Some("token") => "token",
                    Some("web") => KEYS,
                    _ => "web",
                },
            )
        });
        let ended = root.run(&case.render(&distro.id, "aws", Form::Script).unwrap().body);
        assert_eq!(ended.code, 0, "{family}: {}", ended.printed);
        assert!(ended.printed.ends_with("stringless: ready\n"), "{family}: {}", ended.printed);
        let methods: Vec<String> = service.take().iter().map(|seen| seen.request.method.clone()).collect();
        assert_eq!(methods, ["PUT", "GET", "GET"], "{family}");
    }
}
