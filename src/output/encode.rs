//! A group of rows, encoded: a row group of Parquet, lines, a batch of Arrow.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};

use super::alert::{Alert, RuleColumns};
use super::columns::{Kind, Rows, UTC, UTC_AS_OFFSET, schema};
use super::csv;
use crate::report::Relation;

/// Rows that are laid out as columns at once.
const BATCH_ROWS: usize = 1024;

/// Alerts that are encoded and written at once.
#[derive(Debug)]
pub struct Group {
    pub(super) alerts: Vec<Alert>,
    pub(super) n_bytes: usize,
    /// How many groups come before.
    pub(super) index: usize,
}

/// A group, encoded.
#[derive(Debug)]
pub struct Encoded(pub(super) Form);

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

/// Encodes groups. It may be shared between threads.
#[derive(Debug, Clone)]
pub struct Encoder {
    pub(super) kind: Kind,
    pub(super) rule: Arc<RuleColumns>,
    pub(super) way: Way,
}

/// What rows become.
#[derive(Debug, Clone)]
pub(super) enum Way {
    RowGroups(Arc<ArrowRowGroupWriterFactory>),
    Json,
    Csv,
    Batches,
}

impl Encoder {
    /// Encodes a group.
    ///
    /// # Errors
    ///
    /// What the encoder says.
    pub fn encode(&self, group: Group) -> Result<Encoded, ArrowError> {
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
                Ok(Encoded(Form::RowGroup(closed.collect::<Result<_, _>>()?)))
            }
            Way::Json => {
                let mut writer = LineDelimitedWriter::new(Vec::new());
                self.each_batch(group, UTC_AS_OFFSET, |batch| writer.write(batch))?;
                writer.finish()?;
                Ok(Encoded(Form::Lines(writer.into_inner())))
            }
            Way::Csv => {
                let rows = group.alerts.iter().map(|alert| {
                    let relation = alert.relation.map(Relation::name);
                    (alert.cells(&self.rule), relation)
                });
                Ok(Encoded(Form::Lines(csv::lines(self.kind, rows)?)))
            }
            Way::Batches => {
                let mut batches = Vec::new();
                self.each_batch(group, UTC, |batch| {
                    batches.push(batch.clone());
                    Ok(())
                })?;
                Ok(Encoded(Form::Batches(batches)))
            }
        }
    }

    /// Lays out the alerts as columns, and lets go of each when that is done.
    fn each_batch(
        &self,
        group: Group,
        zone: &str,
        mut visit: impl FnMut(&RecordBatch) -> Result<(), ArrowError>,
    ) -> Result<(), ArrowError> {
        let mut rows = Rows::new(self.kind, zone);
        for alert in group.alerts {
            let relation = alert.relation.map(Relation::name);
            rows.append(alert.cells(&self.rule), relation);
            if rows.len() == BATCH_ROWS {
                visit(&rows.take_batch()?)?;
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        visit(&rows.take_batch()?)
    }
}
