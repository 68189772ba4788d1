use super::*;

/// Name, version, what it needs.
type Line = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Releases on a table.
struct Table(Vec<Line>);

impl Registry for Table {
    fn versions(&self, name: &str) -> Result<Vec<Version>> {
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

    fn needs(&self, name: &str, version: &Version) -> Result<Vec<(String, String)>> {
        let found = self.0.iter().find(|(n, v, _)| *n == name && *v == version.to_string());
        let found = found.ok_or_else(|| Error::refused(format!("no {name} {version}")))?;
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

fn root(name: &str, pin: Pin) -> Root {
    Root { name: name.into(), line: name.len(), pin }
}

fn release(text: &str) -> Pin {
    Pin::Release(text.parse().unwrap())
}

fn ask(roots: &[Root], kept: &[(&str, &str)], overrides: &[&str]) -> Result<Answer> {
    let kept = kept.iter().map(|(name, version)| ((*name).to_owned(), version.parse().unwrap())).collect();
    let overrides = overrides.iter().map(|name| (*name).to_owned()).collect();
    resolve(&Question { roots, kept: &kept, overrides: &overrides, registry: &table() })
}

fn told(answer: &Answer) -> Vec<String> {
    answer.releases.iter().map(|(name, version)| format!("{name} {version}")).collect()
}

#[test]
fn takes_the_newest_that_fit_together() {
    let answer = ask(&[root("puppetlabs/apt", Pin::Any)], &[], &[]).unwrap();
    assert_eq!(told(&answer), ["puppetlabs/apt 9.4.0", "puppetlabs/stdlib 9.6.0"]);
    assert_eq!(answer.needs["puppetlabs/apt"]["puppetlabs/stdlib"], ">= 9.0.0 < 10.0.0");
    // An older one, for the sake of another module.
    let both = [root("puppetlabs/apt", Pin::Any), root("puppet/old", Pin::Any)];
    let answer = ask(&both, &[], &[]).unwrap();
    assert!(told(&answer).contains(&"puppetlabs/apt 9.0.0".to_owned()), "{answer:?}");
    assert!(told(&answer).contains(&"puppetlabs/stdlib 8.6.0".to_owned()), "{answer:?}");
    let ring = ask(&[root("puppet/ring", Pin::Any)], &[], &[]).unwrap();
    assert_eq!(told(&ring), ["puppet/chain 1.0.0", "puppet/ring 1.0.0"]);
}

#[test]
fn keeps_what_was_locked_where_it_fits() {
    let apt = [root("puppetlabs/apt", Pin::Any)];
    let kept = [("puppetlabs-apt", "9.0.0"), ("puppetlabs-stdlib", "8.6.0")];
    assert_eq!(told(&ask(&apt, &kept, &[]).unwrap()), ["puppetlabs/apt 9.0.0", "puppetlabs/stdlib 8.6.0"]);
    let unfit = [("puppetlabs-stdlib", "8.6.0")];
    let pinned = [root("puppetlabs/apt", release("9.4.0"))];
    assert_eq!(told(&ask(&pinned, &unfit, &[]).unwrap())[1], "puppetlabs/stdlib 9.6.0");
}

#[test]
fn a_conflict_is_explained() {
    let roots = [root("puppetlabs/apt", release("9.4.0")), root("puppetlabs/stdlib", release("8.6.0"))];
    let error = ask(&roots, &[], &[]).unwrap_err();
    let text = error.to_string();
    for part in [
        "they do not fit together",
        "line 14 of the Puppetfile declares `puppetlabs/apt` 9.4.0",
        "line 17 of the Puppetfile declares `puppetlabs/stdlib` 8.6.0",
        "`puppetlabs/apt` 9.4.0 needs `puppetlabs/stdlib` >= 9.0.0 < 10.0.0",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(error.exit_code(), 78);
    let lost = ask(&[root("puppet/lost", Pin::Any)], &[], &[]).unwrap_err().to_string();
    assert!(lost.contains("`nobody/nothing`"), "{lost}");
}

#[test]
fn the_puppetfile_wins_where_the_site_says_so() {
    let roots = [root("puppetlabs/apt", release("9.4.0")), root("puppetlabs/stdlib", release("8.6.0"))];
    let answer = ask(&roots, &[], &["puppetlabs-stdlib"]).unwrap();
    assert_eq!(told(&answer)[1], "puppetlabs/stdlib 8.6.0");
    assert_eq!(answer.notes.len(), 1, "{:?}", answer.notes);
}

#[test]
fn what_is_declared_stands_for_its_name() {
    // A repository tells its version, or none.
    let stdlib =
        |version: Option<&str>| root("stdlib", Pin::Content(version.map(|v| v.parse().unwrap()), Vec::new()));
    let apt = || root("puppetlabs/apt", release("9.4.0"));
    assert_eq!(told(&ask(&[apt(), stdlib(Some("9.1.0"))], &[], &[]).unwrap()), ["puppetlabs/apt 9.4.0"]);
    assert_eq!(told(&ask(&[apt(), stdlib(None)], &[], &[]).unwrap()), ["puppetlabs/apt 9.4.0"]);
    assert!(ask(&[apt(), stdlib(Some("8.0.0"))], &[], &[]).is_err());
    // Another author's module of that name fills the same folder.
    let answer = ask(&[root("puppet/old", Pin::Any), root("puppet/archive", Pin::Any)], &[], &[]).unwrap();
    assert_eq!(told(&answer)[0], "puppet/archive 7.0.0");
    assert!(answer.notes.iter().any(|note| note.contains("takes its place")), "{:?}", answer.notes);
    let needs = vec![("puppetlabs/apt".to_owned(), "9.0.0".to_owned())];
    let answer = ask(&[root("profile", Pin::Content(None, needs))], &[], &[]).unwrap();
    assert_eq!(told(&answer), ["puppetlabs/apt 9.0.0", "puppetlabs/stdlib 8.6.0"]);
}

#[test]
fn a_range_that_is_none_is_told() {
    let answer = ask(&[root("puppet/odd", Pin::Any)], &[], &[]).unwrap();
    assert_eq!(told(&answer)[1], "puppetlabs/stdlib 10.0.0");
    assert!(answer.notes.iter().any(|note| note.contains("`latest`")), "{:?}", answer.notes);
}
