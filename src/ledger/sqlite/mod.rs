//! A ledger in a file of SQLite. [`delivery`] describes how it and the outputs stay consistent.
//!
//! Sources that are done are kept in [`pages`], some 50 bytes each.
#![expect(
    clippy::disallowed_types,
    reason = "one connection, asked by the walk for a folder and told by the sink for a batch"
)]

mod begun;
mod delivery;
mod index;
mod over_time;
mod pages;
mod read_only;
mod summary;
mod waiting;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    Done, Earlier, Identity, LedgerError, RuleIdentity, SourceStatus, SourceVersion, Summary,
    Waiting,
};
use crate::output::{Alert, Column};
use crate::report::{Diagnostic, Outcome, Severity};
use begun::Begun;
use index::Index;
use pages::{Entry, Page};

/// The version of the file's layout. Any other version is refused.
const LAYOUT: i64 = 2;

const SCHEMA: &str = "
    CREATE TABLE identity (text TEXT NOT NULL);
    -- Sources that are done, and a key of each of their folders.
    CREATE TABLE page (id INTEGER PRIMARY KEY, folders BLOB NOT NULL, sources BLOB NOT NULL);
    -- How many sources came to what, by its rank.
    CREATE TABLE total (outcome INTEGER PRIMARY KEY, n_sources INTEGER NOT NULL, n_bytes INTEGER NOT NULL);
    -- Sources with alerts or diagnostics that are in no output yet; first and last are ids of alerts.
    CREATE TABLE waiting (id INTEGER PRIMARY KEY, path BLOB NOT NULL,
                          first INTEGER, last INTEGER, diagnostics TEXT NOT NULL, related TEXT);
    CREATE INDEX waiting_of ON waiting (path);
    CREATE TABLE alert (id INTEGER PRIMARY KEY, is_related INTEGER NOT NULL, event_key BLOB NOT NULL,
                        alert_id TEXT NOT NULL, row TEXT NOT NULL);
    -- What is in outputs.
    CREATE TABLE delivered (alert_id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE sighting (is_related INTEGER NOT NULL, event_key BLOB NOT NULL, n INTEGER NOT NULL,
                           PRIMARY KEY (is_related, event_key)) WITHOUT ROWID;
    CREATE TABLE output (place TEXT PRIMARY KEY, n_bytes INTEGER NOT NULL, sha256 BLOB NOT NULL,
                         n_rows INTEGER NOT NULL) WITHOUT ROWID;
    -- Outputs that are about to get their names.
    CREATE TABLE intent (place TEXT PRIMARY KEY, n_bytes INTEGER NOT NULL, sha256 BLOB NOT NULL,
                         n_rows INTEGER NOT NULL, rank INTEGER NOT NULL) WITHOUT ROWID;
    -- Sources that could not be read whole.
    CREATE TABLE failure (path BLOB PRIMARY KEY, diagnostics TEXT NOT NULL) WITHOUT ROWID;
";

/// Maximum number of diagnostics that are kept for a source.
const DIAGNOSTICS_KEPT: usize = 100;

impl Done<'_> {
    /// Returns whether the source has anything to report; only then can some of its data wait.
    fn has_told(&self) -> bool {
        self.alerts.is_some() || self.related.is_some() || !self.diagnostics.is_empty()
    }
}

/// The ledger.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    /// The content of the ledger when it was opened. It has its own lock, because the walk reads while the sink writes.
    index: Mutex<Index>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    connection: Connection,
    /// The page that is being filled. The file contains it as it was at the last commit.
    page: Page,
    page_id: u32,
    /// The next id of waiting data. SQLite itself would give the id of a deleted row again, and the run would take the
    /// new row for one of an earlier run.
    waiting_id: i64,
    /// The number of the last tuple that was kept, and of the last one whose source is done.
    kept: i64,
    kept_finished: i64,
    /// Counts that are not yet in the totals: sources and bytes by the rank of the outcome.
    totals: BTreeMap<u8, (i64, i64)>,
    has_begun: bool,
    /// True if a write failed. SQLite has then rolled back all or some of what was not committed, so the state in
    /// memory no longer matches the file.
    is_broken: bool,
}

