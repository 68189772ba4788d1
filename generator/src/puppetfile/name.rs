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

/// Whether it is an author and a name, as a forge has them.
#[must_use]
pub fn is_full(name: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    slug(name).split_once('-').is_some_and(|(author, module)| plain(author) && plain(module))
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
