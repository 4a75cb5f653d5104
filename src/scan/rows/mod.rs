//! Rows of text: what Athena, CloudTrail Lake, Splunk, Spark, pandas, spreadsheets and consoles export.
//!
//! In: text with a header in its first lines. Out: each row once and in order, and those with hits as JSON objects
//! from the header's names to the cells, for the recogniser to judge like any other value: cells that hold JSON are
//! strings that hold JSON. Other rows are passed over at the speed at which newlines and quotes are counted.
//!
//! A row is a line, unless a quoted cell goes on in further lines and the row, to the letter, has the header's number of
//! cells: so a quote that was lost or added costs the line that it is in, and no other. A row with a hit that does not
//! fit its header is an error; it is judged by the cells that it has.

mod cells;
mod header;
mod scan;
#[cfg(test)]
mod tests;

use memchr::{memchr, memchr_iter, memmem};

use cells::{Ahead, Cells, Dialect, Fault, Quoting, read, read_leniently};
use header::{Beginning, DELIMITERS, Header, without_bom};

/// The longest row.
const ROW_BYTES_MAX: usize = 16 << 20;

/// Whether a text that begins so may have rows: a header is in its first lines, or these are not all seen.
#[must_use]
pub fn is_rows(text: &[u8]) -> bool {
    !matches!(Header::find(text, false), Beginning::None)
}

/// Whether there is a header in what is seen of a text's beginning.
pub(super) fn shows_header(text: &[u8]) -> bool {
    matches!(Header::find(text, true), Beginning::Header(_))
}

/// A table in a text, and how far it is read.
#[derive(Debug)]
pub(super) struct Table {
    header: Header,
    /// Whether its header was passed: before that titles and remarks stand.
    is_behind_header: bool,
    /// The row that is longer than rows may be and is passed over, if one is.
    passed: Option<Passed>,
}

#[derive(Debug, Clone, Copy)]
struct Passed {
    start: u64,
    /// Whether it has a hit, which was told.
    is_told: bool,
}

/// What the beginning of a text tells of a table in it.
pub(super) enum Found {
    Table(Table),
    Nothing,
    /// More of the text must be seen.
    Undecided,
}

impl Table {
    pub(super) fn find(text: &[u8], is_last: bool) -> Found {
        match Header::find(text, is_last) {
            Beginning::Header(header) => Found::Table(Self {
                header,
                is_behind_header: false,
                passed: None,
            }),
            Beginning::None => Found::Nothing,
            Beginning::Undecided => Found::Undecided,
        }
    }

    /// Whether a line is a header: the same once more, or another one, which is taken over.
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

/// Where the line ends that begins with this text.
enum Line {
    /// At this newline, or with the text.
    End(usize),
    /// It is longer than a row may be.
    TooLong,
    /// In text that is not seen.
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

/// Whether a line may be the first of several that are one row: a quote in it has no partner.
fn may_go_on(line: &[u8]) -> bool {
    !memchr_iter(b'"', line).count().is_multiple_of(2)
}

/// Where the row ends that begins with this text and goes on in further lines, if it fits its header in one of these
/// ways. Nothing inside if it does not; an error if more of the text must be seen.
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

/// The cells of a row that fits its header, to the letter of some way to quote.
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
    // Where quotes of the other kind are round whole cells, they are none of these cells'.
    let single = single.find_map(|quoting| read(quoting).filter(Cells::has_quoted));
    single
        .or_else(|| read(DOUBLED))
        .or_else(|| read(ESCAPED))
        .or_else(|| read(Quoting::Bare))
}

/// How a row with a hit is read.
struct Reading {
    /// Its cells; several times where it cannot be told which of them are the header's.
    ways: Vec<(Cells, usize)>,
    /// Why it does not fit the header.
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
        // The last ones may be a row by themselves, which lost the end of the line before it.
        let last = (surplus > 0).then(|| (cells.clone(), surplus));
        Reading {
            ways: std::iter::once((cells, 0)).chain(last).collect(),
            misfit: Some(misfit),
        }
    }

    /// Whether the cell that should name what was done is plainly something else: cells have moved.
    fn is_shifted(&self, cells: &Cells, row: &[u8]) -> bool {
        let action = self.action.and_then(|column| cells.cells.get(column));
        action.is_some_and(|cell| {
            let text = cell.text(row, cells.quoting);
            text.iter().any(|b| matches!(b, b':' | b'/' | b'{' | b'.'))
                || text.first().is_some_and(u8::is_ascii_digit)
                || text.iter().filter(|b| **b == b'-').count() > 1
        })
    }

    /// A row as a JSON object, appended to `json`, by its cells from this one on. Cells without content are left out.
    fn object(&self, row: &[u8], (cells, from): &(Cells, usize), json: &mut Vec<u8>) {
        let n_before = json.len();
        json.push(b'{');
        let own = cells.cells.iter().skip(*from);
        for (name, cell) in self.names.iter().zip(own) {
            let text = cell.text(row, cells.quoting);
            let text = String::from_utf8_lossy(&text);
            // `\N` is what Hive, MySQL and others write for nothing.
            if name.is_empty() || text.is_empty() || text == "\\N" {
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

    /// The cell of a row that says when its event was. Of a row that does not fit, what is in its place.
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

    /// Whether one of the lines inside a row of several, behind its first, has a hit and fits by itself.
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

/// A line with so many cells is no chance where a header has as many columns.
const COLUMNS_OF_ROWS_MIN: usize = 4;

/// Where the delimiter after the cell is that begins at `from`, as far as quotes tell that quickly.
fn cell_end(row: &[u8], from: usize, delimiter: u8) -> Option<usize> {
    let rest = row.get(from..)?;
    let n_blank = rest.iter().take_while(|b| **b == b' ').count();
    let Some(quote @ (b'"' | b'\'')) = rest.get(n_blank) else {
        return Some(from + memchr(delimiter, rest)?);
    };
    let open = from + n_blank + 1;
    let mut at = open;
    // From delimiter to delimiter, of which a cell has fewer than quotes.
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

/// Whether a JSON document begins with this line: no row does so, unless it fits. Nothing if more must be seen.
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

/// So many blanks may stand behind the bracket that opens a document.
const BLANKS_MAX: usize = 4096;

/// Whether a line has nothing in it.
fn is_blank(line: &[u8]) -> bool {
    without_bom(line).trim_ascii().is_empty()
}
