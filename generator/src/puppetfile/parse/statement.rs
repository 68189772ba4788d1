//! Tokens → statements: a command with its values.

use super::check::quoted;
use super::problem::Problem;
use super::ruby;
use super::token::{Kind, Token, Tokens};
use super::value::{Given, Value};

/// `mod 'ntp', git: '…'`: one command.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) command: Command,
    /// Its position, in bytes.
    pub(crate) at: usize,
    /// The values without keys.
    pub(crate) plain: Vec<(Value, usize)>,
    /// The values with keys.
    pub(crate) options: Vec<Given>,
    /// The position of a quoted text that directly follows another one in the first value.
    pub(crate) joined: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Forge,
    Moduledir,
    Mod,
}

impl Command {
    fn of(word: &str) -> Option<Self> {
        match word {
            "forge" => Some(Self::Forge),
            "moduledir" => Some(Self::Moduledir),
            "mod" => Some(Self::Mod),
            _ => None,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Forge => "forge",
            Self::Moduledir => "moduledir",
            Self::Mod => "mod",
        }
    }
}

/// Parses the next statement, or the end of the file.
pub(crate) fn statement(tokens: &mut Tokens<'_>) -> Result<Option<Statement>, Problem> {
    tokens.skip_lines()?;
    let token = tokens.next()?;
    let word = match &token.kind {
        Kind::End => return Ok(None),
        Kind::Word(word) => word,
        _ => return Err(ruby::as_statement(&token)),
    };
    let Some(command) = Command::of(word) else { return Err(ruby::unknown(tokens, word, token.at)?) };
    let mut statement =
        Statement { command, at: token.at, plain: Vec::new(), options: Vec::new(), joined: None };
    arguments(tokens, &mut statement)?;
    no_rest(tokens)?;
    Ok(Some(statement))
}

/// Refuses a statement whose rest is on the next lines: what is wrong with it may only be that the rest is missing.
fn no_rest(tokens: &Tokens<'_>) -> Result<(), Problem> {
    let mut ahead = tokens.clone();
    match ahead.skip_lines().and_then(|()| ahead.next()) {
        Ok(next) if matches!(next.kind, Kind::Symbol(_) | Kind::Label(_) | Kind::Text(_)) => {
            Err(ruby::no_comma(tokens, tokens.last, &next))
        }
        // Another fault there is a fault of the next statement.
        _ => Ok(()),
    }
}

fn arguments(tokens: &mut Tokens<'_>, statement: &mut Statement) -> Result<(), Problem> {
    let first = tokens.peek()?.clone();
    match first.kind {
        Kind::Line | Kind::End => return Ok(()),
        Kind::Open if first.spaced => {
            let hint = format!("write `{}('…')` or remove the parentheses", statement.command.word());
            return Err(Problem::new(first.at, "a space before the parenthesis", hint));
        }
        Kind::Open => {
            tokens.next()?;
            values(tokens, statement, Some(&Kind::Close))?;
        }
        _ => return values(tokens, statement, None),
    }
    let after = tokens.next()?;
    match after.kind {
        Kind::Line | Kind::End => Ok(()),
        _ => Err(ruby::after_value(&after)),
    }
}

/// Parses values up to `close`, which is consumed, or to the end of the line.
fn values(tokens: &mut Tokens<'_>, statement: &mut Statement, close: Option<&Kind>) -> Result<(), Problem> {
    loop {
        tokens_after_comma(tokens, statement, close)?;
        if close.is_some() && Some(&tokens.peek()?.kind) == close {
            tokens.next()?;
            return Ok(());
        }
        argument(tokens, statement, close == Some(&Kind::BraceClose))?;
        let before = tokens.last;
        let line = tokens.peek()?.kind == Kind::Line;
        if close.is_some() {
            tokens.skip_lines()?;
        }
        let next = tokens.next()?;
        match next.kind {
            Kind::Comma if line && close.is_some() => {
                return Err(Problem::new(
                    next.at,
                    "a comma at the start of a line",
                    "put it at the end of the line before",
                ));
            }
            Kind::Comma => {}
            Kind::Line | Kind::End if close.is_none() => return Ok(()),
            kind if Some(&kind) == close => return Ok(()),
            Kind::End => return Err(ruby::not_closed(next.at, close)),
            Kind::Symbol(_) | Kind::Label(_) | Kind::Text(_) if line => {
                return Err(ruby::no_comma(tokens, before, &next));
            }
            _ => return Err(ruby::after_value(&next)),
        }
    }
}

