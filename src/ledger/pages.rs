//! Sources that are done, some thousand of a folder in one value.
//!
//! A row for each would be some 250 bytes and an insertion; an entry of a page is some 50 bytes: of its name what it does
//! not share with the one before it, its size, its version as bytes, and what it came to.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rusqlite::{Connection, OptionalExtension as _};

use super::{Known, LedgerError, Seen};
use crate::report::Outcome;

/// Entries of a page, at most.
pub(super) const ENTRIES: usize = 4096;

/// A source that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) size: u64,
    pub(super) version: Vec<u8>,
    pub(super) outcome: Outcome,
}

const OUTCOMES: [Outcome; 4] = [
    Outcome::Read,
    Outcome::Empty,
    Outcome::Partial,
    Outcome::Failed,
];

/// A page of entries.
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut page = Vec::new();
    let mut before: &[u8] = &[];
    for entry in entries {
        let n_shared = before
            .iter()
            .zip(&entry.name)
            .take_while(|(a, b)| a == b)
            .count();
        number(&mut page, n_shared as u64);
        text(&mut page, &entry.name[n_shared..]);
        number(&mut page, entry.size);
        text(&mut page, &entry.version);
        let outcome = OUTCOMES
            .iter()
            .position(|outcome| *outcome == entry.outcome);
        number(&mut page, outcome.unwrap_or(0) as u64);
        before = &entry.name;
    }
    page
}

/// Gives the entries of a page to `visit`.
pub(super) fn decode(page: &[u8], visit: &mut dyn FnMut(Entry)) -> Option<()> {
    let mut rest = page;
    let mut name = Vec::new();
    while !rest.is_empty() {
        let n_shared = usize::try_from(take_number(&mut rest)?).ok()?;
        if n_shared > name.len() {
            return None;
        }
        name.truncate(n_shared);
        name.extend_from_slice(take_text(&mut rest)?);
        let size = take_number(&mut rest)?;
        let version = take_text(&mut rest)?.to_vec();
        let outcome = usize::try_from(take_number(&mut rest)?).ok()?;
        visit(Entry {
            name: name.clone(),
            size,
            version,
            outcome: *OUTCOMES.get(outcome)?,
        });
    }
    Some(())
}

/// Seven bits a byte, the lowest first.
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

/// What is known of the sources of a folder, by hashes: some 40 bytes each.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) folder: Vec<u8>,
    sources: HashMap<u128, (u64, Outcome)>,
    waiting: HashMap<Vec<u8>, i64>,
}

impl Loaded {
    pub(super) fn of(connection: &Connection, folder: &[u8]) -> Result<Self, LedgerError> {
        let mut loaded = Self {
            folder: folder.to_owned(),
            ..Self::default()
        };
        let mut select = connection.prepare_cached("SELECT id FROM folder WHERE path = ?1")?;
        let id: Option<i64> = select.query_row([folder], |row| row.get(0)).optional()?;
        let Some(id) = id else {
            return Ok(loaded);
        };
        each_entry(connection, id, &mut |entry| {
            let version = version(entry.size, &entry.version);
            loaded
                .sources
                .insert(name(&entry.name), (version, entry.outcome));
        })?;
        let mut select =
            connection.prepare_cached("SELECT name, id FROM waiting WHERE folder = ?1")?;
        let rows = select.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        loaded.waiting = rows.collect::<Result<_, _>>()?;
        Ok(loaded)
    }

    pub(super) fn known(&self, seen: &Seen) -> Known {
        let Some((before, outcome)) = self.sources.get(&name(&seen.name)) else {
            return Known::ToRead(false);
        };
        if *before != version(seen.size, &seen.version) || *outcome == Outcome::Failed {
            return Known::ToRead(true);
        }
        let is_whole = *outcome != Outcome::Partial;
        match self.waiting.get(&seen.name) {
            Some(id) => Known::Waiting(*id, is_whole),
            None => Known::Done(is_whole),
        }
    }
}

/// Gives the entries of a folder to `visit`, an older one before the one that takes its place.
pub(super) fn each_entry(
    connection: &Connection,
    folder: i64,
    visit: &mut dyn FnMut(Entry),
) -> Result<(), LedgerError> {
    let mut select =
        connection.prepare_cached("SELECT sources FROM page WHERE folder = ?1 ORDER BY id")?;
    let mut rows = select.query([folder])?;
    while let Some(row) = rows.next()? {
        let page: Vec<u8> = row.get(0)?;
        let decoded = decode(&page, visit);
        decoded.ok_or_else(|| LedgerError::Damaged("a page of sources cannot be read".into()))?;
    }
    Ok(())
}

fn name(name: &[u8]) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, name).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

fn version(size: u64, version: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (size, version).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_page_gives_back_what_was_put_into_it(
            names in prop::collection::vec(prop::collection::vec(97_u8..100, 0..6), 0..20),
            sizes in prop::collection::vec(any::<u64>(), 20),
            version in prop::collection::vec(any::<u8>(), 0..40),
            cut in 1_usize..50,
        ) {
            let entries: Vec<Entry> = names.into_iter().zip(sizes).map(|(name, size)| Entry {
                name,
                size,
                version: version.clone(),
                outcome: OUTCOMES[usize::from(size.to_le_bytes()[0]) % 4],
            }).collect();
            let page = encode(&entries);
            let mut found = Vec::new();
            prop_assert_eq!(decode(&page, &mut |entry| found.push(entry)), Some(()));
            prop_assert_eq!(found, entries);
            // One that is cut off is not taken for whole; it may end between two entries.
            let cut = page.len().saturating_sub(cut);
            decode(&page[..cut], &mut |_| ());
        }
    }
}
