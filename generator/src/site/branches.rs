//! Branches of a repository → environments, by the rules that r10k has for their names. No IO.

use std::collections::BTreeMap;

use stringless_core::fault::Fault;
use stringless_core::name::Name;
use stringless_render::site::patterns::patterns;
use stringless_render::site::{Branches, Environment, Invalid, Prefix, Site, Source};

/// What the branches of all sources come to.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// The environments that are branches.
    pub environments: BTreeMap<Name, Environment>,
    /// Names that more than one thing claims, with what is wrong: none of them is built.
    pub claimed: BTreeMap<Name, Fault>,
    /// What is to be told of branches, one sentence each.
    pub notes: Vec<String>,
}

/// The environments of `site` that are branches: of each source `(name, its branches)`.
#[must_use]
pub fn follow<'a>(site: &Site, sources: impl IntoIterator<Item = (&'a Name, Vec<String>)>) -> Followed {
    let mut followed = Followed::default();
    // Whose an environment is, for the message.
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
            let (name, corrected) = match name(source_name, source, &branch) {
                Ok(named) => named,
                Err(why) => {
                    followed.notes.push(format!("{owner} is left out: {why}"));
                    continue;
                }
            };
            if corrected && source.invalid == Invalid::CorrectAndWarn {
                followed.notes.push(format!("{owner} is the environment `{name}`"));
            }
            if let Some(other) = owners.insert(name.clone(), owner.clone()) {
                followed.claimed.insert(name.clone(), claimed(&name, &other, &owner));
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
    followed.environments.retain(|name, _| !followed.claimed.contains_key(name));
    followed
}

/// The environment's name, and whether it is another than r10k's users would read off the branch.
fn name(source_name: &Name, source: &Branches, branch: &str) -> Result<(Name, bool), String> {
    let own = source.strip.as_deref().and_then(|strip| branch.strip_prefix(strip)).unwrap_or(branch);
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let correct = own.chars().all(word);
    if !correct && source.invalid == Invalid::Error {
        return Err("only letters, digits and `_` are possible in an environment's name".into());
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

fn claimed(name: &Name, one: &str, other: &str) -> Fault {
    Fault::new(format!("looking up the environment `{name}`: it is {one} and {other}")).hint(
        "rename one, or leave one out: `ignore` and `branches` of the source say which are environments",
    )
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
    fn names_are_r10ks() {
        let branches = ["production", "feature/a-b", "v1.2", "Über", "A_1"];
        let all = ["A_1=A_1", "_ber=Über", "feature_a_b=feature/a-b", "production=production", "v1_2=v1.2"];
        // A name of ours begins with a letter or a digit.
        assert_eq!(names("", &branches), [&all[..1], &all[2..]].concat());
        assert_eq!(names(", prefix: true", &["a"]), ["control_a=a"]);
        assert_eq!(names(", prefix: false", &["a"]), ["a=a"]);
        assert_eq!(names(", prefix: web", &["a", "Über"]), ["web__ber=Über", "web_a=a"]);
        assert_eq!(names(", strip: env/", &["env/a", "b"]), ["a=env/a", "b=b"]);
        assert_eq!(names(", strip: env/, prefix: p", &["env/a/b"]), ["p_a_b=env/a/b"]);
        assert_eq!(names(", invalid: error", &["a-b", "c"]), ["c=c"]);
    }

    #[test]
    fn patterns_and_prefixes_choose_branches() {
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
    fn what_is_corrected_or_left_out_is_told() {
        let notes = |settings, branches: &[&str]| followed(settings, branches).notes;
        assert_eq!(
            notes("", &["a-b", "c"]),
            ["the branch `a-b` of `sources.control` is the environment `a_b`"]
        );
        assert_eq!(notes(", invalid: correct", &["a-b"]), [] as [&str; 0]);
        let told = notes(", invalid: error", &["a-b"]);
        assert!(told[0].contains("`a-b` of `sources.control` is left out: only letters"), "{told:?}");
        let told = notes("", &["-x", &"l".repeat(64)]);
        assert!(told[0].contains("is the environment") || told[0].contains("is left out"), "{told:?}");
        assert!(told[1].contains("is left out: name `lll"), "{told:?}");
    }

    #[test]
    fn one_name_is_one_thing() {
        let of = followed("", &["a-b", "a_b", "local", "c", "a.b"]);
        assert_eq!(of.environments.keys().map(Name::as_str).collect::<Vec<_>>(), ["c"]);
        let fault = |name| of.claimed[&Name::new(name).unwrap()].message.clone();
        assert!(fault("a_b").contains("`a_b` of `sources.control`") || fault("a_b").contains("`a.b`"));
        assert_eq!(
            fault("local"),
            "looking up the environment `local`: it is `environments.local` and the branch `local` of `sources.control`"
        );
        // Of two sources.
        let site = site("  a: {git: /r}\n  b: {git: /s, prefix: true}\n  c: {git: /t}\n");
        let (a, b, c) = ("a", "b", "c");
        let sources = [a, b, c].map(|n| Name::new(n).unwrap());
        let of = follow(&site, sources.iter().map(|name| (name, vec!["main".to_owned()])));
        assert_eq!(of.environments.keys().map(Name::as_str).collect::<Vec<_>>(), ["b_main"]);
        assert!(of.claimed[&Name::new("main").unwrap()].message.contains("`sources.c`"));
    }
}
