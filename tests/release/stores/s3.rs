//! What garage does not do: a service that supports conditional writes, and the answers of AWS that say what
//! is wrong. The stand-in checks no signature; that is garage's part.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use e2e::agent::Run;
use e2e::http::{Delivery, Reply, Request, Service};
use e2e::netns::Net;
use e2e::site::Site;

/// Objects by path, and what is done wrong with the pointer.
#[derive(Debug, Default)]
struct Objects {
    all: BTreeMap<String, Vec<u8>>,
    wrong: Wrong,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Wrong {
    #[default]
    Nothing,
    /// The next write of the pointer is done, and its answer lost.
    LosesAnswer,
    /// Somebody else writes the pointer just before.
    Overtaken,
    /// Conditions are not known at all.
    NoConditions,
}

/// A site on a stand-in for S3.
struct Bucket {
    site: Site,
    service: Service,
    objects: Arc<Mutex<Objects>>,
}

impl Bucket {
    fn new() -> Option<Self> {
        let net = Net::host();
        let objects = Arc::new(Mutex::new(Objects::default()));
        let shared = Arc::clone(&objects);
        let service = Service::start(net.listen(), None, move |request| answer(&shared, request));
        Some(Self { site: site(&net, service.port())?, service, objects })
    }

    fn go_wrong(&self, wrong: Wrong) {
        self.objects.lock().unwrap().wrong = wrong;
    }

    /// The headers `name` of the writes so far, by path.
    fn written(&self, name: &str) -> BTreeMap<String, Option<String>> {
        let seen = self.service.take().into_iter().map(|seen| seen.request);
        seen.filter(|request| request.method == "PUT")
            .map(|request| (request.path().to_owned(), request.header(name).map(str::to_owned)))
            .collect()
    }

