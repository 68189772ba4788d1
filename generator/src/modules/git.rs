//! A module in a git repository: which commit is meant, and what it holds.

use stringless_archive::writer::{Item, ItemKind};

use super::lockfile::{Follows, Locked, is_commit};
use super::tree::{Tree, shown};
use crate::error::{Error, Result};
use crate::git::{Commit, EntryKind, Mirror};
use crate::puppetfile::model::Want;

/// What a `Puppetfile` asks of a repository.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What of it.
    pub want: &'a Want,
    /// What else, in this order, where there is no such thing.
    pub or: [Option<&'a str>; 2],
    /// The branch that the environment is, where it is one.
    pub control_branch: Option<&'a str>,
}

/// Whether a mirror that was fetched before is enough: a commit does not move.
#[must_use]
pub fn is_fixed(want: &Want) -> bool {
    matches!(want, Want::Commit(id) | Want::Ref(id) if is_commit(id))
}

/// The commit that is meant; what was asked for goes into `locked`.
///
/// # Errors
/// When the repository has nothing of that name.
pub fn find(mirror: &Mirror, asked: &Asked<'_>, locked: &mut Locked) -> Result<Commit> {
    let mut tried = Vec::new();
    let names = match asked.want {
        Want::Tag(tag) => {
            locked.tag = Some(tag.clone());
            tried.push(format!("the tag `{}`", shown(tag)));
            vec![format!("refs/tags/{tag}"), tag.clone()]
        }
        Want::Branch(branch) => {
            locked.branch = Some(branch.clone());
            tried.push(format!("the branch `{}`", shown(branch)));
            vec![format!("refs/heads/{branch}"), branch.clone()]
        }
        Want::Ref(name) => {
            locked.reference = Some(name.clone());
            tried.push(format!("`{}`", shown(name)));
            vec![name.clone()]
        }
        Want::Commit(id) => {
            tried.push(format!("the commit `{}`", shown(id)));
            vec![id.clone()]
        }
        Want::ControlBranch => {
            locked.follows = Some(Follows::ControlBranch);
            match asked.control_branch {
                Some(branch) => {
                    tried.push(format!("the control branch `{branch}`"));
                    vec![format!("refs/heads/{branch}")]
                }
                None => {
                    tried.push("a control branch: the environment is none".into());
                    Vec::new()
                }
            }
        }
        Want::Head => {
            locked.follows = Some(Follows::Default);
            tried.push("its main branch".into());
            vec!["HEAD".to_owned()]
        }
    };
    let others = asked.or.into_iter().flatten();
    tried.extend(others.clone().map(|name| format!("`{}`", shown(name))));
    for name in names.into_iter().chain(others.map(str::to_owned)) {
        if let Some(commit) = mirror.resolve(&name)? {
            return Ok(commit);
        }
    }
    Err(Error::configuration(format!("reading `{}`: it has not {}", mirror.url(), tried.join(", nor ")))
        .hint("`:branch`, `:tag`, `:commit` or `:default_branch` in the Puppetfile names what is there"))
}

/// What a commit holds.
///
/// # Errors
/// Refused: submodules, files that git LFS keeps elsewhere, and what a node would refuse.
pub fn tree(mirror: &Mirror, commit: &Commit, exclude_spec: bool) -> Result<Tree> {
    let refused = |path: &str, why: &str, hint: &str| {
        let told = format!("reading `{}`: `{}` {why}", mirror.url(), shown(path));
        Error::refused(told).hint(hint)
    };
    let mut entries = mirror.entries(commit, "")?;
    entries.retain(|entry| entry.kind != EntryKind::Folder);
    if exclude_spec {
        entries.retain(|entry| !entry.path.starts_with("spec/"));
    }
    if let Some(submodule) = entries.iter().find(|entry| entry.kind == EntryKind::Submodule) {
        return Err(refused(
            &submodule.path,
            "is a submodule, and would be empty",
            "declare it as a module of its own, or take a release that carries its content",
        ));
    }
    let ids: Vec<String> = entries.iter().map(|entry| entry.id.clone()).collect();
    let contents = mirror.blobs(&ids)?;
    let mut items = Vec::with_capacity(entries.len());
    for (entry, content) in entries.into_iter().zip(contents) {
        let kind = match entry.kind {
            EntryKind::Link => {
                let target = String::from_utf8(content);
                let odd = "is a link whose target is not UTF-8";
                ItemKind::Link { target: target.map_err(|_| refused(&entry.path, odd, FORK))? }
            }
            _ if content.starts_with(LFS) => {
                return Err(refused(&entry.path, "is kept by git LFS, and only a pointer is here", FORK));
            }
            EntryKind::File { executable } => ItemKind::File { executable, content },
            EntryKind::Folder | EntryKind::Submodule => continue,
        };
        items.push(Item { path: entry.path, kind });
    }
    Tree::new(items).map_err(|why| {
        Error::refused(format!("reading `{}`: commit {commit}: {why}", mirror.url())).hint(FORK)
    })
}

/// How a pointer of git LFS begins.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";
const FORK: &str = "take another release of it, or a copy of your own without that";
