//! The URL and the revision of a git repository.

use super::check::{quoted, text};
use super::problem::Problem;
use super::value::{Given, Value};
use crate::puppetfile::model::Want;
use stringless_render::site::git_url::why_unsafe_in_puppetfile;

/// The revision that a key declares.
pub(crate) fn want(given: Given) -> Result<Want, Problem> {
    let (key, at) = (given.key, given.at);
    let word = match given.value {
        Value::Symbol(word) if word == "control_branch" && matches!(&*key, "branch" | "ref" | "version") => {
            return Ok(Want::ControlBranch);
        }
        Value::Symbol(word) if word == "control_branch" => {
            let what = format!("`:control_branch` is not a {key}");
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
            return Err(Problem::new(at, "`commit` is not a commit", hint));
        }
        _ => Want::Ref(word),
    })
}

/// The name of a fallback branch.
pub(crate) fn branch(given: Given) -> Result<String, Problem> {
    let name = text(given.value, given.at, &format!("`{}`", given.key))?;
    check_revision(&name, given.at)?;
    Ok(name)
}

/// Checks that git accepts the name for a branch or tag. An expression such as `main~1` is not a name.
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
    let what = format!("{} is not the name of a branch, tag or commit", quoted(name));
    Err(Problem::new(at, what, "write a name that `git check-ref-format --branch` accepts, or a commit"))
}

/// The URL of a repository; refused if git would read it as an option or as a program.
pub(crate) fn git_url(given: Given) -> Result<String, Problem> {
    let url = text(given.value, given.at, &format!("`{}`", given.key))?;
    let Some(why) = why_unsafe_in_puppetfile(&url) else { return Ok(url) };
    let what = format!("the URL of the repository is refused: {why}");
    Err(Problem::new(given.at, what, "write `https://…`, `ssh://…`, `user@host:path` or a path"))
}

fn is_commit(text: &str) -> bool {
    (4..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}
