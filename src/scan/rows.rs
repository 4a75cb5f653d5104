//! Rows of CSV: what Athena, CloudTrail Lake, Splunk and consoles export.
//!
//! In: text whose first line is a header. Out: where the rows with hits begin and end, and each of them as a JSON
//! object from the header's names to its cells, for the recogniser to judge like any other value: cells that
//! hold JSON are strings that hold JSON. Rows without a hit are passed over at the speed at which quotes are
//! counted.
//!
//! A quote that has lost its partner turns what is inside and outside round for all that follows. So a row
//! that does not have the header's number of cells is taken to be the line that the hit stands in, if that
//! has; and no row is longer than [`ROW_BYTES_MAX`].

use std::ops::Range;

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};
use memchr::{memchr, memchr_iter, memchr2_iter, memmem, memrchr_iter};

/// The longest row.
pub(super) const ROW_BYTES_MAX: usize = 16 << 20;

/// The longest header, and the longest name in it.
const HEADER_BYTES_MAX: usize = 64 * 1024;
const NAME_BYTES_MAX: usize = 128;
/// Up to which line a header is looked for: titles and remarks may stand before it.
const LINES_TO_HEADER_MAX: usize = 8;

/// Columns by which a header shows that its rows hold events: CloudTrail's own, all in lower case, and those in
/// which exports put whole records.
const COLUMNS: [&str; 22] = [
    "eventversion",
    "useridentity",
    "eventtime",
    "eventsource",
    "eventname",
    "awsregion",
    "sourceipaddress",
    "useragent",
    "errorcode",
    "errormessage",
    "requestparameters",
    "responseelements",
    "requestid",
    "eventid",
    "eventtype",
    "recipientaccountid",
    "eventdata",
    "cloudtrailevent",
    "raw",
    "message",
    "original",
    "eventoriginal",
];

/// What people call some of them instead.
const ALIASES: [(&str, &str); 4] = [
    ("eventdatetime", "eventtime"),
    ("sourceip", "sourceipaddress"),
    ("region", "awsregion"),
    ("requestuseragent", "useragent"),
];

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Whether a text that begins so has rows: its first line is a header.
#[must_use]
pub fn is_rows(text: &[u8]) -> bool {
    Header::read(text).is_some()
}

/// The first line of a text of rows.
#[derive(Debug)]
pub(super) struct Header {
    names: Vec<String>,
    delimiter: u8,
    /// How many bytes it takes.
    pub(super) n_bytes: usize,
}

/// The names in a line, if it is a header, and what stands between them. Behind other lines only one with names
/// that are known is.
fn names(line: &[u8], rest: &[u8], is_behind_others: bool) -> Option<(Vec<String>, u8)> {
    let holds_json = || {
        let row = rest.trim_ascii_start();
        memmem::find(&row[..row.len().min(HEADER_BYTES_MAX)], b"{\"\"").is_some()
    };
    [b',', b'\t', b';', b'|'].into_iter().find_map(|delimiter| {
        let (names, _) = cells(line, delimiter);
        let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
        let is_header = names.iter().all(|name| is_name(name));
        let n_known = names.iter().filter(|name| column(name).is_some()).count();
        let is_ours = match is_behind_others {
            true => n_known > 1,
            false => n_known > 0 && names.len() > 1 || holds_json(),
        };
        let own = |name: String| column(&name).map_or(name, str::to_owned);
        (is_header && is_ours).then(|| (names.into_iter().map(own).collect(), delimiter))
    })
}

impl Header {
    /// The header with which a text begins, if one does.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let body = text.strip_prefix(BOM).unwrap_or(text);
        // Nearly all texts are JSON, and are not looked at further.
        if !body
            .first()
            .is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'"' | b'_' | b'@' | b'#'))
        {
            return None;
        }
        let near = &body[..body.len().min(HEADER_BYTES_MAX)];
        let n_before = text.len() - body.len();
        let mut start = 0;
        for _ in 0..LINES_TO_HEADER_MAX {
            let end = start + memchr(b'\n', &near[start..])?;
            let (line, rest) = (&near[start..end], &body[end + 1..]);
            if let Some((names, delimiter)) = names(line, rest, start > 0) {
                return Some(Self {
                    names,
                    delimiter,
                    n_bytes: n_before + end + 1,
                });
            }
            start = end + 1;
        }
        None
    }

    /// A row as a JSON object, appended to `json`: cells without content are left out. False if it has not as
    /// many cells as the header; those that it has are there all the same.
    pub(super) fn object(&self, row: &[u8], json: &mut Vec<u8>) -> bool {
        let (cells, is_all) = cells(row, self.delimiter);
        let n_before = json.len();
        json.push(b'{');
        for (name, cell) in self.names.iter().zip(&cells) {
            let cell = cell.trim();
            if cell.is_empty() {
                continue;
            }
            if json.len() > n_before + 1 {
                json.push(b',');
            }
            for (text, after) in [(name.as_str(), b':'), (cell, b' ')] {
                serde_json::to_writer(&mut *json, text).expect("a string can always be written");
                json.push(after);
            }
        }
        json.push(b'}');
        is_all && cells.len() == self.names.len()
    }
}

fn is_name(name: &str) -> bool {
    let is_part =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | ' ' | '@' | '$');
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(is_part)
}

