//! Every format that machines write, as the program writes it: `make fixtures` writes `tests/fixtures/formats/1`,
//! and this code reads it. Until the first release, they are written again when a format changes; after it, they stay.

mod fixture;
mod upgrade;

use stringless::modules::lockfile::{Follows, LockedModule, Lockfile};
use stringless_core::config::{AgentSettings, Config, CredentialSource, Layer, NodeStore};
use stringless_core::fleet::admit::SeenHead;
use stringless_core::fleet::duty::{FleetKey, TrustedFleetKey};
use stringless_core::fleet::head::{Gathered, Head, HeadType, ManifestRef, Next, RolloutState, Wave};
use stringless_core::fleet::selector::Selector;
use stringless_core::fleet::window::{ClockTime, Day, Window};
use stringless_core::hash::Sha256;
use stringless_core::history::History;
use stringless_core::key::PublicKey;
use stringless_core::label::{self, Labels};
use stringless_core::manifest::{
    AgentFile, AgentPin, Apply, Engine, Failure, Manifest, ManifestType, Module, Origin, ScriptEngine, Source,
};
use stringless_core::metadata::Metadata;
use stringless_core::notify::{Event, Notices, Notify};
use stringless_core::pack::Pack;
use stringless_core::report::{LayerReport, Outcome, Over, Report, RoleSource};
use stringless_core::sigv4::Credentials;
use stringless_core::state::{Applied, Failed, Release, Seen, State};
use stringless_core::store::Style;
use stringless_core::tag::RoleTag;
use stringless_core::time::Timestamp;
use stringless_core::trust::{Trust, TrustKey, TrustType};
use stringless_core::version::Version;
use stringless_core::{json, verify};
use stringless_render::agent_lock::{AgentLock, PuppetPins, ReleasePin};

use self::fixture::{document, fixture, key, signed_fixture};
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

/// A key that signs nothing: it is the one of minisign's own releases.
fn fleet_key() -> PublicKey {
    PublicKey::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap()
}

fn head() -> Head {
    let release = |serial| ManifestRef { trust_version: 1, serial, sha256: Sha256::of(b"manifest") };
    let ManifestRef { trust_version, serial, sha256 } = release(13);
    Head {
        kind: HeadType::Head,
        format: 1,
        needs: Vec::new(),
        site: name("example"),
        environment: name("production"),
        trust_version: 2,
        version: 7,
        created: time("2026-11-20T18:00:00Z"),
        expires: Some(time("2026-12-20T18:00:00Z")),
        stable: release(12),
        next: Some(Next {
            trust_version,
            serial,
            sha256,
            since: time("2026-11-20T18:00:00Z"),
            until: Some(time("2026-11-22T18:00:00Z")),
            was: vec![11],
            salt: 13,
            state: RolloutState::Hold,
            why: Some("2 nodes failed".into()),
            rush: true,
            first: Some(Selector::parse("canary=yes|first,role!=db").unwrap()),
            waves: vec![
                Wave { share: 0, from: Some(time("2026-11-20T18:00:00Z")) },
                Wave { share: 10_000, from: None },
            ],
            window: Some(Window {
                days: vec![Day::Mon, Day::Thu],
                from: ClockTime::try_from("08:00".to_owned()).unwrap(),
                minutes: 480,
                offset: -60,
            }),
        }),
        gathered: [(name("peers"), Gathered { sha256: Sha256::of(b"peers"), size: 5 })].into(),
        marks: (0..256).collect(),
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

#[test]
fn the_configuration_of_a_node_and_a_layer() {
    let keys = Credentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "not-a-secret".into(),
        session_token: Some("token".into()),
    };
    let store = |url: &str, credentials| NodeStore {
        url: url.into(),
        region: url.starts_with("s3").then(|| "eu-central-1".into()),
        endpoint: url.starts_with("s3").then(|| "https://s3.example.org".into()),
        style: url.starts_with("s3").then_some(Style::Path),
        credentials,
    };
    let sources = vec![
        CredentialSource::InstanceRole,
        CredentialSource::Container,
        CredentialSource::Environment,
        CredentialSource::None,
    ];
    let layer = Layer {
        site: name("base"),
        environment: name("production"),
        min_serial: 3,
        interval: 300,
        splay: 60,
        trust: stringless_core::trust::TrustedKeys {
            version: 1,
            threshold: 1,
            keys: vec![public(&key())],
            fleet: vec![TrustedFleetKey { key: fleet_key(), may: Some(vec!["head".into()]) }],
        },
        stores: vec![store("s3://bucket/prefix", sources), store("https://example.org/site", Vec::new())],
    };
    let bytes = document("layer.json", &layer);
    assert_eq!(stringless_render::layer::parse(&bytes, "layer.json").unwrap(), layer);
    let own = Layer {
        site: name("example"),
        stores: vec![store("s3://other", vec![CredentialSource::Static(keys)])],
        ..layer.clone()
    };
    let metadata = r#"{"dmi": [{"sys_vendor": "Example"}], "kernel": ["example"],
        "address": ["http://169.254.169.254", "http://[fd00:ec2::254]"], "headers": {"Metadata": "true"},
        "token": {"path": "/token", "headers": {"ttl": "60"}, "header": "token"},
        "instance_id": {"path": "/id"}, "region": {"path": "/zone", "json": "/zone", "after": "/", "before": "-"}}"#;
    let signal = r#"{"service": "example", "region": "eu-central-1", "endpoint": "https://example.org/",
        "credentials": ["instance_role"], "fields": {"Id": "{instance}"}, "success": {"A": "1"}, "failure": {"A": "0"}}"#;
    let tag = r#"{"tag": "role", "path": "/tags", "answer": {"pairs": "/list"}, "needs": "the tag `role`"}"#;
    let config = Config {
        format: 1,
        needs: Vec::new(),
        rendered: time("2026-11-20T18:00:00Z"),
        node: Some(name("web-1")),
        role: None,
        role_from: Some(serde_json::from_str::<RoleTag>(tag).unwrap()),
        labels: labels(),
        state_dir: "/srv/stringless".into(),
        disk_budget: Some(2 << 30),
        proxy: Some("http://proxy:3128".into()),
        no_proxy: Some("localhost".into()),
        ca_file: Some("/etc/stringless/ca.pem".into()),
        metadata: Some(serde_json::from_str::<Metadata>(metadata).unwrap()),
        notify: Some(Notify {
            on: vec![Event::Failed, Event::Recovered],
            run: Some("/usr/local/sbin/notice".into()),
            url: None,
            per_hour: 12,
        }),
        signal: vec![serde_json::from_str(signal).unwrap()],
        agent: AgentSettings { follow: false },
        layers: vec![layer, own],
    };
    let bytes = document("agent.json", &config);
    assert_eq!(Config::parse_and_list_unknown(&bytes), Ok((config, Vec::new())));
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
