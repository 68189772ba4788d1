//! What comes late is waited for, each try says so, and the metadata service may have only addresses of IPv6. Time
//! does not pass: `sleep` returns at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use e2e::http::{Reply, Request, Service};
use e2e::netns::Lab;
use e2e::process::{PATIENCE, succeed, until};
use e2e::rendering::{SCRIPT, site};
use stringless_render::platform::Form;

use crate::shells::root::{Root, SH, SHELLS};
use crate::shells::{AGENT, INSTALLED, case, distro, installed};

const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
const KEYS: &str = r#"{"Code": "Success", "AccessKeyId": "id", "SecretAccessKey": "secret", "Token": "t"}"#;

/// A root in `lab` and the script for AWS, whose role reads a store that gives the agent to everyone.
fn on_aws(lab: &Lab) -> Option<(Root, Service, String)> {
    let store = Service::start(lab.cloud.listen(), None, |_| Reply::new(200, AGENT));
    let endpoint = format!("http://s3.test:{}", store.port());
    let url = format!("{{url: 's3://bucket', region: here-1, style: path, endpoint: '{endpoint}'}}");
    let case = case(&site(&url, SCRIPT, "node: {credentials: [instance_role]}\n"));
    let root = Root::in_lab(distro(&case), lab)?;
    let script = case.render(&distro(&case).id, "aws", Form::Script).unwrap().body;
    Some((root, store, script))
}

/// The metadata service of an instance with the role `web`.
fn metadata(request: &Request) -> Reply {
    let role = format!("{ROLES}web");
    match request.path() {
        "/latest/api/token" => Reply::new(200, "token"),
        ROLES => Reply::new(200, "web"),
        path if path == role => Reply::new(200, KEYS),
        _ => Reply::new(404, ""),
    }
}

#[test]
fn a_role_that_comes_late_is_waited_for() {
    for shell in SHELLS {
        let Some(lab) = Lab::new() else { return };
        let Some((root, _store, script)) = on_aws(&lab) else { return };
        let asked = Arc::new(AtomicUsize::new(0));
        let _service = Service::start(lab.cloud.listen_at("169.254.169.254:80"), None, move |request| {
            let early = request.path() == ROLES && asked.fetch_add(1, Ordering::Relaxed) < 3;
            if early { Reply::new(404, "") } else { metadata(request) }
        });
        let ended = root.run(shell, &script);
        assert_eq!(ended.code, 0, "{shell:?} {}", ended.printed);
        assert_eq!(root.read("slept"), "1\n2\n4\n", "{shell:?} {}", ended.printed);
        for pause in [1, 2, 4] {
            let line = format!("stringless: get_role_keys failed (reason above), again in {pause} s\n");
            assert!(ended.printed.contains(&line), "{shell:?} {}", ended.printed);
        }
        assert_eq!(installed(&root), INSTALLED, "{shell:?}");
    }
}

/// Without a route, every request fails at once. The third pause lasts until there is one.
#[test]
fn a_gateway_that_comes_late_is_waited_for() {
    let Some(lab) = Lab::new() else { return };
    let Some((root, _store, script)) = on_aws(&lab) else { return };
    let _service = Service::start(lab.cloud.listen_at("169.254.169.254:80"), None, metadata);
    let sleep = "#!/bin/sh\necho \"$1\" >>/slept\n[ \"$(wc -l </slept)\" != 3 ] || \
                 until [ -e /gateway ]; do /usr/bin/sleep 0.1; done\n";
    root.write("usr/local/sbin/sleep", sleep, 0o755);
    let ip = |args: &[&str]| succeed(lab.node.command("ip").args(args), PATIENCE);
    ip(&["link", "set", "eth0", "down"]);
    let ended = thread::scope(|scope| {
        scope.spawn(|| {
            until(PATIENCE, || root.read("slept").lines().count() == 3);
            ip(&["link", "set", "eth0", "up"]);
            ip(&["route", "add", "default", "via", lab.cloud.address()]);
            fs::write(root.path("gateway"), "").unwrap();
        });
        root.run(SH, &script)
    });
    assert_eq!(ended.code, 0, "{}", ended.printed);
    assert!(root.read("slept").starts_with("1\n2\n4\n"), "{}", ended.printed);
    assert!(ended.printed.contains("again in 4 s\n"), "{}", ended.printed);
    assert_eq!(installed(&root), INSTALLED);
}

/// There is no IPv4 at all.
#[test]
fn the_role_is_found_over_ipv6() {
    let Some(lab) = Lab::six() else { return };
    succeed(
        lab.cloud.command("ip").args(["address", "add", "fd00:ec2::254/128", "dev", "eth0", "nodad"]),
        PATIENCE,
    );
    let route = ["route", "add", "fd00:ec2::254/128", "via", lab.cloud.address()];
    succeed(lab.node.command("ip").args(route), PATIENCE);
    for shell in SHELLS {
        let Some((root, _store, script)) = on_aws(&lab) else { return };
        let service = Service::start(lab.cloud.listen_at("[fd00:ec2::254]:80"), None, metadata);
        let ended = root.run(shell, &script);
        assert_eq!(ended.code, 0, "{shell:?} {}", ended.printed);
        assert_eq!(installed(&root), INSTALLED, "{shell:?}");
        let asked = service.take();
        let methods: Vec<&str> = asked.iter().map(|seen| seen.request.method.as_str()).collect();
        assert_eq!(methods, ["PUT", "GET", "GET"], "{shell:?}");
        assert!(asked.iter().all(|seen| seen.request.header("host") == Some("[fd00:ec2::254]")), "{asked:?}");
    }
}
