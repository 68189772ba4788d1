//! Each distro that takes a script, on a cloud with roles, on one without, and with a web server: the rendered
//! script ends with a release applied, and with the agent scheduled.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, thread};

use e2e::bucket::Bucket;
use e2e::garage::REGION;
use e2e::imds::{Facts, Imds, RoleKeys};
use e2e::netns::Lab;
use e2e::process::succeed;
use e2e::web::Web;
use e2e::{record, tools};
use stringless_render::platform::{Cloud, Distro, Form, Level, Platforms};
use stringless_render::site::CredentialKind;

use crate::root::Root;

const APPLY: &str = "#!/bin/sh
set -eu
echo \"$STRINGLESS_NODE $STRINGLESS_SERIAL $(cat text)\" >>/var/lib/applied
";

/// The role of the instance signs the first fetch; on other clouds a key in the script does.
#[test]
fn with_a_private_bucket() {
    let Some(mut bucket) = Bucket::new("virtual") else { return };
    let reader = bucket.garage.reader.clone();
    bucket.site.set("STRINGLESS_NODE_ACCESS_KEY_ID", &reader.id);
    bucket.site.set("STRINGLESS_NODE_SECRET_ACCESS_KEY", &reader.secret);
    bucket.site.edit("node:\n", "node:\n  credentials: [instance_role, static]\n");
    bucket.site.write("apply", APPLY, 0o755);
    let Some(()) = bucket.site.push_agent() else { return };
    bucket.site.publish();
    let keys = RoleKeys {
        access_key_id: reader.id.clone(),
        secret_access_key: reader.secret.clone(),
        token: "token+of/the==session".into(),
        expiration: "2099-01-01T00:00:00Z".into(),
    };
    let facts = Facts {
        instance_id: "i-0123456789abcdef0".into(),
        region: REGION.into(),
        role: "node".into(),
        keys: vec![keys],
        user_data: None,
    };
    let imds = Imds::start(bucket.lab.cloud.listen_at("169.254.169.254:80"), facts);
    let role = |cloud: &Cloud| cloud.credentials.contains(&CredentialKind::InstanceRole);
    for kind in [true, false] {
        each(|distro, clouds, number| {
            let clouds: Vec<&Cloud> = clouds.iter().copied().filter(|cloud| role(cloud) == kind).collect();
            // Another one for each distro, so that each cloud is seen.
            let Some(cloud) = clouds.get(number % clouds.len().max(1)) else { return };
            let script = plain(bucket.site.render(&distro.id, &cloud.id, &["--form", "script", "--eol-ok"]));
            assert_eq!(script.contains(&reader.secret), !kind, "{} {}", distro.id, cloud.id);
            converges(distro, cloud, &bucket.lab, &script);
        });
    }
    assert!(imds.take().iter().all(|seen| seen.status == 200));
}

/// The agent is fetched by a plain URL.
#[test]
fn with_a_web_server() {
    let Some(web) = Web::new(&[], &[]) else { return };
    web.site.write("apply", APPLY, 0o755);
    web.site.write("text", "first\n", 0o644);
    let Some(_) = web.publish() else { return };
    each(|distro, clouds, number| {
        // What differs from the other test is so small that a part of the distros will do.
        if number % 3 != 0 {
            return;
        }
        let cloud = clouds[(number + clouds.len() / 2) % clouds.len()];
        let script = plain(web.render(&distro.id, &cloud.id, &["--form", "script", "--eol-ok"]));
        converges(distro, cloud, &web.lab, &script);
    });
}

