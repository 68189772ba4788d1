//! A stand-in for S3 that lists in pages of three, removes, and can be cut off after so many writes. It checks
//! no signature; that is garage's part.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use e2e::http::{Reply, Request, Service};
use e2e::netns::Net;
use e2e::site::Site;
use stringless_core::time::Timestamp;

/// What it has, and how it fails.
#[derive(Debug, Default)]
pub struct Objects {
    /// By path, with the time of the last write.
    pub all: BTreeMap<String, (Vec<u8>, String)>,
    /// So many writes and removals more, then each is refused.
    pub left: Option<usize>,
    /// Conditions are not known at all.
    pub unconditional: bool,
    /// Each page of a listing is the first one.
    pub stuck: bool,
    /// What is written where an object is, is lost.
    pub loses: bool,
    /// The clock is so many seconds ahead.
    pub ahead: u64,
    /// So many removals more, then each waits until this is more, or none.
    pub removals: Option<usize>,
}

/// A site whose store it is.
pub struct Bucket {
    pub site: Site,
    pub objects: Arc<Mutex<Objects>>,
    _service: Service,
}

impl Bucket {
    pub fn new() -> Option<Self> {
        let net = Net::host();
        let objects = Arc::new(Mutex::new(Objects::default()));
        let shared = Arc::clone(&objects);
        let service = Service::start(net.listen(), None, move |request| answer(&shared, request));
        let endpoint = format!("http://127.0.0.1:{}", service.port());
        let store = ["--store", "s3://bucket/site", "--region", "us-east-1", "--style", "path"];
        let mut site = Site::init(&net, &[&store[..], &["--endpoint", &endpoint]].concat())?;
        site.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
        site.set("AWS_SECRET_ACCESS_KEY", "secret");
        crate::two_environments(&site);
        Some(Self { site, objects, _service: service })
    }

    /// From now on only so many writes are done; none: all.
    pub fn cut_after(&self, writes: Option<usize>) {
        self.objects.lock().unwrap().left = writes;
    }

    /// Brings these objects back; what later tries have left in the site is forgotten.
    pub fn restore(&self, all: &BTreeMap<String, (Vec<u8>, String)>) {
        self.objects.lock().unwrap().all.clone_from(all);
        std::fs::remove_dir_all(self.site.path(".stringless/published")).ok();
    }

    /// Makes everything old.
    pub fn age(&self) {
        for (_, modified) in self.objects.lock().unwrap().all.values_mut() {
            *modified = "2020-01-01T00:00:00.000Z".into();
        }
    }

    /// Whether there is an object at this path.
    pub fn has(&self, path: &str) -> bool {
        self.objects.lock().unwrap().all.contains_key(path)
    }

    /// Makes the object at this path old: so many seconds.
    pub fn age_one(&self, path: &str, seconds: u64) {
        let time = Timestamp::from_seconds(stringless::clock::now().seconds() - seconds).to_string();
        self.objects.lock().unwrap().all.get_mut(path).unwrap().1 = time.replace('Z', ".000Z");
    }

    /// The keys below this part of the prefix.
    pub fn keys(&self, part: &str) -> Vec<String> {
        let start = format!("/bucket/site/{part}");
        self.objects
            .lock()
            .unwrap()
            .all
            .keys()
            .filter_map(|k| k.strip_prefix(&start))
            .map(Into::into)
            .collect()
    }
}

fn answer(objects: &Mutex<Objects>, request: &Request) -> Reply {
    if request.method == "DELETE" {
        while !may_remove(objects) {
            thread::sleep(Duration::from_millis(10));
        }
    }
    let mut objects = objects.lock().unwrap();
    let path = request.path().to_owned();
    let etag = |bytes: &[u8]| format!("\"{}\"", stringless_core::hash::Sha256::of(bytes));
    match request.method.as_str() {
        "GET" if request.target.contains("list-type=2") => return list(&objects, &request.target),
        "GET" | "HEAD" => {
            return match objects.all.get(&path) {
                Some((bytes, modified)) => Reply::new(200, bytes.clone())
                    .with("etag", etag(bytes))
                    .with("last-modified", http_date(modified))
                    .with("date", http_date(&stringless::clock::now().plus(objects.ahead).to_string())),
                None => error(404, "NoSuchKey"),
            };
        }
        _ => {}
    }
    let (absent, same) = (request.header("if-none-match"), request.header("if-match"));
    if objects.unconditional && (absent.is_some() || same.is_some()) {
        return error(501, "NotImplemented");
    }
    let there = objects.all.get(&path).map(|(bytes, _)| etag(bytes));
    if (absent.is_some() && there.is_some()) || (same.is_some() && there.as_deref() != same) {
        return error(412, "PreconditionFailed");
    }
    match &mut objects.left {
        Some(0) => return error(403, "AccessDenied"),
        Some(left) => *left -= 1,
        None => {}
    }
    if request.method == "DELETE" {
        objects.all.remove(&path);
        return Reply::new(204, "");
    }
    if objects.loses && there.is_some() {
        return Reply::new(200, "").with("etag", etag(&request.body));
    }
    let now = stringless::clock::now().to_string().replace('Z', ".000Z");
    objects.all.insert(path, (request.body.clone(), now));
    Reply::new(200, "").with("etag", etag(&request.body))
}

fn may_remove(objects: &Mutex<Objects>) -> bool {
    match &mut objects.lock().unwrap().removals {
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
        None => true,
    }
}

/// `2026-11-20T18:00:00.000Z` as an HTTP date. Nobody looks at the day of the week.
fn http_date(time: &str) -> String {
    let month = MONTHS[time[5..7].parse::<usize>().unwrap() - 1];
    format!("Thu, {} {month} {} {} GMT", &time[8..10], &time[..4], &time[11..19])
}

/// Three keys at a time; the token is the number of keys listed before.
fn list(objects: &Objects, target: &str) -> Reply {
    let value = |name: &str| {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        query.split('&').find_map(|part| part.strip_prefix(&format!("{name}="))).unwrap_or_default()
    };
    let prefix = format!("/bucket/{}", value("prefix").replace("%2F", "/"));
    let skip: usize = if objects.stuck { 0 } else { value("continuation-token").parse().unwrap_or(0) };
    let all: Vec<_> = objects.all.iter().filter(|(path, _)| path.starts_with(&prefix)).collect();
    let entries: String = all
        .iter()
        .skip(skip)
        .take(PAGE)
        .map(|(path, (bytes, modified))| {
            let key = path.trim_start_matches("/bucket/");
            format!(
                "<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><Size>{}</Size></Contents>",
                bytes.len()
            )
        })
        .collect();
    let more = all.len() > skip + PAGE;
    let token = if more {
        format!("<NextContinuationToken>{}</NextContinuationToken>", skip + PAGE)
    } else {
        String::new()
    };
    Reply::new(
        200,
        format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{token}{entries}</ListBucketResult>"),
    )
}

fn error(status: u16, code: &str) -> Reply {
    Reply::new(status, format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>"))
}

const PAGE: usize = 3;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
