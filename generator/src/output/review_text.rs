//! A review as text: for a terminal, a pager, a log.

use std::fmt::Write;

use crate::output::format;
use crate::release::diff::{Change, ChangeKind};
use crate::release::review::{ModuleChange, Point, Review};
use crate::release::settings::SettingChange;

/// Which changed lines are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The lines of own code, not only their number.
    pub own: bool,
    /// The lines of third-party modules.
    pub third_party: bool,
}

/// The review as text: modules, settings, own code, third-party code, and a summary line.
#[must_use]
pub fn text(review: &Review, shown: Shown) -> String {
    let mut text = String::new();
    if !review.modules.is_empty() {
        let rows: Vec<Vec<String>> = review.modules.iter().map(module_row).collect();
        text.push_str(&format!("modules:\n{}\n", indented(&format::table(&rows))));
    }
    if !review.changed {
        return text + &format!("{}: no change {}\n", review.environment, way(review));
    }
    if !review.settings.is_empty() {
        text.push_str("settings:\n");
        text.extend(review.settings.iter().map(SettingChange::text));
    }
    let third_party = review.third_party();
    if !third_party.is_empty() && review.own().next().is_some() {
        text.push_str("own code:\n");
    }
    text.push_str(&files(review.own(), shown.own));
    if !third_party.is_empty() {
        text.push_str("third-party code:\n");
        if shown.third_party {
            text.extend(third_party.values().flatten().map(|file| file.text.as_str()));
        } else {
            let rows: Vec<Vec<String>> = third_party
                .iter()
                .map(|(module, files)| {
                    let (added, removed) = lines(files.iter().copied());
                    let other = files.iter().filter(|file| !file.remark().is_empty()).count();
                    let other = match other {
                        0 => String::new(),
                        _ => format!("{} with another mode or without text", format::count(other, "file")),
                    };
                    vec![
                        (*module).to_owned(),
                        format::count(files.len(), "file"),
                        format!("+{added} -{removed}"),
                        other,
                    ]
                })
                .collect();
            text.push_str(&format::table(&rows));
        }
    }
    text.push_str(&sum(review));
    text
}

fn files<'a>(files: impl Iterator<Item = &'a Change>, whole: bool) -> String {
    if whole {
        return files.map(|file| file.text.as_str()).collect();
    }
    let row = |file: &Change| {
        let lines = format!("+{} -{}", file.added, file.removed);
        vec![word(file.kind).to_owned(), file.path.clone(), lines, file.remark()]
    };
    format::table(&files.map(row).collect::<Vec<_>>())
}

fn sum(review: &Review) -> String {
    let (added, removed) = lines(review.files.iter());
    let mut text = format!(
        "{}, {}: {}, +{added} -{removed} lines; packs: {}",
        review.environment,
        way(review),
        format::count(review.files.len(), "file"),
        kinds(review.packs.iter().map(|pack| pack.kind))
    );
    if !review.modules.is_empty() {
        write!(text, "; modules: {}", kinds(review.modules.iter().map(|module| module.kind))).ok();
    }
    text + "\n"
}

/// `since serial 3`, or `from serial 3 to serial 4`.
pub(super) fn way(review: &Review) -> String {
    let named = |point: &Point| {
        let serial =
            point.serial.map_or_else(|| "this build".to_owned(), |serial| format!("serial {serial}"));
        if point.environment == review.environment {
            serial
        } else {
            format!("{} {serial}", point.environment)
        }
    };
    let from = review.from.as_ref().map_or_else(|| "nothing published".to_owned(), named);
    match review.to.serial {
        None if review.to.environment == review.environment => format!("since {from}"),
        _ => format!("from {from} to {}", named(&review.to)),
    }
}

fn module_row(module: &ModuleChange) -> Vec<String> {
    vec![word(module.kind).to_owned(), module.path.clone(), module.name.clone(), versions(module)]
}

/// The old and the new version, and a remark where the change is unusual.
pub(super) fn versions(module: &ModuleChange) -> String {
    let text = match (&module.old, &module.new) {
        (Some(old), Some(new)) if old.version != new.version => {
            format!("{} to {}", short(&old.version), short(&new.version))
        }
        (Some(one), _) | (None, Some(one)) => short(&one.version).to_owned(),
        (None, None) => String::new(),
    };
    let moved = match (&module.old, &module.new) {
        (Some(old), Some(new)) if old.from != new.from => {
            format!(", from {}, before from {}", new.from, old.from)
        }
        _ => String::new(),
    };
    let remark = match (module.replaced, module.own, module.kind) {
        (true, ..) => ", other content under the same version",
        (_, true, ChangeKind::Added) => ", in place of own code",
        (_, true, _) => ", own code in its place",
        _ => "",
    };
    text + &moved + remark
}

/// The first digits of a hash; other versions as they are.
fn short(version: &str) -> &str {
    let hash = version.len() >= 40 && version.bytes().all(|b| b.is_ascii_hexdigit());
    if hash { &version[..12] } else { version }
}

pub(super) fn word(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Removed => "removed",
        ChangeKind::Changed => "changed",
    }
}

/// The numbers of added and removed lines.
pub(super) fn lines<'a>(files: impl Iterator<Item = &'a Change>) -> (usize, usize) {
    files.fold((0, 0), |(added, removed), file| (added + file.added, removed + file.removed))
}

fn kinds(kinds: impl Iterator<Item = ChangeKind>) -> String {
    let kinds: Vec<ChangeKind> = kinds.collect();
    let count = |kind| kinds.iter().filter(|one| **one == kind).count();
    let (changed, added) = (count(ChangeKind::Changed), count(ChangeKind::Added));
    format!("{changed} changed, {added} added, {} removed", count(ChangeKind::Removed))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
