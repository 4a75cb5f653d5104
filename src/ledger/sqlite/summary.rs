//! A summary of a ledger, for people.

use std::sync::PoisonError;

use super::pages::OUTCOMES;
use super::{Ledger, LedgerError, Summary};
use crate::report::{Diagnostic, Outcome, Severity};

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
        let mut select = state
            .connection
            .prepare("SELECT path, diagnostics FROM failure ORDER BY path")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let diagnostics: String = row.get(1)?;
            visit(row.get(0)?, serde_json::from_str(&diagnostics)?);
        }
        Ok(())
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
