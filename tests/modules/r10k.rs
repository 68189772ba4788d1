//! The same Puppetfiles by us, by r10k and by g10k: the same trees, file by file; and what one refuses, the others
//! refuse, or it stands with the Puppetfile why not.
//!
//! Each Puppetfile is a file in `r10k/puppetfiles`, and a branch of a control repo that r10k and g10k deploy as they
//! do it everywhere.

#![allow(clippy::unwrap_used, reason = "a test may end at once")]

mod deployed;
mod judge;
mod world;

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;

use deployed::{Files, differences, ours};
use judge::{Judge, Judged};
use world::World;

/// A Puppetfile, and what each makes of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The file's name: also the branch, and the environment.
    #[serde(skip)]
    name: String,
    /// With `{git}`, `{forge}`, `{files}`, `{commit}`, `{short}` and `{sha256}` for what only the world knows.
    puppetfile: String,
    /// Other files of the environment.
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    ours: Verdict,
    #[serde(default)]
    r10k: Verdict,
    #[serde(default)]
    g10k: Verdict,
    /// A part of our error.
    #[serde(default)]
    message: String,
    /// Why not all are of one mind.
    #[serde(default)]
    why: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// The tree that the others make.
    #[default]
    Same,
    /// None, and an error.
    Refuses,
    /// Another tree, without an error.
    Differs,
}

#[test]
fn r10k_and_g10k_make_the_same_trees() {
    let cases = cases();
    assert!(cases.len() >= 40, "{} Puppetfiles", cases.len());
    let Some(judges) = Judge::both() else { return };
    let world = World::new(&cases);

    let mut wrong = Vec::new();
    let own: Vec<Judged> = cases.iter().map(|case| ours(&world, case)).collect();
    for (case, own) in cases.iter().zip(&own) {
        match (case.ours, own) {
            (Verdict::Same, Ok(_)) => {}
            (Verdict::Refuses, Err(printed)) if printed.contains(&case.message) => {}
            (_, Ok(_)) => wrong.push(format!("{}: we do not refuse it", case.name)),
            (_, Err(printed)) => wrong.push(format!("{}: we say\n{printed}", case.name)),
        }
    }
    for judge in judges {
        let deployed = judge.deploy(&world, &cases);
        for ((case, own), theirs) in cases.iter().zip(&own).zip(deployed) {
            let verdict = case.verdict(judge);
            wrong.extend(compare(case, judge, verdict, own.as_ref().ok(), &theirs));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
}

/// What is not as the case says.
fn compare(
    case: &Case,
    judge: Judge,
    verdict: Verdict,
    own: Option<&Files>,
    theirs: &Judged,
) -> Option<String> {
    let name = format!("{} by {judge:?}", case.name);
    match (verdict, theirs, own) {
        (Verdict::Refuses, Err(_), _) => None,
        (Verdict::Refuses, Ok(_), _) => Some(format!("{name}: it is accepted")),
        (_, Err(printed), _) => Some(format!("{name}: it is refused\n{printed}")),
        // Where we refuse it, that the other does not is all that can be held.
        (_, Ok(_), None) => None,
        (Verdict::Same, Ok(files), Some(own)) => {
            let printed = differences(own, files);
            (!printed.is_empty()).then(|| format!("{name}: ours -, theirs +\n{}", printed.join("\n")))
        }
        (Verdict::Differs, Ok(files), Some(own)) => {
            (files == own).then(|| format!("{name}: the trees are the same"))
        }
    }
}

impl Case {
    fn verdict(&self, judge: Judge) -> Verdict {
        match judge {
            Judge::R10k => self.r10k,
            Judge::G10k => self.g10k,
        }
    }
}

fn cases() -> Vec<Case> {
    let folder = e2e::tools::root().join("tests/modules/r10k/puppetfiles");
    let mut cases: Vec<Case> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let case = serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            Case { name: path.file_stem().unwrap().to_str().unwrap().into(), ..case }
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    for case in &cases {
        let verdicts = [case.ours, case.r10k, case.g10k];
        let one_mind = verdicts.iter().all(|verdict| *verdict == verdicts[0]);
        assert_eq!(case.why.is_empty(), one_mind, "{}: `why` belongs where not all agree", case.name);
        assert!(case.ours != Verdict::Differs && case.r10k != Verdict::Differs, "{}", case.name);
    }
    cases
}
