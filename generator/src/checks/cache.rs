//! What was found of a content, remembered from run to run.
//!
//! A memory that cannot be read is an empty one: everything is checked again then.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stringless_core::hash::{Hasher, Sha256};

use super::Fault;
use crate::clock::now;
use crate::error::Error;
use crate::fs::write_whole;
use crate::source::content::Content;

/// The memory.
pub struct Known {
    file: PathBuf,
    today: u64,
    told: Told,
    changed: bool,
}

/// What is known of several contents.
pub struct Answers {
    /// Of each, in their order; `None`: the check could not tell.
    pub faults: Vec<Option<Vec<Fault>>>,
    /// Why it could not.
    pub why: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct Told {
    format: u32,
    entries: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    /// The day on which it was of use, since 1970, give or take a week.
    day: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Fault>,
}

/// The name of what is checked: every word counts.
pub fn key(words: &[&str]) -> String {
    let mut text = Vec::new();
    for word in words {
        text.extend_from_slice(word.as_bytes());
        text.push(0);
    }
    let mut key = Sha256::of(&text).to_string();
    // Enough for a name that nobody gains by forging.
    key.truncate(32);
    key
}

/// What stands for a content without reading it; `None` where a change would not be seen in it.
pub fn mark(content: &Content) -> Option<String> {
    let mut hash = Hasher::default();
    content.mark(&mut hash).then(|| hash.finish().to_string())
}

impl Known {
    /// Reads the memory in `folder`.
    pub fn read(folder: &Path) -> Self {
        let file = folder.join("known.json");
        let told = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Told>(&bytes).ok());
        let told = told.filter(|told| told.format == FORMAT).unwrap_or_default();
        Self { file, today: now().seconds() / 86_400, told, changed: false }
    }

    /// What was found of it, if it was ever checked.
    pub fn recall(&mut self, key: &str) -> Option<Vec<Fault>> {
        let entry = self.told.entries.get_mut(key)?;
        if self.today.abs_diff(entry.day) > WEEK {
            entry.day = self.today;
            self.changed = true;
        }
        Some(entry.faults.clone())
    }

    /// Remembers what was found.
    pub fn keep(&mut self, key: String, faults: &[Fault]) {
        let entry = Entry { day: self.today, faults: faults.to_vec() };
        self.told.entries.insert(key, entry);
        self.changed = true;
    }

    /// What `work` finds of each content, or found of it before.
    /// `key` makes of what stands for a content what stands for its check.
    ///
    /// # Errors
    /// When a content cannot be read.
    pub fn of_each(
        &mut self,
        contents: &[&Content],
        key: impl Fn(&str) -> String,
        work: impl Fn(&[Vec<u8>]) -> Result<Vec<Vec<Fault>>, String>,
    ) -> Result<Answers, Error> {
        let marks: Vec<Option<String>> =
            contents.iter().map(|one| mark(one).map(|mark| key(&mark))).collect();
        let mut found: Vec<Option<Vec<Fault>>> =
            marks.iter().map(|mark| mark.as_ref().and_then(|mark| self.recall(mark))).collect();
        let unseen: Vec<usize> = (0..contents.len()).filter(|&n| found[n].is_none()).collect();
        let read = Content::read_all(&unseen.iter().map(|&n| contents[n]).collect::<Vec<_>>())?;
        // The same bytes may have come from elsewhere, at another time.
        let keys: Vec<String> = read.iter().map(|bytes| key(&Sha256::of(bytes).to_string())).collect();
        let mut new: Vec<(usize, Vec<u8>)> = Vec::new();
        for ((&n, bytes), key) in unseen.iter().zip(read).zip(&keys) {
            found[n] = self.recall(key);
            if found[n].is_none() {
                new.push((n, bytes));
            }
        }
        let mut why = None;
        let (places, new): (Vec<usize>, Vec<Vec<u8>>) = new.into_iter().unzip();
        if !new.is_empty() {
            match work(&new) {
                Ok(faults) => places.iter().zip(faults).for_each(|(&n, faults)| found[n] = Some(faults)),
                Err(cause) => why = Some(cause),
            }
        }
        for (&n, key) in unseen.iter().zip(keys) {
            let Some(faults) = &found[n] else { continue };
            self.keep(key, faults);
            if let Some(mark) = &marks[n] {
                self.keep(mark.clone(), faults);
            }
        }
        Ok(Answers { faults: found, why })
    }

    /// Writes what is new, without what nobody asked for in a month.
    pub fn write(mut self) -> Result<(), Error> {
        if !self.changed {
            return Ok(());
        }
        self.told.format = FORMAT;
        self.told.entries.retain(|_, entry| self.today.abs_diff(entry.day) <= MONTH);
        write_whole(&self.file, &stringless_core::json::write(&self.told))
    }
}

/// Rises when a check of ours finds other things in the same content.
const FORMAT: u32 = 1;
const WEEK: u64 = 7;
const MONTH: u64 = 30;
