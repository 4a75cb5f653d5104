//! Rows of text, as exported by Athena, CloudTrail Lake, Splunk, Spark, pandas, spreadsheets and consoles.
//!
//! In: text with a header in its first lines. Out: each row once and in order. Rows with hits become JSON objects
//! from the header's names to the cells, for the recogniser to judge like any other value: cells that hold JSON are
//! strings that hold JSON. Other rows are skipped as fast as newlines and quotes can be counted.
//!
//! A row is a line, unless a quoted cell continues in further lines and the row, read strictly, has as many cells as
//! the header. So a lost or added quote affects its own line and no other. A row with a hit that does not fit its
//! header is an error, and is judged by the cells that it has.

mod cells;
mod header;
mod scan;
#[cfg(test)]
mod tests;

use memchr::{memchr, memchr_iter, memmem, memrchr_iter};

use cells::{Ahead, Cell, Cells, Dialect, Fault, Quoting, read, read_leniently};
pub(super) use header::without_bom;
use header::{Beginning, DELIMITERS, Header};

use super::window::Found;
use crate::event::names::is_field;

/// The longest row.
const ROW_BYTES_MAX: usize = 16 << 20;

/// Returns true if a text with this beginning may have rows: a header is in its first lines, or not all of these are
/// available.
pub(super) fn is_rows(text: &[u8]) -> bool {
    !matches!(Header::find(text, false), Beginning::None)
}

/// Returns true if there is a header in the available beginning of a text.
pub(super) fn shows_header(text: &[u8]) -> bool {
    matches!(Header::find(text, true), Beginning::Header(_))
}

/// The number of lines at the end of a text in which its last row may begin.
const LAST_LINES_MAX: usize = 32;

/// The number of cells from which the remains of a row are no remark.
const CELLS_OF_ROWS_MIN: usize = 3;

/// Returns true if a text with rows ends inside one: it has no newline at its end, and after its last whole row comes
/// text with an open quote or several cells. `head` and `tail` are its beginning and its end.
pub(super) fn is_cut(head: &[u8], tail: &[u8]) -> bool {
    let Beginning::Header(header) = Header::find(head, true) else {
        return false;
    };
    let newlines: Vec<usize> = memrchr_iter(b'\n', tail).take(LAST_LINES_MAX).collect();
    let ends_row = |end: usize| {
        let mut before = newlines.iter().filter(|newline| **newline < end);
        before.any(|newline| fits(&tail[*newline + 1..end], &header).is_some())
    };
    if tail.ends_with(b"\n") || ends_row(tail.len()) {
        return false;
    }
    let last_row_end = newlines.iter().find(|newline| ends_row(**newline));
    last_row_end.is_some_and(|end| {
        let rest = &tail[end + 1..];
        may_go_on(rest) || memchr_iter(header.delimiter, rest).count() + 1 >= CELLS_OF_ROWS_MIN
    })
}

/// A table in a text, and how far it has been read.
#[derive(Debug)]
pub(super) struct Table {
    header: Header,
    /// True if its header was passed. Titles and remarks may precede the header.
    is_behind_header: bool,
    /// The row that is being skipped because it is longer than a row may be, if there is one.
    passed: Option<Passed>,
}

#[derive(Debug, Clone, Copy)]
struct Passed {
    start: u64,
    /// True if it has a hit, which was reported.
    is_told: bool,
}

impl Table {
    pub(super) fn find(text: &[u8], is_last: bool) -> Found<Self> {
        match Header::find(text, is_last) {
            Beginning::Header(header) => Found::Some(Self {
                header,
                is_behind_header: false,
                passed: None,
            }),
            Beginning::None => Found::Nothing,
            Beginning::Undecided => Found::Undecided,
        }
    }

