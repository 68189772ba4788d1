//! Resolves modules to releases that fit together. No IO of its own: a [`Registry`] supplies the data.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use pubgrub::{
    DefaultStringReporter, Dependencies, DependencyProvider, DerivationTree, External,
    PackageResolutionStatistics, PubGrubError, Reporter,
};
use semver::Version;
use stringless_core::fault::Fault;

use super::explain::Sentences;
use super::name::{same, same_folder, slug};
use super::range::{self, Range};
use crate::puppetfile::requirement::{Package, Pin, Requirement};

/// A source of releases.
pub trait Registry {
    /// The error of a failed query.
    type Error: std::error::Error + 'static;

    /// The usable releases of a module, the best first; empty if there is no such module.
    ///
    /// # Errors
    /// When the query fails.
    fn versions(&self, name: &str) -> Result<Vec<Version>, Self::Error>;

    /// Whether there is no module with this name.
    ///
    /// # Errors
    /// When the query fails.
    fn is_absent(&self, name: &str) -> Result<bool, Self::Error> {
        self.versions(name).map(|versions| versions.is_empty())
    }

    /// The dependencies of a release: names and ranges.
    ///
    /// # Errors
    /// When the query fails, or there is no such release.
    fn needs(&self, name: &str, version: &Version) -> Result<Vec<(String, String)>, Self::Error>;
}

/// The problem to resolve.
pub struct Problem<'a, R> {
    /// The declared modules.
    pub roots: &'a [Requirement],
    /// Releases to keep if they fit, by name in the notation of the forge's URLs.
    pub kept: &'a BTreeMap<String, Version>,
    /// Modules for which only the declaration counts, in the same notation.
    pub overrides: &'a BTreeSet<String>,
    /// The source of releases.
    pub registry: &'a R,
}

/// A solution: by `author/name`, the release of each module from the forge, and the dependencies of each module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Releases of the forge.
    pub releases: BTreeMap<String, Version>,
    /// The dependencies, by the name of any module.
    pub needs: BTreeMap<String, BTreeMap<String, String>>,
    /// Requirements that were ignored, and why: sentences.
    pub notes: BTreeSet<String>,
}

/// Why there is no resolution.
#[derive(Debug)]
pub enum Unresolved<E> {
    /// No releases fit together.
    NoSolution(Fault),
    /// A query of the registry failed.
    Registry(E),
}