impl Ledger {
    /// Opens or creates a ledger, with an exclusive lock.
    ///
    /// # Errors
    ///
    /// If the ledger is in use, the file is not a ledger, or the ledger was created for something else.
    pub fn open(path: &Path, identity: &Identity) -> Result<Self, LedgerError> {
        let ledger = Self::open_any(path)?;
        {
            let state = ledger.state();
            let begun: Option<String> = state
                .connection
                .query_row("SELECT text FROM identity", [], |row| row.get(0))
                .optional()?;
            match begun {
                Some(begun) => {
                    let begun: Begun = serde_json::from_str(&begun)?;
                    if let Some(error) = identity.refusal(&begun) {
                        return Err(error);
                    }
                    // From now on, sources are done only for this later time.
                    let text = [serde_json::to_string(identity)?];
                    state
                        .connection
                        .execute("UPDATE identity SET text = ?1", text)?;
                }
                None => {
                    let text = [serde_json::to_string(identity)?];
                    state
                        .connection
                        .execute("INSERT INTO identity VALUES (?1)", text)?;
                }
            }
        }
        Ok(ledger)
    }

    /// Opens or creates a ledger, whatever it was created for.
    fn open_any(path: &Path) -> Result<Self, LedgerError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::ZERO)?;
        // The lock is kept until the end. Without it, two hunts would each treat the other's sources as not done.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "page_size", 16 * 1024)?;
        let begun = connection.pragma_update(None, "journal_mode", "WAL");
        begun.map_err(LedgerError::from_sqlite)?;
        // With this setting a crash of the machine may lose the most recent work, but never changes the order of what
        // was written.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(LedgerError::from_sqlite)?;
        let layout: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let n_tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
        match (layout, n_tables) {
            (LAYOUT, _) => {}
            (0, 0) => {
                connection.execute_batch(SCHEMA)?;
                connection.pragma_update(None, "user_version", LAYOUT)?;
            }
            _ => return Err(LedgerError::Layout),
        }
        // A ledger of an earlier version has no such row. Such a ledger does not say that its sources contained no
        // event.
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS events (n INTEGER NOT NULL);
             INSERT INTO events SELECT min(1, (SELECT count(*) FROM page))
             WHERE NOT EXISTS (SELECT * FROM events)",
        )?;
        waiting::add_missing_column(&connection)?;
        over_time::open(&connection)?;
        waiting::delete_unfinished(&connection)?;
        connection.execute_batch("COMMIT")?;
        Self::with(connection, path)
    }

    fn with(connection: Connection, path: &Path) -> Result<Self, LedgerError> {
        let index = Index::of(&connection)?;
        let page_id =
            connection.query_row("SELECT coalesce(max(id), 0) + 1 FROM page", [], |row| {
                row.get(0)
            })?;
        let waiting_id =
            connection.query_row("SELECT coalesce(max(id), 0) + 1 FROM waiting", [], |row| {
                row.get(0)
            })?;
        let kept = over_time::last_kept(&connection)?;
        Ok(Self {
            path: path.to_owned(),
            index: Mutex::new(index),
            state: Mutex::new(State {
                connection,
                page: Page::default(),
                page_id,
                waiting_id,
                kept,
                kept_finished: kept,
                totals: BTreeMap::new(),
                has_begun: false,
                is_broken: false,
            }),
        })
    }

    /// Returns the path of the ledger.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock ends the run; work that was not committed is done again.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the status of a source.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn known(&self, seen: &SourceVersion) -> Result<SourceStatus, LedgerError> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let page = |id| self.page(id);
        let Some(entry) = index.entry(&seen.path, &page)? else {
            return Ok(SourceStatus::ToRead(None));
        };
        let is_same = entry.size == seen.size && entry.version == seen.version;
        if !is_same || entry.outcome == Outcome::Failed {
            return Ok(SourceStatus::ToRead(Some(Earlier {
                outcome: entry.outcome,
                size: entry.size,
            })));
        }
        let (is_partial, has_told) = (entry.outcome == Outcome::Partial, entry.has_told);
        let is_whole = !is_partial || self.is_forgotten(&seen.path)?;
        if has_told {
            let state = self.state();
            let mut select = state
                .connection
                .prepare_cached("SELECT id FROM waiting WHERE path = ?1")?;
            let id = select
                .query_row([&seen.path], |row| row.get(0))
                .optional()?;
            if let Some(id) = id {
                return Ok(SourceStatus::Waiting(id, is_whole));
            }
        }
        Ok(SourceStatus::Done(is_whole))
    }

    fn page(&self, id: u32) -> Result<Vec<u8>, LedgerError> {
        let state = self.state();
        let mut select = state
            .connection
            .prepare_cached("SELECT sources FROM page WHERE id = ?1")?;
        Ok(select.query_row([id], |row| row.get(0))?)
    }

    /// Adds an alert, or an event beside the alerts, of a source that is not done yet, and returns its id.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn add_alert(&self, alert: &Alert) -> Result<i64, LedgerError> {
        let state = &mut *self.state();
        let added = state.begin().and_then(|()| state.add_alert(alert));
        state.or_broken(added)
    }

    /// Records a source that is done.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn add(&self, done: &Done<'_>) -> Result<(), LedgerError> {
        let state = &mut *self.state();
        let added = state.begin().and_then(|()| state.add(done));
        state.or_broken(added)
    }

    /// Commits what was recorded. From now on it is durable, whatever happens.
    ///
    /// # Errors
    ///
    /// The SQLite error. Nothing of it is committed in this case, and all later commits fail too.
    pub fn commit(&self) -> Result<(), LedgerError> {
        let state = &mut *self.state();
        let committed = state.commit();
        state.or_broken(committed)
    }

    /// Counts events that were read.
    ///
    /// # Errors
    ///
    /// If SQLite cannot write.
    pub fn add_events(&self, n_events: u64) -> Result<(), LedgerError> {
        let state = &mut *self.state();
        let added = state.begin().and_then(|()| {
            let n_events = i64::try_from(n_events).unwrap_or(i64::MAX);
            let sql = "UPDATE events SET n = n + ?1";
            Ok(state.connection.execute(sql, [n_events]).map(|_| ())?)
        });
        state.or_broken(added)
    }

    /// Returns whether a run with this ledger ever read an event.
    ///
    /// # Errors
    ///
    /// If SQLite cannot read.
    pub fn has_events(&self) -> Result<bool, LedgerError> {
        let sql = "SELECT n > 0 FROM events";
        Ok(self
            .state()
            .connection
            .query_row(sql, [], |row| row.get(0))?)
    }
}

