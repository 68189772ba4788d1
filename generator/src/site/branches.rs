//! Branches of a repository → environments, by r10k's rules for their names. No IO.

use std::collections::BTreeMap;

use stringless_core::fault::Fault;
use stringless_core::name::Name;
use stringless_render::site::patterns::patterns;
use stringless_render::site::{Branches, Environment, Invalid, Prefix, Site, Source};

/// The environments of the branches of all sources.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// The environments, each of them a branch.
    pub environments: BTreeMap<Name, Environment>,
    /// Names that two or more branches or environments would have, each with its error. None of them is built.
    pub conflicts: BTreeMap<Name, Fault>,
    /// Notes for the user about single branches, one sentence each.
    pub notes: Vec<String>,
}

/// The environments of `site` that come from branches. `sources` holds the name of each source, with its branches.
#[must_use]
pub fn follow<'a>(site: &Site, sources: impl IntoIterator<Item = (&'a Name, Vec<String>)>) -> Followed {
    let mut followed = Followed::default();
    // What each environment comes from, for the message.
    let mut owners: BTreeMap<Name, String> =
        site.environments.keys().map(|name| (name.clone(), format!("`environments.{name}`"))).collect();
    for (source_name, branches) in sources {
        let Some(source) = site.sources.get(source_name) else { continue };
        let Ok(wanted) = patterns(&source.branches) else { continue };
        for branch in branches {
            let ignored = source.ignore.iter().any(|prefix| branch.starts_with(prefix.as_str()));
            if ignored || !wanted.is_match(&branch) {
                continue;
            }
            let owner = format!("the branch `{branch}` of `sources.{source_name}`");
            let (name, corrected) = match environment_name(source_name, source, &branch) {
                Ok(named) => named,
                Err(why) => {
                    followed.notes.push(format!("{owner} is skipped: {why}"));
                    continue;
                }
            };
            if corrected && source.invalid == Invalid::CorrectAndWarn {
                followed.notes.push(format!("{owner} is the environment `{name}`"));
            }
            if let Some(other) = owners.insert(name.clone(), owner.clone()) {
                followed.conflicts.insert(name.clone(), conflict(&name, &other, &owner));
                continue;
            }
            let source = Source {
                path: source.path.clone(),
                git: Some(source.git.clone()),
                branch: Some(branch),
                ..Source::default()
            };
            let apply = site.sources[source_name].apply.clone();
            followed.environments.insert(name, Environment { source, apply });
        }
    }
    followed.environments.retain(|name, _| !followed.conflicts.contains_key(name));
    followed
}

/// The name of the environment, and whether characters of the branch's name had to be replaced.
fn environment_name(source_name: &Name, source: &Branches, branch: &str) -> Result<(Name, bool), String> {
    let own = source.strip.as_deref().and_then(|strip| branch.strip_prefix(strip)).unwrap_or(branch);
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let correct = own.chars().all(word);
    if !correct && source.invalid == Invalid::Error {
        return Err("the name of an environment may contain only letters, digits and `_`".into());
    }
    let prefix = match &source.prefix {
        Prefix::Own(false) => String::new(),
        Prefix::Own(true) => format!("{source_name}_"),
        Prefix::Text(text) => format!("{text}_"),
    };
    let own = own.chars().map(|c| if word(c) { c } else { '_' });
    let name = prefix.chars().chain(own).collect::<String>();
    Ok((Name::new(&name).map_err(|e| e.to_string())?, !correct))
}

