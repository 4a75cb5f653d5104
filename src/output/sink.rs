//! Rows to a file of any format, as they come.
//!
//! Alerts are taken in order, and every so many of them are a *group*: a row group of Parquet, some lines, a batch of
//! Arrow. An [`Encoder`] encodes a group, on any thread; the [`AlertSink`] writes the groups in their order.
//! Which alerts are a group depends on the alerts alone. Memory does not grow with the number of rows but
//! for the account of events seen, for `sighting`: some 40 bytes for each distinct event that alerted.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::alert::{Alert, RuleColumns};
use super::columns::Kind;
use super::csv;
use super::documents::Schema;
use super::encode::{Encoded, Encoder, Form, Group, Way, schema};

/// Bytes of a row group before it is encoded, roughly: several are held at a time, one a thread. Alerts are
/// few; readers that want larger groups have other files to worry about.
pub(super) const ROW_GROUP_BYTES: usize = 16 << 20;
/// A page of an OCSF file is written once it has so many bytes.
const OCSF_PAGE_BYTES: usize = 512 * 1024;
/// Rows after which its bytes are looked at.
const OCSF_BATCH_ROWS: usize = 32;
/// Bytes of lines, or of a batch, that are written at once.
const LINES_BYTES: usize = 1 << 20;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Parquet.
    Parquet,
    /// A JSON object a line; fields without a value are left out.
    Ndjson,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// A stream of Arrow's IPC format, the schema first.
    Arrow,
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

/// How often each event was seen.
#[derive(Debug, Default)]
pub(super) struct Sightings(pub(super) HashMap<[u8; 16], u32>);

impl Sightings {
    /// Counts an alert; all before it in the order of sources were counted before.
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
    /// A sink that writes to `out`.
    ///
    /// # Errors
    ///
    /// What `out` says.
    pub fn new(
        mut out: W,
        format: Format,
        kind: Kind,
        rule: Arc<RuleColumns>,
        run: &RunIdentity,
    ) -> Result<Self, ArrowError> {
        let (writer, way) = match format {
            Format::Parquet => {
                // Without the embedded Arrow schema: readers that are not Arrow's have no use for it, and
                // Arrow's would let it overrule the file's own types.
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
            Format::Csv => {
                out.write_all(&csv::header(kind)?)?;
                (Writer::Lines(out), Way::Csv)
            }
            Format::Arrow => {
                let schema = schema(kind)
                    .as_ref()
                    .clone()
                    .with_metadata(HashMap::from(identity(run)));
                let mut writer = StreamWriter::try_new(out, &schema)?;
                // Whoever reads it may wait for the schema.
                writer.flush()?;
                (Writer::Arrow(Box::new(writer)), Way::Batches)
            }
        };
        Ok(Self {
            writer,
            encoder: Encoder { kind, rule, way },
            group: Group::default(),
            sightings: Sightings::default(),
        })
    }

    /// Goes on counting sightings from where earlier outputs came to.
    pub fn seed(&mut self, sightings: HashMap<[u8; 16], u32>) {
        self.sightings = Sightings(sightings);
    }

    /// What is written to.
    pub fn get_ref(&self) -> &W {
        match &self.writer {
            Writer::Parquet(writer) => writer.inner(),
            Writer::Lines(writer) => writer,
            Writer::Arrow(writer) => writer.get_ref(),
        }
    }

    /// What encodes the groups.
    #[must_use]
    pub fn encoder(&self) -> Encoder {
        self.encoder.clone()
    }

    /// Takes an alert; all alerts before it in the order of sources were taken before. Gives a group when it
    /// is full, to be [encoded](Encoder::encode) and [written](Self::write).
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

    /// The group that is being filled, as far as it is.
    pub fn take_group(&mut self) -> Group {
        let next = Group {
            index: self.group.index + 1,
            ..Group::default()
        };
        std::mem::replace(&mut self.group, next)
    }

    /// Writes a group; all groups before it were written before.
    ///
    /// # Errors
    ///
    /// What the output says.
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

    /// Writes what is left and the file's end, and gives the output back. With no alert at all the file is
    /// still valid and has the schema.
    ///
    /// # Errors
    ///
    /// What the output says.
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

/// What a file says of the run that made it.
fn identity(run: &RunIdentity) -> [(String, String); 4] {
    [
        ("trailsift.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("trailsift.run_id", run.run_id.clone()),
        ("trailsift.rule_id", run.rule_id.clone()),
        ("trailsift.rule_version", run.rule_version.to_string()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
}

fn properties(kind: Kind, run: &RunIdentity) -> WriterProperties {
    let version = env!("CARGO_PKG_VERSION");
    let level = ZstdLevel::try_new(3).expect("zstd has a level 3");
    let metadata = identity(run).map(|(key, value)| KeyValue::new(key, value));
    let metadata = metadata.to_vec();
    let raw = ColumnPath::from(match kind {
        Kind::Alerts(Schema::Ocsf) => "raw_data",
        Kind::Alerts(Schema::Flat | Schema::Ecs) | Kind::Related => "raw_event",
    });
    let properties = WriterProperties::builder()
        .set_created_by(format!("trailsift version {version}"))
        .set_key_value_metadata(Some(metadata))
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Page)
        // Nobody looks for a record by the order of its bytes, and a dictionary of them is never smaller.
        .set_column_statistics_enabled(raw.clone(), EnabledStatistics::None)
        .set_column_dictionary_enabled(raw, false);
    match kind {
        // Security Lake wants pages of 1 MB at most, before they are compressed. How long one is, is looked at each so many
        // rows, and a row is seldom longer than some kilobytes.
        Kind::Alerts(Schema::Ocsf) => properties
            .set_data_page_size_limit(OCSF_PAGE_BYTES)
            .set_dictionary_page_size_limit(OCSF_PAGE_BYTES)
            .set_write_batch_size(OCSF_BATCH_ROWS),
        Kind::Alerts(Schema::Flat | Schema::Ecs) | Kind::Related => properties,
    }
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
