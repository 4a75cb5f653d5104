//! Writes rows to a file of any format, as they come.
//!
//! Alerts are added in order. A fixed amount of them is a *group*: a row group of Parquet, some lines, or a batch of
//! Arrow. An [`Encoder`] encodes a group, on any thread; the [`AlertSink`] writes the groups in their order. Only the
//! alerts decide how they are grouped. Memory does not grow with the number of rows, except for the list of events
//! seen, which `sighting` needs: some 40 bytes for each distinct event that alerted.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use foldhash::fast::RandomState;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use serde_json::json;

use super::alert::Alert;
use super::columns::Column;
use super::csv::{self, CsvColumns};
use super::encode::{Encoded, Encoder, Form, Group, Way, schema};
use super::kind::{Kind, Schema};
use super::rule_columns::RuleSetColumns;
use crate::report::RuleName;

/// Columns whose values differ from event to event.
const DISTINCT: [Column; 4] = [
    Column::AlertId,
    Column::EventId,
    Column::RequestId,
    Column::RequestParameters,
];

/// Approximate size in bytes of a row group before it is encoded. Several groups are in memory at a time, one for each
/// thread. Alerts are few, so small row groups cost readers little.
pub(super) const ROW_GROUP_BYTES: usize = 16 << 20;
/// A page of an OCSF file is written when it has this many bytes. The writer may add as much again before it looks.
const OCSF_PAGE_BYTES: usize = 448 * 1024;
/// Number of rows after which the page size is checked.
const OCSF_BATCH_ROWS: usize = 32;
/// Number of bytes of lines, or of a batch, that are written at once.
const LINES_BYTES: usize = 1 << 20;

/// The format of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Parquet.
    Parquet,
    /// One JSON object per line; fields without a value are left out.
    Ndjson,
    /// Comma-separated values with a header (RFC 4180), and their columns.
    Csv(CsvColumns),
    /// A stream in Arrow's IPC format, which begins with the schema.
    Arrow,
}

/// The information in the file about the run that made it.
#[derive(Debug, Clone)]
pub struct RunIdentity {
    /// A random id.
    pub run_id: String,
    /// The rules.
    pub rules: Vec<RuleName>,
}

enum Writer<W: Write + Send> {
    Parquet(Box<SerializedFileWriter<W>>),
    Lines(W),
    Arrow(Box<StreamWriter<W>>),
}

/// Takes alerts in their order and writes them as rows.
pub struct AlertSink<W: Write + Send> {
    writer: Writer<W>,
    encoder: Encoder,
    /// The group that is being filled.
    group: Group,
    sightings: Sightings,
}

/// The number of times that each event was seen.
#[derive(Debug, Default)]
pub(super) struct Sightings(HashMap<[u8; 16], u32, RandomState>);

impl Sightings {
    /// Makes counts that go on from these.
    pub(super) fn after(counted: HashMap<[u8; 16], u32>) -> Self {
        Self(counted.into_iter().collect())
    }

    /// Counts an alert. All alerts before it in the order of sources must have been counted before.
    pub(super) fn count(&mut self, alert: &mut Alert) {
        let n = self.0.entry(alert.event_key).or_default();
        *n += 1;
        alert.sighting = i64::from(*n);
    }
}

impl<W: Write + Send> std::fmt::Debug for AlertSink<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlertSink")
            .field("n_alerts", &self.group.alerts.len())
            .finish_non_exhaustive()
    }
}

impl<W: Write + Send> AlertSink<W> {
    /// Creates a sink that writes to `out`.
    ///
    /// # Errors
    ///
    /// The error from `out`.
    pub fn new(
        mut out: W,
        format: Format,
        kind: Kind,
        rules: Arc<RuleSetColumns>,
        run: &RunIdentity,
    ) -> Result<Self, ArrowError> {
        let (writer, way) = match format {
            Format::Parquet => {
                // The Arrow schema is not embedded: readers other than Arrow's do not use it, and Arrow's would let it
                // override the file's own types.
                let options = ArrowWriterOptions::new()
                    .with_skip_arrow_metadata(true)
                    .with_properties(properties(kind, run));
                let writer = ArrowWriter::try_new_with_options(out, schema(kind), options)?;
                let (writer, factory) = writer.into_serialized_writer()?;
                (
                    Writer::Parquet(Box::new(writer)),
                    Way::RowGroups(Arc::new(factory)),
                )
            }
            Format::Ndjson => (Writer::Lines(out), Way::Json),
            Format::Csv(columns) => {
                out.write_all(&csv::header(kind, &columns)?)?;
                (Writer::Lines(out), Way::Csv(columns))
            }
            Format::Arrow => {
                let schema = schema(kind)
                    .as_ref()
                    .clone()
                    .with_metadata(HashMap::from_iter(identity(run)));
                let mut writer = StreamWriter::try_new(out, &schema)?;
                // A reader may wait for the schema.
                writer.flush()?;
                (Writer::Arrow(Box::new(writer)), Way::Batches)
            }
        };
        Ok(Self {
            writer,
            encoder: Encoder { kind, rules, way },
            group: Group::default(),
            sightings: Sightings::default(),
        })
    }

    /// Sets the number of sightings that earlier outputs already counted.
    pub fn seed(&mut self, sightings: HashMap<[u8; 16], u32>) {
        self.sightings = Sightings::after(sightings);
    }

