//! Parses the text of a `Puppetfile`, without Ruby.

pub mod check;
pub mod declare;
mod escape;
pub mod place;
pub mod problem;
pub mod revision;
pub mod ruby;
pub mod statement;
pub mod token;
pub mod value;

use stringless_core::fault::Fault;

use self::problem::{Problem, position};
use self::statement::{Command, Statement};
use self::token::Tokens;
use super::model::Puppetfile;

impl Puppetfile {
    /// Parses the bytes of the file `origin`. Comments may have any encoding.
    ///
    /// # Errors
    /// As [`Puppetfile::parse`]; also for bytes outside comments that are not UTF-8.
    pub fn parse_bytes(bytes: &[u8], origin: &str) -> Result<Self, Fault> {
        Self::parse(&String::from_utf8_lossy(bytes), origin)
    }

    /// Parses `text`, which came from the file `origin`.
    ///
    /// # Errors
    /// `reading ORIGIN:LINE:COLUMN: …`, both from 1, for the first fault in the file, or the first code that needs
    /// Ruby; the hint says what to write instead.
    pub fn parse(text: &str, origin: &str) -> Result<Self, Fault> {
        Self::read(text).map_err(|problem| {
            let (line, column) = position(text, problem.at);
            Fault::new(format!("reading {origin}:{line}:{column}: {}", problem.what)).hint(problem.hint)
        })
    }

    fn read(text: &str) -> Result<Self, Problem> {
        let mut file = Self::default();
        let mut tokens = Tokens::new(text);
        let mut places = Vec::new();
        while let Some(statement) = statement::statement(&mut tokens)? {
            let at = statement.at;
            match statement.command {
                Command::Forge => file.forge = Some(forge(statement)?),
                Command::Moduledir => {
                    let (path, at) = only(statement, "moduledir 'modules'")?;
                    file.moduledir = Some(place::inside(&path, "moduledir", at)?);
                }
                Command::Mod => {
                    let parent = file.moduledir.as_deref().unwrap_or("modules");
                    let joined = statement.joined;
                    let declared = declare::module(statement, parent, position(text, at).0);
                    // Ruby joins adjacent texts, which is seldom meant.
                    let meant = |problem| joined.map_or(problem, ruby::no_comma_between);
                    file.modules.push(declared.map_err(meant)?);
                    places.push(at);
                }
            }
        }
        place::apart(&file.modules).map_err(|(n, what, hint)| Problem::new(places[n], what, hint))?;
        Ok(file)
    }
}

fn forge(statement: Statement) -> Result<String, Problem> {
    let (url, at) = only(statement, "forge 'https://…'")?;
    let url = if is_host(&url) { format!("https://{url}") } else { url };
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/')) {
        return Err(Problem::new(at, "`forge` is not the URL of a forge", "write `forge 'https://…'`"));
    }
    Ok(url)
}

/// Whether it is a host, with or without a port and a path, but without `https://` before it. r10k accepts this.
fn is_host(url: &str) -> bool {
    let host = url.split(['/', ':']).next().unwrap_or_default();
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    !url.contains("://") && host.contains('.') && host.split('.').all(word)
}

/// The single value of a command, and its position.
fn only(statement: Statement, form: &str) -> Result<(String, usize), Problem> {
    let Statement { command, at, plain, options, .. } = statement;
    let word = command.word();
    if let Some(given) = options.first() {
        return Err(Problem::new(given.key_at, format!("`{word}` has no keys"), format!("write `{form}`")));
    }
    let mut plain = plain.into_iter();
    match (plain.next(), plain.next()) {
        (Some((value, at)), None) => Ok((check::text(value, at, &format!("`{word}`"))?, at)),
        (None, _) => Err(Problem::new(at, format!("`{word}` without a value"), format!("write `{form}`"))),
        (_, Some((_, at))) => {
            Err(Problem::new(at, format!("`{word}` with two values"), format!("write `{form}`")))
        }
    }
}
