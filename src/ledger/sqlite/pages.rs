//! Pages of sources that are done; each page is one value with about a thousand sources.
//!
//! One row per source would take some 250 bytes and an insertion. An entry of a page takes some 50 bytes: the part of
//! its path that differs from the entry before it, its size, its version as bytes, and its outcome. A page stores
//! entries in the order in which the sources were done. A later entry of the same source, in the same page or in a page
//! with a higher id, replaces the earlier one.

use std::collections::{HashMap, HashSet};

use crate::report::Outcome;

/// Maximum number of entries in a page. A page that is not full is written again with each commit.
const ENTRIES: usize = if cfg!(test) { 5 } else { 1024 };

/// A source that is done, without its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) size: u64,
    pub(super) version: Vec<u8>,
    pub(super) outcome: Outcome,
    /// True if the source had rows or diagnostics; only then can some of its data wait.
    pub(super) has_told: bool,
}

pub(super) const OUTCOMES: [Outcome; 4] = [
    Outcome::Read,
    Outcome::Empty,
    Outcome::Partial,
    Outcome::Failed,
];

/// Returns the rank of an outcome, the number that represents it in the file.
pub(super) fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Read => 0,
        Outcome::Empty => 1,
        Outcome::Partial => 2,
        Outcome::Failed => 3,
    }
}

/// Splits a path into the part before its last name, and the name.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let n = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |n| n + 1);
    path.split_at(n)
}

/// Returns the key by which a folder is found. Two folders may have the same key. The key is the same in every version
/// of the program.
pub(super) fn folder_key(folder: &[u8]) -> u32 {
    crc32fast::hash(folder)
}

/// A page that is being filled.
#[derive(Debug, Default)]
pub(super) struct Page {
    n_entries: usize,
    bytes: Vec<u8>,
    folders: HashSet<u32>,
    before: Vec<u8>,
}

impl Page {
    pub(super) fn push(&mut self, path: &[u8], entry: &Entry) {
        let n_shared = std::iter::zip(&self.before, path)
            .take_while(|(a, b)| a == b)
            .count();
        let (folder, _) = split(path);
        if self.n_entries == 0 || split(&self.before).0 != folder {
            self.folders.insert(folder_key(folder));
        }
        number(&mut self.bytes, n_shared as u64);
        text(&mut self.bytes, &path[n_shared..]);
        number(&mut self.bytes, entry.size);
        text(&mut self.bytes, &entry.version);
        self.bytes
            .push(rank(entry.outcome) << 1 | u8::from(entry.has_told));
        self.before.truncate(n_shared);
        self.before.extend_from_slice(&path[n_shared..]);
        self.n_entries += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.n_entries == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.n_entries >= ENTRIES
    }

    /// Returns its entries.
    pub(super) fn sources(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns its folders, as [`folder_key`] gives them, four bytes each.
    pub(super) fn folders(&self) -> Vec<u8> {
        self.folders
            .iter()
            .flat_map(|key| key.to_le_bytes())
            .collect()
    }
}

/// The entries of a page, by folder and name.
pub(super) type Folders = HashMap<Vec<u8>, HashMap<Vec<u8>, Entry>>;

/// Reads a page.
pub(super) fn decode(page: &[u8]) -> Option<Folders> {
    let mut rest = page;
    let mut path = Vec::new();
    let mut folders = Folders::new();
    while !rest.is_empty() {
        let n_shared = usize::try_from(take_number(&mut rest)?).ok()?;
        if n_shared > path.len() {
            return None;
        }
        path.truncate(n_shared);
        path.extend_from_slice(take_text(&mut rest)?);
        let size = take_number(&mut rest)?;
        let version = take_text(&mut rest)?.to_vec();
        let (flags, behind) = rest.split_first()?;
        rest = behind;
        let entry = Entry {
            size,
            version,
            outcome: *OUTCOMES.get(usize::from(flags >> 1))?,
            has_told: flags & 1 != 0,
        };
        let (folder, name) = split(&path);
        match folders.get_mut(folder) {
            Some(sources) => drop(sources.insert(name.to_owned(), entry)),
            None => {
                let sources = HashMap::from([(name.to_owned(), entry)]);
                folders.insert(folder.to_owned(), sources);
            }
        }
    }
    Some(folders)
}

/// Writes a number with seven bits per byte, the lowest bits first.
fn number(page: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        page.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    page.push((n & 0x7f) as u8);
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..64).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        n |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

fn text(page: &mut Vec<u8>, text: &[u8]) {
    number(page, text.len() as u64);
    page.extend_from_slice(text);
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let n = usize::try_from(take_number(rest)?).ok()?;
    let (text, behind) = rest.split_at_checked(n)?;
    *rest = behind;
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_page_gives_back_what_was_put_into_it(
            paths in prop::collection::vec("[a-c/]{0,6}", 0..20),
            sizes in prop::collection::vec(any::<u64>(), 20),
            version in prop::collection::vec(any::<u8>(), 0..40),
            cut in 1_usize..50,
        ) {
            let mut page = Page::default();
            let mut last = HashMap::new();
            for (path, size) in paths.iter().zip(sizes) {
                let entry = Entry {
                    size,
                    version: version.clone(),
                    outcome: OUTCOMES[usize::from(size.to_le_bytes()[0]) % 4],
                    has_told: size % 2 == 0,
                };
                page.push(path.as_bytes(), &entry);
                last.insert(path.as_bytes().to_vec(), entry);
            }
            let folders = decode(page.sources()).expect("a whole page");
            let found: HashMap<_, _> = folders
                .into_iter()
                .flat_map(|(folder, sources)| {
                    sources.into_iter().map(move |(name, entry)| ([folder.clone(), name].concat(), entry))
                })
                .collect();
            for path in &paths {
                let key = folder_key(split(path.as_bytes()).0).to_le_bytes();
                prop_assert!(page.folders().chunks(4).any(|folder| folder == key));
            }
            prop_assert_eq!(found, last);
            // A page that is cut off may end between two entries; decoding never panics.
            let cut = page.sources().len().saturating_sub(cut);
            decode(&page.sources()[..cut]);
        }
    }
}
