//! Keeps the ledger and the outputs consistent.
//!
//! 1. While the hunt runs, sources that are done and their alerts are committed to the ledger, where they *wait*.
//! 2. The outputs are written completely under hidden names. Then [`Ledger::intend`] commits the intent: the files that
//!    are about to get their names, with their hashes. The files get their names, and [`Ledger::delivered`] commits
//!    that nothing waits any more.
//! 3. A run that finds an intent checks the files. If all files that the intent names exist with exactly those bytes,
//!    the names were given, and the run does the remaining steps. Otherwise it removes those files that exist, and
//!    everything waits as before.
//!
//! So an alert is in an output exactly if the ledger, after the next time it is opened, says that it is delivered.

use rusqlite::params;

use super::{Ledger, LedgerError, over_time, waiting};
use crate::output::Written;

impl Ledger {
    /// Returns the files that an earlier run was about to name when it was interrupted, with the alerts' file last.
    /// Usually there are none.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn intent(&self) -> Result<Vec<Written>, LedgerError> {
        self.files("SELECT place, n_bytes, sha256, n_rows FROM intent ORDER BY rank")
    }

    /// Returns the outputs of earlier runs.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn outputs(&self) -> Result<Vec<Written>, LedgerError> {
        self.files("SELECT place, n_bytes, sha256, n_rows FROM output")
    }

    fn files(&self, select: &str) -> Result<Vec<Written>, LedgerError> {
        let state = self.state();
        let mut select = state.connection.prepare(select)?;
        let rows = select.query_map([], |row| {
            Ok(Written {
                place: row.get(0)?,
                n_bytes: row.get(1)?,
                sha256: row.get(2)?,
                n_rows: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Commits to disk that these files are about to get their names.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn intend(&self, files: &[Written]) -> Result<(), LedgerError> {
        self.commit()?;
        let state = self.state();
        state
            .connection
            .pragma_update(None, "synchronous", "FULL")?;
        state
            .connection
            .execute_batch("BEGIN IMMEDIATE; DELETE FROM intent")?;
        for (rank, file) in files.iter().enumerate() {
            state.connection.execute(
                "INSERT INTO intent VALUES (?1, ?2, ?3, ?4, ?5)",
                params![file.place, file.n_bytes, file.sha256, file.n_rows, rank],
            )?;
        }
        state.connection.execute_batch("COMMIT")?;
        Ok(())
    }

    /// Commits that all waiting data is in the files of the intent.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn delivered(&self) -> Result<(), LedgerError> {
        let state = self.state();
        state.connection.execute_batch(
            "BEGIN IMMEDIATE;
             INSERT OR IGNORE INTO delivered SELECT alert_id FROM alert;
             INSERT INTO sighting SELECT is_related, event_key, count(*) FROM alert WHERE true GROUP BY 1, 2
                 ON CONFLICT DO UPDATE SET n = n + excluded.n;
             DELETE FROM alert;
             DELETE FROM waiting;
             INSERT OR REPLACE INTO output SELECT place, n_bytes, sha256, n_rows FROM intent;
             DELETE FROM intent;",
        )?;
        over_time::pending_delivered(&state.connection)?;
        state.connection.execute_batch("COMMIT")?;
        over_time::shrink(&state.connection)
    }

    /// Commits that the files of the intent did not get their names.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn not_delivered(&self) -> Result<(), LedgerError> {
        let state = self.state();
        state
            .connection
            .execute_batch("BEGIN IMMEDIATE; DELETE FROM intent")?;
        over_time::pending_not_delivered(&state.connection)?;
        waiting::delete_unfinished(&state.connection)?;
        state.connection.execute_batch("COMMIT")?;
        Ok(())
    }
}
