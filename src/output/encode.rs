//! Encodes a group of rows as a Parquet row group, as lines, or as an Arrow batch.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::LineDelimitedWriter;
use arrow_schema::ArrowError;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};

use super::alert::Alert;
use super::batch::{Batches, Row};
use super::columns::{self, UTC, UTC_AS_OFFSET};
use super::csv::{self, CsvColumns};
use super::documents::{self, ocsf};
use super::kind::{Kind, Schema};
use super::rule_columns::RuleSetColumns;

/// Number of rows that are converted to columns at once.
const BATCH_ROWS: usize = 1024;

/// A group of alerts that are encoded and written together.
#[derive(Debug, Default)]
pub struct Group {
    pub(super) alerts: Vec<Alert>,
    pub(super) n_bytes: usize,
    /// Number of groups before this one.
    pub(super) index: usize,
    /// The folder of the dataset that the alerts are written to.
    pub(super) folder: String,
}

/// An encoded group.
#[derive(Debug)]
pub struct Encoded {
    pub(super) form: Form,
    pub(super) n_rows: u64,
    pub(super) folder: String,
}

pub(super) enum Form {
    RowGroup(Vec<ArrowColumnChunk>),
    Lines(Vec<u8>),
    Batches(Vec<RecordBatch>),
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RowGroup(columns) => f.debug_tuple("RowGroup").field(&columns.len()).finish(),
            Self::Lines(bytes) => f.debug_tuple("Lines").field(&bytes.len()).finish(),
            Self::Batches(batches) => f.debug_tuple("Batches").field(&batches.len()).finish(),
        }
    }
}

/// Encodes groups. It can be shared between threads.
#[derive(Debug, Clone)]
pub struct Encoder {
    pub(super) kind: Kind,
    pub(super) rules: Arc<RuleSetColumns>,
    pub(super) way: Way,
}

/// The form that rows are encoded in.
#[derive(Debug, Clone)]
pub(super) enum Way {
    RowGroups(Arc<ArrowRowGroupWriterFactory>),
    Json,
    Csv(CsvColumns),
    Batches,
}

/// Returns the columns of a file of this kind.
pub(super) fn schema(kind: Kind) -> SchemaRef {
    match kind {
        Kind::Alerts(Schema::Ocsf) => ocsf::schema(),
        Kind::Alerts(Schema::Flat | Schema::Ecs) | Kind::OverTime | Kind::Related => {
            columns::schema(kind)
        }
    }
}

impl Encoder {
    /// Encodes a group.
    ///
    /// # Errors
    ///
    /// The encoder's error.
    pub fn encode(&self, mut group: Group) -> Result<Encoded, ArrowError> {
        let is_file = !group.folder.is_empty();
        if self.kind == Kind::Alerts(Schema::Ocsf) && is_file {
            // Security Lake requires this order. Alerts with the same time stay in the order of sources.
            group.alerts.sort_by_key(ocsf::time_ms);
        }
        Ok(Encoded {
            n_rows: group.alerts.len() as u64,
            folder: std::mem::take(&mut group.folder),
            form: self.form(group)?,
        })
    }

    fn form(&self, group: Group) -> Result<Form, ArrowError> {
        match &self.way {
            Way::RowGroups(factory) => {
                let mut columns = factory.create_column_writers(group.index)?;
                let schema = schema(self.kind);
                self.each_batch(group, UTC, |batch| {
                    let arrays = schema.fields().iter().zip(batch.columns());
                    let mut columns = columns.iter_mut();
                    for (field, array) in arrays {
                        for leaf in compute_leaves(field, array)? {
                            let column = columns.next().expect("a writer for each leaf");
                            column.write(&leaf)?;
                        }
                    }
                    Ok(())
                })?;
                let closed = columns.into_iter().map(|column| column.close());
                Ok(Form::RowGroup(closed.collect::<Result<_, _>>()?))
            }
            Way::Json => Ok(Form::Lines(match self.kind {
                Kind::Alerts(schema @ (Schema::Ecs | Schema::Ocsf)) => {
                    documents::lines(schema, &group.alerts, &self.rules)?
                }
                Kind::Alerts(Schema::Flat) | Kind::OverTime | Kind::Related => {
                    let mut writer = LineDelimitedWriter::new(Vec::new());
                    self.each_batch(group, UTC_AS_OFFSET, |batch| writer.write(batch))?;
                    writer.finish()?;
                    writer.into_inner()
                }
            })),
            Way::Csv(columns) => {
                let rows = group.alerts.iter().map(|alert| {
                    let cells = alert.cells(self.rules.of(alert.rule())?);
                    Ok((cells, alert.cells_after(self.kind)))
                });
                Ok(Form::Lines(csv::lines(columns, rows)?))
            }
            Way::Batches => {
                let mut batches = Vec::new();
                self.each_batch(group, UTC, |batch| {
                    batches.push(batch.clone());
                    Ok(())
                })?;
                Ok(Form::Batches(batches))
            }
        }
    }

    /// Converts the alerts to columns, batch by batch.
    fn each_batch(
        &self,
        group: Group,
        zone: &str,
        mut visit: impl FnMut(&RecordBatch) -> Result<(), ArrowError>,
    ) -> Result<(), ArrowError> {
        if self.kind == Kind::Alerts(Schema::Ocsf) {
            for alerts in group.alerts.chunks(BATCH_ROWS) {
                visit(&ocsf::batch(alerts, &self.rules)?)?;
            }
            return Ok(());
        }
        let mut batches = Batches::new(self.kind, zone);
        let mut alerts = group.alerts.into_iter();
        loop {
            // The texts of a batch are freed before the next one is made.
            let some: Vec<Alert> = alerts.by_ref().take(BATCH_ROWS).collect();
            if some.is_empty() {
                return Ok(());
            }
            let rows = some
                .iter()
                .map(|alert| Ok((alert, self.rules.of(alert.rule())?)));
            let rows: Vec<Row<'_>> = rows.collect::<Result<_, ArrowError>>()?;
            let batch = batches.batch(&rows)?;
            drop(some);
            visit(&batch)?;
        }
    }
}
