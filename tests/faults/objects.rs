//! What a store may hold.

use std::fs;
use std::path::Path;
use std::process::Command;

use e2e::forge::{Entry, Forge, name, sign, trust};
use e2e::process::succeed;
use e2e::random::Dice;
use minisign::KeyPair;
use serde::Deserialize;
use serde_json::json;
use stringless_core::layout;
use stringless_core::manifest::Manifest;
use stringless_core::pack::Pack;

/// What is on a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holding {
    /// Release 8.
    Fresh,
    /// Release 7, which most nodes have.
    Stale,
    /// Release 6.
    Old,
    /// Nothing.
    Empty,
    /// Release 8 with a byte of its manifest changed.
    Corrupt,
    /// Release 99, signed by a stranger.
    Foreign,
    /// Another release 8, rightly signed.
    Twin,
    /// The manifest of release 8 alone.
    NoPacks,
    /// Release 8, with a byte of each pack changed.
    BadPacks,
    /// Release 8, made and signed under a second trust, and that trust.
    Rotated,
    /// The same without the trust.
    RotatedNoTrust,
    /// The trust alone.
    TrustAlone,
}

impl Holding {
    /// What a store holds once the publisher has seen to it.
    pub fn mended(self) -> Self {
        match self {
            Self::Twin => Self::Twin,
            Self::Rotated | Self::RotatedNoTrust | Self::TrustAlone => Self::Rotated,
            _ => Self::Fresh,
        }
    }
}

/// A publisher, and what it published until some time.
pub struct Shelf {
    /// Its key.
    pub forge: Forge,
    folder: tempfile::TempDir,
    data: Pack,
    script: Pack,
}

impl Shelf {
    /// Publishes everything.
    pub fn new() -> Self {
        let forge = Forge::new();
        let folder = tempfile::tempdir().unwrap();
        let keep = |name: &str| copy(forge.bucket(), &folder.path().join(name));
        forge.publish(&release(&forge, 6));
        keep("old");
        forge.publish(&release(&forge, 7));
        keep("stale");
        let twin = forge.manifest(8, vec![script(&forge, "another 8")]);
        forge.publish(&twin);
        keep("twin");
        let foreign = Forge::new();
        foreign.publish(&release(&foreign, 99));
        copy(foreign.bucket(), &folder.path().join("foreign"));
        let eight = release(&forge, 8);
        let (script, data) = (eight.packs[0].clone(), eight.packs[1].clone());
        forge.publish(&eight);
        keep("fresh");
        rotate(&forge, &eight);
        keep("rotated");
        Self { forge, folder, data, script }
    }

    /// The address of a store with release 7.
    pub fn first(&self) -> String {
        format!("file://{}/stale", self.folder.path().display())
    }

    /// Puts a holding where a store serves it.
    pub fn fill(&self, place: &Path, holding: Holding) {
        let fresh = |from: &str| copy(&self.folder.path().join(from), place);
        match holding {
            Holding::Fresh => fresh("fresh"),
            Holding::Stale => fresh("stale"),
            Holding::Old => fresh("old"),
            Holding::Empty => fs::create_dir(place).unwrap(),
            Holding::Foreign => fresh("foreign"),
            Holding::Twin => fresh("twin"),
            Holding::Rotated => fresh("rotated"),
            Holding::RotatedNoTrust => {
                fresh("rotated");
                fs::remove_dir_all(place.join("trust")).unwrap();
            }
            Holding::TrustAlone => {
                fresh("rotated");
                fs::remove_dir_all(place.join("env")).unwrap();
                fs::remove_dir_all(place.join("packs")).unwrap();
            }
            Holding::Corrupt => {
                fresh("fresh");
                change(&place.join(manifest_key()), 600);
            }
            Holding::NoPacks => {
                fresh("fresh");
                fs::remove_dir_all(place.join("packs")).unwrap();
            }
            Holding::BadPacks => {
                fresh("fresh");
                let packs = fs::read_dir(place.join("packs")).unwrap();
                packs.for_each(|pack| change(&pack.unwrap().path(), 30));
            }
        }
    }

    /// The key of what a case calls by `name`.
    pub fn key(&self, name: &str) -> String {
        match name {
            "manifest" => manifest_key(),
            "pack" => layout::pack(&self.data.sha256),
            "script" => layout::pack(&self.script.sha256),
            "trust" => layout::trust(2),
            other => panic!("no object is called `{other}`"),
        }
    }
}

fn manifest_key() -> String {
    layout::head(&name("production"))
}

/// A release of a script and 100 KB that do not compress.
fn release(forge: &Forge, serial: u64) -> Manifest {
    let mut dice = Dice::new(serial);
    let noise: String = (0..130_000).map(|_| char::from(33 + dice.below(90) as u8)).collect();
    let data = forge.pack("data", &[Entry::file("noise", 0o644, &noise)]);
    forge.manifest(serial, vec![script(forge, &serial.to_string()), data])
}

fn script(forge: &Forge, serial: &str) -> Pack {
    forge.script(&format!("echo 'release {serial}' >\"$OUT/applied\""))
}

/// Moves on to a second trust, with a key of its own.
fn rotate(forge: &Forge, eight: &Manifest) {
    let next = KeyPair::generate_unencrypted_keypair().unwrap();
    let payload = trust(&[&next], 2, &json!({"production": 8})).to_string();
    forge.put(&layout::trust(2), &sign(&[&forge.key, &next], payload.as_bytes(), "trust example keys 2"));
    forge.publish_by(&next, &Manifest { trust_version: 2, ..eight.clone() });
}

fn change(file: &Path, place: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[place] ^= 1;
    fs::write(file, bytes).unwrap();
}

fn copy(from: &Path, to: &Path) {
    succeed(Command::new("cp").arg("-r").arg(from).arg(to), e2e::process::PATIENCE);
}
