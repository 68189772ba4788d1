//! A cache of what checks found, from run to run.
//!
//! An unreadable cache counts as empty: everything is checked again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stringless_core::hash::{Hasher, Sha256};

use super::Fault;
use crate::cache;
use crate::clock::now;
use crate::error::Error;
use crate::fs::write_atomic;
use crate::source::content::FileContent;

/// The cache.
pub struct CheckCache {
    file: PathBuf,
    today: u64,
    content: CacheFile,
    changed: bool,
}

/// The results for several contents.
pub struct Answers {
    /// The faults of each content, in order; `None`: the check could not run on it.
    pub faults: Vec<Option<Vec<Fault>>>,
    /// Why a check could not run.
    pub why: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct CacheFile {
    format: u32,
    entries: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    /// The day of its last use, in days since 1970, accurate to a week.
    day: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Fault>,
}

/// The key of a check in the cache, made of all `words`.
pub fn key(words: &[&str]) -> String {
    let mut text = Vec::new();
    for word in words {
        text.extend_from_slice(word.as_bytes());
        text.push(0);
    }
    let mut key = Sha256::of(&text).to_string();
    // Long enough, because nobody would gain from a collision.
    key.truncate(32);
    key
}

/// A mark that changes with the content, without reading it; `None` if a change might not show in it.
pub fn mark(content: &FileContent) -> Option<String> {
    let mut hash = Hasher::default();
    content.mark(&mut hash).then(|| hash.finish().to_string())
}

impl CheckCache {
    /// Reads the cache in `folder`.
    ///
    /// # Errors
    /// Refused when another user can write to the file.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let file = folder.join("known.json");
        let content = cache::read(&file)?.and_then(|bytes| serde_json::from_slice::<CacheFile>(&bytes).ok());
        let content = content.filter(|content| content.format == FORMAT).unwrap_or_default();
        Ok(Self { file, today: now().seconds() / 86_400, content, changed: false })
    }

    /// The saved faults, if there is an entry.
    pub fn recall(&mut self, key: &str) -> Option<Vec<Fault>> {
        let entry = self.content.entries.get_mut(key)?;
        if self.today.abs_diff(entry.day) > WEEK {
            entry.day = self.today;
            self.changed = true;
        }
        Some(entry.faults.clone())
    }

    /// Saves the faults of a check.
    pub fn save(&mut self, key: String, faults: &[Fault]) {
        let entry = Entry { day: self.today, faults: faults.to_vec() };
        self.content.entries.insert(key, entry);
        self.changed = true;
    }

    /// The faults that `work` finds in each content, or found before.
    /// `key` makes the key of a check from the mark or the hash of a content.
    ///
    /// # Errors
    /// When a content cannot be read.
    pub fn of_each(
        &mut self,
        contents: &[&FileContent],
        key: impl Fn(&str) -> String,
        work: impl Fn(&[Vec<u8>]) -> Result<Vec<Vec<Fault>>, String>,
    ) -> Result<Answers, Error> {
        let marks: Vec<Option<String>> =
            contents.iter().map(|one| mark(one).map(|mark| key(&mark))).collect();
        let mut found: Vec<Option<Vec<Fault>>> =
            marks.iter().map(|mark| mark.as_ref().and_then(|mark| self.recall(mark))).collect();
        let unseen: Vec<usize> = (0..contents.len()).filter(|&n| found[n].is_none()).collect();
        let read = FileContent::read_all(&unseen.iter().map(|&n| contents[n]).collect::<Vec<_>>())?;
        // The same bytes may be in the cache from another file.
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
            self.save(key, faults);
            if let Some(mark) = &marks[n] {
                self.save(mark.clone(), faults);
            }
        }
        Ok(Answers { faults: found, why })
    }

    /// Writes the cache if it changed, without entries that were not used for a month.
    pub fn write(mut self) -> Result<(), Error> {
        if !self.changed {
            return Ok(());
        }
        self.content.format = FORMAT;
        self.content.entries.retain(|_, entry| self.today.abs_diff(entry.day) <= MONTH);
        write_atomic(&self.file, &stringless_core::json::write(&self.content))
    }
}

/// Must rise when one of our checks finds other faults in the same content.
const FORMAT: u32 = 2;
const WEEK: u64 = 7;
const MONTH: u64 = 30;
