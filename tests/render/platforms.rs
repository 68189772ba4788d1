//! The embedded platforms: complete, plain, and the only place that names a distro or a cloud.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, iter};

use e2e::tools;
use stringless_core::time::Timestamp;
use stringless_render::platform::{Distro, Platforms};

#[test]
fn no_distro_and_no_cloud_is_named_in_code() {
    let platforms = Platforms::embedded().unwrap();
    let mut names: Vec<String> = Vec::new();
    for distro in &platforms.distros {
        names.extend([distro.id.clone(), distro.name.split(' ').next().unwrap().to_owned()]);
        names.push(distro.os_release.id.to_string());
    }
    for cloud in &platforms.clouds {
        names.extend([cloud.id.clone(), cloud.name.clone()]);
    }
    // The system that a program is built for, as in `x86_64-unknown-linux-musl`, is none of them.
    let targets = platforms.distros.iter().flat_map(|distro| &distro.targets);
    let systems: BTreeSet<&str> = targets.flat_map(|target| target.as_str().split('-').skip(1)).collect();
    names.retain(|name| !systems.contains(&*name.to_lowercase()));
    let mut files =
        vec![tools::root().join("templates/base.tera"), tools::root().join("templates/presign.tera")];
    for code in ["generator/src", "crates/render/src", "web/src"] {
        collect(&tools::root().join(code), &mut files);
    }
    // Examples in `--help` are whole command lines.
    files.retain(|file| !file.ends_with("cli/examples.rs"));
    // The page begins with an example, and its elements have short names.
    files.retain(|file| file.extension().is_none_or(|end| end != "html" && end != "css"));
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for name in &names {
            let named = text.match_indices(name.as_str()).any(|(at, _)| {
                let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                let (before, after) = (&text[..at], &text[at + name.len()..]);
                // `~/.aws` is a folder of the user and `aws configure` a program, whatever machines
                // are rendered for. Packages of one family begin with `!<arch>`.
                let other = before.ends_with("/.")
                    || before.ends_with("\".")
                    || after.starts_with(" configure ")
                    || before.ends_with("!<") && after.starts_with('>');
                !(before.ends_with(inside) || after.starts_with(inside) || other)
            });
            assert!(!named, "{} names `{name}`: data names things, code names kinds", file.display());
        }
    }
}

