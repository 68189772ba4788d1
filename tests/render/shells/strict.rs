//! Links that the script signs, before a check that is as strict as S3 and has a clock of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use e2e::garage::{BUCKET, REGION};
use e2e::http::{Reply, Request, Service};
use e2e::netns::Net;
use e2e::random::hex;
use e2e::rendering::{Case, SCRIPT, site};
use stringless_core::sigv4::{self, Credentials, Scope};
use stringless_core::time::Timestamp;

use crate::shells::root::{Root, SHELLS};
use crate::shells::{AGENT, case, distro, script};

/// Checks signed links as S3 does, by a clock of its own: the skew is in seconds.
struct Strict {
    service: Service,
    skew: Arc<AtomicI64>,
}

impl Strict {
    fn start(credentials: Credentials) -> Self {
        let skew = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&skew);
        let service = Service::start(Net::host().listen(), None, move |request| {
            let now = seconds().saturating_add_signed(clock.load(Ordering::Relaxed));
            check(request, &credentials, now).with("Date", http_date(now))
        });
        Self { service, skew }
    }
}

fn check(request: &Request, credentials: &Credentials, now: u64) -> Reply {
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let dates = [-900_i64, 900].map(|edge| Timestamp::from_seconds(now.saturating_add_signed(edge)).amz());
    let Some(date) = value("X-Amz-Date") else { return Reply::new(403, "AccessDenied") };
    if date < dates[0].as_str() || date > dates[1].as_str() {
        return Reply::new(403, "RequestTimeTooSkewed");
    }
    let part = |range| &date[range];
    let [y, m, d, hh, mm, ss] = [0..4, 4..6, 6..8, 9..11, 11..13, 13..15].map(part);
    let time = Timestamp::parse(&format!("{y}-{m}-{d}T{hh}:{mm}:{ss}Z")).unwrap();
    let scope = Scope { region: REGION, service: "s3", time };
    let parts = sigv4::Request {
        method: &request.method,
        path: request.path(),
        query: &[],
        headers: &[("host", request.header("host").unwrap())],
        payload: sigv4::UNSIGNED_PAYLOAD,
    };
    let expected = sigv4::presign(&parts, &scope, credentials, 900);
    if query == expected { Reply::new(200, AGENT) } else { Reply::new(403, "SignatureDoesNotMatch") }
}

pub fn seconds() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn http_date(seconds: u64) -> String {
    let text = Timestamp::from_seconds(seconds).to_string();
    let month = text[5..7].parse::<usize>().unwrap() * 3;
    let month = &"JanFebMarAprMayJunJulAugSepOctNovDec"[month - 3..month];
    // No reader looks at the day of the week.
    format!("Sun, {} {month} {} {} GMT", &text[8..10], &text[0..4], &text[11..19])
}

fn signed(port: u16, keys: &Credentials) -> Case {
    let store = format!(
        "{{url: 's3://{BUCKET}/a+b/\u{fc}', region: {REGION}, style: path, endpoint: 'http://127.0.0.1:{port}'}}"
    );
    let mut case = case(&site(&store, SCRIPT, "node: {credentials: [static]}\n"));
    case.keys = keys.clone();
    case
}

#[test]
fn links_are_signed_as_s3_wants_them() {
    let short = hex(20);
    for (secret, token) in [
        (short.as_str(), None),
        // Longer than a block of the hash with the `AWS4` before it, and exactly as long.
        (&*hex(32), None),
        (&*hex(30), Some("IQoJb3JpZ2luX2VjE+/x==%".repeat(9))),
        ("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None),
        ("odd'\"$(x)`\\key!", Some("t".into())),
    ] {
        let keys = Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: secret.into(),
            session_token: token,
        };
        let strict = Strict::start(keys.clone());
        let case = signed(strict.service.port(), &keys);
        let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
        for shell in SHELLS {
            root.without(&["stringless-agent"]);
            let ended = root.run(shell, &script(&case));
            assert_eq!(ended.code, 0, "{shell:?} {secret}\n{}\n{:?}", ended.printed, strict.service.take());
        }
        assert_eq!(strict.service.take().len(), SHELLS.len(), "each at the first try");
    }
}

#[test]
fn a_wrong_clock_is_mended_by_the_server_s_date() {
    let keys =
        Credentials { access_key_id: "AKIDEXAMPLE".into(), secret_access_key: hex(20), session_token: None };
    let strict = Strict::start(keys.clone());
    let case = signed(strict.service.port(), &keys);
    let Some(root) = Root::new(distro(&case), &Net::host()) else { return };
    // Not busybox's wget: it does not show the headers of a refusal.
    for downloader in ["curl", "python3"] {
        for (shell, days) in SHELLS.into_iter().zip([1, -40, 400, -9000]) {
            strict.skew.store(days * 86_400, Ordering::Relaxed);
            root.without(&["stringless-agent"]);
            let ended = root.run(shell, &script(&case));
            assert_eq!(ended.code, 0, "{downloader} {shell:?} {days} days: {}", ended.printed);
            let asked: Vec<u16> = strict.service.take().iter().map(|seen| seen.status).collect();
            assert_eq!(asked, [403, 200], "{downloader} {days}");
        }
        root.without(&["curl"]);
    }
}
