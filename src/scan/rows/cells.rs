//! Reads the cells of a row, strictly by one dialect, or as close to it as possible.
//!
//! Strictly means: a quote closes a cell only before a delimiter or the end of the row, and no quote is inside a cell
//! that does not begin with one. So a lost or added quote is nearly always detected, and at once.

use std::borrow::Cow;
use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

/// The way in which cells are quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// With this character, which is doubled inside.
    Doubled(u8),
    /// With this character, which has a backslash before it inside, as Spark writes it by default.
    Escaped(u8),
    /// Without quotes.
    Bare,
}

/// The way in which rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) quoting: Quoting,
}

/// The range of a cell, without the quotes around it, and without the blanks before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    range: Range<usize>,
    is_quoted: bool,
}

/// The cells of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cells {
    pub(super) cells: Vec<Cell>,
    pub(super) quoting: Quoting,
    /// The end of the row: a newline, or the end of the text.
    pub(super) end: usize,
}

impl Cell {
    /// Returns the content of this cell of a row, without blanks around it.
    pub(super) fn text<'t>(&self, row: &'t [u8], quoting: Quoting) -> Cow<'t, [u8]> {
        let text = &row[self.range.clone()];
        let plain = match quoting {
            Quoting::Doubled(quote) if self.is_quoted => undoubled(text, quote),
            Quoting::Escaped(quote) if self.is_quoted => unescaped(text, quote),
            _ => Cow::Borrowed(text),
        };
        match plain {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
            Cow::Owned(text) => Cow::Owned(text.trim_ascii().to_vec()),
        }
    }
}

impl Cells {
    /// Returns true if any cell has quotes around it.
    pub(super) fn has_quoted(&self) -> bool {
        self.cells.iter().any(|cell| cell.is_quoted)
    }
}

/// The reason why a text is not a row of the dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A quote in a cell that does not begin with one, or a quote after which the cell continues.
    StrayQuote,
    /// A quoted cell has no end in the text.
    Unclosed,
    /// More or fewer cells than expected.
    CellCount,
}

/// A text that begins with a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead<'t> {
    pub(super) text: &'t [u8],
    /// True if there is more text after it, which is not available.
    pub(super) is_cut: bool,
}

/// Reads the row at the beginning of the text, strictly. It must have `n_cells` cells, if given.
pub(super) fn read(
    ahead: Ahead<'_>,
    dialect: Dialect,
    n_cells: Option<usize>,
) -> Result<Cells, Fault> {
    let text = ahead.text;
    let (mut cells, mut at) = (Vec::new(), 0);
    let end = loop {
        let (cell, end) = cell(text, at, dialect)?;
        cells.push(cell);
        if text.get(end) != Some(&dialect.delimiter) {
            break end;
        }
        if n_cells.is_some_and(|n| cells.len() >= n) {
            return Err(Fault::CellCount);
        }
        at = end + 1;
    };
    if end == text.len() && ahead.is_cut {
        return Err(Fault::Unclosed);
    }
    if n_cells.is_some_and(|n| cells.len() != n) {
        return Err(Fault::CellCount);
    }
    let quoting = dialect.quoting;
    Ok(Cells {
        cells,
        quoting,
        end,
    })
}

/// Returns the cell that begins at `from`, and the index of the delimiter or newline after it.
pub(super) fn cell(text: &[u8], from: usize, dialect: Dialect) -> Result<(Cell, usize), Fault> {
    let Dialect { delimiter, quoting } = dialect;
    let start = after_blanks(text, from, delimiter);
    let first = text.get(start);
    if let Quoting::Doubled(quote) | Quoting::Escaped(quote) = quoting
        && first == Some(&quote)
    {
        let close = closing(text, start + 1, quoting).ok_or(Fault::Unclosed)?;
        let end = after_blanks(text, close + 1, delimiter);
        let is_closed = matches!(text.get(end), None | Some(b'\n'));
        if !is_closed && text[end] != delimiter {
            return Err(Fault::StrayQuote);
        }
        let range = start + 1..close;
        let is_quoted = true;
        return Ok((Cell { range, is_quoted }, end));
    }
    let end = memchr2(delimiter, b'\n', &text[start..]).map_or(text.len(), |at| start + at);
    let range = start..end;
    let plain = &text[range.clone()];
    if memchr(b'"', plain).is_some() && (quoting != Quoting::Bare || !is_bare(plain, delimiter)) {
        return Err(Fault::StrayQuote);
    }
    let is_quoted = false;
    Ok((Cell { range, is_quoted }, end))
}

