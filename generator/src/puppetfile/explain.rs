//! Why no releases fit together: the resolver's derivation as sentences. No IO.

use pubgrub::{Derived, External, Map, ReportFormatter, Term};

use super::range::{self, Range};
use super::requirement::{Package, Pin, Requirement};

/// Writes sentences.
pub struct Sentences<'a> {
    /// The declared modules; a sentence about one names its line.
    pub roots: &'a [Requirement],
}

type Terms = Map<Package, Term<Range>>;
type Fact = External<Package, Range, String>;
type Step = Derived<Package, Range, String>;

impl Sentences<'_> {
    fn needs(&self, who: &Package, which: &Range, what: &Package, range: &Range) -> String {
        let (Package::Module(what), Package::Puppetfile) = (what, who) else {
            return format!("{} needs {}", named(who, which), named(what, range));
        };
        match self.roots.iter().find(|root| root.name == *what) {
            Some(Requirement { line, pin: Pin::Content(..), .. }) => {
                format!("line {line} of the Puppetfile provides `{what}` {}", range::text(range))
            }
            Some(Requirement { line, .. }) => {
                format!("line {line} of the Puppetfile declares `{what}` {}", range::text(range))
            }
            None => format!("the Puppetfile needs `{what}` {}", range::text(range)),
        }
    }
}

impl ReportFormatter<Package, Range, String> for Sentences<'_> {
    type Output = String;

    fn format_external(&self, fact: &Fact) -> String {
        match fact {
            External::NotRoot(..) => "the Puppetfile is resolved".into(),
            External::NoVersions(package, range) if *range == Range::full() => {
                format!("there is no release of {package}")
            }
            External::NoVersions(package, range) => {
                format!("there is no other release of {package} in {}", range::text(range))
            }
            External::Custom(package, range, why) => format!("{} {why}", named(package, range)),
            External::FromDependencyOf(who, which, what, range) => self.needs(who, which, what, range),
        }
    }

    fn format_terms(&self, terms: &Terms) -> String {
        let terms: Vec<_> = terms.iter().filter(|(package, _)| **package != Package::Puppetfile).collect();
        match terms.as_slice() {
            [] => "nothing fits".into(),
            [(package, Term::Positive(range))] => format!("{} cannot be used", named(package, range)),
            [(package, Term::Negative(range))] => format!("{} must be used", named(package, range)),
            [(one, Term::Positive(range)), (two, Term::Negative(other))]
            | [(two, Term::Negative(other)), (one, Term::Positive(range))] => {
                self.needs(one, range, two, other)
            }
            several => {
                let names = several.iter().map(|(package, term)| match term {
                    Term::Positive(range) => named(package, range),
                    Term::Negative(range) => format!("no {}", named(package, range)),
                });
                format!("{} do not fit together", names.collect::<Vec<_>>().join(" and "))
            }
        }
    }

    fn explain_both_external(&self, one: &Fact, two: &Fact, so: &Terms) -> String {
        let (one, two) = (self.format_external(one), self.format_external(two));
        format!("because {one}, and {two}: {}", self.format_terms(so))
    }

    fn explain_both_ref(&self, n: usize, one: &Step, m: usize, two: &Step, so: &Terms) -> String {
        let (one, two) = (self.format_terms(&one.terms), self.format_terms(&two.terms));
        format!("because {one} ({n}), and {two} ({m}): {}", self.format_terms(so))
    }

    fn explain_ref_and_external(&self, n: usize, step: &Step, fact: &Fact, so: &Terms) -> String {
        let (step, fact) = (self.format_terms(&step.terms), self.format_external(fact));
        format!("because {step} ({n}), and {fact}: {}", self.format_terms(so))
    }

    fn and_explain_external(&self, fact: &Fact, so: &Terms) -> String {
        format!("and because {}: {}", self.format_external(fact), self.format_terms(so))
    }

    fn and_explain_ref(&self, n: usize, step: &Step, so: &Terms) -> String {
        format!("and because {} ({n}): {}", self.format_terms(&step.terms), self.format_terms(so))
    }

    fn and_explain_prior_and_external(&self, prior: &Fact, fact: &Fact, so: &Terms) -> String {
        let (prior, fact) = (self.format_external(prior), self.format_external(fact));
        format!("and because {prior}, and {fact}: {}", self.format_terms(so))
    }
}

fn named(package: &Package, range: &Range) -> String {
    match *range == Range::full() {
        true => format!("every release of {package}"),
        false => format!("{package} {}", range::text(range)),
    }
}
