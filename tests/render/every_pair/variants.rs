//! Sites that differ in what the script does.

use std::collections::BTreeMap;

use e2e::rendering::{BUCKET, Case, SCRIPT, WEB, puppet_site, site};
use stringless_render::request::MetadataLock;

pub const KEYS: &str = "node: {credentials: [instance_role, static]}\n";

/// Each by its name.
pub fn variants() -> BTreeMap<&'static str, Case> {
    let node = |keys: &str| format!("node: {{credentials: [instance_role, static], {keys}}}\n");
    let mut presigned = Case::new(&puppet_site(BUCKET, true, &node("first_fetch: presigned")));
    for target in presigned.targets.keys() {
        // As long as a link signed with static keys is.
        let link = format!(
            "https://example-config.s3.eu-central-1.amazonaws.com/nodes/agent/0.1.0/{target}/stringless-agent?\
             X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20261120%2Feu-central-1%2Fs3%2F\
             aws4_request&X-Amz-Date=20261120T180000Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature={}",
            "0".repeat(64)
        );
        presigned.presigned.insert(target.clone(), link);
    }
    let mut authority =
        Case::new(&site(WEB, SCRIPT, "node: {ca_file: ca.pem, proxy: 'http://proxy:3128'}\n"));
    authority.ca_pem = Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into());
    let mut session = Case::new(&site(BUCKET, SCRIPT, "node: {credentials: [static], ca_file: ca.pem}\n"));
    session.ca_pem.clone_from(&authority.ca_pem);
    session.keys.session_token = Some("a+b/c==".into());
    let locked = |lock, site: &str| {
        let mut case = Case::new(site);
        case.lock = Some(lock);
        case
    };
    let file = "{url: 'file:///srv/my-bucket'}";
    BTreeMap::from([
        ("authority", authority),
        ("boot", Case::new(&site(file, SCRIPT, "node: {schedule: boot}\n"))),
        ("cron", Case::new(&site(WEB, SCRIPT, "node: {schedule: cron, interval: 2h}\n"))),
        ("daemon", Case::new(&site(WEB, SCRIPT, "node: {schedule: daemon}\n"))),
        ("file", Case::new(&site(file, SCRIPT, ""))),
        ("file-openvox", Case::new(&puppet_site(file, true, ""))),
        ("locked", locked(MetadataLock::Wanted, &site(BUCKET, SCRIPT, KEYS))),
        ("locked-openvox", locked(MetadataLock::Required, &puppet_site(BUCKET, true, KEYS))),
        ("presigned", presigned),
        ("public", Case::new(&site(WEB, SCRIPT, ""))),
        ("public-distro", Case::new(&puppet_site(WEB, false, ""))),
        ("public-openvox", Case::new(&puppet_site(WEB, true, ""))),
        ("session", session),
        ("signed", Case::new(&site(BUCKET, SCRIPT, KEYS))),
        ("signed-distro", Case::new(&puppet_site(BUCKET, false, KEYS))),
        ("signed-openvox", Case::new(&puppet_site(BUCKET, true, KEYS))),
    ])
}
