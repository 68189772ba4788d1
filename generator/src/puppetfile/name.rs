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

/// Whether both are names of one module: a forge does not distinguish case.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    slug(one).eq_ignore_ascii_case(&slug(other))
}

/// Whether two modules would have the same folder: they could not be told apart on every file system.
#[must_use]
pub fn same_folder(one: &str, other: &str) -> bool {
    short(one).eq_ignore_ascii_case(short(other))
}
