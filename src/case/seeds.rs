//! Where a case begins: the alerts of a hunt.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};
use std::path::Path;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use jiff::Timestamp;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::Seed;
use crate::follow::{Entity, Kind};

/// The columns of alerts that say whom a case is about, and when that was.
const COLUMNS: [&str; 4] = [
    "target_user_name",
    "recipient_account_id",
    "account_id",
    "event_time",
];

/// The seeds in a file of alerts, as Parquet or lines of JSON, each once and in their order.
///
/// # Errors
///
/// What the system says, and what is wrong with the file.
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

fn seed(user: Option<&str>, accounts: [Option<&str>; 2], time: Option<Timestamp>) -> Option<Seed> {
    let account = accounts.into_iter().flatten().next().unwrap_or_default();
    let entity = Entity::in_account(Kind::User, account, user?);
    Some(Seed { entity, time })
}

fn of_parquet(file: File) -> io::Result<Vec<Seed>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(io::Error::other)?;
    for column in COLUMNS {
        if builder.schema().field_with_name(column).is_err() {
            return Err(io::Error::other(format!(
                "it has no column {column}: it holds no alerts"
            )));
        }
    }
    let mask = ProjectionMask::columns(builder.parquet_schema(), COLUMNS);
    let reader = builder
        .with_projection(mask)
        .build()
        .map_err(io::Error::other)?;
    let mut seeds = Vec::new();
    for batch in reader {
        let batch = batch.map_err(io::Error::other)?;
        for row in 0..batch.num_rows() {
            let text = |column| text(&batch, column, row);
            let accounts = [text("recipient_account_id"), text("account_id")];
            seeds.extend(seed(text("target_user_name"), accounts, time(&batch, row)));
        }
    }
    Ok(seeds)
}

fn text<'b>(batch: &'b RecordBatch, column: &str, row: usize) -> Option<&'b str> {
    let texts = batch.column_by_name(column)?.as_string_opt::<i32>()?;
    texts.is_valid(row).then(|| texts.value(row))
}

fn time(batch: &RecordBatch, row: usize) -> Option<Timestamp> {
    let times = batch.column_by_name("event_time")?;
    let times = times.as_primitive_opt::<TimestampMicrosecondType>()?;
    let micros = times.is_valid(row).then(|| times.value(row))?;
    Timestamp::from_microsecond(micros).ok()
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
        if row["alert_id"].is_null() {
            return Err(fault(&"it is no alert"));
        }
        let text = |column: &str| row[column].as_str();
        let accounts = [text("recipient_account_id"), text("account_id")];
        let time = text("event_time").and_then(|time| time.parse().ok());
        seeds.extend(seed(text("target_user_name"), accounts, time));
    }
    Ok(seeds)
}