#[test]
fn the_platforms_are_complete_and_plain() {
    let platforms = Platforms::embedded().unwrap();
    assert!(!platforms.distros.is_empty() && !platforms.clouds.is_empty());
    for distro in &platforms.distros {
        assert!(distro.name.is_ascii(), "{}", distro.id);
        let date = distro.eol.as_ref().map(|eol| format!("{eol}T00:00:00Z"));
        let is_day = date.is_none_or(|date| Timestamp::parse(&date).is_ok());
        assert!(is_day, "{}: eol: no day, as 2030-06-30 is one", distro.id);
        let sourced = distro.eol_source.as_ref().is_some_and(|source| source.starts_with("https://"));
        assert_eq!(
            sourced,
            distro.eol.is_some(),
            "{}: eol_source: the page that names the date of eol",
            distro.id
        );
        let follows = distro.successor.as_ref().is_none_or(|next| platforms.distro(next).is_ok());
        assert!(follows, "{}: successor: no distro has that id", distro.id);
        for target in &distro.targets {
            // Nobody tells the agent where its configuration is.
            let system = target.as_str().split('-').find(|part| ["linux", "freebsd"].contains(part)).unwrap();
            let looks = stringless_core::config::file_on(system);
            assert_eq!(looks, format!("{}/agent.json", distro.paths.etc), "{}", distro.id);
        }
        for folder in [&distro.paths.bin, &distro.paths.etc, &distro.paths.state] {
            assert!(folder.starts_with('/') && folder.bytes().all(plain), "{}: {folder}", distro.id);
        }
        let known = |id: &stringless_core::name::Name| {
            platforms.boot_agents.iter().any(|boot| boot.id == id.as_str())
        };
        let runs = !distro.boot_agents.is_empty() && distro.boot_agents.iter().all(known);
        assert!(runs, "{}: boot_agents: not ids of templates/boot/", distro.id);
        assert!(platforms.pairs().any(|(one, _)| one.id == distro.id), "{}: on no cloud", distro.id);
        let file = fs::read_to_string(tools::root().join(format!("distros/{}.yaml", distro.id))).unwrap();
        assert!(file.lines().count() <= 15, "{}: more than its family's file leaves to say", distro.id);
        assert!(!distro.targets.is_empty(), "{}", distro.id);
    }
    for cloud in &platforms.clouds {
        let said = !cloud.encodings.is_empty() && cloud.docs.starts_with("https://");
        assert!(said, "{}: no encodings, or docs is no https:// address", cloud.id);
        assert!(cloud.name.is_ascii() && cloud.paste_into.is_ascii(), "{}", cloud.id);
        let address = |text: &String| text.parse::<std::net::IpAddr>().is_ok();
        assert!(cloud.lock.iter().all(address), "{}: {:?}", cloud.id, cloud.lock);
        // A lock that leaves out one address of the service locks nothing.
        let asked = cloud.metadata.iter().flat_map(|metadata| &metadata.address);
        for address in asked.filter(|_| !cloud.lock.is_empty()) {
            let host = address.trim_start_matches("http://").trim_matches(['[', ']']).trim_end_matches("%*");
            assert!(cloud.lock.iter().any(|locked| locked == host), "{}: lock: {host} is missing", cloud.id);
        }
        let known = |id: &stringless_core::name::Name| {
            platforms.boot_agents.iter().any(|boot| boot.id == id.as_str())
        };
        let runs = !cloud.boot_agents.is_empty() && cloud.boot_agents.iter().all(known);
        assert!(runs, "{}: boot_agents: not ids of templates/boot/", cloud.id);
        if let Some(metadata) = &cloud.metadata {
            metadata.check().unwrap_or_else(|why| panic!("{}: {why}", cloud.id));
        }
        for agent in cloud.paste_elsewhere.keys() {
            assert!(cloud.boot_agents.iter().any(|id| id.as_str() == agent), "{}: {agent}", cloud.id);
        }
    }
    for boot in &platforms.boot_agents {
        assert!(!boot.forms.is_empty() && boot.docs.starts_with("https://"), "{}", boot.id);
        assert!(!boot.log.is_empty() && boot.log.is_ascii(), "{}", boot.id);
    }
    each_stands_for_one(platforms.distros.iter().map(|distro| (&distro.id, &distro.aliases)));
    each_stands_for_one(platforms.clouds.iter().map(|cloud| (&cloud.id, &cloud.aliases)));
    let fault = platforms.distro("debain-12").unwrap_err();
    assert!(fault.hint.unwrap().contains("debian-12"));
}

/// The addresses of IPv6 at which each metadata service answers, as its vendor or its own source says; of the
/// others no such address was found. The one of `gce` stands in code of others only.
const ADDRESSES_OF_IPV6: [(&str, &[&str]); 14] = [
    ("alibaba", &[]),
    ("aws", &["fd00:ec2::254"]),
    ("azure", &[]),
    ("digitalocean", &[]),
    ("exoscale", &[]),
    ("gce", &["fd20:ce::254"]),
    ("hetzner", &["fe80::a9fe:a9fe"]),
    ("linode", &["fd00:a9fe:a9fe::1", "fe80::a9fe:a9fe"]),
    ("openstack", &["fe80::a9fe:a9fe"]),
    ("oracle", &["fd00:c1::a9fe:a9fe"]),
    ("ovhcloud", &["fe80::a9fe:a9fe"]),
    ("scaleway", &["fd00:42::42"]),
    ("upcloud", &[]),
    ("vultr", &[]),
];