    /// Returns the writer below the sink.
    pub fn get_ref(&self) -> &W {
        match &self.writer {
            Writer::Parquet(writer) => writer.inner(),
            Writer::Lines(writer) => writer,
            Writer::Arrow(writer) => writer.get_ref(),
        }
    }

    /// Returns the encoder for the groups.
    #[must_use]
    pub fn encoder(&self) -> Encoder {
        self.encoder.clone()
    }

    /// Adds an alert. All alerts before it in the order of sources must have been added before. Returns a group when it
    /// is full; the group must then be [encoded](Encoder::encode) and [written](Self::write).
    pub fn append(&mut self, mut alert: Alert) -> Option<Group> {
        self.sightings.count(&mut alert);
        self.group.n_bytes += alert.size_bytes();
        self.group.alerts.push(alert);
        let is_full = match &self.writer {
            Writer::Parquet(_) => self.group.n_bytes >= ROW_GROUP_BYTES,
            Writer::Lines(_) | Writer::Arrow(_) => self.group.n_bytes >= LINES_BYTES,
        };
        is_full.then(|| self.take_group())
    }

    /// Takes the group that is being filled, even if it is not full.
    pub fn take_group(&mut self) -> Group {
        let next = Group {
            index: self.group.index + 1,
            ..Group::default()
        };
        std::mem::replace(&mut self.group, next)
    }

    /// Writes a group. All groups before it must have been written before.
    ///
    /// # Errors
    ///
    /// The error from the output.
    pub fn write(&mut self, encoded: Encoded) -> Result<(), ArrowError> {
        match (&mut self.writer, encoded.form) {
            (Writer::Parquet(writer), Form::RowGroup(columns)) => {
                let mut row_group = writer.next_row_group()?;
                for column in columns {
                    column.append_to_row_group(&mut row_group)?;
                }
                row_group.close()?;
            }
            (Writer::Lines(writer), Form::Lines(bytes)) => writer.write_all(&bytes)?,
            (Writer::Arrow(writer), Form::Batches(batches)) => {
                for batch in &batches {
                    writer.write(batch)?;
                }
                writer.flush()?;
            }
            _ => unreachable!("the encoder is this sink's"),
        }
        Ok(())
    }

    /// Writes the remaining alerts and the end of the file, and returns the output. A file without any alert is still
    /// valid and has the schema.
    ///
    /// # Errors
    ///
    /// The error from the output.
    pub fn finish(mut self) -> Result<W, ArrowError> {
        if !self.group.alerts.is_empty() {
            let group = self.take_group();
            let encoded = self.encoder.encode(group)?;
            self.write(encoded)?;
        }
        match self.writer {
            Writer::Parquet(writer) => Ok(writer.into_inner()?),
            Writer::Lines(writer) => Ok(writer),
            Writer::Arrow(writer) => writer.into_inner(),
        }
    }
}

/// Returns the information in a file about the run that made it. One rule has its own keys. Unless it is a built-in
/// rule, and for several rules, there is a list in JSON.
fn identity(run: &RunIdentity) -> Vec<(String, String)> {
    let mut pairs = vec![
        ("trailsift.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("trailsift.run_id", run.run_id.clone()),
    ];
    if let Some(rule) = RuleName::only(&run.rules) {
        pairs.extend([
            ("trailsift.rule_id", rule.id.clone()),
            ("trailsift.rule_version", rule.version.to_string()),
        ]);
    }
    if !RuleName::is_one_builtin(&run.rules) {
        pairs.push(("trailsift.rules", json!(run.rules).to_string()));
    }
    let pairs = pairs.into_iter();
    pairs.map(|(key, value)| (key.to_owned(), value)).collect()
}

fn properties(kind: Kind, run: &RunIdentity) -> WriterProperties {
    let version = env!("CARGO_PKG_VERSION");
    let level = ZstdLevel::try_new(1).expect("zstd has a level 1");
    let metadata = identity(run).into_iter();
    let metadata = metadata.map(|(key, value)| KeyValue::new(key, value));
    let metadata = metadata.collect();
    let raw = ColumnPath::from(match kind {
        Kind::Alerts(Schema::Ocsf) => "raw_data",
        Kind::Alerts(Schema::Flat | Schema::Ecs) | Kind::OverTime | Kind::Related => "raw_event",
    });
    let properties = WriterProperties::builder()
        .set_created_by(format!("trailsift version {version}"))
        .set_key_value_metadata(Some(metadata))
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Page)
        // Nobody searches for a record by the order of its bytes, and a dictionary of records is never smaller.
        .set_column_statistics_enabled(raw.clone(), EnabledStatistics::None)
        .set_column_dictionary_enabled(raw, false);
    // Nor is one of values that differ from event to event.
    let properties = DISTINCT.into_iter().fold(properties, |properties, column| {
        properties.set_column_dictionary_enabled(ColumnPath::from(column.name()), false)
    });
    match kind {
        // Security Lake requires pages of at most 1 MB before compression. The page size is checked only once per batch
        // of rows, and a row is seldom longer than some kilobytes.
        Kind::Alerts(Schema::Ocsf) => properties
            .set_data_page_size_limit(OCSF_PAGE_BYTES)
            .set_dictionary_page_size_limit(OCSF_PAGE_BYTES)
            .set_write_batch_size(OCSF_BATCH_ROWS),
        Kind::Alerts(Schema::Flat | Schema::Ecs) | Kind::OverTime | Kind::Related => properties,
    }
    .build()
}

/// Returns the I/O error inside an encoder's error, if there is one.
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