/// Returns true if quotes in a cell may be part of its content, in a row without quoting. With commas between cells,
/// this applies only if the cell is JSON.
fn is_bare(cell: &[u8], delimiter: u8) -> bool {
    match delimiter {
        b'\t' | b'|' => !cell.starts_with(b"\""),
        _ => serde_json::from_slice::<serde::de::IgnoredAny>(cell)
            .is_ok_and(|_| matches!(cell.first(), Some(b'{' | b'['))),
    }
}

fn after_blanks(text: &[u8], from: usize, delimiter: u8) -> usize {
    let is_blank = |b: &&u8| matches!(**b, b' ' | b'\r') || **b == b'\t' && delimiter != b'\t';
    from + text[from..].iter().take_while(is_blank).count()
}

/// Returns the index of the quote that closes a cell whose content begins at `from`.
fn closing(text: &[u8], from: usize, quoting: Quoting) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = text.get(at..)?;
        match quoting {
            Quoting::Doubled(quote) => {
                let found = at + memchr(quote, rest)?;
                if text.get(found + 1) != Some(&quote) {
                    return Some(found);
                }
                at = found + 2;
            }
            Quoting::Escaped(quote) => {
                let found = at + memchr2(quote, b'\\', rest)?;
                if text[found] == quote {
                    return Some(found);
                }
                at = found + 2;
            }
            Quoting::Bare => return None,
        }
    }
}

/// The largest number of cells that are read from a row that is not strictly valid.
const LENIENT_CELLS_MAX: usize = 16 * 1024;

/// Reads the cells of a row whose quotes are not strictly valid. If a cell continues after a quote, the quote belongs
/// to it.
pub(super) fn read_leniently(row: &[u8], dialect: Dialect) -> Cells {
    let Dialect { delimiter, quoting } = dialect;
    let (mut cells, mut at) = (Vec::new(), 0);
    while cells.len() < LENIENT_CELLS_MAX {
        let start = after_blanks(row, at, delimiter);
        let quoted = match quoting {
            Quoting::Doubled(quote) | Quoting::Escaped(quote) => row.get(start) == Some(&quote),
            Quoting::Bare => false,
        };
        let (range, end) = match quoted.then(|| likely_closing(row, start + 1, dialect)) {
            Some(Some((close, end))) => (start + 1..close, end),
            Some(None) => (start + 1..row.len(), row.len()),
            None => {
                let end = memchr(delimiter, &row[start..]).map_or(row.len(), |at| start + at);
                (start..end, end)
            }
        };
        let is_quoted = quoted;
        cells.push(Cell { range, is_quoted });
        if end >= row.len() {
            break;
        }
        at = end + 1;
    }
    let end = row.len();
    Cells {
        cells,
        quoting,
        end,
    }
}

/// Returns the first quote that may end a cell, and the index of the delimiter after it.
fn likely_closing(row: &[u8], from: usize, dialect: Dialect) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let close = closing(row, at, dialect.quoting)?;
        let end = after_blanks(row, close + 1, dialect.delimiter);
        if row.get(end).is_none_or(|b| *b == dialect.delimiter) {
            return Some((close, end));
        }
        at = close + 1;
    }
}

fn undoubled(text: &[u8], quote: u8) -> Cow<'_, [u8]> {
    let pair = [quote, quote];
    let mut plain = Vec::new();
    let mut from = 0;
    for at in memmem::find_iter(text, &pair) {
        plain.extend_from_slice(&text[from..=at]);
        from = at + 2;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    plain.extend_from_slice(&text[from..]);
    Cow::Owned(plain)
}

/// Removes the backslashes before a quote. Others belong to the cell.
fn unescaped(text: &[u8], quote: u8) -> Cow<'_, [u8]> {
    let mut plain = Vec::new();
    let mut from = 0;
    for at in memchr::memchr_iter(quote, text) {
        let n_slashes = text[from..at]
            .iter()
            .rev()
            .take_while(|b| **b == b'\\')
            .count();
        plain.extend_from_slice(&text[from..at - n_slashes.div_ceil(2)]);
        plain.push(quote);
        from = at + 1;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    plain.extend_from_slice(&text[from..]);
    Cow::Owned(plain)
}
