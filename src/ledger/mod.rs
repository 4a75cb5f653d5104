//! The ledger: which sources are done, so that a hunt that was broken off goes on where it was, and a later one reads
//! only what is new or changed.
//!
//! In: sources, in the order of the walk, with what they came to, and their alerts. Out: what is known of a source.
//! Alerts lie in the ledger until the output that holds them has its name: a hunt that is broken off, in whatever
//! way, leaves no output, and the next one takes them up again at the place of their source ([`Known::Waiting`]). So
//! the outputs of all runs hold each alert once. [`delivery`] has the steps.
//!
//! Sources that are done are kept in [`pages`] of their folder, some 50 bytes each.
#![expect(
    clippy::disallowed_types,
    reason = "one connection, asked by the walk for a folder and told by the sink for a batch"
)]

mod delivery;
mod identity;
mod pages;
mod summary;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::output::Alert;
use crate::report::{Diagnostic, Outcome, Severity};
use pages::{Entry, Loaded};

pub use identity::Identity;
pub use summary::Summary;

/// The layout of the file. Another one is refused.
const LAYOUT: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE identity (text TEXT NOT NULL);
    CREATE TABLE folder (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);
    -- Sources that are done, in the order in which that was; a later entry takes the place of an earlier one.
    CREATE TABLE page (folder INTEGER NOT NULL, id INTEGER NOT NULL, sources BLOB NOT NULL,
                       PRIMARY KEY (folder, id)) WITHOUT ROWID;
    -- Sources with alerts or diagnostics that are in no output yet; first and last are ids of alerts.
    CREATE TABLE waiting (id INTEGER PRIMARY KEY, folder INTEGER NOT NULL, name BLOB NOT NULL,
                          first INTEGER, last INTEGER, diagnostics TEXT NOT NULL);
    CREATE INDEX waiting_of ON waiting (folder, name);
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
    CREATE TABLE failure (folder INTEGER NOT NULL, name BLOB NOT NULL, diagnostics TEXT NOT NULL,
                          PRIMARY KEY (folder, name)) WITHOUT ROWID;
";

/// Diagnostics that are kept of a source.
const DIAGNOSTICS_KEPT: usize = 100;

/// The ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// What SQLite says.
    #[error("the ledger cannot be read or written")]
    Sqlite(#[from] rusqlite::Error),
    /// Another process has it.
    #[error("the ledger is in use by another process")]
    InUse,
    /// It is no ledger, or one of another version.
    #[error("it is no ledger of this version of the program")]
    Layout,
    /// It was begun with another rule, or for other events.
    #[error(
        "the ledger was begun with another {what}: what it says to be done was not hunted for this; use another ledger"
    )]
    Identity {
        /// What differs.
        what: &'static str,
    },
    /// What is in it makes no sense.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
}

/// A source as the walk found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Where it is: the folder's absolute path or address.
    pub folder: Vec<u8>,
    /// Its name there.
    pub name: Vec<u8>,
    /// Its size in bytes.
    pub size: u64,
    /// What changes when its content does: an `ETag`, or the time of the last change.
    pub version: Vec<u8>,
    /// Whether the ledger has an entry of it that does not hold any more.
    pub is_known: bool,
}

/// What the ledger says of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It is to be read: it is new, has changed, or could not be read before, which the flag tells from new.
    ToRead(bool),
    /// It is done; the flag tells whether it was read whole.
    Done(bool),
    /// It is done, and something of it, by this id, is in no output yet.
    Waiting(i64, bool),
}

/// What a source came to.
#[derive(Debug)]
pub struct Done<'a> {
    /// The source.
    pub seen: &'a Seen,
    /// What it came to.
    pub outcome: Outcome,
    /// Its alerts, the first and the last, by the ids that [`Ledger::add_alert`] gave.
    pub alerts: Option<(i64, i64)>,
    /// What is to be told of it.
    pub diagnostics: &'a [Diagnostic],
}

/// The ledger.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    connection: Connection,
    /// The folder that the walk is in.
    loaded: Loaded,
    /// Entries that are not written yet, all of one folder.
    pending: Vec<Entry>,
    pending_folder: Vec<u8>,
    next_page: i64,
    has_begun: bool,
    /// Whether nothing was in it when it was opened.
    is_new: bool,
}

