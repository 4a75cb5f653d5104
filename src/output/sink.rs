//! Rows to Parquet or NDJSON, as they come.
//!
//! Both are made from the same columns. Memory does not grow with the number of rows: a batch is written
//! out after [`BATCH_ROWS`] or [`BATCH_BYTES`], a row group after [`ROW_GROUP_BYTES`]. What grows is the
//! account of events seen, for `sighting`: some 40 bytes for each distinct event that alerted.

use std::collections::HashMap;
use std::io::{self, Write};

use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::alert::{Alert, RuleColumns};
use super::columns::{Rows, UTC, UTC_AS_OFFSET, schema};

/// Rows of a batch.
const BATCH_ROWS: usize = 1024;
/// Bytes of a batch, roughly: with records of the usual size, [`BATCH_ROWS`] come first.
const BATCH_BYTES: usize = 4 << 20;
/// Encoded bytes of a row group: bounds the writer's memory. Alerts are few; readers that want larger
/// groups have other files to worry about.
const ROW_GROUP_BYTES: usize = 16 << 20;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Parquet.
    Parquet,
    /// A JSON object a line; fields without a value are left out.
    Ndjson,
}

/// What the file says of the run that made it.
#[derive(Debug, Clone)]
pub struct RunIdentity {
    /// A random id.
    pub run_id: String,
    /// The rule's id.
    pub rule_id: String,
    /// The rule's version.
    pub rule_version: u32,
}

enum Writer<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    Ndjson(LineDelimitedWriter<W>),
}

/// Takes alerts in their order and writes them as rows.
pub struct AlertSink<W: Write + Send> {
    writer: Writer<W>,
    rule: RuleColumns,
    rows: Rows,
    rows_bytes: usize,
    sightings: HashMap<[u8; 16], u32>,
}

impl<W: Write + Send> std::fmt::Debug for AlertSink<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlertSink")
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl<W: Write + Send> AlertSink<W> {
    /// A sink that writes to `out`.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn new(
        out: W,
        format: Format,
        rule: RuleColumns,
        run: &RunIdentity,
    ) -> Result<Self, ArrowError> {
        let writer = match format {
            Format::Parquet => {
                // Without the embedded Arrow schema: readers that are not Arrow's have no use for it, and
                // Arrow's would let it overrule the file's own types.
                let options = ArrowWriterOptions::new()
                    .with_skip_arrow_metadata(true)
                    .with_properties(properties(run));
                Writer::Parquet(Box::new(ArrowWriter::try_new_with_options(
                    out,
                    schema(),
                    options,
                )?))
            }
            Format::Ndjson => Writer::Ndjson(LineDelimitedWriter::new(out)),
        };
        let rows = Rows::new(match format {
            Format::Parquet => UTC,
            Format::Ndjson => UTC_AS_OFFSET,
        });
        Ok(Self {
            writer,
            rule,
            rows,
            rows_bytes: 0,
            sightings: HashMap::new(),
        })
    }

    /// What is written to.
    pub fn get_ref(&self) -> &W {
        match &self.writer {
            Writer::Parquet(writer) => writer.inner(),
            Writer::Ndjson(writer) => writer.get_ref(),
        }
    }

    /// Writes an alert; all alerts before it in the order of sources were written before.
    ///
    /// # Errors
    ///
    /// What the output says.
    pub fn append(&mut self, mut alert: Alert) -> Result<(), ArrowError> {
        let sightings = self.sightings.entry(alert.event_key()).or_default();
        *sightings += 1;
        alert.sighting = i64::from(*sightings);
        self.rows_bytes += alert.size_bytes();
        self.rows.append(alert.cells(&self.rule));
        if self.rows.len() >= BATCH_ROWS || self.rows_bytes >= BATCH_BYTES {
            self.write_batch()?;
        }
        Ok(())
    }

    fn write_batch(&mut self) -> Result<(), ArrowError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        self.rows_bytes = 0;
        let batch = self.rows.take_batch()?;
        match &mut self.writer {
            Writer::Parquet(writer) => {
                writer.write(&batch)?;
                if writer.memory_size() >= ROW_GROUP_BYTES {
                    writer.flush()?;
                }
                Ok(())
            }
            Writer::Ndjson(writer) => writer.write(&batch),
        }
    }

    /// Writes what is left and the file's end, and gives the output back. With no alert at all the file is
    /// still valid and has the schema.
    ///
    /// # Errors
    ///
    /// What the output says.
    pub fn finish(mut self) -> Result<W, ArrowError> {
        self.write_batch()?;
        match self.writer {
            Writer::Parquet(writer) => Ok(writer.into_inner()?),
            Writer::Ndjson(mut writer) => {
                writer.finish()?;
                Ok(writer.into_inner())
            }
        }
    }
}

fn properties(run: &RunIdentity) -> WriterProperties {
    let version = env!("CARGO_PKG_VERSION");
    let level = ZstdLevel::try_new(3).expect("zstd has a level 3");
    let metadata = [
        ("trailsift.version", version.to_owned()),
        ("trailsift.run_id", run.run_id.clone()),
        ("trailsift.rule_id", run.rule_id.clone()),
        ("trailsift.rule_version", run.rule_version.to_string()),
    ];
    let metadata = metadata
        .map(|(key, value)| KeyValue::new(key.to_owned(), value))
        .to_vec();
    WriterProperties::builder()
        .set_created_by(format!("trailsift version {version}"))
        .set_key_value_metadata(Some(metadata))
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Page)
        // Nobody looks for a record by the order of its bytes, and a dictionary of them is never smaller.
        .set_column_statistics_enabled(ColumnPath::from("raw_event"), EnabledStatistics::None)
        .set_column_dictionary_enabled(ColumnPath::from("raw_event"), false)
        .build()
}

/// The I/O error inside an encoder's error, where there is one.
pub fn io_error(error: ArrowError) -> Result<io::Error, ArrowError> {
    match error {
        ArrowError::IoError(_, error) => Ok(error),
        ArrowError::ExternalError(inner) => match inner.downcast::<ParquetError>() {
            Ok(parquet) => match *parquet {
                ParquetError::External(inner) => inner
                    .downcast::<io::Error>()
                    .map(|error| *error)
                    .map_err(ArrowError::ExternalError),
                other => Err(ArrowError::ExternalError(Box::new(other))),
            },
            Err(inner) => Err(ArrowError::ExternalError(inner)),
        },
        other => Err(other),
    }
}
