//! Faults for Ruby code that cannot be parsed here: what to write instead.

use stringless_core::suggest::nearest;

use super::problem::Problem;
use super::token::{Kind, Token, Tokens};

/// The fault of a token at the start of a statement.
pub(crate) fn as_statement(token: &Token) -> Problem {
    let hint = match &token.kind {
        Kind::Other(signs) if signs.starts_with(['@', '$']) => VALUES,
        Kind::Other(signs) if signs.starts_with('`') => "take it out: a Puppetfile runs nothing",
        _ => COMMANDS,
    };
    Problem::new(token.at, format!("{} where a statement begins", quoted(&token.kind)), hint)
}

/// The fault of a word that is not a command.
pub(crate) fn unknown(tokens: &mut Tokens<'_>, word: &str, at: usize) -> Result<Problem, Problem> {
    if let Some(hint) = keyword(word) {
        return Ok(Problem::new(at, not_run(word), hint));
    }
    let next = tokens.peek()?;
    let assigned = matches!(&next.kind, Kind::Other(signs) if signs.contains('='));
    if assigned {
        return Ok(Problem::new(at, format!("`{word}` is assigned a value, which needs Ruby"), VALUES));
    }
    let message = format!("unknown field `{word}`, expected one of `forge`, `moduledir`, `mod`");
    let hint = match nearest(&message) {
        Some(near) => format!("did you mean `{near}`?"),
        None => COMMANDS.to_owned(),
    };
    Ok(Problem::new(at, format!("`{word}` is not a command of a Puppetfile"), hint))
}

/// The fault of a token in the place of a value.
pub(crate) fn as_value(token: &Token) -> Problem {
    match &token.kind {
        Kind::Word(word) => {
            let what = format!("`{word}` is a value that only Ruby can evaluate");
            Problem::new(token.at, what, keyword(word).unwrap_or(VALUES))
        }
        Kind::Line | Kind::End => {
            Problem::new(token.at, "a value is missing", "write the value after its key or comma")
        }
        Kind::Other(signs) if signs.starts_with("<<") => {
            Problem::new(token.at, "a text over several lines", "write it in quotes, on one line")
        }
        Kind::Other(signs) if signs.starts_with('[') => {
            Problem::new(token.at, "a list in place of a value", "write the one value, in quotes")
        }
        Kind::Other(signs) if signs.starts_with('`') => {
            Problem::new(token.at, "a command in place of a value", "write what it would print, in quotes")
        }
        Kind::Other(_) => {
            let what = format!("{} in place of a value", quoted(&token.kind));
            Problem::new(token.at, what, VALUES)
        }
        kind => {
            let what = format!("{} in place of a value", quoted(kind));
            Problem::new(token.at, what, "write the value in quotes")
        }
    }
}

/// The fault of a token after a value, where only a comma or a line end is allowed.
pub(crate) fn after_value(token: &Token) -> Problem {
    match &token.kind {
        Kind::Word(word) => match keyword(word) {
            Some(hint) => Problem::new(token.at, not_run(word), hint),
            None => missing_comma(token),
        },
        Kind::Other(signs) if signs.starts_with(['+', '%', '*', '.', '[', '?', '&', '|']) => {
            let what = format!("{} computes another value, which needs Ruby", quoted(&token.kind));
            Problem::new(token.at, what, VALUES)
        }
        Kind::Arrow => Problem::new(token.at, "`=>` without a key before it", "write `key: value`"),
        Kind::Close | Kind::BraceClose => {
            let what = format!("{} closes nothing", quoted(&token.kind));
            Problem::new(token.at, what, "remove it")
        }
        Kind::BraceOpen => Problem::new(token.at, "a block, which only Ruby can run", COMMANDS),
        _ => missing_comma(token),
    }
}

/// The fault of a file that ends within parentheses or braces.
pub(crate) fn not_closed(at: usize, close: Option<&Kind>) -> Problem {
    let close = close.map_or_else(|| "a quote".to_owned(), quoted);
    Problem::new(at, format!("the file ends before {close}"), format!("add the missing {close}"))
}

/// The fault of a value at the start of a line: the line before it, whose text ends at `before`, lacks its comma.
pub(crate) fn no_comma(tokens: &Tokens<'_>, before: usize, token: &Token) -> Problem {
    let (first, second) = (tokens.line(before), tokens.line(token.at));
    let what = match first == second {
        true => format!("{} without a comma before it", quoted(&token.kind)),
        false => {
            format!(
                "line {first} ends without a comma, and line {second} continues with {}",
                quoted(&token.kind)
            )
        }
    };
    Problem::new(before, what, format!("write a comma at the end of line {first}"))
}

/// The fault of a text at `at` that directly follows another one.
pub(crate) fn no_comma_between(at: usize) -> Problem {
    Problem::new(
        at,
        "a text in quotes without a comma before it",
        "write a comma between the name and the version",
    )
}

fn missing_comma(token: &Token) -> Problem {
    let what = format!("{} without a comma before it", quoted(&token.kind));
    Problem::new(token.at, what, "write a comma between values, and each statement on a line of its own")
}

fn not_run(word: &str) -> String {
    format!("`{word}` is Ruby code, which is not run")
}

/// What to write instead of Ruby's keywords.
fn keyword(word: &str) -> Option<&'static str> {
    Some(match word {
        "if" | "unless" | "else" | "elsif" | "case" | "when" | "then" | "and" | "or" | "not" => {
            "write out what holds here: a branch is an environment, and has a Puppetfile of its own"
        }
        "while" | "until" | "for" | "loop" | "do" | "each" => "write a `mod` for each module",
        "require" | "require_relative" | "load" | "autoload" => {
            "remove it: `forge`, `moduledir` and `mod` work without it; write the content of the file that it reads here"
        }
        "eval" | "instance_eval" | "send" | "system" | "exec" | "puts" | "print" | "p" | "raise" | "warn" => {
            "take it out: a Puppetfile runs nothing"
        }
        "def" | "class" | "module" | "begin" | "end" | "lambda" | "proc" | "rescue" | "ensure" | "return"
        | "yield" | "alias" | "undef" | "BEGIN" | "END" => COMMANDS,
        "ENV" | "File" | "Dir" | "YAML" | "JSON" | "IO" | "Kernel" => VALUES,
        _ => return None,
    })
}

fn quoted(kind: &Kind) -> String {
    match kind {
        Kind::Word(word) => format!("`{word}`"),
        Kind::Label(_) => "a key".into(),
        Kind::Symbol(_) => "a symbol".into(),
        // Without its text: a URL may hold a password.
        Kind::Text(_) => "a text in quotes".into(),
        Kind::Arrow => "`=>`".into(),
        Kind::Comma => "`,`".into(),
        Kind::Open => "`(`".into(),
        Kind::Close => "`)`".into(),
        Kind::BraceOpen => "`{`".into(),
        Kind::BraceClose => "`}`".into(),
        Kind::Line => "the end of the line".into(),
        Kind::Number(number) | Kind::Other(number) => format!("`{}`", number.escape_default()),
        Kind::End => "the end of the file".into(),
    }
}

const COMMANDS: &str = "write only `forge`, `moduledir` and `mod`, each with its values";
const VALUES: &str = "write the value itself, in quotes";