    fn publish(&self) -> Run {
        self.site.run(&["publish", "--force"])
    }
}

fn site(net: &Net, port: u16) -> Option<Site> {
    let endpoint = format!("http://127.0.0.1:{port}");
    let store = ["--store", "s3://bucket/site", "--region", "us-east-1"];
    let mut site = Site::init(net, &[&store[..], &["--endpoint", &endpoint, "--style", "path"]].concat())?;
    site.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    site.set("AWS_SECRET_ACCESS_KEY", SECRET);
    site.write("apply", "#!/bin/sh\n", 0o755);
    Some(site)
}

fn answer(objects: &Mutex<Objects>, request: &Request) -> Reply {
    let mut objects = objects.lock().unwrap();
    let path = request.path().to_owned();
    let etag = |bytes: &[u8]| format!("\"{}\"", stringless_core::hash::Sha256::of(bytes));
    if request.method != "PUT" {
        return match objects.all.get(&path) {
            Some(bytes) => Reply::new(200, bytes.clone()).with("etag", etag(bytes)),
            None => error(404, "NoSuchKey"),
        };
    }
    let (absent, same) = (request.header("if-none-match"), request.header("if-match"));
    if objects.wrong == Wrong::NoConditions && (absent.is_some() || same.is_some()) {
        return error(501, "NotImplemented");
    }
    let pointer = path.ends_with("/head");
    if pointer && objects.wrong == Wrong::Overtaken {
        objects.all.insert(path.clone(), b"another".to_vec());
    }
    let there = objects.all.get(&path).map(|bytes| etag(bytes));
    if (absent.is_some() && there.is_some()) || (same.is_some() && there.as_deref() != same) {
        return error(412, "PreconditionFailed");
    }
    objects.all.insert(path, request.body.clone());
    if pointer && objects.wrong == Wrong::LosesAnswer {
        objects.wrong = Wrong::Nothing;
        return Reply { delivery: Delivery::Drop, ..Reply::new(200, "") };
    }
    Reply::new(200, "").with("etag", etag(&request.body))
}

fn error(status: u16, code: &str) -> Reply {
    Reply::new(status, format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>"))
}

const POINTER: &str = "/bucket/site/env/production/head";

#[test]
fn the_pointer_is_written_on_condition() {
    let Some(bucket) = Bucket::new() else { return };
    let _ = bucket.publish().expect(0);
    let first = bucket.written("if-none-match");
    assert!(first.values().all(|condition| condition.as_deref() == Some("*") || condition.is_none()));
    assert_eq!(first[POINTER].as_deref(), Some("*"));
    assert!(!first.contains_key("/bucket/site/env/production/claim"), "{first:?}");
    let run = bucket.publish().expect(0);
    assert!(!run.err.contains("claim"), "{}", run.err);
    assert!(bucket.written("if-match")[POINTER].is_some());
}

#[test]
fn another_publisher_is_not_written_over() {
    let Some(bucket) = Bucket::new() else { return };
    let _ = bucket.publish().expect(0);
    bucket.go_wrong(Wrong::Overtaken);
    let run = bucket.publish().expect(1);
    assert!(run.err.contains("another publisher was faster"), "{}", run.err);
    assert_eq!(bucket.objects.lock().unwrap().all[POINTER], b"another");
}

#[test]
fn a_lost_answer_is_no_other_publisher() {
    let Some(bucket) = Bucket::new() else { return };
    bucket.go_wrong(Wrong::LosesAnswer);
    let _ = bucket.publish().expect(0);
    bucket.go_wrong(Wrong::LosesAnswer);
    let _ = bucket.publish().expect(0);
    let _ = bucket.site.run(&["verify"]).expect(0);
}

#[test]
fn a_service_without_conditions_is_published_to_by_turns() {
    let Some(bucket) = Bucket::new() else { return };
    bucket.go_wrong(Wrong::NoConditions);
    let run = bucket.publish().expect(0);
    assert!(run.err.contains("a claim kept other publishers away"), "{}", run.err);
    let _ = bucket.site.run(&["verify"]).expect(0);
    let claim = "/bucket/site/env/production/claim".to_owned();
    assert_eq!(bucket.objects.lock().unwrap().all[&claim], b"\n", "the claim is given up");
    // A claim that somebody holds.
    let held = format!("{} somebody\n", stringless::clock::now());
    bucket.objects.lock().unwrap().all.insert(claim, held.into_bytes());
    assert!(bucket.publish().expect(1).err.contains("another publisher is writing"));
}

#[test]
fn what_the_service_says_is_reported_with_what_mends_it() {
    let region = |reply: Reply| reply.with("x-amz-bucket-region", "eu-west-3");
    let cases = [
        (error(403, "SignatureDoesNotMatch"), 78, "signature of key `AKIDEXAMPLE`", "AWS_SECRET_ACCESS_KEY"),
        (error(403, "InvalidAccessKeyId"), 78, "the key `AKIDEXAMPLE` is unknown", "AWS_ACCESS_KEY_ID"),
        (error(403, "AccessDenied"), 78, "`AKIDEXAMPLE` is not allowed to do this", "s3:PutObject"),
        (error(403, "RequestTimeTooSkewed"), 1, "clock", "set the clock"),
        (error(400, "ExpiredToken"), 78, "session", "AWS_SESSION_TOKEN"),
        (error(400, "AuthorizationHeaderMalformed"), 78, "not in region `us-east-1`", "region"),
        (region(error(400, "AuthorizationHeaderMalformed")), 78, "region `eu-west-3`", "region: eu-west-3"),
        (region(error(301, "PermanentRedirect")), 78, "region `eu-west-3`", "region: eu-west-3"),
        (error(301, "PermanentRedirect"), 78, "another address", "endpoint"),
        (error(404, "NoSuchBucket"), 78, "no such bucket", "bucket's name"),
    ];
    for (reply, code, why, hint) in cases {
        let net = Net::host();
        let printed = reply.clone();
        let service = Service::start(net.listen(), None, move |_| printed.clone());
        let Some(site) = site(&net, service.port()) else { return };
        let run = site.run(&["publish"]).expect(code);
        let (message, mends) = run.err.split_once("hint: ").unwrap_or((&run.err, ""));
        assert!(message.contains(why) && mends.contains(hint), "{}", run.err);
        assert!(!run.err.contains(SECRET) && !run.out.contains(SECRET));
        // Nothing of what was asked carries the secret either.
        assert!(service.take().iter().all(|seen| !format!("{:?}", seen.request).contains(SECRET)));
    }
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
