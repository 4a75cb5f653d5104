//! Rows that wait for an output.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::{Ledger, LedgerError, Waiting};
use crate::output::{Alert, Column};

/// Number of alerts that are read at a time.
const ALERTS_AT_ONCE: i64 = 256;

/// Adds the column of the related events, which ledgers of earlier versions do not have.
pub(super) fn add_missing_column(connection: &Connection) -> Result<(), LedgerError> {
    let mut columns =
        connection.prepare("SELECT 1 FROM pragma_table_info('waiting') WHERE name = 'related'")?;
    if !columns.exists([])? {
        connection.execute_batch("ALTER TABLE waiting ADD COLUMN related TEXT")?;
    }
    Ok(())
}

/// Deletes the alerts of a source that was not finished, which is read again, and those of rules over several events,
/// which are decided again. If an output may have them, its intent says so.
pub(super) fn delete_unfinished(connection: &Connection) -> Result<(), LedgerError> {
    connection.execute(
        "DELETE FROM alert WHERE id > (SELECT coalesce(max(last), 0) FROM waiting)
         AND NOT EXISTS (SELECT 1 FROM intent)",
        [],
    )?;
    Ok(())
}

impl Ledger {
    /// Returns whether an alert is in an output already: a source that has changed is read completely again.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn is_delivered(&self, alert: &Alert) -> Result<bool, LedgerError> {
        let state = self.state();
        let mut select = state
            .connection
            .prepare_cached("SELECT 1 FROM delivered WHERE alert_id = ?1")?;
        Ok(select.exists([alert.text(Column::AlertId).unwrap_or_default()])?)
    }

    /// Returns the waiting data of a source.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn waiting(&self, id: i64) -> Result<Waiting, LedgerError> {
        let state = self.state();
        let mut select = state.connection.prepare_cached(
            "SELECT first, last, diagnostics, related FROM waiting WHERE id = ?1",
        )?;
        type Row = (Option<i64>, Option<i64>, String, Option<String>);
        let (first, last, text, related): Row = select.query_row([id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        let related = related.map(|related| serde_json::from_str(&related));
        Ok(Waiting {
            alerts: first.zip(last),
            related: related.transpose()?,
            diagnostics: serde_json::from_str(&text)?,
        })
    }

    /// Returns some of the waiting alerts, with their ids. A source may have any number of alerts.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn alerts(&self, from: i64, last: i64) -> Result<Vec<(i64, Alert)>, LedgerError> {
        let state = self.state();
        let mut select = state.connection.prepare_cached(
            "SELECT id, row FROM alert WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
        )?;
        let mut rows = select.query(params![from, last, ALERTS_AT_ONCE])?;
        let mut alerts = Vec::new();
        while let Some(row) = rows.next()? {
            let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            alerts.push((row.get(0)?, serde_json::from_str(text)?));
        }
        Ok(alerts)
    }

    /// Returns the ids of all waiting data.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn all_waiting(&self) -> Result<Vec<i64>, LedgerError> {
        let state = self.state();
        let mut select = state
            .connection
            .prepare("SELECT id FROM waiting ORDER BY id")?;
        let ids = select.query_map([], |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// Returns the number of times that each event is in outputs already.
    ///
    /// # Errors
    ///
    /// The SQLite error.
    pub fn sightings(&self, is_related: bool) -> Result<HashMap<[u8; 16], u32>, LedgerError> {
        let state = self.state();
        let mut select = state
            .connection
            .prepare("SELECT event_key, n FROM sighting WHERE is_related = ?1")?;
        let rows = select.query_map([is_related], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
