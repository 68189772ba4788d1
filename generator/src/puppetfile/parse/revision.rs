//! What of a git repository, and which.

use super::check::{shown, text};
use super::problem::Problem;
use super::value::{Given, Value};
use crate::puppetfile::model::Want;

/// What of a repository one of the keys for that asks for.
pub(crate) fn want(given: Given) -> Result<Want, Problem> {
    let (key, at) = (given.key, given.at);
    let word = match given.value {
        Value::Symbol(word) if word == "control_branch" && matches!(&*key, "branch" | "ref" | "version") => {
            return Ok(Want::ControlBranch);
        }
        Value::Symbol(word) if word == "control_branch" => {
            let what = format!("`:control_branch` is no {key}");
            return Err(Problem::new(at, what, "write `branch: :control_branch`"));
        }
        value => text(value, at, &format!("`{key}`"))?,
    };
    check_revision(&word, at)?;
    Ok(match key.as_str() {
        "tag" => Want::Tag(word),
        "branch" => Want::Branch(word),
        "commit" if is_commit(&word) => Want::Commit(word),
        "commit" => {
            let hint = "write the 40 hex digits that `git rev-parse` prints, or use `tag`, `branch` or `ref`";
            return Err(Problem::new(at, "`commit` is no commit", hint));
        }
        _ => Want::Ref(word),
    })
}

/// A branch to fall back upon.
pub(crate) fn branch(given: Given) -> Result<String, Problem> {
    let name = text(given.value, given.at, &format!("`{}`", given.key))?;
    check_revision(&name, given.at)?;
    Ok(name)
}

/// What git takes for the name of a branch or tag; what it would work out, as in `main~1`, is no name.
fn check_revision(name: &str, at: usize) -> Result<(), Problem> {
    let sign = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let fine = !name.contains(sign)
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && name.split('/').all(part);
    if fine {
        return Ok(());
    }
    let what = format!("{} is no name of a branch, tag or commit", shown(name));
    Err(Problem::new(at, what, "write a name that `git check-ref-format --branch` accepts, or a commit"))
}

/// The address of a repository; what git would take for an option or a program is none.
pub(crate) fn git_url(given: Given) -> Result<String, Problem> {
    let url = text(given.value, given.at, &format!("`{}`", given.key))?;
    let what = match url.as_str() {
        "" => "the address of the repository is empty",
        _ if url.starts_with('-') => "the address of the repository begins like an option of git",
        _ if url
            .split_once("::")
            .is_some_and(|(helper, _)| helper.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')) =>
        {
            "the address of the repository names a program to run"
        }
        _ => return Ok(url),
    };
    Err(Problem::new(given.at, what, "write `https://…`, `ssh://…`, `user@host:path` or a path"))
}

fn is_commit(text: &str) -> bool {
    (4..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}
