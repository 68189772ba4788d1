//! Which releases of modules fit together. No IO of its own: a [`Registry`] answers.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use pubgrub::{
    DefaultStringReporter, Dependencies, DependencyProvider, PackageResolutionStatistics, PubGrubError,
    Reporter,
};
use semver::Version;

use super::explain::Sentences;
use super::name::{short, slug};
use super::range::{self, Range};
use crate::error::{Error, Result};
use crate::puppetfile::requirement::{Package, Pin, Root};

/// Who knows releases.
pub trait Registry {
    /// The releases of a module that may be taken, the best first; none where there is no such module.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn versions(&self, name: &str) -> Result<Vec<Version>>;

    /// Name and range of what a release needs.
    ///
    /// # Errors
    /// When it cannot be asked, or there is no such release.
    fn needs(&self, name: &str, version: &Version) -> Result<Vec<(String, String)>>;
}

/// What is to be resolved.
pub struct Question<'a> {
    /// What is declared.
    pub roots: &'a [Root],
    /// Releases that are kept where they fit; by the name as the forge's addresses have it.
    pub kept: &'a BTreeMap<String, Version>,
    /// Modules of which only the declaration counts; named in the same way.
    pub overrides: &'a BTreeSet<String>,
    /// Who knows releases.
    pub registry: &'a dyn Registry,
}

/// What fits together: by `author/name` the release of each module that is from the forge, and what each module
/// needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Releases of the forge.
    pub releases: BTreeMap<String, Version>,
    /// By the name of any module.
    pub needs: BTreeMap<String, BTreeMap<String, String>>,
    /// What was not obeyed, and why: sentences.
    pub notes: BTreeSet<String>,
}

/// Finds releases that fit together, the newest that do.
///
/// # Errors
/// When none do, with the reason; when the registry cannot be asked.
pub fn resolve(question: &Question<'_>) -> Result<Answer> {
    let solver = Solver { question, answer: RefCell::default() };
    let solution = match pubgrub::resolve(&solver, Package::Puppetfile, Version::new(0, 0, 0)) {
        Ok(solution) => solution,
        Err(PubGrubError::NoSolution(mut tree)) => {
            tree.collapse_no_versions();
            let why =
                DefaultStringReporter::report_with_formatter(&tree, &Sentences { roots: question.roots });
            let why = why.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n  ");
            return Err(Error::configuration(format!("resolving the modules: they do not fit together:\n  {why}"))
                .hint("change a version in the Puppetfile; `modules: {override: [author/name]}` in the site file takes what it declares whatever others ask"));
        }
        Err(
            PubGrubError::ErrorRetrievingDependencies { source, .. }
            | PubGrubError::ErrorChoosingVersion { source, .. }
            | PubGrubError::ErrorInShouldCancel(source),
        ) => return Err(source),
    };
    let mut answer = solver.answer.into_inner();
    let taken = |name: &str| solution.get(&Package::Module(name.to_owned()));
    answer.needs.retain(|name, _| taken(name).is_some());
    for (package, version) in solution {
        let Package::Module(name) = package else { continue };
        let content =
            question.roots.iter().any(|root| root.name == name && matches!(root.pin, Pin::Content(..)));
        if !content {
            answer.releases.insert(name, version);
        }
    }
    Ok(answer)
}

struct Solver<'a> {
    question: &'a Question<'a>,
    answer: RefCell<Answer>,
}

