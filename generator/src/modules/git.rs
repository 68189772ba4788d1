//! A module in a git repository: its commit, and the content of the commit.

use stringless_archive::writer::{Item, ItemKind};
use stringless_render::site::git_url::is_full_id;

use super::lockfile::{Follows, LockedModule};
use super::tree::{Tree, cure, quoted};
use crate::error::{Error, Result};
use crate::git::{Commit, EntryKind, Repository};
use crate::puppetfile::model::Want;

/// The revision that a `Puppetfile` declares.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The revision.
    pub want: &'a Want,
    /// Branches to use instead, in this order, if the repository has no such revision.
    pub or: [Option<&'a str>; 2],
    /// The branch of the environment; `None` if the environment is not a branch.
    pub control_branch: Option<&'a str>,
}

/// Whether an older mirror is enough: a commit never changes.
#[must_use]
pub fn is_fixed(want: &Want) -> bool {
    matches!(want, Want::Commit(id) | Want::Ref(id) if is_full_id(id))
}

/// Resolves the revision to a commit, and records the revision in `locked`.
///
/// # Errors
/// When the repository has no such revision.
pub fn find(mirror: &Repository, asked: &Asked<'_>, locked: &mut LockedModule) -> Result<Commit> {
    let mut tried = Vec::new();
    let names = match asked.want {
        Want::Tag(tag) => {
            locked.tag = Some(tag.clone());
            tried.push(format!("the tag `{}`", quoted(tag)));
            vec![format!("refs/tags/{tag}"), tag.clone()]
        }
        Want::Branch(branch) => {
            locked.branch = Some(branch.clone());
            tried.push(format!("the branch `{}`", quoted(branch)));
            vec![format!("refs/heads/{branch}"), branch.clone()]
        }
        Want::Ref(name) => {
            locked.reference = Some(name.clone());
            tried.push(format!("`{}`", quoted(name)));
            vec![name.clone()]
        }
        Want::Commit(id) => {
            tried.push(format!("the commit `{}`", quoted(id)));
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
                    tried.push("a control branch, because the environment is not a branch".into());
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
    tried.extend(others.clone().map(|name| format!("`{}`", quoted(name))));
    for name in names.into_iter().chain(others.map(str::to_owned)) {
        if let Some(commit) = mirror.resolve(&name)? {
            return Ok(commit);
        }
    }
    Err(Error::configuration(format!("reading `{}`: it does not have {}", mirror.url(), tried.join(" or ")))
        .hint("set `:branch`, `:tag`, `:commit` or `:default_branch` in the Puppetfile to one that exists"))
}

/// The content of a commit.
///
/// # Errors
/// Refused: submodules, files in git LFS, and everything that a node would refuse.
pub fn tree(mirror: &Repository, commit: &Commit, exclude_spec: bool) -> Result<Tree> {
    let refused = |path: &str, why: &str, hint: &str| {
        let message = format!("reading `{}`: `{}` {why}", mirror.url(), quoted(path));
        Error::refused(message).hint(hint)
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
            "declare it as a module of its own, or use a release that holds its content",
        ));
    }
    let conversions = mirror.conversions(commit, "", &entries)?;
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
                return Err(refused(
                    &entry.path,
                    "is stored in git LFS, and the repository holds only a pointer",
                    FORK,
                ));
            }
            EntryKind::File { executable } => {
                let content = match conversions.get(&entry.path) {
                    Some(conversion) => conversion
                        .apply(content, &entry.id)
                        .map_err(|why| refused(&entry.path, &why, FORK))?,
                    None => content,
                };
                ItemKind::File { executable, content }
            }
            EntryKind::Folder | EntryKind::Submodule => continue,
        };
        items.push(Item { path: entry.path, kind });
    }
    Tree::new(items).map_err(|why| {
        Error::refused(format!("reading `{}`: commit {commit}: {why}", mirror.url())).hint(cure(&why))
    })
}

/// The error of a locked commit that the repository no longer has.
pub fn gone(mirror: &Repository, id: &str, locked: &LockedModule, offline: bool) -> Error {
    if offline {
        return Error::temporary(format!("reading `{}`: commit {id} is not in the cache", mirror.url()))
            .hint("run it once without `--offline`");
    }
    let message = format!(
        "reading `{}`: commit {id}, which was locked for {}, no longer exists",
        mirror.url(),
        locked.asked()
    );
    Error::refused(message).hint(format!(
        "its history was rewritten: inspect the repository, then run `stringless modules update {}`",
        locked.name
    ))
}

/// The start of a pointer of git LFS.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";
const FORK: &str = "use another release of it, or your own copy without this file";
