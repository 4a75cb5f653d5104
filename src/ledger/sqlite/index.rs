//! An index from a source to the pages that may contain it.
//!
//! The folders of all pages are kept in memory, with eight bytes for each page that a folder is in. Pages are read when
//! one of their folders is requested, and some are kept. The index does not contain what this run adds, because the
//! walk visits a source only once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rusqlite::Connection;

use super::LedgerError;
use super::pages::{self, Entry, Folders, folder_key, split};

/// Number of pages that are kept, some 200 kB each: one page has several folders, which the walk enters one after the
/// other.
const PAGES_KEPT: usize = if cfg!(test) { 2 } else { 64 };

/// Reads a page.
pub(super) type ReadPage<'a> = &'a dyn Fn(u32) -> Result<Vec<u8>, LedgerError>;

/// The index of the sources.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Pairs of a folder and a page that contains it, sorted in this order.
    folders: Vec<(u32, u32)>,
    /// Decoded pages; the page read last is the last one.
    kept: VecDeque<(u32, Arc<Folders>)>,
    /// The folder that the walk is in, and its sources.
    folder: Vec<u8>,
    current: HashMap<Vec<u8>, Entry>,
}

impl Index {
    /// Builds the index from the folders of all pages.
    pub(super) fn of(connection: &Connection) -> Result<Self, LedgerError> {
        let mut index = Self::default();
        let mut select = connection.prepare("SELECT id, folders FROM page")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let id: u32 = row.get(0)?;
            let folders = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            let (keys, rest) = folders.as_chunks();
            if !rest.is_empty() {
                return Err(LedgerError::Damaged);
            }
            let keys = keys.iter().map(|key| u32::from_le_bytes(*key));
            index.folders.extend(keys.map(|key| (key, id)));
        }
        index.folders.sort_unstable();
        Ok(index)
    }

    /// Returns the newest entry of a source in the ledger.
    pub(super) fn entry(
        &mut self,
        path: &[u8],
        page: ReadPage<'_>,
    ) -> Result<Option<&Entry>, LedgerError> {
        if self.folders.is_empty() {
            return Ok(None);
        }
        let (folder, name) = split(path);
        if self.folder != folder {
            self.enter(folder, page)?;
        }
        Ok(self.current.get(name))
    }

    fn enter(&mut self, folder: &[u8], read: ReadPage<'_>) -> Result<(), LedgerError> {
        let key = folder_key(folder);
        let from = self.folders.partition_point(|(other, _)| *other < key);
        let of_folder = self.folders[from..].iter();
        let ids: Vec<u32> = of_folder
            .take_while(|(other, _)| *other == key)
            .map(|(_, id)| *id)
            .collect();
        self.current.clear();
        // A later entry replaces an earlier one.
        for id in ids {
            let page = self.page(id, read)?;
            if let Some(sources) = page.get(folder) {
                let sources = sources.iter();
                self.current
                    .extend(sources.map(|(name, entry)| (name.clone(), entry.clone())));
            }
        }
        folder.clone_into(&mut self.folder);
        Ok(())
    }

    fn page(&mut self, id: u32, read: ReadPage<'_>) -> Result<Arc<Folders>, LedgerError> {
        // The most recently read pages are the most likely ones.
        if let Some((_, page)) = self.kept.iter().rev().find(|(kept, _)| *kept == id) {
            return Ok(page.clone());
        }
        let page = Arc::new(pages::decode(&read(id)?).ok_or(LedgerError::Damaged)?);
        if self.kept.len() >= PAGES_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((id, page.clone()));
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Done, Identity, Ledger, SourceStatus, SourceVersion};
    use crate::report::Outcome;

    fn open(path: &std::path::Path) -> Ledger {
        Ledger::open(path, &Identity::default()).expect("a ledger")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_ledger_knows_of_each_source_what_the_last_run_that_read_it_came_to(
            runs in prop::collection::vec(
                prop::collection::btree_map("[ab]/[ab]/[a-d]", 1_u64..4, 0..30), 1..5),
            commits in prop::collection::vec(any::<bool>(), 8),
            turned in any::<bool>(),
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("state.db");
            let mut model = std::collections::HashMap::new();
            for run in &runs {
                let ledger = open(&path);
                let mut sources: Vec<_> = run.iter().collect();
                if turned {
                    sources.reverse();
                }
                for (n, (source, size)) in sources.into_iter().enumerate() {
                    let mut seen = SourceVersion {
                        path: source.clone().into_bytes(),
                        size: *size,
                        version: vec![1],
                        earlier: None,
                    };
                    let known = ledger.known(&seen).expect("an answer");
                    match model.get(source) {
                        Some(before) if before == size => {
                            prop_assert_eq!(known, SourceStatus::Done(true));
                            continue;
                        }
                        before => {
                            let SourceStatus::ToRead(earlier) = known else {
                                panic!("{source} is taken for done");
                            };
                            prop_assert_eq!(earlier.map(|earlier| earlier.size), before.copied());
                            seen.earlier = earlier;
                        }
                    }
                    let outcome = Outcome::Read;
                    let done = Done { seen: &seen, outcome, alerts: None, related: None, diagnostics: &[] };
                    ledger.add(&done).expect("room");
                    model.insert(source.clone(), *size);
                    if commits[n % commits.len()] {
                        ledger.commit().expect("a commit");
                    }
                }
                ledger.commit().expect("a commit");
                let summary = ledger.summary().expect("a summary");
                prop_assert_eq!(summary.sources.values().sum::<u64>(), model.len() as u64);
                prop_assert_eq!(summary.n_bytes, model.values().sum::<u64>());
            }
        }
    }
}
