//! Systems without curl: busybox alone, and what FreeBSD has of its own. They sign and fetch with that, and ask
//! for the role of the instance. The agent here is a stand-in: this is about what happens before it.

use std::fs;
use std::process::Command;

use e2e::garage::{BUCKET, Garage, Key, REGION};
use e2e::http::{Reply, Service};
use e2e::imds::{Facts, Imds, RoleKeys};
use e2e::netns::Lab;
use e2e::process::succeed;
use e2e::random::hex;
use e2e::rendering::{Case, SCRIPT, site};
use e2e::tools;
use stringless_core::hash::Sha256;
use stringless_core::sigv4::Credentials;
use stringless_core::time::Timestamp;
use stringless_render::platform::{Distro, Form};

use crate::root::{LIMIT, Root};

pub const AGENT: &str = "#!/bin/sh\ncase $1 in version|--once) echo \"agent $1\" ;; *) exit 64 ;; esac\n";
/// As libfetch tells what it sees, at `-vvv`, and as fetch ends.
const FETCH: &str = "#!/bin/sh
[ \"$# $1 $2 $3 $4\" = '6 -vvv -T 30 -o' ] || { echo 'usage: fetch' >&2; exit 64; }
code=$(/libexec/curl -gsS -D /tmp/headers -o \"$5\" -w '%{http_code}' \"$6\") || exit 1
sed 's/^/<<< /' /tmp/headers >&2
[ \"$code\" = 200 ] || { rm -f \"$5\"; echo \"fetch: $6: refused with $code\" >&2; exit 1; }
";
const UNAME: &str =
    "#!/bin/sh\ncase $1 in -sr) echo FreeBSD RELEASE ;; -m) echo amd64 ;; *) exit 64 ;; esac\n";

#[test]
fn busybox_alone_is_enough() {
    each_way("alpine", alpine);
}

/// No proof of FreeBSD: its programs are stand-ins, and refuse options that it would not know.
#[test]
fn what_freebsd_has_is_enough() {
    each_way("freebsd", freebsd);
}

/// Alpine's root with busybox alone.
pub fn alpine(distro: &Distro, lab: &Lab) -> Option<Root> {
    let root = Root::new(distro, lab)?;
    root.without(&["python3", "python3.11"]);
    for program in ["rc-update", "rc-service"] {
        root.write(&format!("usr/bin/{program}"), "#!/bin/sh\n", 0o755);
    }
    fs::create_dir_all(root.path("run/openrc")).unwrap();
    Some(root)
}

/// A root with stand-ins for what FreeBSD alone has; calls of some are written to `/calls`.
pub fn freebsd(distro: &Distro, lab: &Lab) -> Option<Root> {
    let root = Root::like("freebsd-like", distro, lab)?;
    root.without(&["sha256sum", "sha1sum", "sha224sum", "sha384sum", "sha512sum", "md5sum", "b2sum"]);
    fs::remove_file(root.path("etc/os-release")).unwrap();
    for program in ["curl", "busybox"] {
        root.write(&format!("libexec/{program}"), fs::read(tools::program(program)?).unwrap(), 0o755);
    }
    let version = distro.os_release.version.as_ref().unwrap();
    root.write("usr/bin/uname", UNAME.replace("RELEASE", &format!("{version}.3-RELEASE-p1")), 0o755);
    root.write("usr/bin/fetch", FETCH, 0o755);
    let hash = "#!/bin/sh\n[ \"$*\" = -q ] && /libexec/busybox sha256sum | cut -c1-64\n";
    root.write("usr/bin/sha256", hash, 0o755);
    root.write("usr/bin/nc", "#!/bin/sh\nexec /libexec/busybox nc \"$@\"\n", 0o755);
    for program in ["sysrc", "service"] {
        root.write(
            &format!("usr/bin/{program}"),
            format!("#!/bin/sh\necho {program} \"$*\" >>/calls\n"),
            0o755,
        );
    }
    Some(root)
}

fn each_way(family: &str, root: impl Fn(&Distro, &Lab) -> Option<Root>) {
    let Some(lab) = Lab::new() else { return };
    let Some(garage) = Garage::start(&lab.cloud) else { return };
    let endpoint = format!("http://s3.test:{}", garage.port());
    let probe = case(&endpoint, &garage.reader, "");
    let distros: Vec<&Distro> =
        probe.platforms.distros.iter().filter(|one| one.family.as_str() == family).collect();
    upload(&garage, distros[0]);
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
    let imds = Imds::start(lab.cloud.listen_at("169.254.169.254:80"), facts);
    for distro in distros {
        // The role, by the one tool that speaks to the metadata service; then a key.
        let Some(node) = root(distro, &lab) else { return };
        ends_well(&node, distro, &script(&probe, distro, true));
        let asked: Vec<String> = imds.take().iter().map(|seen| seen.request.method.clone()).collect();
        assert_eq!(asked, ["PUT", "GET", "GET"], "{}", distro.id);
        let Some(node) = root(distro, &lab) else { return };
        ends_well(&node, distro, &script(&probe, distro, false));
        // A wrong key: the reason is printed, the signature is not.
        let forged = case(&endpoint, &Key { secret: hex(32), ..garage.reader.clone() }, "");
        let Some(node) = root(distro, &lab) else { return };
        quick(&node);
        let ended = node.run(&script(&forged, distro, false));
        assert!(ended.code == 1 && ended.printed.contains("403"), "{}: {}", distro.id, ended.printed);
        assert!(!ended.printed.contains("X-Amz"), "{}: {}", distro.id, ended.printed);
        assert!(!node.exists("usr/local/bin/stringless-agent"), "{}", distro.id);
        a_wrong_clock_is_answered(distro, &lab, &root);
        // Nothing here checks against an authority of one's own, or it is shown how.
        let mut private = case(&endpoint, &garage.reader, "ca_file: ca.pem, ");
        private.ca_pem = Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into());
        let Some(node) = root(distro, &lab) else { return };
        if family == "alpine" {
            let ended = node.run(&script(&private, distro, false));
            let reason = "stringless: no curl, wget or python3 that takes the authority\n";
            assert_eq!((ended.code, ended.printed.as_str()), (1, reason), "{}", distro.id);
        } else {
            ends_well(&node, distro, &script(&private, distro, false));
        }
    }
}

/// The store's clock is two hours ahead; it says so when it refuses.
fn a_wrong_clock_is_answered(distro: &Distro, lab: &Lab, root: impl Fn(&Distro, &Lab) -> Option<Root>) {
    let ahead = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() + 7200;
    let service = Service::start(lab.cloud.listen(), None, move |request| {
        let now = ahead();
        let [from, to] = [now - 900, now + 900].map(|edge| Timestamp::from_seconds(edge).amz());
        let date = request.target.split_once("X-Amz-Date=").map_or("", |(_, rest)| &rest[..16]);
        let good = (from.as_str()..=to.as_str()).contains(&date);
        let reply = if good { Reply::new(200, AGENT) } else { Reply::new(403, "RequestTimeTooSkewed") };
        let text = Timestamp::from_seconds(now).to_string();
        let month = text[5..7].parse::<usize>().unwrap() * 3;
        let month = &"JanFebMarAprMayJunJulAugSepOctNovDec"[month - 3..month];
        reply.with("Date", format!("Sun, {} {month} {} {} GMT", &text[8..10], &text[0..4], &text[11..19]))
    });
    let key = Key { id: "id".into(), secret: "secret".into() };
    let case = case(&format!("http://s3.test:{}", service.port()), &key, "");
    let Some(node) = root(distro, lab) else { return };
    quick(&node);
    ends_well(&node, distro, &script(&case, distro, false));
    // Some have to ask for the date itself.
    let mut seen: Vec<u16> = service.take().iter().map(|seen| seen.status).collect();
    seen.dedup();
    assert_eq!(seen, [403, 200], "{}", distro.id);
}

fn ends_well(root: &Root, distro: &Distro, script: &str) {
    let ended = root.run(script);
    assert_eq!(ended.code, 0, "{}: {}", distro.id, ended.printed);
    let well = ended.printed.contains("agent --once\n") && ended.printed.ends_with("stringless: ready\n");
    assert!(well, "{}: {}", distro.id, ended.printed);
    assert_eq!(root.mode("usr/local/bin/stringless-agent"), 0o755, "{}", distro.id);
    if distro.init.as_str() == "rc" {
        let printed = root.read("calls");
        assert_eq!(printed, "sysrc stringless_enable=YES\nservice stringless start\n");
        assert_eq!(root.mode("usr/local/etc/rc.d/stringless"), 0o555);
        uninstalls(root);
    }
}

/// The files of rc.d go. The stand-in for `sysrc` wrote nothing, and an agent for this machine uninstalls.
fn uninstalls(root: &Root) {
    root.write("etc/rc.conf", "hostname=web\nstringless_enable=\"YES\"\n", 0o644);
    let Some(agent) = tools::agent() else { return };
    succeed(Command::new(agent).arg("--root").arg(root.path("")).arg("uninstall"), LIMIT);
    assert_eq!((root.read("etc/rc.conf").as_str(), root.mode("etc/rc.conf")), ("hostname=web\n", 0o644));
    let left: Vec<String> = root.changes().into_iter().filter(|path| path.contains("stringless")).collect();
    assert_eq!(left, [] as [&str; 0]);
}

/// Waits for retries at once.
fn quick(root: &Root) {
    root.without(&["sleep"]);
    root.write("usr/bin/sleep", "#!/bin/sh\n", 0o755);
}

fn script(case: &Case, distro: &Distro, role: bool) -> String {
    let takes = |cloud: &&stringless_render::platform::Cloud| {
        let offers = cloud.credentials.contains(&stringless_render::site::CredentialKind::InstanceRole);
        offers == role && case.platforms.forms(distro, cloud).contains(&Form::Script)
    };
    let cloud = case.platforms.clouds.iter().find(takes).unwrap();
    case.render(&distro.id, &cloud.id, Form::Script).unwrap().text
}

fn case(endpoint: &str, key: &Key, more: &str) -> Case {
    let store =
        format!("{{url: 's3://{BUCKET}/a', region: {REGION}, style: virtual, endpoint: '{endpoint}'}}");
    let node = format!("node: {{{more}credentials: [instance_role, static]}}\n");
    let mut case = Case::new(&site(&store, SCRIPT, &node));
    for file in case.targets.values_mut() {
        (file.size, file.sha256) = (AGENT.len() as u64, Sha256::of(AGENT.as_bytes()));
    }
    case.keys = Credentials {
        access_key_id: key.id.clone(),
        secret_access_key: key.secret.clone(),
        session_token: None,
    };
    case
}

fn upload(garage: &Garage, distro: &Distro) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), AGENT).unwrap();
    let target = distro.targets.iter().find(|target| target.as_str().starts_with("x86_64")).unwrap();
    let path = format!("a/agent/0.1.0/{target}/stringless-agent");
    let (status, _) = garage.curl(&garage.writer, &path, &["--upload-file", &file.path().to_string_lossy()]);
    assert_eq!(status, 200);
}
