use std::collections::BTreeMap;

use super::*;

fn settings(text: &str) -> CheckSettings {
    serde_yaml::from_str(text).unwrap()
}

fn file(path: &str, content: &str) -> File {
    File { path: path.into(), kind: FileKind::Regular(FileContent::Bytes(content.as_bytes().into())) }
}

#[test]
fn results_are_cached_by_content() {
    let folder = tempfile::tempdir().unwrap();
    let check = |files: &[File]| run(&CheckSettings::default(), files, folder.path()).unwrap();
    let files = [file("data/a.yaml", "a: [1\n"), file("data/b.yaml", "b: 1\n"), file("x.json", "{}")];
    let first = check(&files);
    assert_eq!(first.files, BTreeMap::from([(Check::Yaml, 2), (Check::Json, 1)]));
    assert_eq!(first.findings.len(), 1);
    let finding = first.findings[0].to_string();
    assert!(finding.starts_with("data/a.yaml:2: did not find expected"), "{finding}");

    // The cached result is used; nothing is checked again.
    let memory = folder.path().join("known.json");
    let text = std::fs::read_to_string(&memory).unwrap();
    std::fs::write(&memory, text.replace("did not find", "did find")).unwrap();
    let again = check(&files);
    assert!(again.findings[0].message.starts_with("did find expected"), "{again:?}");
    // The same content under another name, and content that is new.
    let more = check(&[file("data/c.yaml", "a: [1\n"), file("data/d.yaml", "a: ]\n")]);
    let messages: Vec<&str> = more.findings.iter().map(|finding| &*finding.message).collect();
    assert!(messages[0].starts_with("did find") && messages[1].starts_with("did not find"), "{messages:?}");

    // A damaged cache counts as empty.
    std::fs::write(&memory, "{").unwrap();
    assert_eq!(check(&files), first);
}

#[test]
fn the_same_bytes_are_known_wherever_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    std::fs::write(&path, "a: [1\n").unwrap();
    let stamp = crate::source::content::FileStamp::of(&std::fs::metadata(&path).unwrap());
    let disk = File { path: "x.yaml".into(), kind: FileKind::Regular(FileContent::Disk { path, stamp }) };
    let check = |file: File| run(&CheckSettings::default(), &[file], folder.path()).unwrap();
    let first = check(file("x.yaml", "a: [1\n"));
    let memory = folder.path().join("known.json");
    let text = std::fs::read_to_string(&memory).unwrap();
    std::fs::write(&memory, text.replace("did not find", "did find")).unwrap();
    let second = check(disk);
    assert!(second != first && second.findings[0].message.starts_with("did find"), "{second:?}");
}

#[test]
fn what_is_required_stops_and_what_is_off_does_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let files = [file("a.yaml", "a: ["), file("b.json", "{")];
    let checked = |text: &str| run(&settings(text), &files, folder.path()).unwrap();
    let verdict =
        |text: &str| checked(text).verdict("production").map_err(|e| (e.exit_code(), e.to_string()));
    assert_eq!(verdict("{}"), Ok(()));
    assert_eq!(checked("{yaml: off, json: off}"), Checked::default());
    let (code, error) = verdict("{yaml: required}").unwrap_err();
    assert!(code == 3 && error.starts_with("checking `production`: a.yaml:2: "), "{error}");
    let (_, error) = verdict("{yaml: required, json: required}").unwrap_err();
    assert!(error.ends_with(" (yaml), and 1 more"), "{error}");
    assert_eq!(verdict("{yaml: required, ignore: [a.*]}"), Ok(()));
    assert!(checked("{ignore: ['*']}").findings.is_empty());
}

#[test]
fn files_go_to_the_checks_that_know_them() {
    for (path, expected) in [
        ("manifests/site.pp", Some(Check::Puppet)),
        ("modules/a/templates/x.conf.epp", Some(Check::Epp)),
        ("modules/a/templates/x.yaml.erb", Some(Check::Erb)),
        ("modules/a/templates/x.yaml", None),
        ("data/secret.eyaml", Some(Check::Yaml)),
        ("a.yml", Some(Check::Yaml)),
        (".vscode/settings.json", None),
        (".rubocop.yml", None),
        ("metadata.json", Some(Check::Json)),
        ("modules/a/spec/fixtures/manifests/bad.pp", None),
        ("spec/fixtures/x.json", None),
        ("README", None),
        ("pp", None),
    ] {
        let found: Vec<Check> =
            ALL.into_iter().filter(|check| *check != Check::Checkout && check.wants(path)).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{path}");
    }
    for (path, expected) in [
        ("modules/a/lib/facter/x.rb", true),
        ("modules/a/templates/x.erb", true),
        ("Rakefile.rb", false),
        ("scripts/x.sh", false),
    ] {
        assert_eq!(Check::Checkout.wants(path), expected, "{path}");
    }
    assert_eq!((Check::Puppet.mode("modules/a/plans/x.pp"), Check::Puppet.mode("a/x.pp")), (TASKS, ""));
}

#[test]
fn a_missing_program_is_reported() {
    assert!(Tool::find(&["no-such-program", "/no/such/program"]).is_none());
    let unable =
        Unable { check: Check::Puppet, files: 3, why: "`puppet` is not installed".into(), required: true };
    let checked = Checked { unable: vec![unable], ..Checked::default() };
    let error = checked.verdict("production").unwrap_err();
    assert_eq!(
        error.to_string(),
        "checking `production`: 3 files not checked (puppet): `puppet` is not installed"
    );
    assert_eq!((error.exit_code(), error.hint_text().is_some()), (78, true));
}
