//! The output of `git ls-remote --symref` → branches and tags with their commits. No IO.

use std::collections::BTreeMap;

/// A branch or a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ref {
    /// Its full name: `refs/heads/main`.
    pub name: String,
    /// The id of the object that it points to; for an annotated tag, the object that the tag names.
    pub id: String,
}

/// The branches and tags of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refs {
    list: Vec<Ref>,
    /// The branch that `HEAD` points to.
    head: Option<String>,
}

/// The file of a mirror with the refs of the last fetch. It is written last, so it shows that the mirror is
/// complete.
pub const FILE: &str = "stringless-refs";
/// The start of the full name of a branch.
pub const BRANCHES: &str = "refs/heads/";
/// The start of the full name of a tag.
pub const TAGS: &str = "refs/tags/";

impl Refs {
    /// Parses the lines `ID\tNAME` and `ref: NAME\tHEAD`, and ignores others.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (mut by_name, mut head) = (BTreeMap::new(), None);
        for (id, name) in text.lines().filter_map(|line| line.split_once('\t')) {
            if let (Some(branch), "HEAD") = (id.strip_prefix("ref: "), name) {
                head = branch.strip_prefix(BRANCHES);
            } else if !stringless_render::site::git_url::is_full_id(id)
                || !(name.starts_with(BRANCHES) || name.starts_with(TAGS))
            {
            } else if let Some(tag) = name.strip_suffix("^{}") {
                by_name.insert(tag, id);
            } else {
                by_name.entry(name).or_insert(id);
            }
        }
        let list = by_name.into_iter().map(|(name, id)| Ref { name: name.into(), id: id.into() }).collect();
        let refs = Self { list, head: None };
        let head = head.filter(|head| refs.id(&format!("{BRANCHES}{head}")).is_some()).map(str::to_owned);
        Self { head, ..refs }
    }

    /// The text from which [`Refs::parse`] makes the same refs.
    #[must_use]
    pub fn text(&self) -> String {
        let head = self.head.iter().map(|head| format!("ref: {BRANCHES}{head}\tHEAD\n"));
        head.chain(self.list.iter().map(|one| format!("{}\t{}\n", one.id, one.name))).collect()
    }

    /// All refs, sorted by name.
    #[must_use]
    pub fn list(&self) -> &[Ref] {
        &self.list
    }

    /// The short name of the default branch.
    #[must_use]
    pub fn head(&self) -> Option<&str> {
        self.head.as_deref()
    }

    /// The full name and the id of the ref `name`: an exact match, or as in git a name below `refs/`
    /// (`tags/v1`), then a tag, then a branch.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(String, &str)> {
        let name = if name == "HEAD" { format!("{BRANCHES}{}", self.head()?) } else { name.to_owned() };
        [name.clone(), format!("refs/{name}"), format!("{TAGS}{name}"), format!("{BRANCHES}{name}")]
            .into_iter()
            .find_map(|full| self.id(&full).map(|id| (full, id)))
    }

    fn id(&self, name: &str) -> Option<&str> {
        let at = self.list.binary_search_by(|one| one.name.as_str().cmp(name)).ok()?;
        Some(&self.list[at].id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> String {
        digit.to_string().repeat(40)
    }

    #[test]
    fn reads_what_git_prints() {
        let (a, b, c) = (id('a'), id('b'), id('c'));
        let text = format!(
            "ref: refs/heads/main\tHEAD\n{a}\tHEAD\n{a}\trefs/heads/main\n{b}\trefs/pull/1/head\n\
             {b}\trefs/tags/v1\n{c}\trefs/tags/v1^{{}}\n{b}\trefs/tags/main\nnonsense\nxyz\trefs/heads/x\n"
        );
        let refs = Refs::parse(&text);
        let names: Vec<(&str, &str)> = refs.list().iter().map(|r| (&*r.name, &*r.id)).collect();
        assert_eq!(names, [("refs/heads/main", &*a), ("refs/tags/main", &b), ("refs/tags/v1", &c)]);
        assert_eq!(refs.head(), Some("main"));
        assert_eq!(Refs::parse(&refs.text()), refs);
        let find = |name| refs.find(name).map(|(_, id)| id);
        assert_eq!(find("main"), Some(&*b), "a tag before a branch, as in git");
        assert_eq!((find("HEAD"), find("refs/heads/main"), find("v1")), (Some(&*a), Some(&*a), Some(&*c)));
        assert_eq!(
            (find("heads/main"), find("tags/v1"), find("tags/main")),
            (Some(&*a), Some(&*c), Some(&*b))
        );
        assert_eq!((find("main/heads"), find(""), find("v1^{}"), find("v1~1")), (None, None, None, None));
    }

    #[test]
    fn a_main_branch_that_is_not_there_is_none() {
        let refs = Refs::parse(&format!("ref: refs/heads/gone\tHEAD\n{}\trefs/heads/x\n", id('a')));
        assert_eq!((refs.head(), refs.find("HEAD")), (None, None));
        assert_eq!(Refs::parse(""), Refs::default());
    }
}