    /// Returns true if a line is a header: the same one again, or another one, which then replaces it.
    fn takes_header(&mut self, line: &[u8]) -> bool {
        if !self.header.is_repeated_by(line) {
            let header = Header::may_be(line).then(|| Header::of_known(line));
            let Some(header) = header.flatten() else {
                return false;
            };
            self.header = header;
        }
        self.is_behind_header = true;
        true
    }
}

/// The end of the line that begins with this text.
enum Line {
    /// It is at this newline, or at the end of the text.
    End(usize),
    /// It is longer than a row may be.
    TooLong,
    /// It is in text that is not available.
    Unknown,
}

fn line(text: &[u8], is_last: bool) -> Line {
    let near = &text[..text.len().min(ROW_BYTES_MAX + 1)];
    match memchr(b'\n', near) {
        Some(end) => Line::End(end),
        None if near.len() > ROW_BYTES_MAX => Line::TooLong,
        None if is_last => Line::End(text.len()),
        None => Line::Unknown,
    }
}

/// Returns true if a line may be the first of several that are one row: the number of its quotes is odd.
fn may_go_on(line: &[u8]) -> bool {
    !memchr_iter(b'"', line).count().is_multiple_of(2)
}

/// Returns the end of the row that begins with this text and continues in further lines, if it fits its header with
/// one of these ways of quoting. `Ok(None)` means that it does not fit, and `Err` that more of the text is needed.
fn several_lines(
    text: &[u8],
    is_last: bool,
    header: &Header,
    ways: &[Quoting],
) -> Result<Option<usize>, ()> {
    let near = &text[..text.len().min(ROW_BYTES_MAX)];
    let is_cut = near.len() < text.len() || !is_last;
    let is_seen = near.len() == ROW_BYTES_MAX || is_last;
    let ahead = Ahead { text: near, is_cut };
    for &quoting in ways {
        let delimiter = header.delimiter;
        match read(
            ahead,
            Dialect { delimiter, quoting },
            Some(header.names.len()),
        ) {
            Ok(cells) => return Ok(Some(cells.end)),
            Err(Fault::Unclosed) if !is_seen => return Err(()),
            Err(_) => {}
        }
    }
    Ok(None)
}

const DOUBLED: Quoting = Quoting::Doubled(b'"');
const ESCAPED: Quoting = Quoting::Escaped(b'"');
const SINGLE: Quoting = Quoting::Doubled(b'\'');
const SINGLE_ESCAPED: Quoting = Quoting::Escaped(b'\'');

/// Returns the cells of a row that fits its header, read strictly with one of the ways of quoting.
fn fits(row: &[u8], header: &Header) -> Option<Cells> {
    fits_with(row, header.delimiter, header.names.len())
}

fn fits_with(row: &[u8], delimiter: u8, n_cells: usize) -> Option<Cells> {
    let ahead = Ahead {
        text: row,
        is_cut: false,
    };
    let read = |quoting| {
        let cells = read(ahead, Dialect { delimiter, quoting }, Some(n_cells)).ok();
        cells.filter(|cells| cells.end == row.len())
    };
    let has_single = memchr(b'\'', row).is_some();
    let mut single = [SINGLE, SINGLE_ESCAPED].into_iter().filter(|_| has_single);
    // If whole cells are in single quotes, these quotes do not belong to the cells.
    let single = single.find_map(|quoting| read(quoting).filter(Cells::has_quoted));
    single
        .or_else(|| read(DOUBLED))
        .or_else(|| read(ESCAPED))
        .or_else(|| read(Quoting::Bare))
}

/// The result of reading a row with a hit.
struct Reading {
    /// Its cells. There are several entries if it is unclear which of the cells belong to the header.
    ways: Vec<(Cells, usize)>,
    /// The reason why it does not fit the header.
    misfit: Option<String>,
}

