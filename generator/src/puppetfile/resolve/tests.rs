use super::*;

/// Name, version, dependencies.
type Line = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// A registry with a table of releases.
struct Table(Vec<Line>);

/// A release that is not on the table.
#[derive(Debug)]
struct Missing(String);

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

impl Registry for Table {
    type Error = Missing;

    fn versions(&self, name: &str) -> Result<Vec<Version>, Missing> {
        let mut all: Vec<Version> = self
            .0
            .iter()
            .filter(|(n, ..)| *n == name)
            .map(|(_, version, _)| version.parse().unwrap())
            .collect();
        all.sort();
        all.reverse();
        Ok(all)
    }

    fn needs(&self, name: &str, version: &Version) -> Result<Vec<(String, String)>, Missing> {
        let found = self.0.iter().find(|(n, v, _)| *n == name && *v == version.to_string());
        let found = found.ok_or_else(|| Missing(format!("no {name} {version}")))?;
        Ok(found.2.iter().map(|(name, range)| ((*name).to_owned(), (*range).to_owned())).collect())
    }
}

fn table() -> Table {
    Table(vec![
        ("puppetlabs/apt", "9.0.0", &[("puppetlabs/stdlib", ">= 4.13.1 < 9.0.0")]),
        ("puppetlabs/apt", "9.4.0", &[("puppetlabs-stdlib", ">= 9.0.0 < 10.0.0")]),
        ("puppetlabs/stdlib", "8.6.0", &[]),
        ("puppetlabs/stdlib", "9.6.0", &[]),
        ("puppetlabs/stdlib", "10.0.0", &[]),
        ("puppet/old", "1.0.0", &[("puppetlabs/stdlib", "< 9.0.0"), ("camptocamp/archive", "0.x")]),
        ("puppet/archive", "7.0.0", &[]),
        ("camptocamp/archive", "0.9.0", &[]),
        ("puppet/ring", "1.0.0", &[("puppet/chain", ">= 0.0.0")]),
        ("puppet/chain", "1.0.0", &[("puppet/ring", ">= 0.0.0")]),
        ("puppet/odd", "1.0.0", &[("puppetlabs/stdlib", "latest")]),
        ("puppet/lost", "1.0.0", &[("nobody/nothing", ">= 1.0.0")]),
    ])
}

fn root(name: &str, pin: Pin) -> Requirement {
    Requirement { name: name.into(), line: name.len(), pin }
}

fn release(text: &str) -> Pin {
    Pin::Release(text.parse().unwrap())
}

fn ask(
    roots: &[Requirement],
    kept: &[(&str, &str)],
    overrides: &[&str],
) -> Result<Resolution, Unresolved<Missing>> {
    let kept = kept.iter().map(|(name, version)| ((*name).to_owned(), version.parse().unwrap())).collect();
    let overrides = overrides.iter().map(|name| (*name).to_owned()).collect();
    resolve(&Problem { roots, kept: &kept, overrides: &overrides, registry: &table() })
}

/// The message of a conflict; there is always a hint.
fn no_solution(result: Result<Resolution, Unresolved<Missing>>) -> String {
    match result.unwrap_err() {
        Unresolved::NoSolution(fault) => {
            assert!(fault.hint.is_some(), "{fault}");
            fault.message
        }
        Unresolved::Registry(error) => panic!("{error}"),
    }
}

fn releases(answer: &Resolution) -> Vec<String> {
    answer.releases.iter().map(|(name, version)| format!("{name} {version}")).collect()
}

#[test]
fn resolves_to_the_newest_releases_that_fit_together() {
    let answer = ask(&[root("puppetlabs/apt", Pin::Any)], &[], &[]).unwrap();
    assert_eq!(releases(&answer), ["puppetlabs/apt 9.4.0", "puppetlabs/stdlib 9.6.0"]);
    assert_eq!(answer.needs["puppetlabs/apt"]["puppetlabs/stdlib"], ">= 9.0.0 < 10.0.0");
    // An older release, because another module needs it.
    let both = [root("puppetlabs/apt", Pin::Any), root("puppet/old", Pin::Any)];
    let answer = ask(&both, &[], &[]).unwrap();
    assert!(releases(&answer).contains(&"puppetlabs/apt 9.0.0".to_owned()), "{answer:?}");
    assert!(releases(&answer).contains(&"puppetlabs/stdlib 8.6.0".to_owned()), "{answer:?}");
    let ring = ask(&[root("puppet/ring", Pin::Any)], &[], &[]).unwrap();
    assert_eq!(releases(&ring), ["puppet/chain 1.0.0", "puppet/ring 1.0.0"]);
}

