//! The seeds of a case: the alerts of a hunt.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_schema::Schema;
use jiff::Timestamp;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use serde_json::Value;

use super::Seed;
use super::alert_columns;
use crate::event::time::micros;
use crate::follow::{Entity, Kind};
use crate::input::layout::is_account;

/// The columns of alerts with the identity of a case, and the time of its quarantine.
const COLUMNS: [&str; 4] = [
    "target_user_name",
    "recipient_account_id",
    "account_id",
    "event_time",
];

const NO_ALERTS: &str = "it holds no alerts";

/// Returns the seeds in a file of alerts, as Parquet or JSON lines, each once and in their order.
///
/// # Errors
///
/// The I/O error, or the error in the file.
pub fn seeds(path: &Path) -> io::Result<Vec<Seed>> {
    let mut file = File::open(path)?;
    let mut magic = [0; 4];
    let n_read = file.read(&mut magic)?;
    file.rewind()?;
    let mut seeds = match &magic[..n_read] {
        b"PAR1" => of_parquet(file)?,
        _ => of_lines(file)?,
    };
    seeds.sort_by(|a, b| (&a.entity, a.time).cmp(&(&b.entity, b.time)));
    seeds.dedup();
    Ok(seeds)
}

/// The kind of a file with alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertsFile {
    /// Parquet or JSON lines, which [`seeds`] reads.
    Readable,
    /// CSV, which is for spreadsheets and is not read back.
    Csv,
}

/// Number of bytes of the first line of a file that are looked at.
const FIRST_LINE_BYTES: u64 = 64 * 1024;

/// Returns the kind of a file's alerts; nothing if it is not a file of alerts.
///
/// # Errors
///
/// The I/O error.
pub fn kind_of_alerts(path: &Path) -> io::Result<Option<AlertsFile>> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut start = Vec::new();
    (&file).take(FIRST_LINE_BYTES).read_to_end(&mut start)?;
    if start.starts_with(b"PAR1") {
        file.rewind()?;
        let is_of_alerts = |schema: &Schema| {
            let has = |column: &str| schema.field_with_name(column).is_ok();
            COLUMNS.iter().all(|column| has(column)) && has("alert_id") && !has("relation")
        };
        // A Parquet file that cannot be read has no alerts that can be.
        let read = || ParquetRecordBatchReaderBuilder::try_new(file).ok();
        // Nor has one over which the reader panics.
        let reader = catch_unwind(AssertUnwindSafe(read)).ok().flatten();
        let found = reader.filter(|reader| is_of_alerts(reader.schema()));
        return Ok(found.map(|_| AlertsFile::Readable));
    }
    let text = String::from_utf8_lossy(&start);
    let line = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    // A line leaves out fields without a value.
    let is_line = line.starts_with('{')
        && ["\"alert_id\":", "\"event_time\":"]
            .iter()
            .all(|name| line.contains(name))
        && !line.contains("\"relation\":");
    let has = |column: &str| line.split(',').any(|name| name.trim_matches('"') == column);
    let is_header = has("alert_id") && COLUMNS.iter().all(|column| has(column)) && !has("relation");
    Ok(match (is_line, is_header) {
        (true, _) => Some(AlertsFile::Readable),
        (false, true) => Some(AlertsFile::Csv),
        (false, false) => None,
    })
}

/// Returns the seed in a row, if the row names a user.
fn seed(
    user: Option<&str>,
    accounts: [Option<&str>; 2],
    time: Option<Timestamp>,
) -> Result<Option<Seed>, String> {
    let account = accounts.into_iter().flatten().next().unwrap_or_default();
    if !account.is_empty() && !is_account(account) {
        return Err(format!(
            "{account:?} is no account's id: it has twelve digits"
        ));
    }
    let user = user.filter(|user| !user.is_empty());
    Ok(user.map(|user| Seed {
        entity: Entity::in_account(Kind::User, account, user),
        time,
    }))
}

fn of_parquet(file: File) -> io::Result<Vec<Seed>> {
    // By the types of Parquet alone, which are fewer than those of Arrow.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .map_err(io::Error::other)?;
    let has = |column: &str| builder.schema().field_with_name(column).is_ok();
    if let Some(missing) = COLUMNS.iter().find(|column| !has(column)) {
        let message = format!("it has no column {missing}: it holds no alerts");
        return Err(io::Error::other(message));
    }
    if has("relation") {
        return Err(io::Error::other(NO_ALERTS));
    }
    let mask = ProjectionMask::columns(builder.parquet_schema(), COLUMNS);
    let reader = builder
        .with_projection(mask)
        .build()
        .map_err(io::Error::other)?;
    let mut seeds = Vec::new();
    for batch in reader {
        let batch = batch.map_err(io::Error::other)?;
        let column = |name: &str| {
            let column = batch.column_by_name(name).ok_or(NO_ALERTS);
            column.map_err(io::Error::other)
        };
        let [user, recipient, account, time] = COLUMNS.map(column);
        let (user, recipient, account, time) = (user?, recipient?, account?, time?);
        for row in 0..batch.num_rows() {
            let read = || {
                let named = |name: &'static str| move |error| format!("{name}: {error}");
                let text = |column, name| alert_columns::text(column, row).map_err(named(name));
                let user = text(user, COLUMNS[0])?;
                let accounts = [text(recipient, COLUMNS[1])?, text(account, COLUMNS[2])?];
                let time = alert_columns::time(time, row).map_err(named(COLUMNS[3]))?;
                let accounts = accounts.each_ref().map(Option::as_deref);
                seed(user.as_deref(), accounts, time)
            };
            seeds.extend(read().map_err(io::Error::other)?);
        }
    }
    Ok(seeds)
}

fn of_lines(file: File) -> io::Result<Vec<Seed>> {
    let mut seeds = Vec::new();
    for (n, line) in BufReader::new(file).lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let fault =
            |error: &dyn std::fmt::Display| io::Error::other(format!("line {}: {error}", n + 1));
        let row: Value = serde_json::from_str(&line).map_err(|error| fault(&error))?;
        if row["alert_id"].is_null() || !row["relation"].is_null() {
            return Err(fault(&NO_ALERTS));
        }
        let text = |column: &str| row[column].as_str();
        let accounts = [text("recipient_account_id"), text("account_id")];
        let time = match &row["event_time"] {
            Value::Null => None,
            Value::String(text) => {
                let time = micros(text).and_then(|time| Timestamp::from_microsecond(time).ok());
                let unreadable = || fault(&format!("event_time: {text:?} is no time"));
                Some(time.ok_or_else(unreadable)?)
            }
            other => return Err(fault(&format!("event_time: {other} is no text"))),
        };
        let seed = seed(text("target_user_name"), accounts, time);
        seeds.extend(seed.map_err(|error| fault(&error))?);
    }
    Ok(seeds)
}
