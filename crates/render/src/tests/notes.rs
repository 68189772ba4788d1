//! The notes beside a rendering.

use super::*;

#[test]
fn the_notes_are_about_this_rendering() {
    let case = Case::new(SITE);
    let notes = |request: Request<'_>| render(&request).unwrap().explain(&request, "user-data").notes;
    let cloud = &case.request(true).cloud.notes;
    assert_eq!(&notes(case.request(true)), cloud);
    // The first notes are about a key that every process can read, and how to do without it.
    let mut keyed = case.request(false);
    let found = notes(keyed.clone());
    assert!(found[0].starts_with("WARNING: the user-data holds a key, readable by "), "{found:?}");
    assert!(found[1].contains("need no key") && found[1].contains("may only read"), "{found:?}");
    assert!(found[1].contains("--lock-metadata") && found[2..].starts_with(&keyed.cloud.notes), "{found:?}");
    keyed.lock = Some(MetadataLock::Wanted);
    let found = notes(keyed);
    assert!(found[0].starts_with("the user-data holds a key") && found[0].contains("script restricts it"));
    assert!(!found[1].contains("--lock-metadata"), "{found:?}");
    let at = |text: &str| Request { now: Timestamp::parse(text).unwrap(), ..case.request(true) };
    let eol = case.distro().eol.clone().unwrap();
    assert!(notes(at(&format!("{eol}T23:59:59Z"))).last().unwrap().ends_with(&format!(" ends on {eol}")));
    assert!(notes(at("9999-01-01T00:00:00Z")).last().unwrap().starts_with("the support of "));
}

#[test]
fn a_note_describes_an_interval_that_cron_cannot_keep() {
    let note_about_cron = |node: &str| {
        let case = Case::new(&format!("{SITE}node: {{{node}}}\n"));
        let notes = render(&case.request(true)).unwrap().notes;
        notes.into_iter().find(|note| note.contains("cron"))
    };
    let note = note_about_cron("schedule: cron, interval: 45m").unwrap();
    assert!(note.contains("`node.interval` is 45m, which cron cannot keep: "), "{note}");
    // A timer falls back to cron on a node without systemd.
    let note = note_about_cron("schedule: timer, interval: 90m").unwrap();
    assert!(note.contains("if the node has no systemd: it starts the agent every hour"), "{note}");
    for exact in ["schedule: cron, interval: 2h", "schedule: timer", "schedule: boot, interval: 45m"] {
        assert_eq!(note_about_cron(exact), None, "{exact}");
    }
}

#[test]
fn notes_name_secrets_folders_and_links_that_expire() {
    let notes = |case: &Case, role| render(&case.request(role)).unwrap().notes;
    let stores = SITE.replace("{url: 's3://example/nodes', region: eu-central-1}", "{url: 'file:///srv/a'}");
    let folder = Case::new(&stores);
    for role in [true, false] {
        let found = notes(&folder, role);
        let warned = "WARNING: the store `/srv/a` is a folder on the node, which a new machine of ";
        assert!(found.len() == 1 && found[0].starts_with(warned), "nothing about credentials: {found:?}");
    }
    let own = folder.platforms.clouds.iter().find(|cloud| cloud.own_machines).unwrap();
    let found = render(&Request { cloud: own, ..folder.request(false) }).unwrap().notes;
    assert_eq!(found, ["`/srv/a` is a folder on the node: it must exist at the first boot"]);
    for (proxy, named) in [("http://proxy:3128/", false), ("http://me:secret@proxy:3128", true)] {
        let case = Case::new(&format!("{SITE}node: {{proxy: '{proxy}'}}\n"));
        let first = notes(&case, true).remove(0);
        assert_eq!(first.starts_with("WARNING: the user-data holds the password of "), named, "{first}");
        assert!(!first.contains("secret"), "{first}");
    }
    let case = Case::new(&format!("{SITE}node: {{first_fetch: presigned}}\n"));
    let target = case.targets.keys().next().unwrap();
    for (query, why) in [("X-Amz-Signature=1", "within seven days"), ("X-Amz-Security-Token=1", "session")] {
        let presigned = BTreeMap::from([(target.clone(), format!("https://h/a?{query}"))]);
        let last = render(&Request { presigned, ..case.request(true) }).unwrap().notes.pop().unwrap();
        assert!(last.starts_with("its link to the agent expires") && last.contains(why), "{last}");
    }
    let puppet = SITE.replace("{script: {run: apply}}", "{puppet: {}}");
    let id = &case.distro().id;
    let pin = Sha256::of(b"");
    for (settings, noted) in [
        ("package: distro".to_owned(), false),
        (format!("version: 8.28.1, release_sha256: {{{id}: {pin}}}"), true),
    ] {
        let case = Case::new(&format!("{puppet}puppet: {{{settings}}}\n"));
        assert_eq!(notes(&case, true).pop().unwrap().contains("no test has installed"), noted, "{settings}");
    }
}