/// A service that is forgotten here answers every user of a node whose `--lock-metadata` names IPv4 alone.
#[test]
fn each_metadata_service_is_asked_and_locked_at_its_addresses_of_ipv6() {
    let platforms = Platforms::embedded().unwrap();
    let with_service = platforms.clouds.iter().filter(|cloud| cloud.metadata.is_some());
    let ids: Vec<&str> = with_service.clone().map(|cloud| &*cloud.id).collect();
    assert_eq!(ids, ADDRESSES_OF_IPV6.map(|(id, _)| id), "find out whether it answers at an address of IPv6");
    for (cloud, (_, expected)) in with_service.zip(ADDRESSES_OF_IPV6) {
        let asked = cloud.metadata.iter().flat_map(|metadata| &metadata.address);
        let asked: Vec<&str> = asked.filter_map(|address| address.strip_prefix("http://[")).collect();
        let asked: Vec<&str> =
            asked.iter().map(|rest| rest.trim_end_matches(']').trim_end_matches("%*")).collect();
        assert_eq!(asked, expected, "{}: metadata: address", cloud.id);
        let locked: Vec<&str> = cloud.lock.iter().map(|address| &**address).collect();
        let locked: Vec<&str> = locked.into_iter().filter(|address| address.contains(':')).collect();
        // Where root alone is answered, nothing is locked.
        assert!(cloud.lock.is_empty() || locked == expected, "{}: lock: {locked:?}", cloud.id);
        let for_root = cloud.readable_by.starts_with("root");
        assert!(!cloud.lock.is_empty() || for_root, "{}: lock is empty", cloud.id);
    }
}

/// For how many days an ended release may stay: from its last day on `render` refuses it and names its successor, and
/// `list` marks it, so its users know at once, and the day itself stops nobody's work.
const DAYS_WITH_SUCCESSOR: u64 = 90;
/// The same without a supported successor: its users are left without advice.
const DAYS_WITHOUT_SUCCESSOR: u64 = 14;

/// Time alone makes this test fail in the end: then the catalogue has aged.
#[test]
fn no_release_of_the_catalogue_has_ended() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let aged = aged(&Platforms::embedded().unwrap(), now);
    assert!(
        aged.is_empty(),
        "{}\nremove its file of distros/, or correct `eol`, and name the source",
        aged.join("\n")
    );
}

#[test]
fn a_release_that_has_ended_does_not_stay() {
    let platforms = Platforms::embedded().unwrap();
    for distro in &platforms.distros {
        let Some(eol) = &distro.eol else { continue };
        let last = Timestamp::parse(&format!("{eol}T12:00:00Z")).unwrap().seconds();
        let stays = |days: u64| {
            let aged = aged(&platforms, last + days * 86_400);
            !aged.iter().any(|line| line.starts_with(&format!("{}: ", distro.id)))
        };
        assert!(stays(DAYS_WITHOUT_SUCCESSOR), "{}", distro.id);
        assert!(!stays(DAYS_WITH_SUCCESSOR + 1), "{}", distro.id);
        let advice = distro.successor.is_some();
        assert!(advice || !stays(DAYS_WITHOUT_SUCCESSOR + 1), "{}", distro.id);
    }
}

/// The releases that have been past their end for too long at this time, in seconds.
fn aged(platforms: &Platforms, now: u64) -> Vec<String> {
    let at = |seconds| Timestamp::from_seconds(seconds);
    let line = |distro: &Distro| {
        let next = distro.successor.as_deref().and_then(|id| platforms.distro(id).ok());
        let advice = next.is_some_and(|next| next.ended(at(now)).is_none());
        let days = if advice { DAYS_WITH_SUCCESSOR } else { DAYS_WITHOUT_SUCCESSOR };
        let day = distro.ended(at(now.saturating_sub(days * 86_400)))?;
        let source = distro.eol_source.as_deref().unwrap_or("no source");
        Some(format!("{}: its support ended on {day} ({source})", distro.id))
    };
    platforms.distros.iter().filter_map(line).collect()
}

fn each_stands_for_one<'a>(all: impl Iterator<Item = (&'a String, &'a Vec<String>)>) {
    let mut names = BTreeMap::new();
    for (id, aliases) in all {
        for name in iter::once(id).chain(aliases) {
            let other = names.insert(name, id);
            assert!(other.is_none(), "{id}: aliases: `{name}` stands for {} already", other.unwrap());
        }
    }
}

/// What may stand in a path of a script without quotes.
fn plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"/.-_".contains(&b)
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}
