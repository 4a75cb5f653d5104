//! Writes rows as comma-separated values, for people with a spreadsheet.

use std::borrow::Cow;
use std::io;

use ::csv::{Terminator, Writer, WriterBuilder};
use arrow_schema::ArrowError;

use super::columns::{COLUMNS, Cell, RELATION};
use super::kind::Kind;

fn writer() -> Writer<Vec<u8>> {
    // RFC 4180 requires CRLF.
    WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new())
}

/// Returns the header line.
pub(super) fn header(kind: Kind) -> Result<Vec<u8>, ArrowError> {
    let mut writer = writer();
    let relation = (kind == Kind::Related).then_some(RELATION);
    let names = COLUMNS.iter().chain(&relation).map(|column| column.name);
    writer.write_record(names).map_err(io::Error::from)?;
    finish(writer)
}

/// The cells of a row, and the relation of its event.
pub(super) type CsvRow<'a> = ([Cell<'a>; COLUMNS.len()], Option<&'a str>);

/// Returns the lines of rows.
pub(super) fn lines<'a>(
    kind: Kind,
    rows: impl Iterator<Item = Result<CsvRow<'a>, ArrowError>>,
) -> Result<Vec<u8>, ArrowError> {
    let mut writer = writer();
    for row in rows {
        let (cells, relation) = row?;
        let relation = (kind == Kind::Related).then_some(Cell::Text(relation));
        let cells = cells.into_iter().chain(relation).map(text);
        let cells: Vec<Cow<'_, str>> = cells.collect();
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
        // None of these texts contains a blank.
        Cell::Texts(texts) => Cow::Owned(texts.join(" ")),
        Cell::Int32(n) => Cow::Owned(n.to_string()),
        Cell::Int64(n) => Cow::Owned(n.to_string()),
        Cell::Timestamp(time) => {
            let time = time.and_then(|time| jiff::Timestamp::from_microsecond(time).ok());
            Cow::Owned(time.map_or_else(String::new, |time| time.to_string()))
        }
    }
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
