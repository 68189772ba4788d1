//! Looks at a site from this machine: keys, dates, stores and their clocks, access, tools, agents. A check that fails
//! never keeps the others from running.

mod access;
mod agents;
mod dates;
pub mod findings;
pub mod keys;
mod stores;
mod tools;
mod writes;

use self::findings::Findings;
use crate::site::{SiteDir, trust_chain};

/// What is looked at, and whether anything may be written for it.
#[derive(Clone, Copy, Debug)]
pub struct Doctor<'a> {
    /// The site.
    pub site: &'a SiteDir,
    /// Whether the stores are tried by writing to them.
    pub write: bool,
}

impl Doctor<'_> {
    /// Looks at everything.
    #[must_use]
    pub fn examine(self) -> Findings {
        let mut list = Findings::default();
        let chain = self.site.trust().unwrap_or_else(|error| {
            list.error("trust", &error);
            Vec::new()
        });
        let mut here = true;
        if let Ok(trust) = trust_chain::newest(&chain) {
            dates::trust(trust, &mut list);
            here = keys::check(self.site, trust, &mut list);
        }
        self.tools(here, &mut list);
        self.agents(&mut list);
        self.stores(&chain, &mut list);
        list
    }
}
