//! What a ledger holds, for people.

use std::collections::{BTreeMap, HashMap};

use super::pages::each_entry;
use super::{Ledger, LedgerError};
use crate::report::{Code, Diagnostic, Outcome, Severity};

/// What a ledger holds.
#[derive(Debug, Default)]
pub struct Summary {
    /// Sources by what they came to.
    pub sources: BTreeMap<Outcome, u64>,
    /// Bytes of all of them, as stored.
    pub n_bytes: u64,
    /// Alerts that are in outputs, and events beside the alerts.
    pub n_delivered: u64,
    /// Rows that are in no output yet.
    pub n_waiting: u64,
    /// Errors by kind.
    pub failures: BTreeMap<Code, u64>,
}

impl Ledger {
    /// Sums it up.
    ///
    /// # Errors
    ///
    /// What SQLite says.
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
            let mut select = connection.prepare("SELECT id FROM folder")?;
            let folders = select.query_map([], |row| row.get::<_, i64>(0))?;
            for folder in folders {
                let mut last = HashMap::new();
                each_entry(connection, folder?, &mut |entry| {
                    last.insert(entry.name, (entry.outcome, entry.size));
                })?;
                for (outcome, size) in last.into_values() {
                    *summary.sources.entry(outcome).or_default() += 1;
                    summary.n_bytes += size;
                }
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

    /// Gives each source that could not be read whole, and why, to `visit`.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn each_failure(
        &self,
        visit: &mut dyn FnMut(Vec<u8>, Vec<Diagnostic>),
    ) -> Result<(), LedgerError> {
        let state = self.state();
        let mut select = state.connection.prepare(
            "SELECT path, name, diagnostics FROM failure JOIN folder ON folder.id = failure.folder
             ORDER BY path, name",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (mut path, name): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
            path.extend(name);
            let diagnostics: String = row.get(2)?;
            let diagnostics = serde_json::from_str(&diagnostics)
                .map_err(|error| LedgerError::Damaged(error.to_string()))?;
            visit(path, diagnostics);
        }
        Ok(())
    }
}