/// After a comma or a parenthesis, a statement continues on the next line, as in Ruby.
fn tokens_after_comma(
    tokens: &mut Tokens<'_>,
    statement: &Statement,
    close: Option<&Kind>,
) -> Result<(), Problem> {
    let begun = close.is_some() || !statement.plain.is_empty() || !statement.options.is_empty();
    if begun {
        tokens.skip_lines()?;
    }
    let next = tokens.peek()?;
    match &next.kind {
        Kind::End if close.is_some() => Err(ruby::not_closed(next.at, close)),
        Kind::Word(word) if begun && Command::of(word).is_some() => Err(Problem::new(
            next.at,
            format!("`{word}` in place of a value: the previous line ends with a comma"),
            "remove the comma at the end of the previous line, or add the missing value",
        )),
        Kind::End if begun => Err(Problem::new(
            next.at,
            "the file ends after a comma",
            "remove the comma, or add the missing value",
        )),
        _ => Ok(()),
    }
}

/// `'value'`, `key: value`, `:key => value`, or `{…}` with keys.
fn argument(tokens: &mut Tokens<'_>, statement: &mut Statement, braces: bool) -> Result<(), Problem> {
    let token = tokens.next()?;
    let at = token.at;
    let key = match token.kind {
        Kind::BraceOpen if !braces && !statement.plain.is_empty() && statement.options.is_empty() => {
            return values(tokens, statement, Some(&Kind::BraceClose));
        }
        Kind::Label(key) => key,
        _ => {
            let next = tokens.peek()?;
            let joined = matches!(token.kind, Kind::Text(_)) && matches!(next.kind, Kind::Text(_));
            if joined && statement.plain.is_empty() {
                statement.joined = Some(next.at);
            }
            let value = value(tokens, token)?;
            if tokens.peek()?.kind != Kind::Arrow {
                if braces || !statement.options.is_empty() {
                    let hint = "write `key: value`, and values without keys before those with keys";
                    return Err(Problem::new(at, "a value without a key", hint));
                }
                statement.plain.push((value, at));
                return Ok(());
            }
            tokens.next()?;
            match value {
                Value::Symbol(key) => key,
                Value::Text(key) => {
                    let hint = "write the key without quotes, as in `git:` or `:git =>`";
                    return Err(Problem::new(at, format!("the key {} in quotes", quoted(&key)), hint));
                }
                _ => return Err(Problem::new(at, "a value in place of a key", "write `key: value`")),
            }
        }
    };
    tokens.skip_lines()?;
    let token = tokens.next()?;
    let value_at = token.at;
    let value = value(tokens, token)?;
    if statement.options.iter().any(|other| other.key == key) {
        let what = format!("the key {} is given twice", quoted(&key));
        return Err(Problem::new(at, what, "keep one of them"));
    }
    statement.options.push(Given { key, key_at: at, value, at: value_at });
    Ok(())
}

fn value(tokens: &mut Tokens<'_>, token: Token) -> Result<Value, Problem> {
    Ok(match token.kind {
        Kind::Text(mut text) => {
            // Ruby joins adjacent quoted texts.
            while let Kind::Text(_) = tokens.peek()?.kind {
                if let Kind::Text(more) = tokens.next()?.kind {
                    text.push_str(&more);
                }
            }
            Value::Text(text)
        }
        Kind::Symbol(name) => Value::Symbol(name),
        Kind::Number(number) => Value::Number(number),
        Kind::Word(word) if word == "true" => Value::Bool(true),
        Kind::Word(word) if word == "false" => Value::Bool(false),
        Kind::Word(word) if word == "nil" => Value::Nil,
        _ => return Err(ruby::as_value(&token)),
    })
}
