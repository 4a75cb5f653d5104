//! The map as a Parquet file, with a row for each hour that is not unknown.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde::Serialize;

use super::json::{HourRow, hour_rows};
use super::map::CoverageMap;

/// The number of rows that are written at once.
const BATCH_ROWS: usize = 64 * 1024;

fn schema() -> SchemaRef {
    let text = |name, is_nullable| Field::new(name, DataType::Utf8, is_nullable);
    let time = |name, is_nullable| {
        let of = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        Field::new(name, of, is_nullable)
    };
    let number = |name| Field::new(name, DataType::Int64, false);
    Arc::new(Schema::new(vec![
        text("account", false),
        text("region", false),
        time("hour", false),
        text("state", false),
        text("why", true),
        number("files"),
        number("bytes"),
        number("events"),
        number("missing"),
        time("first_event", true),
        time("last_event", true),
    ]))
}

/// Writes the table.
///
/// # Errors
///
/// The error of the output.
pub fn write_table<W: Write + Send>(out: W, map: &CoverageMap) -> Result<W, ParquetError> {
    let level = ZstdLevel::try_new(3)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level));
    let mut writer = ArrowWriter::try_new(out, schema(), Some(properties.build()))?;
    let mut rows = hour_rows(map).peekable();
    while rows.peek().is_some() {
        let rows: Vec<HourRow<'_>> = rows.by_ref().take(BATCH_ROWS).collect();
        writer.write(&batch(&rows)?)?;
    }
    writer.into_inner()
}

fn batch(rows: &[HourRow<'_>]) -> Result<RecordBatch, ArrowError> {
    let texts = |of: &dyn Fn(&HourRow<'_>) -> Option<String>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let numbers = |of: &dyn Fn(&HourRow<'_>) -> u64| -> ArrayRef {
        let numbers = rows
            .iter()
            .map(|row| i64::try_from(of(row)).unwrap_or(i64::MAX));
        Arc::new(numbers.collect::<Int64Array>())
    };
    let times = |of: &dyn Fn(&HourRow<'_>) -> Option<i64>| -> ArrayRef {
        let micros = rows
            .iter()
            .map(|row| of(row).map(|seconds| seconds.saturating_mul(1_000_000)));
        let times: TimestampMicrosecondArray = micros.collect();
        Arc::new(times.with_timezone("UTC"))
    };
    let columns = vec![
        texts(&|row| Some(row.account.to_owned())),
        texts(&|row| Some(row.region.to_owned())),
        times(&|row| Some(row.seconds)),
        texts(&|row| Some(word(&row.state))),
        texts(&|row| row.why.map(|why| word(&why))),
        numbers(&|row| row.files),
        numbers(&|row| row.bytes),
        numbers(&|row| row.events),
        numbers(&|row| row.missing),
        times(&|row| row.times.map(|(first, _)| first)),
        times(&|row| row.times.map(|(_, last)| last)),
    ];
    RecordBatch::try_new(schema(), columns)
}

/// Returns the stable word of a value.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
