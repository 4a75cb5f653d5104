//! The verdicts as a Parquet file, with a row for each digest and each log.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::chains::Chains;
use super::collection::Collection;
use super::name::{digest_name, log_name};
use super::report::Verdicts;
use super::rsa::{Hash, hex};

/// The number of rows that are written at once.
const BATCH_ROWS: usize = 8192;

/// A row: a digest or a log.
#[derive(Debug, Default)]
struct Row {
    kind: &'static str,
    key: String,
    status: String,
    account: Option<String>,
    region: Option<String>,
    /// In seconds since 1970.
    time: Option<i64>,
    /// The times of the first and the last event, in seconds since 1970.
    events: Option<(i64, i64)>,
    digest: Option<String>,
    hash: Option<String>,
}

fn schema() -> SchemaRef {
    let text = |name, is_nullable| Field::new(name, DataType::Utf8, is_nullable);
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        text("kind", false),
        text("key", false),
        text("status", false),
        text("account", true),
        text("region", true),
        Field::new("time", time.clone(), true),
        Field::new("first_event_time", time.clone(), true),
        Field::new("last_event_time", time, true),
        text("digest", true),
        text("sha256", true),
    ]))
}

/// Writes the table.
///
/// # Errors
///
/// The error of the output.
pub fn write_table<W: Write + Send>(
    out: W,
    collection: &Collection,
    chains: &Chains,
    verdicts: &Verdicts,
) -> Result<W, ParquetError> {
    let level = ZstdLevel::try_new(3)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level));
    let mut writer = ArrowWriter::try_new(out, schema(), Some(properties.build()))?;
    let rows = digests(collection, chains);
    let rows = rows.chain(listed(collection, verdicts));
    let mut rows = rows.chain(held(collection, verdicts)).peekable();
    while rows.peek().is_some() {
        let batch: Vec<Row> = rows.by_ref().take(BATCH_ROWS).collect();
        writer.write(&self::batch(&batch)?)?;
    }
    writer.into_inner()
}

fn batch(rows: &[Row]) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let texts = |of: &dyn Fn(&Row) -> Option<&str>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let times = |of: &dyn Fn(&Row) -> Option<i64>| -> ArrayRef {
        let micros = rows
            .iter()
            .map(|row| of(row).map(|seconds| seconds.saturating_mul(1_000_000)));
        let times: TimestampMicrosecondArray = micros.collect();
        Arc::new(times.with_timezone("UTC"))
    };
    let columns = vec![
        texts(&|row| Some(row.kind)),
        texts(&|row| Some(&row.key)),
        texts(&|row| Some(&row.status)),
        texts(&|row| row.account.as_deref()),
        texts(&|row| row.region.as_deref()),
        times(&|row| row.time),
        times(&|row| row.events.map(|(first, _)| first)),
        times(&|row| row.events.map(|(_, last)| last)),
        texts(&|row| row.digest.as_deref()),
        texts(&|row| row.hash.as_deref()),
    ];
    RecordBatch::try_new(schema(), columns)
}

/// Returns the stable word of a status.
fn word(status: &impl serde::Serialize) -> String {
    match serde_json::to_value(status) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn digests<'a>(collection: &'a Collection, chains: &'a Chains) -> impl Iterator<Item = Row> + 'a {
    let digests = collection.digests.iter().zip(&chains.statuses);
    digests.filter_map(|(held, status)| {
        let digest = &held.digest;
        let name = digest_name(&digest.key);
        Some(Row {
            kind: "digest",
            status: word(&(*status)?),
            account: name.map(|name| name.account.to_owned()),
            region: name.map(|name| name.region.to_owned()),
            time: Some(digest.end),
            events: None,
            digest: None,
            hash: Some(hex(&digest.hash)),
            key: digest.key.clone(),
        })
    })
}

fn log(key: String, status: String, digest: Option<String>, hash: Option<Hash>) -> Row {
    let name = log_name(&key);
    Row {
        kind: "log",
        status,
        account: name.map(|name| name.account.to_owned()),
        region: name.map(|name| name.region.to_owned()),
        time: name.map(|name| name.time),
        events: None,
        digest,
        hash: hash.map(|hash| hex(&hash)),
        key,
    }
}

fn listed<'a>(
    collection: &'a Collection,
    verdicts: &'a Verdicts,
) -> impl Iterator<Item = Row> + 'a {
    let listed = collection.listed.iter().zip(&verdicts.listed);
    listed.filter_map(|(entry, status)| {
        let digest = &collection.digests[entry.digest as usize].digest;
        let key = collection.heads.path(&entry.key);
        let row = log(key, word(&(*status)?), Some(digest.key.clone()), entry.hash);
        let events = entry.times;
        Some(Row { events, ..row })
    })
}

fn held<'a>(collection: &'a Collection, verdicts: &'a Verdicts) -> impl Iterator<Item = Row> + 'a {
    let held = collection.held.iter().zip(&verdicts.held);
    held.filter_map(|(held, status)| {
        let place = collection.heads.path(&held.place);
        Some(log(place, word(&(*status)?), None, held.hash))
    })
}