/// Finds the newest releases that fit together.
///
/// # Errors
/// When no releases fit together, with the reason; when a query of the registry fails.
pub fn resolve<R: Registry>(question: &Problem<'_, R>) -> Result<Resolution, Unresolved<R::Error>> {
    let solver = Solver { question, answer: RefCell::default(), spelled: RefCell::default() };
    let solution = match pubgrub::resolve(&solver, Package::Puppetfile, Version::new(0, 0, 0)) {
        Ok(solution) => solution,
        Err(PubGrubError::NoSolution(mut tree)) => {
            if let Some(fault) = absent(question, &tree).map_err(Unresolved::Registry)? {
                return Err(Unresolved::NoSolution(fault));
            }
            tree.collapse_no_versions();
            let why =
                DefaultStringReporter::report_with_formatter(&tree, &Sentences { roots: question.roots });
            let why = why.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n  ");
            let fault = Fault::new(format!("resolving the modules: they do not fit together:\n  {why}"))
                .hint("change a version in the Puppetfile; `modules: {override: [author/name]}` in the site file makes its declaration override the requirements of other modules");
            return Err(Unresolved::NoSolution(fault));
        }
        Err(
            PubGrubError::ErrorRetrievingDependencies { source, .. }
            | PubGrubError::ErrorChoosingVersion { source, .. }
            | PubGrubError::ErrorInShouldCancel(source),
        ) => return Err(Unresolved::Registry(source)),
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

/// The fault of a needed module that does not exist, if that is why nothing fits.
fn absent<R: Registry>(
    question: &Problem<'_, R>,
    tree: &DerivationTree<Package, Range, String>,
) -> Result<Option<Fault>, R::Error> {
    let (mut facts, mut seen) = (Vec::new(), BTreeSet::new());
    let mut open = vec![tree];
    while let Some(tree) = open.pop() {
        match tree {
            DerivationTree::External(fact) => facts.push(fact),
            DerivationTree::Derived(step) if step.shared_id.is_some_and(|id| !seen.insert(id)) => {}
            DerivationTree::Derived(step) => open.extend([&*step.cause1, &*step.cause2]),
        }
    }
    for fact in &facts {
        let External::NoVersions(Package::Module(name), _) = fact else { continue };
        let root = question.roots.iter().find(|root| root.name == *name);
        if root.is_some_and(|root| !matches!(root.pin, Pin::Any)) || !question.registry.is_absent(name)? {
            continue;
        }
        let needed = facts.iter().find_map(|fact| match fact {
            External::FromDependencyOf(Package::Module(by), _, Package::Module(what), _) if what == name => {
                Some(format!(", which `{by}` needs"))
            }
            _ => None,
        });
        let why = match root {
            Some(root) => format!(", which line {} of the Puppetfile declares", root.line),
            None => needed.unwrap_or_default(),
        };
        return Ok(Some(
            Fault::new(format!("resolving the modules: the forge has no module `{name}`{why}")).hint(
                "is the name spelled as on the forge, `author/name`? A module that was withdrawn or renamed can be declared from git: `mod 'name', git: 'https://…'`",
            ),
        ));
    }
    Ok(None)
}

struct Solver<'a, R> {
    question: &'a Problem<'a, R>,
    answer: RefCell<Resolution>,
    /// The name of each module that no line declares, by its name in lower case.
    spelled: RefCell<BTreeMap<String, String>>,
}

impl<R> Solver<'_, R> {
    fn root(&self, name: &str) -> Option<&Requirement> {
        self.question.roots.iter().find(|root| root.name == name)
    }

    /// Resolves a dependency to the module that provides it, and the range of its releases.
    fn resolve_requirement(&self, of: &str, need: &str, text: &str) -> (String, Range) {
        let note = |sentence: String| {
            self.answer.borrow_mut().notes.insert(sentence);
        };
        let range = range::parse(text).unwrap_or_else(|part| {
            note(format!("`{of}` needs `{need}` in an invalid range, {part}: any release is accepted"));
            Range::full()
        });
        let name = slug(need).replacen('-', "/", 1);
        // A folder can hold only one module, so a declared module replaces all others with its name.
        let Some(root) = self.question.roots.iter().find(|root| same_folder(&root.name, &name)) else {
            // The first spelling stands for all: a forge does not distinguish case.
            let mut spelled = self.spelled.borrow_mut();
            return (spelled.entry(name.to_lowercase()).or_insert(name).clone(), range);
        };
        let version = match &root.pin {
            Pin::Content(version, _) => version.clone(),
            Pin::Release(version) => Some(version.clone()),
            Pin::Any => None,
        };
        let unfit = version.as_ref().is_some_and(|version| !range.contains(version));
        let other = root.name.contains(['/', '-']) && !same(&root.name, &name);
        let unknown = matches!(root.pin, Pin::Content(None, _));
        let free = other || unknown || self.question.overrides.contains(&slug(&root.name));
        if free && (other || unfit) {
            note(format!("`{of}` needs `{name}` {text}: `{}` of line {} replaces it", root.name, root.line));
        }
        (root.name.clone(), if free { Range::full() } else { range })
    }
}

impl<R: Registry> DependencyProvider for Solver<'_, R> {
    type P = Package;
    type V = Version;
    type VS = Range;
    type Priority = (u32, bool, Reverse<usize>);
    type M = String;
    type Err = R::Error;

    fn prioritize(
        &self,
        package: &Package,
        range: &Range,
        conflicts: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let Package::Module(name) = package else { return (u32::MAX, true, Reverse(0)) };
        let fixed = self.root(name).is_some_and(|root| !matches!(root.pin, Pin::Any));
        // A failed query is reported when this module is chosen.
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

    fn choose_version(&self, package: &Package, range: &Range) -> Result<Option<Version>, R::Error> {
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
    ) -> Result<Dependencies<Package, Range, String>, R::Error> {
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
        let named = needs.iter().map(|(need, range)| (slug(need).replacen('-', "/", 1), range.clone()));
        self.answer.borrow_mut().needs.insert(name.clone(), named.collect());
        let mut meant: BTreeMap<String, Range> = BTreeMap::new();
        for (need, text) in &needs {
            let (need, range) = self.resolve_requirement(name, need, text);
            // A module does not need itself: a declared module with the same name replaces its dependency.
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

/// The version of content without a version: no range excludes it.
fn content_version(version: Option<&Version>) -> Version {
    version.cloned().unwrap_or(Version::new(0, 0, 0))
}

#[cfg(test)]
mod tests;
