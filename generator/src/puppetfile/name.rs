//! Names of modules.

/// A name in the notation of the forge's URLs: `puppetlabs-apt`.
#[must_use]
pub fn slug(name: &str) -> String {
    name.replacen('/', "-", 1)
}

/// The name without its author.
#[must_use]
pub fn short(name: &str) -> &str {
    name.rsplit_once(['/', '-']).map_or(name, |(_, short)| short)
}
