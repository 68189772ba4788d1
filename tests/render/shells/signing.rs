//! Links that the script signs or is given: against a real store and a strict metadata service.

use std::fs;

use e2e::garage::{BUCKET, Garage, Key, REGION};
use e2e::http::{Reply, Service};
use e2e::imds::{Facts, Imds, RoleKeys};
use e2e::netns::{Lab, Net};
use e2e::random::hex;
use e2e::rendering::{Case, SCRIPT, site};
use stringless_core::sigv4::{self, Credentials, Scope};
use stringless_core::time::Timestamp;
use stringless_render::platform::{Form, Platforms};
use stringless_render::site::CredentialKind;

use crate::shells::root::{Root, SH, SHELLS};
use crate::shells::strict::seconds;
use crate::shells::{
    AGENT, INSTALLED, assert_refused, assert_untouched, case, distro, installed, object, script,
};

/// `printf` is not watched: it is part of every shell that is anybody's `/bin/sh`. posh alone has none of
/// its own.
#[test]
fn a_real_store_takes_the_links_and_no_key_is_an_argument() {
    let Some(garage) = Garage::start(&Net::host()) else { return };
    let case = at_garage(&garage.endpoint(), "path", &garage.reader, &[]);
    upload(&garage, &case);
    for shell in SHELLS {
        let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
        root.watch(&[
            "curl",
            "sha256sum",
            "cut",
            "od",
            "tr",
            "sed",
            "tail",
            "date",
            "cat",
            "chmod",
            "mv",
            "rm",
            "mkdir",
        ]);
        let ended = root.run(shell, &script(&case));
        assert_eq!(ended.code, 0, "{shell:?} {}\n{}", ended.printed, garage.log());
        let arguments = root.read("arguments");
        assert!(arguments.contains("curl -gfsSL"), "{arguments}");
        let secret = &garage.reader.secret;
        let hidden: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        for printed in [secret, &hidden, "X-Amz-Signature", "AWS4"] {
            assert!(!arguments.contains(printed), "{printed} in\n{arguments}");
            assert!(!ended.printed.contains(printed), "{}", ended.printed);
        }
    }
    let forged = Key { secret: hex(32), ..garage.reader.clone() };
    let case = at_garage(&garage.endpoint(), "path", &forged, &[]);
    let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
    let before = root.changes();
    let ended = root.run(SH, &script(&case));
    assert_untouched(&root, &before, &ended, "cannot download the agent");
    assert!(ended.printed.contains("403"), "{}", ended.printed);
}

/// A link as the generator makes it: good, of yesterday, and for another key.
#[test]
fn a_real_store_takes_a_signed_link_while_it_lives() {
    let Some(garage) = Garage::start(&Net::host()) else { return };
    let store = format!(
        "{{url: 's3://{BUCKET}/a', region: {REGION}, style: path, endpoint: '{}'}}",
        garage.endpoint()
    );
    let mut case = case(&site(&store, SCRIPT, "node: {first_fetch: presigned, credentials: [none]}\n"));
    upload(&garage, &case);
    let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
    let before = root.changes();
    let now = seconds();
    for (age, secret, good) in
        [(0, &garage.reader.secret, true), (90_000, &garage.reader.secret, false), (0, &hex(32), false)]
    {
        let keys = Credentials {
            access_key_id: garage.reader.id.clone(),
            secret_access_key: secret.clone(),
            session_token: None,
        };
        let bucket = case.site.stores[0].parse().unwrap();
        for target in case.targets.keys() {
            let address = bucket.object(&format!("agent/0.1.0/{target}/stringless-agent"));
            let (host, path) = address.trim_start_matches("http://").split_once('/').unwrap();
            let parts = sigv4::Request {
                method: "GET",
                path: &format!("/{path}"),
                query: &[],
                headers: &[("host", host)],
                payload: sigv4::UNSIGNED_PAYLOAD,
            };
            let scope = Scope { region: REGION, service: "s3", time: Timestamp::from_seconds(now - age) };
            let link = format!("{address}?{}", sigv4::presign(&parts, &scope, &keys, 86_400));
            case.presigned.insert(target.clone(), link);
        }
        for shell in if good { &SHELLS[..] } else { &SHELLS[..1] } {
            let ended = root.run(shell, &script(&case));
            if good {
                assert_eq!(ended.code, 0, "{shell:?} {}", ended.printed);
                assert_eq!(installed(&root), INSTALLED);
                for path in INSTALLED {
                    fs::remove_file(root.path(path)).unwrap();
                }
                fs::remove_file(root.path("runs")).unwrap();
            } else {
                assert_untouched(&root, &before, &ended, "cannot download the agent from 127.0.0.1:");
            }
        }
    }
}

