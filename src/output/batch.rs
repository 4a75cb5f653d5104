//! Turns rows into a batch of columns.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Int32Builder, Int64Builder, ListBuilder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow_array::{Array as _, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};

use super::alert::Alert;
use super::columns::{COLUMNS, Cell, Column, Type, columns, element, schema_in};
use super::kind::Kind;
use super::rule_columns::RuleColumns;

/// Rows become columns in blocks of this many, column by column: that is faster than row by row, and the texts of a block
/// fit into the second-level cache.
const ROWS_IN_CACHE: usize = 64;

enum Builder {
    Text(StringBuilder),
    Texts(ListBuilder<StringBuilder>),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Bool(BooleanBuilder),
}

impl Builder {
    fn new(kind: Type, zone: &str) -> Self {
        match kind {
            Type::Text => Self::Text(StringBuilder::new()),
            Type::Texts => {
                Self::Texts(ListBuilder::new(StringBuilder::new()).with_field(element()))
            }
            Type::Int32 => Self::Int32(Int32Builder::new()),
            Type::Int64 => Self::Int64(Int64Builder::new()),
            Type::Timestamp => {
                Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone(zone))
            }
            Type::Bool => Self::Bool(BooleanBuilder::new()),
        }
    }

    fn append(&mut self, cell: Cell<'_>) {
        match (self, cell) {
            (Self::Text(builder), Cell::Text(text)) => builder.append_option(text),
            (Self::Texts(builder), Cell::Texts(texts)) => {
                builder.append_value(texts.iter().map(Some));
            }
            (Self::Int32(builder), Cell::Int32(n)) => builder.append_value(n),
            (Self::Int64(builder), Cell::Int64(n)) => builder.append_option(n),
            (Self::Timestamp(builder), Cell::Timestamp(time)) => builder.append_option(time),
            (Self::Bool(builder), Cell::Bool(value)) => builder.append_option(value),
            _ => unreachable!("a row's cells have the types of COLUMNS"),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => {
                let array = builder.finish();
                // The next batch will be about as large, so its memory does not have to grow step by step.
                let n_bytes = array.value_data().len();
                *builder = StringBuilder::with_capacity(array.len(), n_bytes + n_bytes / 8);
                Arc::new(array)
            }
            Self::Texts(builder) => Arc::new(builder.finish()),
            Self::Int32(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Bool(builder) => Arc::new(builder.finish()),
        }
    }
}

/// A row, and what it has in common with the other rows of its rule.
pub(crate) type Row<'a> = (&'a Alert, &'a RuleColumns);

/// Makes batches of rows, one after the other.
pub(crate) struct Batches {
    kind: Kind,
    schema: SchemaRef,
    /// The columns of all rows, then those that a file of this kind has after them.
    builders: Vec<Builder>,
}

impl Batches {
    /// Makes batches for a file of this kind; `zone` is the name of the zone of all times.
    pub(crate) fn new(kind: Kind, zone: &str) -> Self {
        let builders = columns(kind).map(|column| Builder::new(column.kind, zone));
        Self {
            kind,
            schema: schema_in(kind, zone),
            builders: builders.collect(),
        }
    }

    /// Turns rows into a batch.
    ///
    /// # Errors
    ///
    /// If a value is missing in a column that requires one.
    pub(crate) fn batch(&mut self, rows: &[Row<'_>]) -> Result<RecordBatch, ArrowError> {
        for rows in rows.chunks(ROWS_IN_CACHE) {
            self.append(rows);
        }
        let arrays = self.builders.iter_mut().map(Builder::finish).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
    }

    fn append(&mut self, rows: &[Row<'_>]) {
        let (of_all, after) = self.builders.split_at_mut(COLUMNS.len());
        for (column, builder) in Column::ALL.into_iter().zip(of_all) {
            for (alert, rule) in rows {
                builder.append(alert.cell(column, rule));
            }
        }
        if after.is_empty() {
            return;
        }
        for (alert, _) in rows {
            let cells = alert.cells_after(self.kind).into_iter();
            after
                .iter_mut()
                .zip(cells)
                .for_each(|(builder, cell)| builder.append(cell));
        }
    }
}
