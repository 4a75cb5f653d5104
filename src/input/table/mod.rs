//! Parquet: from columns to the rows that can matter, as lines of JSON.
//!
//! In: the stored bytes of a file, whose end describes where everything is. Out: for each row group the rows
//! that may match, one object each, in the shape that the same table has when it is exported as JSON. The
//! scan continues from there. Nothing more is decoded than that decision needs: groups are skipped by what
//! the file says of them ([`skip`]), then the column of actions is decoded, and then, in the other columns,
//! the pages of the rows that remain. Each page is checked against the footer and its own header on the way
//! ([`headers`], [`page`]).

mod columns;
mod footer;
mod group;
mod headers;
mod int96;
mod json;
mod page;
mod skip;
mod sound;
mod stored;
mod times;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};

use super::stored::Input;
use crate::event::names;
use crate::report::{Code, Defect, EventCounts};
use columns::Columns;
use group::Group;
use json::Lines;
use stored::Kept;

pub use json::Rows;

/// Maximum number of rows decoded at once, and their approximate maximum size in bytes.
const BATCH_ROWS: usize = 1024;
const BATCH_BYTES: u64 = 16 << 20;

/// Number of rows examined to see what a table contains.
const FIRST_ROWS: usize = 64;

/// Reports whether a condition applies to a text.
pub type Holds = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// Criteria for the rows that are read; the default is all rows.
#[derive(Clone, Default)]
pub struct RowCriteria {
    /// The event's action must be one of these; `None` if any row may matter.
    pub actions: Option<Vec<String>>,
    /// A condition that the request, as JSON, must also meet.
    pub in_request: Option<Holds>,
    /// Words of ASCII letters and digits. A row that may matter has one of them, or the search finds it. This holds for
    /// tables of text too.
    pub words: Vec<String>,
}

impl RowCriteria {
    /// Returns criteria that accept what either accepts.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let words = [self.words, other.words].concat();
        let (Some(actions), Some(others)) = (self.actions, other.actions) else {
            return Self {
                words,
                ..Self::default()
            };
        };
        let in_request = self.in_request.zip(other.in_request);
        Self {
            actions: Some([actions, others].concat()),
            in_request: in_request
                .map(|(one, other)| -> Holds { Arc::new(move |line| one(line) || other(line)) }),
            words,
        }
    }
}

impl std::fmt::Debug for RowCriteria {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowCriteria")
            .field("actions", &self.actions)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a row group.
#[derive(Debug)]
pub enum GroupFault {
    /// It cannot be read, at least not from some row on.
    Unreadable(ParquetError),
    /// Its rows were read, and what the file says of them contradicts itself: they may be others.
    Doubtful(String),
}

/// An open Parquet file.
#[derive(Debug)]
pub struct Table {
    kept: Kept,
    metadata: ArrowReaderMetadata,
    columns: Columns,
}

impl Table {
    /// Opens a file, whose bytes are all consumed, and returns what is inconsistent in it.
    ///
    /// # Errors
    ///
    /// Returns the I/O error. The inner error is what is wrong with the file.
    pub(super) fn open(input: Input<'_>) -> io::Result<Result<(Self, Vec<Defect>), Defect>> {
        let kept = Kept::of(input)?;
        Ok(Self::of(kept.clone()).map_err(|error| {
            let (code, why) = match footer::is_encrypted(&kept) {
                true => (Code::Encrypted, ", columns of it are encrypted"),
                false => (Code::CorruptStream, ""),
            };
            Defect::stored(
                code,
                0,
                format!("Parquet file cannot be read{why}: {error}"),
            )
        }))
    }

    /// Returns the defect to report for what is wrong with a row group.
    #[must_use]
    pub fn defect(&self, group: usize, fault: &GroupFault) -> Defect {
        let (code, message) = match fault {
            _ if footer::is_encrypted(&self.kept) => (
                Code::Encrypted,
                format!("row group {group} has encrypted columns, and cannot be read"),
            ),
            GroupFault::Unreadable(error) => (
                Code::CorruptStream,
                format!("row group {group} cannot be read: {error}"),
            ),
            GroupFault::Doubtful(why) => (
                Code::CorruptStream,
                format!("row group {group} is damaged, and its rows may be wrong: {why}"),
            ),
        };
        Defect::row(code, self.first_row(group), message)
    }