impl Solver<'_> {
    fn root(&self, name: &str) -> Option<&Root> {
        self.question.roots.iter().find(|root| root.name == name)
    }

    /// What a module's need means here: whose it is, and which releases of that do.
    fn meant(&self, of: &str, need: &str, text: &str) -> (String, Range) {
        let note = |told: String| {
            self.answer.borrow_mut().notes.insert(told);
        };
        let range = range::parse(text).unwrap_or_else(|part| {
            note(format!("`{of}` needs `{need}` in a range that is none, {part}: any release is taken"));
            Range::full()
        });
        let name = slug(need).replacen('-', "/", 1);
        // One folder, one module: what is declared stands for all of that name.
        let Some(root) = self.question.roots.iter().find(|root| short(&root.name) == short(&name)) else {
            return (name, range);
        };
        let version = match &root.pin {
            Pin::Content(version, _) => version.clone(),
            Pin::Release(version) => Some(version.clone()),
            Pin::Any => None,
        };
        let unfit = version.as_ref().is_some_and(|version| !range.contains(version));
        let other = root.name.contains(['/', '-']) && slug(&root.name) != slug(&name);
        let unknown = matches!(root.pin, Pin::Content(None, _));
        let free = other || unknown || self.question.overrides.contains(&slug(&root.name));
        if free && (other || unfit) {
            note(format!(
                "`{of}` asks for `{name}` {text}: `{}` of line {} takes its place",
                root.name, root.line
            ));
        }
        (root.name.clone(), if free { Range::full() } else { range })
    }
}

impl DependencyProvider for Solver<'_> {
    type P = Package;
    type V = Version;
    type VS = Range;
    type Priority = (u32, bool, Reverse<usize>);
    type M = String;
    type Err = Error;

    fn prioritize(
        &self,
        package: &Package,
        range: &Range,
        conflicts: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let Package::Module(name) = package else { return (u32::MAX, true, Reverse(0)) };
        let fixed = self.root(name).is_some_and(|root| !matches!(root.pin, Pin::Any));
        // What cannot be asked is told when it is chosen.
        let count = if fixed {
            1
        } else {
            self.question
                .registry
                .versions(name)
                .map_or(0, |all| all.iter().filter(|version| range.contains(version)).count())
        };
        (conflicts.conflict_count(), fixed, Reverse(count))
    }

    fn choose_version(&self, package: &Package, range: &Range) -> Result<Option<Version>> {
        let Package::Module(name) = package else { return Ok(Some(Version::new(0, 0, 0))) };
        let fixed = match self.root(name).map(|root| &root.pin) {
            Some(Pin::Release(version)) => Some(version.clone()),
            Some(Pin::Content(version, _)) => Some(content_version(version.as_ref())),
            _ => None,
        };
        if let Some(version) = fixed {
            return Ok(range.contains(&version).then_some(version));
        }
        let kept = self.question.kept.get(&slug(name)).filter(|version| range.contains(version));
        if let Some(kept) = kept {
            return Ok(Some(kept.clone()));
        }
        let versions = self.question.registry.versions(name)?;
        Ok(versions.into_iter().find(|version| range.contains(version)))
    }

    fn get_dependencies(
        &self,
        package: &Package,
        version: &Version,
    ) -> Result<Dependencies<Package, Range, String>> {
        let Package::Module(name) = package else {
            let roots = self.question.roots.iter().map(|root| {
                let range = match &root.pin {
                    Pin::Any => Range::full(),
                    Pin::Release(version) => range::exactly(version),
                    Pin::Content(version, _) => range::exactly(&content_version(version.as_ref())),
                };
                (Package::Module(root.name.clone()), range)
            });
            return Ok(Dependencies::Available(roots.collect()));
        };
        let needs = match self.root(name).map(|root| &root.pin) {
            Some(Pin::Content(_, needs)) => needs.clone(),
            _ => self.question.registry.needs(name, version)?,
        };
        let told = needs.iter().map(|(need, range)| (slug(need).replacen('-', "/", 1), range.clone()));
        self.answer.borrow_mut().needs.insert(name.clone(), told.collect());
        let mut meant: BTreeMap<String, Range> = BTreeMap::new();
        for (need, text) in &needs {
            let (need, range) = self.meant(name, need, text);
            // Nothing needs itself: a module of the same name has taken its place.
            if need != *name {
                let known = meant.entry(need).or_insert_with(Range::full);
                *known = known.intersection(&range);
            }
        }
        Ok(Dependencies::Available(
            meant.into_iter().map(|(need, range)| (Package::Module(need), range)).collect(),
        ))
    }
}

/// What tells no version is asked for none.
fn content_version(version: Option<&Version>) -> Version {
    version.cloned().unwrap_or(Version::new(0, 0, 0))
}

#[cfg(test)]
mod tests;