/// CloudTrail's name for a column, however it is written: `Event Name`, `event_name`, `@message`.
fn column(name: &str) -> Option<&'static str> {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == plain);
    let plain = alias.map_or(&*plain, |(_, column)| column);
    COLUMNS.into_iter().find(|column| *column == plain)
}

/// The cells of a row, without the quotes round them, and whether it ends where they do: a quote that opens
/// nothing may have joined it with the next. Bytes that are not UTF-8 read as U+FFFD.
fn cells(row: &[u8], delimiter: u8) -> (Vec<String>, bool) {
    let mut reader: Reader = ReaderBuilder::new().delimiter(delimiter).build();
    let row = row.strip_suffix(b"\r").unwrap_or(row);
    let (mut cells, mut cell, mut buffer) = (Vec::new(), Vec::new(), [0; 4096]);
    let mut rest = row;
    loop {
        let (result, n_in, n_out) = reader.read_field(rest, &mut buffer);
        rest = &rest[n_in..];
        cell.extend_from_slice(&buffer[..n_out]);
        match result {
            ReadFieldResult::OutputFull => {}
            // The end of the row is told by nothing left, which must be said once.
            ReadFieldResult::InputEmpty if !rest.is_empty() => {}
            ReadFieldResult::InputEmpty => continue,
            ReadFieldResult::Field { record_end } => {
                cells.push(String::from_utf8_lossy(&cell).into_owned());
                cell.clear();
                if record_end {
                    return (cells, rest.is_empty());
                }
            }
            ReadFieldResult::End => return (cells, rest.is_empty()),
        }
    }
}

/// Where the row round `hit` begins and ends, if `from` is the start of a row. Nothing if it has no end in
/// `bytes`, which `is_last` if no more follow.
pub(super) fn row_round(
    bytes: &[u8],
    from: usize,
    hit: usize,
    is_last: bool,
) -> Option<Range<usize>> {
    let start = last_row_before(bytes, from, hit);
    let mut is_quoted = false;
    for at in memchr2_iter(b'"', b'\n', &bytes[start..]) {
        if bytes[start + at] == b'"' {
            is_quoted = !is_quoted;
        } else if !is_quoted {
            return Some(start..start + at);
        }
    }
    is_last.then_some(start..bytes.len())
}

/// The start of the last row that begins at or before `to`, if `from` is the start of a row.
pub(super) fn last_row_before(bytes: &[u8], from: usize, to: usize) -> usize {
    let part = &bytes[from..to];
    let mut n_quotes = memchr_iter(b'"', part).count();
    let mut behind = part.len();
    for newline in memrchr_iter(b'\n', part) {
        n_quotes -= memchr_iter(b'"', &part[newline..behind]).count();
        behind = newline;
        if n_quotes.is_multiple_of(2) {
            return from + newline + 1;
        }
    }
    from
}

/// The line that `hit` stands in.
pub(super) fn line_round(bytes: &[u8], from: usize, hit: usize) -> Range<usize> {
    let start = memchr::memrchr(b'\n', &bytes[from..hit]).map_or(from, |at| from + at + 1);
    let end = memchr(b'\n', &bytes[hit..]).map_or(bytes.len(), |at| hit + at);
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> String {
        let header = Header::read(text.as_bytes()).unwrap();
        let (mut json, row) = (Vec::new(), &text.as_bytes()[header.n_bytes..]);
        header.object(row.strip_suffix(b"\n").unwrap_or(row), &mut json);
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn a_row_is_an_object_of_its_cells() {
        assert_eq!(
            object("eventname,errorcode,requestparameters\nA,,\"{\"\"a\"\": \"\"b,c\"\"}\"\r\n"),
            r#"{"eventname":"A" ,"requestparameters":"{\"a\": \"b,c\"}" }"#
        );
        assert_eq!(
            object("\u{feff}\"Event Name\";eventTime\r\nA;\"x\ny\""),
            r#"{"eventname":"A" ,"eventtime":"x\ny" }"#
        );
    }

    #[test]
    fn only_a_line_of_names_is_a_header() {
        for (text, expected) in [
            ("eventname,eventtime\n", true),
            ("_time\t_raw\n", true),
            ("\"_col0\"\n\"{\"\"eventName\"\":1}\"\n", true),
            ("{\"eventName\":1}\n", false),
            ("eventname,eventtime", false),
            ("a,b\n1,2\n", false),
            ("eventName=AttachUserPolicy, eventTime=now\n", false),
            ("a message\nanother\n", false),
        ] {
            assert_eq!(is_rows(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_newline_in_quotes_is_no_end_of_a_row() {
        let text = b"a,b\n\"x\ny\",hit\nc,d\n";
        let hit = memmem::find(text, b"hit").unwrap();
        assert_eq!(row_round(text, 4, hit, false), Some(4..13));
        assert_eq!(last_row_before(text, 4, text.len()), text.len());
        let inside = memmem::find(text, b"y").unwrap();
        assert_eq!(row_round(text, 4, inside, false), Some(4..13));
        assert_eq!(row_round(&text[..10], 4, inside, false), None);
        assert_eq!(row_round(&text[..10], 4, inside, true), Some(4..10));
    }
}