    fn of(kept: Kept) -> Result<(Self, Vec<Defect>), ParquetError> {
        let options = ArrowReaderOptions::new()
            // What another program stored about its own types is not needed, and may be wrong.
            .with_skip_arrow_metadata(true);
        let metadata = ParquetMetaDataReader::new()
            .with_offset_index_policy(PageIndexPolicy::Optional)
            .parse_and_finish(&kept);
        let metadata = metadata.or_else(|error| footer::with_typed_lists(&kept).ok_or(error))?;
        let faults = sound::faults(&kept, &metadata)?;
        let mut metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), options.clone())?;
        if let Some(schema) = int96::schema(&metadata) {
            let raw = Arc::clone(metadata.metadata());
            metadata = ArrowReaderMetadata::try_new(raw, options.with_schema(schema))?;
        }
        let columns = Columns::of(metadata.parquet_schema());
        let table = Self {
            kept,
            metadata,
            columns,
        };
        Ok((table, faults))
    }

    /// Returns the number of row groups.
    #[must_use]
    pub fn n_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// Returns the number of a group's first row.
    #[must_use]
    pub fn first_row(&self, group: usize) -> u64 {
        let groups = &self.metadata.metadata().row_groups()[..group];
        groups.iter().map(|g| g.num_rows().unsigned_abs()).sum()
    }

    /// Counts the events of a group, which are its rows, and returns their times as far as they are known
    /// without decoding.
    #[must_use]
    pub fn events(&self, group: usize) -> EventCounts {
        let group = self.metadata.metadata().row_group(group);
        let time = self.columns.time.map(|leaf| group.column(leaf));
        EventCounts {
            // It is unknown what the rows of other tables are.
            rows: match self.columns.is_known {
                true => group.num_rows().unsigned_abs(),
                false => 0,
            },
            times: time.map(times::bounds).unwrap_or_default(),
            ..EventCounts::default()
        }
    }

    /// Returns a defect that lists the names of its columns, if neither they nor its first rows show CloudTrail. It is an
    /// error if one of these rows has data in a form that is not read.
    pub(super) fn unknown_columns(&self) -> Option<Defect> {
        if self.columns.is_known {
            return None;
        }
        let (is_shown, packed) = self.first_rows().unwrap_or_default();
        let fields = self.metadata.schema().fields().iter();
        let names: Vec<&str> = fields.map(|field| field.name().as_str()).collect();
        let names = names.join(", ");
        let (code, also) = match packed {
            _ if is_shown => return None,
            Some(what) => {
                let also = format!(", and one has {what}, which is not read");
                (Code::UnsupportedFormat, also)
            }
            None => (Code::UnknownColumns, String::new()),
        };
        let message = format!(
            "its columns are none of a CloudTrail table's{also}; their text was searched: {names}"
        );
        Some(Defect::stored(code, 0, message))
    }

    /// Reports whether the first rows contain CloudTrail in some form, for example as JSON in a text column, and what they
    /// contain that is not read.
    fn first_rows(&self) -> Result<(bool, Option<&'static str>), GroupFault> {
        const SHOWN: [&str; 4] = ["eventname", "event.action", "\"operation", "eventversion"];
        let (mut n_rows, mut is_shown, mut packed) = (0, false, None);
        for group in 0..self.n_groups() {
            self.rows(group, &RowCriteria::default(), &mut |rows| {
                let text = String::from_utf8_lossy(&rows.text).to_ascii_lowercase();
                is_shown |= SHOWN.iter().any(|shown| text.contains(shown));
                packed = packed.or_else(|| json::packed_cell(&rows.text));
                n_rows += rows.starts.len();
                n_rows < FIRST_ROWS && !is_shown
            })?;
            if n_rows >= FIRST_ROWS || is_shown {
                break;
            }
        }
        Ok((is_shown, packed))
    }

    /// Passes the rows of a group that meet the criteria to `visit`, some at a time, in their order, until
    /// `visit` returns false.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the group. The rows before it were already passed on.
    pub fn rows(
        &self,
        group: usize,
        criteria: &RowCriteria,
        visit: &mut dyn FnMut(&Rows) -> bool,
    ) -> Result<(), GroupFault> {
        let pages = Group::new(&self.kept, &self.metadata, group);
        let read = self.rows_of(&pages, group, criteria, visit);
        read.map_err(GroupFault::Unreadable)?;
        pages
            .doubt()
            .map_or(Ok(()), |why| Err(GroupFault::Doubtful(why)))
    }

    fn rows_of(
        &self,
        pages: &Group<'_>,
        group: usize,
        criteria: &RowCriteria,
        visit: &mut dyn FnMut(&Rows) -> bool,
    ) -> Result<(), ParquetError> {
        let batch_rows = self.batch_rows(group);
        let selection = caught(|| self.selection(pages, batch_rows, criteria))?;
        if selection.as_ref().is_some_and(|rows| !rows.selects_any()) {
            return Ok(());
        }
        let mut numbers = numbers(self.first_row(group), selection.as_ref());
        let mut reader =
            caught(|| pages.reader(ProjectionMask::all(), batch_rows, selection.clone()))?;
        let mut lines = Lines::default();
        while let Some(batch) = caught(|| Ok(reader.next().transpose()?))? {
            if !visit(lines.write(batch, &mut numbers)?) {
                break;
            }
        }
        Ok(())
    }

    /// Returns which rows of a group meet the criteria; `None` if all do.
    fn selection(
        &self,
        pages: &Group<'_>,
        batch_rows: usize,
        criteria: &RowCriteria,
    ) -> Result<Option<RowSelection>, ParquetError> {
        let (Some(leaf), Some(actions)) = (self.columns.action, &criteria.actions) else {
            return Ok(None);
        };
        let names: Vec<&[u8]> = actions.iter().map(String::as_bytes).collect();
        if skip::has_none(pages, leaf, &names)? {
            return Ok(Some(RowSelection::default()));
        }
        let schema = self.metadata.parquet_schema();
        let column = ProjectionMask::leaves(schema, [leaf]);
        let is_action = |batch| is_one_of(&batch, actions);
        let found = selected(pages, column, batch_rows, None, &is_action)?;
        let Some(holds) = criteria.in_request.clone().filter(|_| found.selects_any()) else {
            return Ok(Some(found));
        };
        let columns = ProjectionMask::leaves(schema, self.columns.request.iter().copied());
        let is_named = |batch| json::lines_that(batch, &*holds);
        let named = selected(pages, columns, batch_rows, Some(found.clone()), &is_named)?;
        Ok(Some(found.and_then(&named)))
    }

    /// Returns how many rows of a group are decoded at once: few if the rows are large.
    fn batch_rows(&self, group: usize) -> usize {
        let group = self.metadata.metadata().row_group(group);
        let n_rows = group.num_rows().unsigned_abs().max(1);
        let row_bytes = (group.total_byte_size().unsigned_abs() / n_rows).max(1);
        usize::try_from(BATCH_BYTES / row_bytes).map_or(BATCH_ROWS, |n| n.clamp(1, BATCH_ROWS))
    }
}

