//! Whole lives of machines: a first boot, changes, a second boot; on each cloud whose services can be had here.

use std::fs;
use std::time::Duration;

use e2e::bucket::Bucket;
use e2e::garage::REGION;
use e2e::imds::{Facts, Imds, RoleKeys};
use e2e::nspawn::Machine;
use e2e::process::both;
use e2e::random::hex;
use e2e::record;
use e2e::web::Web;
use serde_json::Value;
use stringless_render::platform::Level;

use super::{assert_applies, assert_becomes, assert_done, at_once, boot, fill, machine, said};

/// A timer's first run comes half a minute after the boot at the latest, and one more second at random.
/// The rest is for a machine with far too much to do.
const TIMER: Duration = e2e::process::PATIENCE;

/// The role of the instance signs the first fetch of the script, and everything that the agent reads.
#[test]
fn aws_with_a_role() {
    at_once(&[("debian-12", "script"), ("debian-13", "cloud-config")], |(distro, form)| {
        let Some(bucket) = Bucket::new("virtual") else { return };
        bucket.site.set_schedule(&[]);
        fill(&bucket.site, "first");
        let Some(()) = bucket.site.push_agent() else { return };
        bucket.site.publish();
        let reader = bucket.garage.reader.clone();
        let token = format!("{}/+==", hex(20));
        let keys = RoleKeys {
            access_key_id: reader.id.clone(),
            secret_access_key: reader.secret.clone(),
            token: token.clone(),
            expiration: "2099-01-01T00:00:00Z".into(),
        };
        let facts = Facts {
            instance_id: "i-0123456789abcdef0".into(),
            region: REGION.into(),
            role: "web-server".into(),
            keys: vec![keys],
            user_data: None,
        };
        let imds = Imds::start(bucket.lab.cloud.listen_at("169.254.169.254:80"), facts);
        let user_data = bucket.site.render(distro, "aws", &["--form", form]);
        assert!(!user_data.contains(&reader.id), "a key in the user-data of a cloud with roles");

        let Some(machine) = machine(&bucket.lab, distro) else { return };
        let machine = whole_life(machine, &user_data, "i-0123456789abcdef0", |text| {
            fill(&bucket.site, text);
            bucket.site.publish();
        });
        assert!(imds.take().iter().all(|seen| seen.status == 200));
        for secret in [&reader.secret, &token] {
            let line = format!("grep -rlF '{secret}' /etc /usr/local /var /root /tmp");
            assert_eq!(said(&machine, &line), "", "a secret was left behind");
        }
        record::proved(Level::Booted, distro, "aws");
    });
}

/// Where there are no roles the script signs with the key that is in it.
#[test]
fn digitalocean_with_a_key() {
    at_once(&[("debian-12", "cloud-config"), ("debian-13", "script")], |(distro, form)| {
        let Some(mut bucket) = Bucket::new("virtual") else { return };
        let reader = bucket.garage.reader.clone();
        bucket.site.set_schedule(&["credentials: [static]"]);
        bucket.site.set("STRINGLESS_NODE_ACCESS_KEY_ID", &reader.id);
        bucket.site.set("STRINGLESS_NODE_SECRET_ACCESS_KEY", &reader.secret);
        fill(&bucket.site, "first");
        let Some(()) = bucket.site.push_agent() else { return };
        bucket.site.publish();
        let user_data = bucket.site.render(distro, "digitalocean", &["--form", form]);

        let Some(machine) = machine(&bucket.lab, distro) else { return };
        let machine = whole_life(machine, &user_data, "3164494", |text| {
            fill(&bucket.site, text);
            bucket.site.publish();
        });
        let line = format!("grep -rlF '{}' /var/log /usr/local /etc --exclude=agent.json", reader.secret);
        assert_eq!(said(&machine, &line), "", "the secret key was left in a readable place");
        record::proved(Level::Booted, distro, "digitalocean");
    });
}

/// A plain web server over TLS, with a private authority.
#[test]
fn nocloud_with_a_web_server() {
    let forms = |distro| ["script", "cloud-config"].map(|form| (distro, form));
    let cases: Vec<_> = ["debian-12", "debian-13"].into_iter().flat_map(forms).collect();
    at_once(&cases, |(distro, form)| {
        let Some(web) = Web::new(&[], &[]) else { return };
        fill(&web.site, "first");
        let Some(_) = web.publish() else { return };
        let user_data = web.render(distro, "nocloud", &["--form", form]);
        let Some(machine) = machine(&web.lab, distro) else { return };
        whole_life(machine, &user_data, "lab-7", |text| {
            fill(&web.site, text);
            web.site.publish();
        });
        record::proved(Level::Booted, distro, "nocloud");
    });
}

/// The first boot, a change by the agent's own unit, a second boot, and a change by the timer.
pub fn whole_life(mut machine: Machine, user_data: &str, name: &str, publish: impl Fn(&str)) -> Machine {
    machine.name(name);
    let first = boot(&mut machine, user_data);
    assert_done(&machine, &first);
    assert!(first.log.contains("this is first") && first.log.contains("stringless: ready"), "{}", first.log);
    assert_applies(&machine, "1 first\n", Duration::ZERO);
    assert_becomes(
        &machine,
        "systemctl is-enabled stringless.timer; systemctl is-active stringless.timer",
        "enabled\nactive\n",
    );
    let status = status(&machine);
    assert_eq!(
        (&status["node"], &status["layers"][0]["live"]["serial"]),
        (&Value::from(name), &Value::from(1)),
        "{status}"
    );

    publish("second");
    assert_eq!(said(&machine, "systemctl start stringless.service"), "");
    assert_applies(&machine, "1 first\n2 second\n", Duration::ZERO);

    let installed = fs::metadata(machine.path("usr/local/bin/stringless-agent")).unwrap().modified().unwrap();
    machine.shut_down();
    publish("third");
    machine.boot();
    let second = machine.cloud_init(super::BOOT);
    assert_eq!((second.status.as_str(), second.code), ("done", 0), "{}", second.text);
    assert_eq!(second.log.matches("stringless: ready").count(), 1, "the script ran again\n{}", second.log);
    assert_eq!(
        installed,
        fs::metadata(machine.path("usr/local/bin/stringless-agent")).unwrap().modified().unwrap()
    );
    assert_applies(&machine, "1 first\n2 second\n3 third\n", TIMER);
    machine
}

pub fn status(machine: &Machine) -> Value {
    let output = machine.sh("stringless-agent status --json");
    assert!(output.status.success(), "{}", both(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", both(&output)))
}
