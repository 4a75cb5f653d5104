//! A summary of a ledger, for people.

use std::sync::PoisonError;

use rusqlite::params;

use super::pages::OUTCOMES;
use super::{Ledger, LedgerError, Summary, over_time};
use crate::report::{Diagnostic, Outcome, Severity};

/// The diagnostics of a source, where they were forgotten. A source that could not be read completely has at least one.
const FORGOTTEN: &str = "[]";

impl Ledger {
    /// Summarizes the ledger.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn summary(&self) -> Result<Summary, LedgerError> {
        let mut summary = Summary::default();
        {
            let state = self.state();
            let connection = &state.connection;
            let count = |table: &str| {
                connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                    row.get(0)
                })
            };
            summary.n_delivered = count("delivered")?;
            summary.n_waiting = count("alert")?;
            summary.n_kept = over_time::n_kept(connection)?;
            let sql = "SELECT count(*) FROM failure WHERE diagnostics = ?1";
            summary.n_forgotten = connection.query_row(sql, [FORGOTTEN], |row| row.get(0))?;
            let mut select = connection.prepare("SELECT outcome, n_sources, n_bytes FROM total")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let (rank, n_sources, n_bytes): (usize, u64, u64) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                let outcome = OUTCOMES.get(rank).ok_or(LedgerError::Damaged)?;
                if n_sources > 0 {
                    summary.sources.insert(*outcome, n_sources);
                }
                summary.n_bytes += n_bytes;
            }
        }
        self.each_failure(&mut |_, diagnostics| {
            for diagnostic in diagnostics {
                if diagnostic.severity == Severity::Error {
                    *summary.failures.entry(diagnostic.code).or_default() += 1;
                }
            }
        })?;
        Ok(summary)
    }

    /// Calls `visit` for each source that could not be read completely, with the reason.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn each_failure(
        &self,
        visit: &mut dyn FnMut(Vec<u8>, Vec<Diagnostic>),
    ) -> Result<(), LedgerError> {
        let state = self.state();
        let mut select = state.connection.prepare(
            "SELECT path, diagnostics FROM failure WHERE diagnostics <> ?1 ORDER BY path",
        )?;
        let mut rows = select.query([FORGOTTEN])?;
        while let Some(row) = rows.next()? {
            let diagnostics: String = row.get(1)?;
            visit(row.get(0)?, serde_json::from_str(&diagnostics)?);
        }
        Ok(())
    }

    /// Forgets that a source could not be read completely: later runs count it as done until it changes. Returns false
    /// if the ledger knows of no such source.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn forget(&self, path: &[u8]) -> Result<bool, LedgerError> {
        let state = self.state();
        let n = state.connection.execute(
            "UPDATE failure SET diagnostics = ?1 WHERE path = ?2 AND diagnostics <> ?1",
            params![FORGOTTEN, path],
        )?;
        Ok(n > 0)
    }

    /// Returns whether it was forgotten that a source could not be read completely.
    pub(super) fn is_forgotten(&self, path: &[u8]) -> Result<bool, LedgerError> {
        let state = self.state();
        let mut select = state
            .connection
            .prepare_cached("SELECT 1 FROM failure WHERE path = ?1 AND diagnostics = ?2")?;
        Ok(select.exists(params![path, FORGOTTEN])?)
    }

    /// Returns the sources from which nothing had been read when the ledger was opened.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn unread(&self) -> Result<Vec<Vec<u8>>, LedgerError> {
        let mut failed = Vec::new();
        self.each_failure(&mut |path, _| failed.push(path))?;
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let page = |id| self.page(id);
        let mut unread = Vec::new();
        for path in failed {
            let entry = index.entry(&path, &page)?;
            if entry.is_some_and(|entry| entry.outcome == Outcome::Failed) {
                unread.push(path);
            }
        }
        Ok(unread)
    }
}
