//! One case: read from its file, run, compared.

use std::fs;
use std::path::Path;

use e2e::agent::{Node, Run};
use e2e::netns::Net;
use e2e::server::Server;
use e2e::tls::Authority;
use serde::Deserialize;
use serde_json::{Value, json};
use stringless_core::hash::Sha256;

use crate::objects::Shelf;
use crate::store::Store;

/// One file of `faults/`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The file's name.
    #[serde(skip)]
    pub name: String,
    about: String,
    /// The node has run release 7 before, unless it is `new`.
    #[serde(default)]
    node: Before,
    stores: Vec<Store>,
    #[serde(default)]
    order: Order,
    /// Whether it waits for long: then it runs first.
    #[serde(default)]
    pub slow: bool,
    exit: i32,
    /// The serial that is live afterwards; none: no release is.
    live: Option<u64>,
    #[serde(default)]
    says: Vec<String>,
    /// What no output may hold.
    #[serde(default)]
    never: Vec<String>,
    #[serde(default)]
    requests: Vec<[usize; 2]>,
    #[serde(default)]
    ranges: Vec<usize>,
    /// The serial that is live after a further run, with all faults mended.
    #[serde(default = "newest")]
    mended: u64,
}

fn newest() -> u64 {
    8
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Before {
    New,
    #[default]
    Seven,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Order {
    Any,
    #[default]
    Given,
}

impl Case {
    /// Reads a file.
    pub fn read(path: &Path) -> Self {
        let wrong = |why: String| -> ! { panic!("{}: {why}", path.display()) };
        let value: Value = serde_yaml::from_str(&fs::read_to_string(path).unwrap())
            .unwrap_or_else(|error| wrong(error.to_string()));
        let case: Self = serde_json::from_value(value).unwrap_or_else(|error| wrong(error.to_string()));
        if case.about.is_empty() || case.stores.is_empty() {
            wrong("it says too little".into());
        }
        if case.order == Order::Any && !(case.requests.is_empty() && case.ranges.is_empty()) {
            wrong("requests are counted in one order only".into());
        }
        Self { name: path.file_stem().unwrap().to_string_lossy().into_owned(), ..case }
    }

    /// In how many orders it runs.
    pub fn rotations(&self) -> usize {
        if self.order == Order::Any { self.stores.len() } else { 1 }
    }

    /// The same, with so many of its stores moved to the end; they keep their numbers in `says`.
    pub fn rotated(self, by: usize) -> Rotated {
        Rotated { case: self, by }
    }
}

/// A case in one order of its stores.
pub struct Rotated {
    case: Case,
    by: usize,
}

impl Rotated {
    /// Runs it; what is wrong, if anything.
    pub fn run(&self) -> Option<String> {
        let Self { case, by } = self;
        let shelf = Shelf::new();
        let authority = Authority::new();
        let running: Vec<_> = case.stores.iter().map(|store| store.start(&shelf, &authority)).collect();
        let mut settings: Vec<Value> = running.iter().map(|store| store.settings.clone()).collect();
        settings.rotate_left(*by);

        let node = Node::new(&Net::host(), &shelf.forge.config(&shelf.first()))?;
        node.write("ca.pem", authority.pem());
        let run = || Run::of(node.command(&["--once"]).env("OUT", node.root()));
        if case.node == Before::Seven {
            run().expect(0);
        }
        let mut config = shelf.forge.config("");
        config["ca_file"] = json!("/ca.pem");
        config["layers"][0]["stores"] = json!(settings);
        node.configure(&config);

        let first = run();
        let mut wrong = Vec::new();
        let mut check = |holds: bool, what: String| {
            if !holds {
                wrong.push(what);
            }
        };
        check(first.code == case.exit, format!("exit status {}", first.code));
        let said = running.iter().enumerate().fold(first.err.clone(), |said, (number, store)| {
            let url = store.settings["url"].as_str().unwrap_or_default();
            said.replace(url, &format!("[{}]", number + 1))
        });
        for text in &case.says {
            check(said.contains(text), format!("it does not say: {text}"));
        }
        for text in &case.never {
            check(!said.contains(text) && !first.out.contains(text), format!("it says: {text}"));
        }
        check(live(&node) == case.live, format!("live is {:?}", live(&node)));
        for (number, store) in running.iter().enumerate() {
            let seen = store.server.as_ref().map(Server::take).unwrap_or_default();
            if let Some([least, most]) = case.requests.get(number) {
                let right = (*least..=*most).contains(&seen.len());
                check(right, format!("store {} was asked {} times", number + 1, seen.len()));
            }
            let ranged = seen.iter().filter(|seen| seen.request.header("range").is_some()).count();
            if let Some(wanted) = case.ranges.get(number) {
                check(ranged == *wanted, format!("store {} was asked for {ranged} parts", number + 1));
            }
        }

        let mending = case.stores.iter().zip(&running);
        let _back: Vec<_> =
            mending.filter_map(|(store, running)| store.mend(running, &shelf, &authority)).collect();
        let last = run();
        let right = last.code == 0 && live(&node) == Some(case.mended);
        check(right, format!("after mending: status {}, live {:?}\n{}", last.code, live(&node), last.err));
        let left = parts(&node.root().join("var/lib/stringless/packs"));
        check(left == 0, format!("{left} parts of packs are left"));
        let head = format!("== {} (rotated by {by}, {:?})", case.name, first.took);
        (!wrong.is_empty()).then(|| format!("{head}\n{}\n-- it said\n{said}", wrong.join("\n")))
    }
}

/// How many files in the folder of packs are not whole.
fn parts(packs: &Path) -> usize {
    let files = fs::read_dir(packs).into_iter().flatten().map(|entry| entry.unwrap().path());
    let whole = |file: &Path| file.ends_with(Sha256::of(&fs::read(file).unwrap()).to_string());
    files.filter(|file| !whole(file)).count()
}

/// The serial of the release that is live, and was applied.
fn live(node: &Node) -> Option<u64> {
    let link = fs::read_link(node.root().join("var/lib/stringless/layers/example/current")).ok()?;
    let serial = link.to_str()?.strip_prefix("releases/")?.split('-').next()?.parse().ok()?;
    (node.read("applied")?.trim() == format!("release {serial}")).then_some(serial)
}
