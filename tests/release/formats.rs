//! Every format that machines write, as the program writes it: `make fixtures` writes `tests/fixtures/formats/1`,
//! and this code reads it. Until the first release, they are written again when a format changes; after it, they stay.

mod configuration;
mod fixture;
mod head;
mod upgrade;

use stringless::modules::lockfile::{Follows, LockedModule, Lockfile};
use stringless_core::fleet::admit::SeenHead;
use stringless_core::fleet::duty::FleetKey;
use stringless_core::hash::Sha256;
use stringless_core::history::History;
use stringless_core::label::{self, Labels};
use stringless_core::manifest::{
    AgentFile, AgentPin, Apply, Engine, Failure, Manifest, ManifestType, Module, Origin, ScriptEngine, Source,
};
use stringless_core::notify::Notices;
use stringless_core::pack::Pack;
use stringless_core::report::{LayerReport, Outcome, Over, Report, RoleSource};
use stringless_core::state::{Applied, Failed, Release, Seen, State};
use stringless_core::time::Timestamp;
use stringless_core::trust::{Trust, TrustKey, TrustType};
use stringless_core::version::Version;
use stringless_core::{json, verify};
use stringless_render::agent_lock::{AgentLock, PuppetPins, ReleasePin};

use self::fixture::{document, fixture, key, signed_fixture};
use self::head::{fleet_key, head};
use e2e::forge::{name, public};

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn version() -> Version {
    Version::parse("0.1.0").unwrap()
}

fn pin() -> AgentPin {
    let file = |text: &[u8]| AgentFile { size: text.len() as u64, sha256: Sha256::of(text) };
    let targets =
        [("x86_64-unknown-linux-musl", file(b"one")), ("aarch64-unknown-linux-musl", file(b"other"))];
    AgentPin {
        minimum: version(),
        version: version(),
        allow_downgrade: true,
        targets: targets.map(|(target, file)| (name(target), file)).into(),
    }
}

fn manifest() -> Manifest {
    let packs = ["", "modules/apt"].map(|path| Pack {
        path: path.into(),
        sha256: Sha256::of(path.as_bytes()),
        size: 1000,
        unpacked: 4000,
        files: 10,
    });
    Manifest {
        kind: ManifestType::Manifest,
        format: 1,
        needs: Vec::new(),
        site: name("example"),
        environment: name("production"),
        serial: 12,
        trust_version: 1,
        created: time("2026-11-20T18:00:00Z"),
        expires: Some(time("2026-12-20T18:00:00Z")),
        retired: false,
        agent: pin(),
        apply: Apply {
            engine: Engine::Script(ScriptEngine { run: "apply".into(), noop: true, root: true }),
            timeout: 600,
            reapply: Some(1800),
            failure: Failure { tries: 2, quarantine: None, fall_back: true },
        },
        packs: packs.into(),
        source: Source {
            tool: "stringless 0.1.0".into(),
            commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
            dirty: true,
            branch: Some("main".into()),
            follows: Some(11),
            release: Some(Origin { environment: name("staging"), serial: 7 }),
            modules: vec![Module {
                path: "modules/apt".into(),
                name: "puppetlabs/apt".into(),
                version: "9.4.0".into(),
                from: "https://forgeapi.puppet.com".into(),
            }],
        },
    }
}

#[test]
fn a_manifest_a_trust_document_and_a_head() {
    let key = key();
    let trust = Trust {
        kind: TrustType::Trust,
        format: 1,
        needs: Vec::new(),
        site: name("example"),
        version: 2,
        threshold: 1,
        keys: vec![TrustKey { name: name("release"), id: public(&key).id(), key: public(&key) }],
        fleet: vec![FleetKey {
            name: name("tick"),
            id: fleet_key().id(),
            key: fleet_key(),
            may: Some(vec!["head".into()]),
        }],
        expires: Some(time("2027-11-20T18:00:00Z")),
        min_serial: [(name("production"), 3)].into(),
    };
    let bytes = signed_fixture("trust", &json::write(&trust), &trust.comment());
    assert_eq!(*verify::own_trust_document(&bytes, &name("example")).unwrap(), trust);
    let manifest = manifest();
    let bytes = signed_fixture("manifest", &json::write(&manifest), &manifest.comment());
    let read = verify::manifest(&bytes, &trust.trusted_keys(), &name("example"), &name("production"));
    assert_eq!(*read.unwrap(), manifest);
    let head = head();
    let bytes = signed_fixture("head", &json::write(&head), &head.comment());
    let read = verify::head(&bytes, &trust.trusted_keys(), &name("example"), &name("production"));
    assert_eq!(*read.unwrap(), head);
    let retired = Manifest { retired: true, packs: Vec::new(), expires: None, ..manifest };
    document("manifest-retired.json", &retired);
}

