//! Writes rows as comma-separated values, for people with a spreadsheet.

use std::borrow::Cow;
use std::io;

use ::csv::{Terminator, Writer, WriterBuilder};
use arrow_schema::ArrowError;

use super::columns::{COLUMNS, Cell, Column, columns_after};
use super::kind::Kind;

/// The columns of a file, in their order. Columns that only some files have come after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvColumns {
    columns: [Column; Column::ALL.len()],
    n: usize,
}

/// What a reader of a spreadsheet looks for first: when, who, what, and who did it from where.
const FIRST: [Column; 13] = [
    Column::EventTime,
    Column::AccountId,
    Column::TargetUserName,
    Column::EventAction,
    Column::PolicyName,
    Column::EventOutcome,
    Column::ActorType,
    Column::ActorName,
    Column::ActorAccessKeyId,
    Column::SourceAddress,
    Column::AwsRegion,
    Column::RuleName,
    Column::Severity,
];

impl CsvColumns {
    /// Returns these columns. A column that is named twice stands once, at its first place.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        let mut these = Self {
            columns: Column::ALL,
            n: 0,
        };
        for column in columns {
            if !these.as_slice().contains(&column) {
                these.columns[these.n] = column;
                these.n += 1;
            }
        }
        these
    }

    /// Returns the same columns with the record as it stands in the archive, which is long.
    #[must_use]
    pub fn with_raw_event(self) -> Self {
        let columns = self.as_slice().iter().copied();
        Self::new(columns.chain([Column::RawEvent]))
    }

    /// Returns the columns in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[Column] {
        &self.columns[..self.n]
    }
}

impl Default for CsvColumns {
    /// Returns all columns but the record itself, with those first that people look for first.
    fn default() -> Self {
        let all = FIRST.into_iter().chain(Column::ALL);
        Self::new(all.filter(|column| *column != Column::RawEvent))
    }
}

fn writer() -> Writer<Vec<u8>> {
    // RFC 4180 requires CRLF.
    WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new())
}

/// Returns the header line.
pub(super) fn header(kind: Kind, columns: &CsvColumns) -> Result<Vec<u8>, ArrowError> {
    let mut writer = writer();
    let names = columns.as_slice().iter().map(|column| column.name());
    let names = names.chain(columns_after(kind).iter().map(|column| column.name));
    writer.write_record(names).map_err(io::Error::from)?;
    finish(writer)
}

/// The cells of a row, and those of the columns after them.
pub(super) type CsvRow<'a> = ([Cell<'a>; COLUMNS.len()], Vec<Cell<'a>>);

/// Returns the lines of rows.
pub(super) fn lines<'a>(
    columns: &CsvColumns,
    rows: impl Iterator<Item = Result<CsvRow<'a>, ArrowError>>,
) -> Result<Vec<u8>, ArrowError> {
    let mut writer = writer();
    for row in rows {
        let (cells, after) = row?;
        let chosen = columns.as_slice().iter();
        let cells = chosen.map(|column| cells[*column as usize]).chain(after);
        let cells: Vec<Cow<'_, str>> = cells.map(text).collect();
        let cells = cells.iter().map(|cell| cell.as_bytes());
        writer.write_record(cells).map_err(io::Error::from)?;
    }
    finish(writer)
}

fn finish(writer: Writer<Vec<u8>>) -> Result<Vec<u8>, ArrowError> {
    let whole = writer.into_inner();
    whole.map_err(|error| ArrowError::from(error.into_error()))
}

fn text(cell: Cell<'_>) -> Cow<'_, str> {
    match cell {
        Cell::Text(text) => harmless(text.unwrap_or_default()),
        Cell::Texts(texts) => harmless_owned(texts.join(" ")),
        Cell::Int32(n) => Cow::Owned(n.to_string()),
        Cell::Int64(n) => Cow::Owned(n.map_or_else(String::new, |n| n.to_string())),
        Cell::Bool(value) => Cow::Owned(value.map_or_else(String::new, |value| value.to_string())),
        Cell::Timestamp(time) => {
            let time = time.and_then(|time| jiff::Timestamp::from_microsecond(time).ok());
            Cow::Owned(time.map_or_else(String::new, |time| time.to_string()))
        }
    }
}

fn harmless_owned(text: String) -> Cow<'static, str> {
    Cow::Owned(harmless(&text).into_owned())
}

/// Puts an apostrophe before a text that a spreadsheet would treat as a formula; the apostrophe makes it plain text
/// (OWASP, "CSV Injection"). The sender of a request chose the text.
fn harmless(text: &str) -> Cow<'_, str> {
    match text.trim_start_matches(' ').chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            Cow::Owned(format!("'{text}"))
        }
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_is_named_twice_stands_once() {
        let names = [Column::EventId, Column::EventTime, Column::EventId];
        let columns = CsvColumns::new(names);
        assert_eq!(columns.as_slice(), [Column::EventId, Column::EventTime]);
        let with_raw = columns.with_raw_event().with_raw_event();
        let expected = [Column::EventId, Column::EventTime, Column::RawEvent];
        assert_eq!(with_raw.as_slice(), expected);
    }

    #[test]
    fn all_columns_but_the_record_are_there_unless_some_are_chosen() {
        let columns = CsvColumns::default();
        assert_eq!(columns.as_slice().len(), Column::ALL.len() - 1);
        assert!(!columns.as_slice().contains(&Column::RawEvent));
        let all = columns.with_raw_event();
        assert_eq!(all.as_slice().len(), Column::ALL.len());
    }

    #[test]
    fn what_could_be_a_formula_becomes_text() {
        for text in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1",
        ] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        for text in [
            "",
            "a=1",
            "arn:aws:iam::111122223333:user/a",
            "'=1",
            "{\"a\":1}",
        ] {
            assert_eq!(harmless(text), text);
        }
    }
}