#[test]
fn keeps_locked_releases_if_they_fit() {
    let apt = [root("puppetlabs/apt", Pin::Any)];
    let kept = [("puppetlabs-apt", "9.0.0"), ("puppetlabs-stdlib", "8.6.0")];
    assert_eq!(
        releases(&ask(&apt, &kept, &[]).unwrap()),
        ["puppetlabs/apt 9.0.0", "puppetlabs/stdlib 8.6.0"]
    );
    let unfit = [("puppetlabs-stdlib", "8.6.0")];
    let pinned = [root("puppetlabs/apt", release("9.4.0"))];
    assert_eq!(releases(&ask(&pinned, &unfit, &[]).unwrap())[1], "puppetlabs/stdlib 9.6.0");
}

#[test]
fn a_conflict_is_explained() {
    let roots = [root("puppetlabs/apt", release("9.4.0")), root("puppetlabs/stdlib", release("8.6.0"))];
    let text = no_solution(ask(&roots, &[], &[]));
    for part in [
        "they do not fit together",
        "line 14 of the Puppetfile declares `puppetlabs/apt` 9.4.0",
        "line 17 of the Puppetfile declares `puppetlabs/stdlib` 8.6.0",
        "`puppetlabs/apt` 9.4.0 needs `puppetlabs/stdlib` >= 9.0.0 < 10.0.0",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn a_module_that_does_not_exist_is_no_conflict() {
    let lost = no_solution(ask(&[root("puppet/lost", Pin::Any)], &[], &[]));
    assert_eq!(
        lost,
        "resolving the modules: the forge has no module `nobody/nothing`, which `puppet/lost` needs"
    );
    let gone = no_solution(ask(&[root("nobody/gone", Pin::Any)], &[], &[]));
    assert_eq!(
        gone,
        "resolving the modules: the forge has no module `nobody/gone`, which line 11 of the Puppetfile declares"
    );
}

#[test]
fn the_puppetfile_wins_for_modules_that_the_site_overrides() {
    let roots = [root("puppetlabs/apt", release("9.4.0")), root("puppetlabs/stdlib", release("8.6.0"))];
    let answer = ask(&roots, &[], &["puppetlabs-stdlib"]).unwrap();
    assert_eq!(releases(&answer)[1], "puppetlabs/stdlib 8.6.0");
    assert_eq!(answer.notes.len(), 1, "{:?}", answer.notes);
}

#[test]
fn a_declared_module_replaces_others_with_its_name() {
    // A repository may name a version, or none.
    let stdlib =
        |version: Option<&str>| root("stdlib", Pin::Content(version.map(|v| v.parse().unwrap()), Vec::new()));
    let apt = || root("puppetlabs/apt", release("9.4.0"));
    assert_eq!(releases(&ask(&[apt(), stdlib(Some("9.1.0"))], &[], &[]).unwrap()), ["puppetlabs/apt 9.4.0"]);
    assert_eq!(releases(&ask(&[apt(), stdlib(None)], &[], &[]).unwrap()), ["puppetlabs/apt 9.4.0"]);
    assert!(ask(&[apt(), stdlib(Some("8.0.0"))], &[], &[]).is_err());
    // Another author's module with this name has the same folder.
    let answer = ask(&[root("puppet/old", Pin::Any), root("puppet/archive", Pin::Any)], &[], &[]).unwrap();
    assert_eq!(releases(&answer)[0], "puppet/archive 7.0.0");
    assert!(answer.notes.iter().any(|note| note.contains("replaces it")), "{:?}", answer.notes);
    let needs = vec![("puppetlabs/apt".to_owned(), "9.0.0".to_owned())];
    let answer = ask(&[root("profile", Pin::Content(None, needs))], &[], &[]).unwrap();
    assert_eq!(releases(&answer), ["puppetlabs/apt 9.0.0", "puppetlabs/stdlib 8.6.0"]);
}

#[test]
fn an_invalid_range_is_reported() {
    let answer = ask(&[root("puppet/odd", Pin::Any)], &[], &[]).unwrap();
    assert_eq!(releases(&answer)[1], "puppetlabs/stdlib 10.0.0");
    assert!(answer.notes.iter().any(|note| note.contains("`latest`")), "{:?}", answer.notes);
}
