//! `kill -9` at random times of an install, while others keep the processor and the disk busy.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use e2e::agent::{Node, Run};
use e2e::forge::{Entry, Forge};
use e2e::held::{Published, names};
use e2e::netns::Net;
use e2e::process::{Running, until};
use e2e::random::Dice;
use e2e::scenario::{STATE, each, waits};
use e2e::tools;
use stringless_core::pack::Pack;

#[test]
fn kills_at_two_hundred_random_times() {
    if tools::agent().is_none() {
        return;
    }
    let seed = std::env::var("STRINGLESS_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_secs() * 1000 + u64::from(now.subsec_millis())
    });
    println!("seed {seed}: STRINGLESS_SEED={seed} tries the same times again");
    let folder = tempfile::tempdir().unwrap();
    let _load = load(folder.path());
    let ends = Mutex::new(BTreeMap::<&str, u32>::new());
    each(NODES, |number| {
        let mut victim = Victim::new();
        let mut dice = Dice::new(seed + number as u64);
        for kill in 0..KILLS / NODES {
            let end = victim.kill(&mut dice, kill % 3 == 2);
            *ends.lock().unwrap().entry(end).or_default() += 1;
        }
    });
    let ends = ends.into_inner().unwrap();
    println!("{KILLS} kills: {ends:?}");
    let often = |end| ends.get(end).is_some_and(|times| *times > KILLS as u32 / 20);
    assert!(often(OLD) && often(NEW), "the times were badly chosen: {ends:?}");
}

/// What others do: one that computes, one that writes. Nice, and ended after a while whatever happens.
fn load(folder: &Path) -> Vec<Running> {
    let file = folder.join("file").display().to_string();
    let writes = format!("while :; do dd if=/dev/zero of={file} bs=256k count=8 conv=fsync; sleep 0.2; done");
    ["while :; do :; done", &writes]
        .iter()
        .enumerate()
        .map(|(n, script)| {
            let mut command = Command::new("nice");
            command.args(["-n", "15", "timeout", "300", "sh", "-c", script]);
            Running::start(&mut command, &folder.join(format!("log{n}")))
        })
        .collect()
}

/// A node that follows a site with ever new releases.
struct Victim {
    forge: Forge,
    node: Node,
    published: Published,
    /// Three releases' worth: what an install needs has been swept since it was here last.
    content: [Vec<Pack>; 3],
    serial: u64,
    live: String,
    /// How often each path is there, but for what names a release: of a node that no kill has met.
    clean: BTreeMap<String, u32>,
    /// What an install takes without a kill.
    usual: Duration,
}

impl Victim {
    fn new() -> Self {
        let forge = Forge::new();
        let content = ["red", "green", "blue"].map(|text| content(&forge, text));
        let node = Node::new(&Net::host(), &forge.config(&forge.url())).unwrap();
        let (live, clean) = (String::new(), BTreeMap::new());
        let (published, usual) = (Published::default(), Duration::ZERO);
        let mut victim = Self { forge, node, published, content, serial: 0, live, clean, usual };
        for _ in 0..4 {
            victim.live = victim.publish();
            victim.converge();
        }
        victim.clean = victim.held();
        victim
    }

    fn publish(&mut self) -> String {
        self.serial += 1;
        let mut packs = self.content[self.serial as usize % 3].clone();
        packs.push(self.forge.script(&format!("echo {} >\"$OUT/applied\"", self.serial)));
        let manifest = self.forge.manifest(self.serial, packs);
        self.forge.publish(&manifest);
        self.published.note(&self.forge, &manifest)
    }

    /// Kills an install, `late` when its release is live already: that part is short, and seldom met by
    /// chance. Tells which release was live then, or that there was nothing left to kill.
    fn kill(&mut self, dice: &mut Dice, late: bool) -> &'static str {
        let new = self.publish();
        let mut agent = self.start();
        if late {
            let current = self.node.root().join(STATE).join("layers/example/current");
            let switched = || fs::read_link(&current).is_ok_and(|target| target.ends_with(&new));
            assert!(until(e2e::process::PATIENCE, || switched() || agent.try_wait().unwrap().is_some()));
        }
        let range = if late { self.usual / 5 } else { self.usual * 11 / 10 };
        let after = Duration::from_micros(dice.below(range.as_micros() as u64));
        std::thread::sleep(after);
        let ended = agent.try_wait().unwrap().is_some();
        agent.kill().unwrap();
        agent.wait().unwrap();
        let when = format!("release {} killed after {after:?} (late: {late})", self.serial);
        let live = self.published.live(&self.node.root().join(STATE), &when).unwrap();
        assert!(live == self.live || live == new, "{when}: {live} is live");
        let end = if ended {
            "done before"
        } else if live == new {
            NEW
        } else {
            OLD
        };
        self.live = new;
        self.converge();
        let held = self.held();
        let all = held.keys().chain(self.clean.keys());
        let other: BTreeSet<_> = all.filter(|name| held.get(*name) != self.clean.get(*name)).collect();
        assert!(other.is_empty(), "{when}: litter, or a loss: {other:#?}");
        end
    }

    fn start(&self) -> Child {
        let mut command = self.node.command(&["--once"]);
        command.env("OUT", self.node.root()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    fn converge(&mut self) {
        let start = Instant::now();
        let mut last = String::new();
        // The engine may have outlived its agent, for a moment, and before it began it had the lock.
        let converged = until(e2e::process::PATIENCE, || {
            let run = Run::of(self.node.command(&["--once"]).env("OUT", self.node.root()));
            last = format!("{}{}", run.out, run.err);
            assert!(run.code == 0 || waits(&run), "exit status {}\n{last}", run.code);
            run.code == 0
        });
        assert!(converged, "{last}");
        self.usual = (self.usual * 3 + start.elapsed()) / 4;
        let live = self.published.live(&self.node.root().join(STATE), "after the next run");
        assert_eq!(live.as_ref(), Some(&self.live), "{last}");
        assert_eq!(self.node.read("applied"), Some(format!("{}\n", self.serial)), "{last}");
    }

    /// How often each path is on the node, without what differs from release to release.
    fn held(&self) -> BTreeMap<String, u32> {
        let same = |part: &str| match part.len() {
            64 => "PACK".to_owned(),
            _ if part.contains('-') && part.starts_with(|first: char| first.is_ascii_digit()) => {
                "RELEASE".to_owned()
            }
            _ => part.to_owned(),
        };
        let mut held = BTreeMap::new();
        for name in names(&self.node.root().join(STATE)) {
            let name: Vec<String> = name.split('/').map(same).collect();
            *held.entry(name.join("/")).or_default() += 1;
        }
        held
    }
}

/// Some packs of some files.
fn content(forge: &Forge, text: &str) -> Vec<Pack> {
    (0..PACKS)
        .map(|pack| {
            let files: Vec<(String, String)> = (0..FILES)
                .map(|file| (format!("f{file}"), format!("{text} {pack} {file} ").repeat(50 * (file + 1))))
                .collect();
            let files = files.iter().map(|(name, content)| Entry::file(name, 0o644, content));
            forge.pack(&format!("part{pack}"), &files.collect::<Vec<_>>())
        })
        .collect()
}

const KILLS: usize = 200;
const NODES: usize = 4;
const PACKS: usize = 10;
const FILES: usize = 16;
const OLD: &str = "the old one was live";
const NEW: &str = "the new one was live";