impl Ledger {
    /// Opens a ledger, or begins one, for itself alone.
    ///
    /// # Errors
    ///
    /// If it is in use, is none, or was begun for something else.
    pub fn open(path: &Path, identity: &Identity) -> Result<Self, LedgerError> {
        let ledger = Self::open_any(path)?;
        {
            let state = ledger.state();
            let begun: Option<String> = state
                .connection
                .query_row("SELECT text FROM identity", [], |row| row.get(0))
                .optional()?;
            let text = |identity: &Identity| {
                serde_json::to_string(identity).map_err(|e| LedgerError::Damaged(e.to_string()))
            };
            match begun {
                Some(begun) => {
                    let begun: Identity = serde_json::from_str(&begun)
                        .map_err(|error| LedgerError::Damaged(error.to_string()))?;
                    if let Some(what) = identity.differs(&begun) {
                        return Err(LedgerError::Identity { what });
                    }
                    // What is done from now on is done for this later time only.
                    let execute = state
                        .connection
                        .execute("UPDATE identity SET text = ?1", [text(identity)?]);
                    execute?;
                }
                None => {
                    let execute = state
                        .connection
                        .execute("INSERT INTO identity VALUES (?1)", [text(identity)?]);
                    execute?;
                }
            }
        }
        Ok(ledger)
    }

