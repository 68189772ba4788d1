//! First boots in virtual machines: cloud-init finds the cloud by itself, by its firmware, and fetches the
//! user-data from the cloud's metadata service. The store, the keys and the network are those of that cloud.

#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::thread;

use e2e::bucket::Bucket;
use e2e::droplet::{Droplet, DropletMetadata};
use e2e::garage::REGION;
use e2e::imds::{Facts, Imds, RoleKeys};
use e2e::qemu::{FirstBoot, Hardware, Vm};
use e2e::random::hex;
use e2e::record;
use serde_json::Value;
use stringless_render::platform::Level;

/// What both clouds' machines do with a release.
const APPLY: &str = "#!/bin/sh\necho \"$STRINGLESS_SERIAL $(cat text)\" >>/var/lib/applied\n";

const EC2: Hardware<'static> = Hardware {
    firmware: &[
        "type=1,manufacturer=Amazon EC2,product=t3.nano,serial=ec2a1b2c-1111-2222-3333-444455556666,\
                 uuid=ec2a1b2c-1111-2222-3333-444455556666",
    ],
    neighbour: false,
};
const DROPLET: Hardware<'static> = Hardware {
    firmware: &[
        "type=0,vendor=DigitalOcean,version=20171212",
        "type=1,manufacturer=DigitalOcean,product=Droplet,serial=3164494",
    ],
    neighbour: true,
};

/// Two machines at a time: each has a processor.
#[test]
fn each_cloud_is_found_by_its_firmware() {
    thread::scope(|scope| {
        scope.spawn(|| ec2("debian-12", "bookworm"));
        scope.spawn(|| digitalocean("debian-13", "trixie"));
    });
}

/// Version 2 of the metadata service alone; the role of the instance signs every fetch. The user-data has
/// parts, one of them the user's own, and is packed.
fn ec2(distro: &str, suite: &str) {
    let Some(bucket) = bucket() else { return };
    let own = [("own.yaml", "#cloud-config\nruncmd:\n- echo mine >/var/lib/own\n")];
    let user_data = bucket.site.render_with(distro, "aws", &["--encoding", "gzip"], &own);
    assert!(user_data.starts_with(&[0x1f, 0x8b]));
    let reader = bucket.garage.reader.clone();
    let keys = RoleKeys {
        access_key_id: reader.id,
        secret_access_key: reader.secret,
        token: format!("{}/+==", hex(20)),
        expiration: "2099-01-01T00:00:00Z".into(),
    };
    let facts = Facts {
        instance_id: "i-0123456789abcdef0".into(),
        region: REGION.into(),
        role: "web-server".into(),
        keys: vec![keys],
        user_data: Some(user_data),
    };
    let imds = Imds::start(bucket.lab.cloud.listen_at("169.254.169.254:80"), facts);
    let Some(vm) = Vm::boot(&bucket.lab, suite, EC2) else { return };
    let boot = vm.first_boot();
    assert_eq!(boot.datasource, "DataSourceEc2Local", "{}", boot.log);
    converged(&vm, &boot, "i-0123456789abcdef0");
    assert_eq!(vm.sh("cat /var/lib/own").0, "mine\n", "{}", boot.log);
    let seen = imds.take();
    let refused: Vec<_> = seen.iter().filter(|seen| seen.status != 200).map(|seen| &seen.request).collect();
    assert!(seen.iter().any(|seen| seen.request.path().ends_with("/user-data")));
    assert!(refused.is_empty(), "{refused:?}");
    follows(&vm, &bucket);
    record::proved(Level::Booted, distro, "aws");
}

/// Its metadata service asks for no token, and there are no roles: a key stands in the user-data.
fn digitalocean(distro: &str, suite: &str) {
    let Some(mut bucket) = bucket() else { return };
    let reader = bucket.garage.reader.clone();
    bucket.site.edit("node:\n", "node:\n  credentials: [static]\n");
    bucket.site.set("STRINGLESS_NODE_ACCESS_KEY_ID", &reader.id);
    bucket.site.set("STRINGLESS_NODE_SECRET_ACCESS_KEY", &reader.secret);
    let user_data = bucket.site.render(distro, "digitalocean", &[]);
    let droplet = Droplet { id: 3_164_494, region: "fra1".into(), user_data };
    let metadata = DropletMetadata::start(bucket.lab.cloud.listen_at("169.254.169.254:80"), droplet);
    let Some(vm) = Vm::boot(&bucket.lab, suite, DROPLET) else { return };
    let boot = vm.first_boot();
    assert_eq!(boot.datasource, "DataSourceDigitalOcean", "{}", boot.log);
    converged(&vm, &boot, "3164494");
    assert!(metadata.take().iter().any(|seen| seen.request.path() == "/metadata/v1.json"));
    follows(&vm, &bucket);
    record::proved(Level::Booted, distro, "digitalocean");
}

fn bucket() -> Option<Bucket> {
    let bucket = Bucket::new("virtual")?;
    bucket.site.write("apply", APPLY, 0o755);
    bucket.site.push_agent()?;
    bucket.site.publish();
    Some(bucket)
}

fn converged(vm: &Vm, boot: &FirstBoot, node: &str) {
    assert_eq!(boot.errors, Vec::<String>::new(), "{}", boot.log);
    assert!(boot.log.contains("stringless: ready"), "{}", boot.log);
    assert_eq!(vm.sh("cat /var/lib/applied").0, "1 first\n", "{}", boot.log);
    let (status, code) = vm.sh("stringless-agent status --json");
    assert_eq!(code, 0, "{status}");
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["node"], node, "{status}");
}

/// The unit that the script made brings the next release.
fn follows(vm: &Vm, bucket: &Bucket) {
    bucket.site.write("text", "second\n", 0o644);
    bucket.site.publish();
    let line =
        "systemctl is-enabled stringless.timer; systemctl start stringless.service; cat /var/lib/applied";
    assert_eq!(vm.sh(line), ("enabled\n1 first\n2 second\n".into(), 0));
}