impl State {
    fn begin(&mut self) -> Result<(), LedgerError> {
        if self.is_broken {
            return Err(LedgerError::Broken);
        }
        if !self.has_begun {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            self.has_begun = true;
        }
        Ok(())
    }

    /// Marks the ledger as broken after an error; nothing is written after that.
    fn or_broken<T>(&mut self, result: Result<T, LedgerError>) -> Result<T, LedgerError> {
        if result.is_err() {
            self.is_broken = true;
            // SQLite may have done the rollback itself.
            self.connection.execute_batch("ROLLBACK").ok();
        }
        result
    }

    fn commit(&mut self) -> Result<(), LedgerError> {
        if self.is_broken {
            return Err(LedgerError::Broken);
        }
        if self.has_begun {
            self.write_page()?;
            self.write_totals()?;
            self.connection.execute_batch("COMMIT")?;
            self.has_begun = false;
        }
        Ok(())
    }

    fn add(&mut self, done: &Done<'_>) -> Result<(), LedgerError> {
        let SourceVersion { path, size, .. } = done.seen;
        self.note(done)?;
        let entry = Entry {
            size: *size,
            version: done.seen.version.clone(),
            outcome: done.outcome,
            has_told: done.has_told(),
        };
        self.page.push(path, &entry);
        self.count(done.outcome, 1, *size);
        if let Some(earlier) = done.seen.earlier {
            self.count(earlier.outcome, -1, earlier.size);
        }
        if self.page.is_full() {
            self.write_page()?;
            self.page = Page::default();
            self.page_id += 1;
        }
        Ok(())
    }