    /// Opens a ledger to look into it.
    ///
    /// # Errors
    ///
    /// If it is in use, or is none.
    pub fn open_any(path: &Path) -> Result<Self, LedgerError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::ZERO)?;
        // Held until the end: two hunts would each take what the other one does for undone.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "page_size", 16 * 1024)?;
        let begun = connection.pragma_update(None, "journal_mode", "WAL");
        begun.map_err(in_use)?;
        // What a crash of the machine loses is the last moment's work, never the order of what was written.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(in_use)?;
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
        // Alerts of a source that was not finished: it is read again.
        connection.execute(
            "DELETE FROM alert WHERE id > (SELECT coalesce(max(last), 0) FROM waiting)",
            [],
        )?;
        connection.execute_batch("COMMIT")?;
        let next_page: i64 =
            connection.query_row("SELECT coalesce(max(id), 0) + 1 FROM page", [], |row| {
                row.get(0)
            })?;
        Ok(Self {
            path: path.to_owned(),
            state: Mutex::new(State {
                connection,
                loaded: Loaded::default(),
                pending: Vec::new(),
                pending_folder: Vec::new(),
                next_page,
                has_begun: false,
                is_new: next_page == 1,
            }),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock ends the run; what was not committed is done again.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a source.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn known(&self, seen: &Seen) -> Result<Known, LedgerError> {
        let state = &mut *self.state();
        if state.is_new {
            return Ok(Known::ToRead(false));
        }
        if state.loaded.folder != seen.folder {
            state.loaded = Loaded::of(&state.connection, &seen.folder)?;
        }
        Ok(state.loaded.known(seen))
    }

    /// Takes an alert, or an event beside the alerts, of a source that is not done yet, and gives it an id.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn add_alert(&self, alert: &Alert) -> Result<i64, LedgerError> {
        let state = &mut *self.state();
        state.begin()?;
        let row = serde_json::to_string(alert).map_err(|e| LedgerError::Damaged(e.to_string()))?;
        let mut insert = state.connection.prepare_cached(
            "INSERT INTO alert (is_related, event_key, alert_id, row) VALUES (?1, ?2, ?3, ?4)",
        )?;
        let alert_id = alert.text("alert_id").unwrap_or_default();
        let is_related = alert.relation().is_some();
        Ok(insert.insert(params![is_related, alert.event_key, alert_id, row])?)
    }

    /// Whether an alert is in an output already: a source that has changed is read whole again.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn is_delivered(&self, alert: &Alert) -> Result<bool, LedgerError> {
        let state = self.state();
        let mut select = state
            .connection
            .prepare_cached("SELECT 1 FROM delivered WHERE alert_id = ?1")?;
        Ok(select.exists([alert.text("alert_id").unwrap_or_default()])?)
    }

    /// Takes note of a source that is done.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn add(&self, done: &Done<'_>) -> Result<(), LedgerError> {
        let state = &mut *self.state();
        state.begin()?;
        if state.pending_folder != done.seen.folder {
            state.write_page()?;
            state.pending_folder.clone_from(&done.seen.folder);
        }
        state.pending.push(Entry {
            name: done.seen.name.clone(),
            size: done.seen.size,
            version: done.seen.version.clone(),
            outcome: done.outcome,
        });
        let is_quiet = done.alerts.is_none() && done.diagnostics.is_empty();
        if is_quiet && !done.seen.is_known {
            return Ok(());
        }
        let folder = state.folder_id(&done.seen.folder)?;
        let connection = &state.connection;
        let name = &done.seen.name;
        if done.seen.is_known {
            // What waits of the source as it was would be there twice.
            connection.execute(
                "DELETE FROM alert WHERE EXISTS (SELECT 1 FROM waiting WHERE folder = ?1 AND name = ?2
                 AND alert.id BETWEEN first AND last)",
                params![folder, name],
            )?;
            connection.execute(
                "DELETE FROM waiting WHERE folder = ?1 AND name = ?2",
                params![folder, name],
            )?;
            connection.execute(
                "DELETE FROM failure WHERE folder = ?1 AND name = ?2",
                params![folder, name],
            )?;
        }
        if is_quiet {
            return Ok(());
        }
        let kept = &done.diagnostics[..done.diagnostics.len().min(DIAGNOSTICS_KEPT)];
        let text = serde_json::to_string(kept).map_err(|e| LedgerError::Damaged(e.to_string()))?;
        let (first, last) = done.alerts.unzip();
        connection.execute(
            "INSERT INTO waiting (folder, name, first, last, diagnostics) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![folder, name, first, last, text],
        )?;
        if done
            .diagnostics
            .iter()
            .any(|d| d.severity == Severity::Error)
        {
            connection.execute(
                "INSERT OR REPLACE INTO failure VALUES (?1, ?2, ?3)",
                params![folder, name, text],
            )?;
        }
        Ok(())
    }

    /// Commits what was taken note of: from now on it holds, whatever happens.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn commit(&self) -> Result<(), LedgerError> {
        let state = &mut *self.state();
        state.write_page()?;
        if std::mem::take(&mut state.has_begun) {
            state.connection.execute_batch("COMMIT")?;
        }
        Ok(())
    }

    /// What waits of a source: its alerts, and what is to be told of it.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn waiting(&self, id: i64) -> Result<(Vec<Alert>, Vec<Diagnostic>), LedgerError> {
        let damaged = |error: serde_json::Error| LedgerError::Damaged(error.to_string());
        let state = self.state();
        let (first, last, diagnostics): (Option<i64>, Option<i64>, String) =
            state.connection.query_row(
                "SELECT first, last, diagnostics FROM waiting WHERE id = ?1",
                [id],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?;
        let mut select = state
            .connection
            .prepare_cached("SELECT row FROM alert WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
        let rows = select.query_map(params![first, last], |row| row.get::<_, String>(0))?;
        let mut alerts = Vec::new();
        for row in rows {
            alerts.push(serde_json::from_str(&row?).map_err(damaged)?);
        }
        Ok((alerts, serde_json::from_str(&diagnostics).map_err(damaged)?))
    }

    /// The ids of all that waits.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn all_waiting(&self) -> Result<Vec<i64>, LedgerError> {
        let state = self.state();
        let mut select = state
            .connection
            .prepare("SELECT id FROM waiting ORDER BY id")?;
        let ids = select.query_map([], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// How often each event is in outputs already.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn sightings(&self, is_related: bool) -> Result<HashMap<[u8; 16], u32>, LedgerError> {
        let state = self.state();
        let mut select = state
            .connection
            .prepare("SELECT event_key, n FROM sighting WHERE is_related = ?1")?;
        let rows = select.query_map([is_related], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl State {
    fn begin(&mut self) -> Result<(), LedgerError> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
        }
        Ok(())
    }

    fn folder_id(&self, path: &[u8]) -> Result<i64, LedgerError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT id FROM folder WHERE path = ?1")?;
        if let Some(id) = select.query_row([path], |row| row.get(0)).optional()? {
            return Ok(id);
        }
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO folder (path) VALUES (?1)")?;
        Ok(insert.insert([path])?)
    }

    fn write_page(&mut self) -> Result<(), LedgerError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let folder = self.folder_id(&self.pending_folder)?;
        let entries = std::mem::take(&mut self.pending);
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO page VALUES (?1, ?2, ?3)")?;
        for page in entries.chunks(pages::ENTRIES) {
            insert.execute(params![folder, self.next_page, pages::encode(page)])?;
            self.next_page += 1;
        }
        Ok(())
    }
}

/// Another process has it: SQLite says so at once, since nobody waits.
fn in_use(error: rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            LedgerError::InUse
        }
        Some(rusqlite::ErrorCode::NotADatabase) => LedgerError::Layout,
        _ => error.into(),
    }
}