impl Header {
    fn read_row(&self, row: &[u8]) -> Reading {
        let n_cells = self.names.len();
        if let Some(cells) = fits(row, self) {
            let misfit = self
                .is_shifted(&cells, row)
                .then(|| "its cells are not of the kind that their columns hold".to_owned());
            return Reading {
                ways: vec![(cells, 0)],
                misfit,
            };
        }
        let others = DELIMITERS
            .into_iter()
            .filter(|d| *d != self.delimiter && n_cells > 2);
        if let Some(cells) = others.into_iter().find_map(|d| fits_with(row, d, n_cells)) {
            return Reading {
                ways: vec![(cells, 0)],
                misfit: Some("it has other delimiters".to_owned()),
            };
        }
        let is_escaped =
            memmem::find(row, b"\\\"").is_some() && memmem::find(row, b"\"\"").is_none();
        let quoting = if is_escaped { ESCAPED } else { DOUBLED };
        let delimiter = self.delimiter;
        let cells = read_leniently(row, Dialect { delimiter, quoting });
        let n_there = cells.cells.len();
        let misfit = match n_there == n_cells {
            true => "its quotes have no partners".to_owned(),
            false => format!("it has {n_there} cells, and the header has {n_cells}"),
        };
        let surplus = n_there.saturating_sub(n_cells);
        // The last cells may be a row of their own, after a line that lost its end.
        let last = (surplus > 0).then(|| (cells.clone(), surplus));
        Reading {
            ways: std::iter::once((cells, 0)).chain(last).collect(),
            misfit: Some(misfit),
        }
    }

    /// Returns true if the cell for the action clearly contains something else, or two other cells do: the cells have
    /// shifted, or they are those of another table.
    fn is_shifted(&self, cells: &Cells, row: &[u8]) -> bool {
        let action = self.action.and_then(|column| cells.cells.get(column));
        let is_no_action = action.is_some_and(|cell| {
            let text = cell.text(row, cells.quoting);
            !may_be_name(&text) || text.iter().filter(|b| **b == b'-').count() > 1
        });
        let is_other = |(name, cell): &(&String, &Cell)| {
            let text = cell.text(row, cells.quoting);
            KINDS.iter().any(|(field, is_of_kind)| {
                !text.is_empty() && is_field(name, field) && !is_of_kind(&text)
            })
        };
        let named = self.names.iter().zip(&cells.cells);
        is_no_action || named.filter(is_other).count() > 1
    }

    /// Appends a row to `json` as a JSON object, with its cells from index `from` on. Cells without content are left
    /// out.
    fn object(&self, row: &[u8], (cells, from): &(Cells, usize), json: &mut Vec<u8>) {
        let n_before = json.len();
        json.push(b'{');
        let own = cells.cells.iter().skip(*from);
        for (name, cell) in self.names.iter().zip(own) {
            let text = cell.text(row, cells.quoting);
            let text = String::from_utf8_lossy(&text);
            // The only column without a name that says nothing is pandas' index. A request may be in one whose name
            // was lost.
            let is_index = name.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // Hive, MySQL and others write `\N` for a missing value.
            if is_index || text.is_empty() || text == "\\N" {
                continue;
            }
            if json.len() > n_before + 1 {
                json.push(b',');
            }
            for (text, after) in [(name.as_str(), b':'), (&*text, b' ')] {
                serde_json::to_writer(&mut *json, text).expect("a string can always be written");
                json.push(after);
            }
        }
        json.push(b'}');
    }