/// Returns which of the selected rows of a group meet a condition on some of its columns.
fn selected(
    pages: &Group<'_>,
    columns: ProjectionMask,
    batch_rows: usize,
    selection: Option<RowSelection>,
    condition: &dyn Fn(RecordBatch) -> Result<BooleanArray, ArrowError>,
) -> Result<RowSelection, ParquetError> {
    let batches = pages.reader(columns, batch_rows, selection)?;
    let filters = batches.map(|batch| condition(batch?));
    let filters: Vec<BooleanArray> = filters.collect::<Result<_, ArrowError>>()?;
    Ok(RowSelection::from_filters(&filters))
}

/// Returns the numbers of the selected rows of a group, or of all rows.
fn numbers<'a>(
    first: u64,
    selection: Option<&'a RowSelection>,
) -> Box<dyn Iterator<Item = u64> + 'a> {
    let Some(selection) = selection else {
        return Box::new(first..);
    };
    let mut next = first;
    let ranges = selection.iter().filter_map(move |some| {
        let start = next;
        next += some.row_count as u64;
        (!some.skip).then_some(start..next)
    });
    Box::new(ranges.flatten())
}

/// Returns a panic of the Parquet crate as an error: damaged bytes make it panic, and the other groups can be read.
fn caught<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref().copied());
        let message = format!("its reader failed: {}", text.unwrap_or("a panic"));
        Err(ParquetError::General(message))
    })
}

/// Selects the rows whose value in the batch's only column, however deeply nested, is one of these values or
/// damaged. Rows without a value are also selected, so that the row's other columns decide.
fn is_one_of(batch: &RecordBatch, values: &[String]) -> Result<BooleanArray, ArrowError> {
    let mut column: ArrayRef = Arc::clone(batch.column(0));
    while let Some(parent) = column.clone().as_struct_opt() {
        column = Arc::clone(parent.column(0));
    }
    let is_one = |value: Option<&[u8]>| {
        value.is_none_or(|value| {
            values.iter().any(|one| one.as_bytes() == value) || names::is_unknown(value)
        })
    };
    Ok(match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>().iter();
            texts
                .map(|text| Some(is_one(text.map(str::as_bytes))))
                .collect()
        }
        DataType::Binary => {
            let texts = column.as_binary::<i32>().iter();
            texts.map(|text| Some(is_one(text))).collect()
        }
        // Columns of actions have no other type.
        _ => BooleanArray::from(vec![true; batch.num_rows()]),
    })
}