/// The script as it arrives on the machine, where a cloud wants it encoded.
fn plain(text: String) -> String {
    if text.starts_with("#!") {
        return text;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    succeed(Command::new("base64").arg("-d").arg(file.path()), LIMIT)
}

/// Calls `one` with each distro that has a root here, its clouds, and its number: two at once.
fn each(one: impl Fn(&Distro, &[&Cloud], usize) + Sync) {
    let platforms = Platforms::embedded().unwrap();
    let rooted =
        |distro: &&Distro| tools::root().join(format!("tests/roots/{}.yaml", distro.family)).exists();
    let distros: Vec<&Distro> = platforms.distros.iter().filter(rooted).collect();
    assert!(distros.len() > 25, "{} distros have a root", distros.len());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(distro) = distros.get(number) else { return };
                    let takes = |cloud: &&Cloud| platforms.forms(distro, cloud).contains(&Form::Script);
                    let clouds: Vec<&Cloud> = platforms.clouds.iter().filter(takes).collect();
                    one(distro, &clouds, number);
                }
            });
        }
    });
}

fn converges(distro: &Distro, cloud: &Cloud, lab: &Lab, script: &str) {
    let Some(root) = Root::new(distro, lab) else { return };
    let pair = format!("{} {}", distro.id, cloud.id);
    let openrc = distro.init.as_str() == "openrc";
    if openrc {
        for program in ["rc-update", "rc-service"] {
            root.write(
                &format!("usr/bin/{program}"),
                format!("#!/bin/sh\necho {program} \"$@\" >>/openrc\n"),
                0o755,
            );
        }
        fs::create_dir_all(root.path("run/openrc")).unwrap();
    } else {
        fs::create_dir_all(root.path("run/systemd/system")).unwrap();
    }
    // As cloud-init leaves it.
    root.write("var/lib/cloud/data/instance-id", format!("{}\n", pair.replace(' ', "-")), 0o644);
    let before = root.changes();
    let ended = root.run(script);
    assert_eq!(ended.code, 0, "{pair}: {}", ended.printed);
    assert!(ended.printed.ends_with("stringless: ready\n"), "{pair}: {}", ended.printed);
    assert_eq!(root.read("var/lib/applied"), format!("{} 1 first\n", pair.replace(' ', "-")), "{pair}");
    let agent = distro.paths.bin[1..].to_owned() + "/stringless-agent";
    assert!(fs::read(root.path(&agent)).unwrap() == fs::read(tools::agent().unwrap()).unwrap(), "{pair}");
    assert!(!root.exists("etc/stringless/bootstrap.sh"), "{pair}");
    assert_eq!((root.mode(&agent), root.mode("etc/stringless/agent.json")), (0o755, 0o600), "{pair}");
    if openrc {
        assert_eq!(root.mode("etc/init.d/stringless"), 0o755);
        let printed = root.read("openrc");
        let expected = "rc-update -q add stringless-bootstrap default\nrc-update -q add stringless default\n\
                        rc-service stringless start\nrc-service stringless-bootstrap stop\n\
                        rc-update -q del stringless-bootstrap default\n";
        assert_eq!(printed, expected, "{pair}");
        assert!(!root.exists("etc/init.d/stringless-bootstrap"), "{pair}");
    } else {
        let timer = "etc/systemd/system/timers.target.wants/stringless.timer";
        assert!(root.exists(timer) && root.exists("etc/systemd/system/stringless.service"), "{pair}");
        assert!(!root.exists("etc/cron.d/stringless"), "{pair}");
        assert!(!root.exists("etc/systemd/system/stringless-bootstrap.service"), "{pair}");
        assert!(
            !root.exists("etc/systemd/system/multi-user.target.wants/stringless-bootstrap.service"),
            "{pair}"
        );
    }
    // What the script and the agent brought goes again, but what was applied.
    let ended = root.run(&format!("#!/bin/sh\n/{agent} uninstall\n"));
    assert_eq!(ended.code, 0, "{pair}: {}", ended.printed);
    let mut left = root.changes();
    left.retain(|path| {
        !before.contains(path) && !["user-data", "openrc", "var/lib/applied"].contains(&&**path)
    });
    assert_eq!(left, [] as [&str; 0], "{pair}: {}", ended.printed);
    record::proved(Level::RanInRoot, &distro.id, &cloud.id);
}

const LIMIT: Duration = e2e::process::PATIENCE;