    /// Returns the cell of a row that contains the time of its event. If the row does not fit, returns what is in its
    /// place.
    fn time<'t>(&self, row: &'t [u8]) -> Option<&'t [u8]> {
        let mut at = 0;
        for _ in 0..self.time? {
            at = cell_end(row, at, self.delimiter)? + 1;
        }
        let end = cell_end(row, at, self.delimiter).unwrap_or(row.len());
        let cell = row.get(at..end)?.trim_ascii();
        let is_quoted = |quote: u8| {
            cell.len() > 1 && cell.first() == Some(&quote) && cell.last() == Some(&quote)
        };
        let inner = is_quoted(b'"') || is_quoted(b'\'');
        Some(if inner {
            &cell[1..cell.len() - 1]
        } else {
            cell
        })
    }

    /// Returns true if a line inside a row of several lines, except the first, has a hit and is a fitting row by
    /// itself.
    fn is_ambiguous(
        &self,
        row: &[u8],
        is_hit: &mut dyn FnMut(std::ops::Range<usize>) -> bool,
    ) -> bool {
        if self.names.len() < COLUMNS_OF_ROWS_MIN {
            return false;
        }
        let mut start = 0;
        let newlines = memchr_iter(b'\n', row).chain(std::iter::once(row.len()));
        for end in newlines {
            let line = start..end;
            if start > 0 && is_hit(line.clone()) && fits(&row[line], self).is_some() {
                return true;
            }
            start = end + 1;
        }
        false
    }
}

/// Returns whether a text may be what a column has.
type IsOfKind = fn(&[u8]) -> bool;

/// Returns true if a text may be the name of an action or of a region.
fn may_be_name(text: &[u8]) -> bool {
    !text.iter().any(|b| matches!(b, b':' | b'/' | b'{' | b'.'))
        && !text.first().is_some_and(u8::is_ascii_digit)
}

/// Columns whose values differ from those of other columns.
const KINDS: [(&str, IsOfKind); 3] = [
    ("eventTime", |text| {
        text.len() >= "20240501".len() && text.iter().any(u8::is_ascii_digit)
    }),
    ("awsRegion", may_be_name),
    ("recipientAccountId", |text| {
        text.iter().any(u8::is_ascii_digit) && !text.iter().any(|b| matches!(b, b':' | b'/' | b'{'))
    }),
];

/// The number of columns from which a line with the same number of cells is no coincidence.
const COLUMNS_OF_ROWS_MIN: usize = 4;

/// Returns the index of the delimiter after the cell that begins at `from`, as far as a quick look at the quotes
/// shows.
fn cell_end(row: &[u8], from: usize, delimiter: u8) -> Option<usize> {
    let rest = row.get(from..)?;
    let n_blank = rest.iter().take_while(|b| **b == b' ').count();
    let Some(quote @ (b'"' | b'\'')) = rest.get(n_blank) else {
        return Some(from + memchr(delimiter, rest)?);
    };
    let open = from + n_blank + 1;
    let mut at = open;
    // Go from delimiter to delimiter: a cell contains fewer of them than of quotes.
    loop {
        let end = at + memchr(delimiter, row.get(at..)?)?;
        let inside = &row[open..end];
        let n_quotes = inside.iter().rev().take_while(|b| *b == quote).count();
        let is_escaped = n_quotes == 1 && inside[..inside.len() - 1].ends_with(b"\\");
        if !n_quotes.is_multiple_of(2) && !is_escaped {
            return Some(end);
        }
        at = end + 1;
    }
}

/// Returns true if a JSON document begins with this line. No row begins like that, unless it fits. `None` means that
/// more of the text is needed.
fn opens_document(text: &[u8], is_last: bool) -> Option<bool> {
    let (Some(b'{' | b'['), rest) = (text.first(), text.get(1..).unwrap_or_default()) else {
        return Some(false);
    };
    let near = &rest[..rest.len().min(BLANKS_MAX)];
    let inner = near.trim_ascii_start();
    match inner {
        [b'"', b'"', ..] | [b'"', b'\\', ..] => Some(false),
        [b'"', _, ..] | [b'{' | b'}' | b'[' | b']', ..] => Some(true),
        [] | [b'"'] if !is_last && near.len() < BLANKS_MAX => None,
        _ => Some(false),
    }
}

/// The largest number of blanks after the bracket that opens a document.
const BLANKS_MAX: usize = 4096;

/// Returns true if a line is empty or blank.
fn is_blank(line: &[u8]) -> bool {
    without_bom(line).trim_ascii().is_empty()
}