fn labels() -> Labels {
    Labels::new([(name("dc"), "fra1".to_owned())].into()).unwrap()
}

#[test]
fn what_a_node_remembers_and_reports() {
    let release = |serial| Release { environment: name("production"), serial, id: "0123456789abcdef".into() };
    let at = time("2026-11-20T19:00:00Z");
    let over = Some(Sha256::of(b"modules"));
    let role = label::identity(Some(&name("web")), &labels());
    let seen = Seen {
        serial: 12,
        trust_version: 2,
        made_under: 1,
        sha256: Sha256::of(b"manifest"),
        etags: [("https://example.org/site".into(), "\"etag\"".into())].into(),
    };
    let seen_head = SeenHead {
        version: 7,
        made_under: 2,
        trust_version: 2,
        sha256: Sha256::of(b"head"),
        etags: [("https://example.org/site".into(), "\"etag\"".into())].into(),
    };
    let state = State {
        format: 1,
        needs: Vec::new(),
        seen: [(name("production"), seen)].into(),
        heads: [(name("production"), seen_head)].into(),
        last_good: [(name("production"), release(11))].into(),
        applied: Some(Applied { release: release(12), at, ok: false, over, role }),
        failed: [(name("production"), Failed { release: release(12), times: 2, at, over, role })].into(),
    };
    document("state.json", &state);
    let report = Report {
        format: 1,
        needs: Vec::new(),
        agent: "0.1.0".into(),
        node: "i-0123456789abcdef0".into(),
        region: Some(name("eu-central-1")),
        role: Some(name("web")),
        role_from: Some(RoleSource::Tag),
        labels: labels(),
        started: at,
        milliseconds: 1234,
        outcome: Outcome::EngineFailed,
        exit_code: 4,
        previous: Some(version()),
        quarantined: Some(upgrade::left()),
        warnings: vec!["agent 0.2.0 is not installed, and left alone".into()],
        layers: vec![LayerReport {
            site: name("example"),
            environment: name("production"),
            outcome: Outcome::EngineFailed,
            noop: true,
            live: Some(release(12)),
            reason: Some("new release".into()),
            requests: 3,
            received: 5000,
            fetched: 2,
            error: Some("the script engine ended with status 1".into()),
            engine_status: Some(1),
            over: vec![Over { site: name("base"), release: release(4) }],
            output: "text\n".into(),
            warnings: vec!["the manifest expires at 2026-12-20T18:00:00Z".into()],
        }],
    };
    document("last-run.json", &report);
    let mut history = History::default();
    assert!(history.add(&report));
    assert_eq!(History::parse(&document("runs.json", &history)), history);
    let notices =
        Notices { failing: Some(Outcome::EngineFailed), sent: vec![at], left_out: 2, ..Notices::default() };
    document("notices.json", &notices);
}

#[test]
fn the_lock_files_of_a_site() {
    let lock = AgentLock {
        format: 1,
        needs: Vec::new(),
        agents: vec![pin()],
        puppet: Some(PuppetPins {
            version: "8.24.1".into(),
            releases: [(
                "debian-13".into(),
                ReleasePin { url: "https://example.org/release.deb".into(), sha256: Sha256::of(b"deb") },
            )]
            .into(),
        }),
    };
    document("stringless.lock.json", &lock);
    let forge = LockedModule {
        forge: Some("https://forgeapi.puppet.com".into()),
        version: Some("9.4.0".into()),
        sha256: Some(Sha256::of(b"archive")),
        needs: [("puppetlabs/stdlib".into(), ">= 9.0.0 < 10.0.0".into())].into(),
        ..LockedModule::new("puppetlabs/apt")
    };
    let git = LockedModule {
        git: Some("https://example.org/motd.git".into()),
        branch: Some("main".into()),
        follows: Some(Follows::ControlBranch),
        commit: Some("0123456789abcdef0123456789abcdef01234567".into()),
        exclude_spec: true,
        ..LockedModule::new("motd")
    };
    let modules = [("modules/apt".into(), forge), ("modules/motd".into(), git)].into();
    let lock = Lockfile { modules };
    let bytes = fixture("Puppetfile.lock", lock.text().as_bytes());
    assert_eq!(Lockfile::parse(&String::from_utf8(bytes).unwrap(), "Puppetfile.lock").unwrap(), lock);
}