    fn add_alert(&self, alert: &Alert) -> Result<i64, LedgerError> {
        let row = serde_json::to_string(alert)?;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO alert (is_related, event_key, alert_id, row) VALUES (?1, ?2, ?3, ?4)",
        )?;
        let alert_id = alert.text(Column::AlertId).unwrap_or_default();
        let is_related = alert.relation().is_some();
        Ok(insert.insert(params![is_related, alert.event_key, alert_id, row])?)
    }

    /// Records the data to report for a source.
    fn note(&mut self, done: &Done<'_>) -> Result<(), LedgerError> {
        let SourceVersion { path, .. } = done.seen;
        let connection = &self.connection;
        if done.seen.earlier.is_some() {
            // Data that waits for the earlier version of the source would be there twice.
            connection.execute(
                "DELETE FROM alert WHERE EXISTS (SELECT 1 FROM waiting WHERE path = ?1
                 AND alert.id BETWEEN first AND last)",
                [path],
            )?;
            connection.execute("DELETE FROM waiting WHERE path = ?1", [path])?;
            connection.execute("DELETE FROM failure WHERE path = ?1", [path])?;
        }
        if !done.has_told() {
            return Ok(());
        }
        let kept = &done.diagnostics[..done.diagnostics.len().min(DIAGNOSTICS_KEPT)];
        let text = serde_json::to_string(kept)?;
        let (first, last) = done.alerts.unzip();
        let related = done.related.as_ref().map(serde_json::to_string);
        connection.execute(
            "INSERT INTO waiting (id, path, first, last, diagnostics, related) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![self.waiting_id, path, first, last, text, related.transpose()?],
        )?;
        self.waiting_id += 1;
        let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
        if done.diagnostics.iter().any(is_error) {
            connection.execute(
                "INSERT OR REPLACE INTO failure VALUES (?1, ?2)",
                params![path, text],
            )?;
        }
        Ok(())
    }

    fn count(&mut self, outcome: Outcome, n_sources: i64, n_bytes: u64) {
        let total = self.totals.entry(pages::rank(outcome)).or_default();
        total.0 += n_sources;
        total.1 += n_bytes.cast_signed() * n_sources;
    }

    fn write_page(&self) -> Result<(), LedgerError> {
        if self.page.is_empty() {
            return Ok(());
        }
        let mut insert = self
            .connection
            .prepare_cached("INSERT OR REPLACE INTO page VALUES (?1, ?2, ?3)")?;
        let (folders, sources) = (self.page.folders(), self.page.sources());
        insert.execute(params![self.page_id, folders, sources])?;
        Ok(())
    }

    fn write_totals(&mut self) -> Result<(), LedgerError> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO total VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET
             n_sources = n_sources + excluded.n_sources, n_bytes = n_bytes + excluded.n_bytes",
        )?;
        for (outcome, (n_sources, n_bytes)) in std::mem::take(&mut self.totals) {
            insert.execute(params![outcome, n_sources, n_bytes])?;
        }
        Ok(())
    }
}

impl LedgerError {
    /// Converts an SQLite error. If another process uses the ledger, SQLite reports this at once, because there is no
    /// wait for a lock.
    fn from_sqlite(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::InUse
            }
            Some(rusqlite::ErrorCode::NotADatabase) => Self::Layout,
            _ => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Code, Defect};

    fn seen(path: &str) -> SourceVersion {
        SourceVersion {
            path: path.as_bytes().to_owned(),
            size: 1,
            version: vec![1],
            earlier: None,
        }
    }

    #[test]
    fn after_a_failed_write_a_ledger_has_what_was_committed_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let done = |seen, diagnostics| Done {
            seen,
            outcome: Outcome::Partial,
            alerts: None,
            related: None,
            diagnostics,
        };
        let (early, late) = (seen("/logs/early"), seen("/logs/late"));
        {
            let ledger = Ledger::open_any(&path).unwrap();
            ledger.add(&done(&early, &[])).unwrap();
            ledger.commit().unwrap();
            // Simulate a full disk.
            let state = ledger.state();
            let n_pages: i64 = state
                .connection
                .pragma_query_value(None, "page_count", |row| row.get(0))
                .unwrap();
            state
                .connection
                .pragma_update(None, "max_page_count", n_pages)
                .unwrap();
            drop(state);
            let long = Defect::new(Code::InvalidJson, "x".repeat(100_000));
            let told = [Diagnostic::new("/logs/late", long)];
            let failed = ledger.add(&done(&late, &told));
            assert!(matches!(failed, Err(LedgerError::Sqlite(_))), "{failed:?}");
            // Data that was rolled back must not be committed in parts.
            assert!(matches!(ledger.commit(), Err(LedgerError::Broken)));
            let quiet = seen("/logs/quiet");
            let refused = ledger.add(&done(&quiet, &[]));
            assert!(matches!(refused, Err(LedgerError::Broken)));
        }
        let ledger = Ledger::open_any(&path).unwrap();
        assert_eq!(ledger.known(&early).unwrap(), SourceStatus::Done(false));
        assert_eq!(ledger.known(&late).unwrap(), SourceStatus::ToRead(None));
        assert_eq!(
            ledger.summary().unwrap().sources,
            [(Outcome::Partial, 1)].into()
        );
    }
}