fn conflict(name: &Name, one: &str, other: &str) -> Fault {
    Fault::new(format!("looking up the environment `{name}`: it would be both {one} and {other}"))
        .hint("rename one of them, or exclude one with `ignore` or `branches` of the source")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(sources: &str) -> Site {
        let text = format!(
            "site: s\nstores: [{{url: 'file:///b'}}]\nenvironments: {{local: {{}}}}\napply: {{engine: {{puppet: {{}}}}}}\nsources:\n{sources}"
        );
        Site::parse(&text, "site.yaml").unwrap()
    }

    fn followed(settings: &str, branches: &[&str]) -> Followed {
        let site = site(&format!("  control: {{git: /r{settings}}}\n"));
        let branches = branches.iter().map(|&b| b.to_owned()).collect();
        follow(&site, [(&Name::new("control").unwrap(), branches)])
    }

    fn names(settings: &str, branches: &[&str]) -> Vec<String> {
        let followed = followed(settings, branches);
        followed
            .environments
            .iter()
            .map(|(n, e)| format!("{n}={}", e.source.branch.as_ref().unwrap()))
            .collect()
    }

    #[test]
    fn environments_are_named_by_the_rules_of_r10k() {
        let branches = ["production", "feature/a-b", "v1.2", "Über", "A_1"];
        let all = ["A_1=A_1", "_ber=Über", "feature_a_b=feature/a-b", "production=production", "v1_2=v1.2"];
        assert_eq!(names("", &branches), all);
        assert_eq!(names(", prefix: true", &["a"]), ["control_a=a"]);
        assert_eq!(names(", prefix: false", &["a"]), ["a=a"]);
        assert_eq!(names(", prefix: web", &["a", "Über"]), ["web__ber=Über", "web_a=a"]);
        assert_eq!(names(", strip: env/", &["env/a", "b"]), ["a=env/a", "b=b"]);
        assert_eq!(names(", strip: env/, prefix: p", &["env/a/b"]), ["p_a_b=env/a/b"]);
        assert_eq!(names(", invalid: error", &["a-b", "c"]), ["c=c"]);
    }

    #[test]
    fn patterns_and_prefixes_select_branches() {
        let branches = ["main", "release/1", "release/1/fix", "wip/x", "dependabot/y"];
        assert_eq!(
            names(", branches: [main, 'release/*']", &branches),
            ["main=main", "release_1=release/1", "release_1_fix=release/1/fix"]
        );
        assert_eq!(
            names(", ignore: [wip, depend, release/1/]", &branches),
            ["main=main", "release_1=release/1"]
        );
        assert_eq!(names(", branches: []", &branches), [] as [&str; 0]);
        assert_eq!(names(", branches: ['{main,wip/?}']", &branches), ["main=main", "wip_x=wip/x"]);
    }

    #[test]
    fn corrected_and_skipped_branches_are_noted() {
        let notes = |settings, branches: &[&str]| followed(settings, branches).notes;
        assert_eq!(
            notes("", &["a-b", "c"]),
            ["the branch `a-b` of `sources.control` is the environment `a_b`"]
        );
        assert_eq!(notes(", invalid: correct", &["a-b"]), [] as [&str; 0]);
        let noted = notes(", invalid: error", &["a-b"]);
        assert!(
            noted[0].contains("`a-b` of `sources.control` is skipped: the name of an environment may"),
            "{noted:?}"
        );
        let noted = notes("", &["-x", &"l".repeat(64)]);
        assert!(noted[0].contains("is the environment") || noted[0].contains("is skipped"), "{noted:?}");
        assert!(noted[1].contains("is skipped: name `lll"), "{noted:?}");
    }

    #[test]
    fn two_branches_with_one_name_are_a_conflict() {
        let found = followed("", &["a-b", "a_b", "local", "c", "a.b"]);
        assert_eq!(found.environments.keys().map(Name::as_str).collect::<Vec<_>>(), ["c"]);
        let fault = |name| found.conflicts[&Name::new(name).unwrap()].message.clone();
        assert!(fault("a_b").contains("`a_b` of `sources.control`") || fault("a_b").contains("`a.b`"));
        assert_eq!(
            fault("local"),
            "looking up the environment `local`: it would be both `environments.local` and the branch `local` of `sources.control`"
        );
        // Branches of two sources.
        let site = site("  a: {git: /r}\n  b: {git: /s, prefix: true}\n  c: {git: /t}\n");
        let (a, b, c) = ("a", "b", "c");
        let sources = [a, b, c].map(|n| Name::new(n).unwrap());
        let found = follow(&site, sources.iter().map(|name| (name, vec!["main".to_owned()])));
        assert_eq!(found.environments.keys().map(Name::as_str).collect::<Vec<_>>(), ["b_main"]);
        assert!(found.conflicts[&Name::new("main").unwrap()].message.contains("`sources.c`"));
    }
}