#[test]
fn an_instance_without_a_role_gets_the_reason() {
    let case = at_garage(
        "http://s3.test:1",
        "path",
        &Key { id: "x".into(), secret: "y".into() },
        &["instance_role"],
    );
    let Some(cloud) =
        case.platforms.clouds.iter().find(|cloud| cloud.credentials.contains(&CredentialKind::InstanceRole))
    else {
        return;
    };
    let Some(lab) = Lab::new() else { return };
    let Some(root) = Root::in_lab(distro(&case), &lab) else { return };
    let script = case.render(&distro(&case).id, &cloud.id, Form::Script).unwrap().body;
    let before = root.changes();
    let reason = "no role (reason above): attach an instance profile";
    assert_untouched(&root, &before, &root.run(SH, &script), reason);

    let listener = lab.cloud.listen_at("169.254.169.254:80");
    let facts = |role: &str| Facts {
        instance_id: "i-1".into(),
        region: REGION.into(),
        role: role.into(),
        keys: Vec::new(),
        user_data: None,
    };
    let imds = Imds::start(listener, facts(""));
    assert_untouched(&root, &before, &root.run(SH, &script), reason);
    assert_eq!(imds.take().iter().filter(|seen| seen.status == 404).count(), 7);

    root.without(&["curl"]);
    let before = root.changes();
    let ended = root.run(SH, &script);
    assert_refused(&root, &before, &ended, "no curl");
}

/// A role that cannot be assumed is a document with status 200.
#[test]
fn the_reason_of_the_cloud_is_reported() {
    let case = at_garage(
        "http://s3.test:1",
        "path",
        &Key { id: "x".into(), secret: "y".into() },
        &["instance_role"],
    );
    let script = case.render(&distro(&case).id, "aws", Form::Script).unwrap().body;
    for (answer, said) in [
        (
            "{\n  \"Code\" : \"AssumeRoleUnauthorizedAccess\",\n  \"Message\" : \"EC2 cannot assume it.\"\n}"
                .into(),
            "stringless: the role 'web' has no keys: AssumeRoleUnauthorizedAccess: EC2 cannot assume it.\n"
                .into(),
        ),
        ("x".repeat(999), format!("stringless: the role 'web' has no keys: {}\n", "x".repeat(200))),
    ] {
        let Some(lab) = Lab::new() else { return };
        let Some(root) = Root::in_lab(distro(&case), &lab) else { return };
        let answer: String = answer;
        let listener = lab.cloud.listen_at("169.254.169.254:80");
        let _service = Service::start(listener, None, move |request| {
            Reply::new(
                200,
                match request.path().rsplit('/').next() {
                    Some("token") => "token".to_owned(),
                    Some("web") => answer.clone(),
                    _ => "web".to_owned(),
                },
            )
        });
        for shell in SHELLS {
            let ended = root.run(shell, &script);
            let said: &str = &said;
            assert!(ended.code == 1 && ended.printed.contains(said), "{shell:?} {}", ended.printed);
        }
    }
}

/// On the credentials of the cloud, against a real store.
#[test]
fn each_runs_in_its_root() {
    let platforms = Platforms::embedded().unwrap();
    let pairs = ["debian-12", "debian-13"].into_iter().flat_map(|distro| {
        ["aws", "digitalocean"]
            .map(|cloud| (platforms.distro(distro).unwrap(), platforms.cloud(cloud).unwrap()))
    });
    for (distro, cloud) in pairs {
        let Some(lab) = Lab::new() else { return };
        let Some(garage) = Garage::start(&lab.cloud) else { return };
        let endpoint = format!("http://s3.test:{}", garage.port());
        let case = at_garage(&endpoint, "virtual", &garage.reader, &["instance_role"]);
        upload(&garage, &case);
        let keys = RoleKeys {
            access_key_id: garage.reader.id.clone(),
            secret_access_key: garage.reader.secret.clone(),
            token: "token+of/the==session".into(),
            expiration: "2099-01-01T00:00:00Z".into(),
        };
        let facts = Facts {
            instance_id: "i-1".into(),
            region: REGION.into(),
            role: "node".into(),
            keys: vec![keys],
            user_data: None,
        };
        let metadata = cloud.credentials.contains(&CredentialKind::InstanceRole);
        let imds = metadata.then(|| Imds::start(lab.cloud.listen_at("169.254.169.254:80"), facts));
        let Some(root) = Root::in_lab(distro, &lab) else { return };
        let data = case.render(&distro.id, &cloud.id, Form::Script).unwrap();
        assert_eq!(data.body.contains(&garage.reader.secret), !metadata, "{} {}", distro.id, cloud.id);
        let ended = root.run(SH, &data.body);
        assert_eq!(ended.code, 0, "{} {}: {}", distro.id, cloud.id, ended.printed);
        assert_eq!(installed(&root), INSTALLED);
        if let Some(imds) = imds {
            let asked: Vec<String> = imds.take().iter().map(|seen| seen.request.method.clone()).collect();
            assert_eq!(asked, ["PUT", "GET", "GET"]);
        }
    }
}

fn at_garage(endpoint: &str, style: &str, key: &Key, more: &[&str]) -> Case {
    let credentials = [more, &["static"]].concat().join(", ");
    let store =
        format!("{{url: 's3://{BUCKET}/a', region: {REGION}, style: {style}, endpoint: '{endpoint}'}}");
    let mut case = case(&site(&store, SCRIPT, &format!("node: {{credentials: [{credentials}]}}\n")));
    case.keys = Credentials {
        access_key_id: key.id.clone(),
        secret_access_key: key.secret.clone(),
        session_token: None,
    };
    case
}

fn upload(garage: &Garage, case: &Case) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), AGENT).unwrap();
    let (status, _) = garage.curl(
        &garage.writer,
        &format!("a/{}", object(case)),
        &["--upload-file", &file.path().to_string_lossy()],
    );
    assert_eq!(status, 200);
}
