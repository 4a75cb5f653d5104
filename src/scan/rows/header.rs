//! Finds the header line and the names of its columns.
//!
//! A line with two or more names of CloudTrail's fields, in any spelling, is a header. In the first lines of a text,
//! a line with fewer is one too, if the lines after it look like its rows.

use memchr::{memchr, memchr_iter, memmem};

use super::cells::{Dialect, Quoting, cell};
use crate::event::is_own_field;

/// The part of a text that is searched for a header, in bytes and in lines. Titles and remarks may precede it.
pub(super) const HEADER_BYTES_MAX: usize = 1 << 20;
const LINES_TO_HEADER_MAX: usize = 8;
const NAME_BYTES_MAX: usize = 256;

/// The delimiters that may be between cells.
pub(super) const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Columns that show that the rows of a header contain events: CloudTrail's own with plain texts, all in lower case.
const PLAIN_COLUMNS: [&str; 16] = [
    "eventversion",
    "eventtime",
    "eventsource",
    "eventname",
    "awsregion",
    "sourceipaddress",
    "useragent",
    "errorcode",
    "requestid",
    "eventid",
    "eventtype",
    "eventcategory",
    "managementevent",
    "readonly",
    "recipientaccountid",
    "sharedeventid",
];

/// The others of CloudTrail's own, and those in which exports put whole records.
const OTHER_COLUMNS: [&str; 12] = [
    "useridentity",
    "errormessage",
    "requestparameters",
    "responseelements",
    "additionaleventdata",
    "eventdata",
    "cloudtrailevent",
    "raw",
    "message",
    "original",
    "eventoriginal",
    "rawdata",
];

/// Elastic's columns with plain texts.
const PLAIN_ECS_COLUMNS: [&str; 4] = ["@timestamp", "event.action", "event.outcome", "event.id"];

/// Other names that people give to some of them.
const ALIASES: [(&str, &str); 12] = [
    ("eventdatetime", "eventtime"),
    ("timegenerated", "eventtime"),
    ("timegeneratedutc", "eventtime"),
    ("eventtimeutc", "eventtime"),
    ("awseventid", "eventid"),
    ("awsrequestid", "requestid"),
    ("eventtypename", "eventtype"),
    ("sourceip", "sourceipaddress"),
    ("region", "awsregion"),
    ("requestuseragent", "useragent"),
    ("apiname", "eventname"),
    ("errormsg", "errormessage"),
];

/// Elastic's names for them, which are kept.
const ECS_COLUMNS: [&str; 12] = [
    "@timestamp",
    "event.action",
    "event.outcome",
    "event.provider",
    "event.id",
    "event.dataset",
    "data_stream.dataset",
    "event.original",
    "cloud.account.id",
    "cloud.region",
    "source.address",
    "user_agent.original",
];

/// Prefixes of names from an object that was inside another one.
const PREFIXES: [&str; 6] = [
    "_source.",
    "detail.",
    "record.",
    "records.",
    "result.",
    "cloudtrail.",
];

/// Columns that contain the time of an event, the best one first.
const TIMES: [&str; 6] = [
    "eventtime",
    "@timestamp",
    "timestamp",
    "time",
    "_time",
    "datetime",
];

const BOM: &[u8] = b"\xef\xbb\xbf";

pub(in crate::scan) fn without_bom(text: &[u8]) -> &[u8] {
    text.strip_prefix(BOM).unwrap_or(text)
}

/// The result of the search for a header in the beginning of a text.
#[derive(Debug)]
pub(super) enum Beginning {
    Header(Header),
    None,
    /// More of the text is needed.
    Undecided,
}

/// The columns of a table.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// The line, without its line ending.
    line: Vec<u8>,
    pub(super) names: Vec<String>,
    pub(super) delimiter: u8,
    /// The column with the time of an event.
    pub(super) time: Option<usize>,
    /// The column with the action of an event.
    pub(super) action: Option<usize>,
    n_known: usize,
}

impl Header {
    /// Finds the header in the first lines of a text.
    pub(super) fn find(text: &[u8], is_last: bool) -> Beginning {
        let near = &text[..text.len().min(HEADER_BYTES_MAX)];
        let is_cut = !is_last && near.len() < HEADER_BYTES_MAX;
        let body = without_bom(near);
        match body.trim_ascii_start().first() {
            // Nearly all texts are JSON, and are not examined further.
            Some(b'{' | b'[') => return Beginning::None,
            _ if is_cut => return Beginning::Undecided,
            _ => {}
        }
        let ends = memchr_iter(b'\n', body).take(LINES_TO_HEADER_MAX);
        let starts = std::iter::once(0).chain(ends.clone().map(|end| end + 1));
        let lines: Vec<(&[u8], &[u8])> = starts
            .zip(ends)
            .map(|(start, end)| (&body[start..end], &body[end + 1..]))
            .collect();
        let known = lines.iter().find_map(|(line, _)| Self::of_known(line));
        let first = || {
            let is_filled = |line: &[u8]| line.iter().any(|b| !b" \r,;\t|".contains(b));
            let (line, _) = lines.iter().find(|(line, _)| is_filled(line))?;
            Self::of(line, is_plain_name).filter(|h| h.n_known > 0 && h.names.len() > 1)
        };
        let of_json = || {
            let mut lines = lines.iter();
            lines.find_map(|(line, rest)| {
                let header = Self::of(line, is_plain_name).filter(Self::has_words)?;
                header.stands_before_json(rest).then_some(header)
            })
        };
        let header = known.or_else(first).or_else(of_json);
        header.map_or(Beginning::None, Beginning::Header)
    }

    /// Returns the header in a line, by its names alone, whatever is around it.
    pub(super) fn of_known(line: &[u8]) -> Option<Self> {
        Self::of(line, is_name).filter(|header| header.n_known > 1)
    }

    /// Returns true if this line may be a header, after a cheap check.
    pub(super) fn may_be(line: &[u8]) -> bool {
        if line.len() > HEADER_BYTES_MAX {
            return false;
        }
        // Rows contain times, account numbers and objects.
        let mut n_digits = 0;
        for byte in &line[..line.len().min(MAY_BE_BYTES)] {
            n_digits = match byte {
                b'{' => return false,
                b'0'..=b'9' => n_digits + 1,
                _ => 0,
            };
            if n_digits == DIGITS_OF_NO_NAME {
                return false;
            }
        }
        true
    }

    /// Returns true if this line repeats the same header.
    pub(super) fn is_repeated_by(&self, line: &[u8]) -> bool {
        let line = without_bom(line);
        line.strip_suffix(b"\r").unwrap_or(line) == self.line
    }

    /// Returns the header in a line, with the delimiter that gives the most known names.
    fn of(line: &[u8], is_name: fn(&str) -> bool) -> Option<Self> {
        let line = without_bom(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut best: Option<Self> = None;
        for delimiter in DELIMITERS {
            for quoting in [Quoting::Doubled(b'"'), Quoting::Doubled(b'\'')] {
                let Some(header) = Self::read(line, Dialect { delimiter, quoting }, is_name) else {
                    continue;
                };
                let is_better = |best: &Self| {
                    let rank = |h: &Self| (h.n_known, h.names.len());
                    rank(&header) > rank(best)
                };
                if best.as_ref().is_none_or(is_better) {
                    best = Some(header);
                }
            }
        }
        best
    }

    fn read(line: &[u8], dialect: Dialect, is_name: fn(&str) -> bool) -> Option<Self> {
        let names = names(line, dialect, is_name)?;
        let n_known = names.iter().filter(|name| is_known(name)).count();
        let names = own_names(names);
        let time = TIMES
            .iter()
            .find_map(|time| names.iter().position(|name| name == time));
        let action = names.iter().position(|name| name == "eventname");
        Some(Self {
            line: line.to_vec(),
            delimiter: dialect.delimiter,
            time,
            action,
            n_known,
            names,
        })
    }

    /// Returns true if the first cell of a row may be JSON: it is not in the column of a plain text.
    pub(super) fn may_begin_with_json(&self) -> bool {
        let first = self.names.first();
        !first.is_some_and(|name| has_plain_texts(name))
    }

    /// Returns true if only names of fields inside an event's objects hold needles: `requestParameters.publicAccess`. A
    /// rule may search for such a word.
    pub(super) fn has_needles_in_names_alone(&self, holds_needle: impl Fn(&[u8]) -> bool) -> bool {
        let mut with_needle = self
            .names
            .iter()
            .filter(|name| holds_needle(name.as_bytes()));
        let is_inside = |name: &String| {
            let path = without_prefix(name).split_once('.');
            is_plain_name(name) && path.is_some_and(|(object, _)| is_own_field(object))
        };
        with_needle.next().is_some_and(is_inside) && with_needle.all(is_inside)
    }

    /// Returns true if a name contains letters or digits. The line below the header of a Markdown table has only
    /// dashes.
    fn has_words(&self) -> bool {
        let mut names = self.names.iter();
        names.any(|name| name.contains(char::is_alphanumeric))
    }

    /// Returns true if one of the next lines is a row with as many cells as this header has names, one of them quoted
    /// JSON.
    fn stands_before_json(&self, rest: &[u8]) -> bool {
        let near = &rest[..rest.len().min(ROWS_NEAR_BYTES)];
        let mut lines = near.split(|b| *b == b'\n').take(LINES_TO_HEADER_MAX);
        lines.any(|line| {
            let holds_json = || {
                let bare = matches!(self.delimiter, b'\t' | b'|').then_some(&b"{\""[..]);
                let quoted = [&b"\"{\"\""[..], b"\"{\\\"", b"'{\""];
                let mut starts = quoted.into_iter().chain(bare);
                starts.any(|start| memmem::find(line, start).is_some())
            };
            memchr(b'{', line).is_some() && holds_json() && super::fits(line, self).is_some()
        })
    }
}

/// The number of bytes of a line that are checked, and the number of consecutive digits that no column name has.
const MAY_BE_BYTES: usize = 256;
const DIGITS_OF_NO_NAME: usize = 4;

/// The part of the text after a line that is searched for its rows.
const ROWS_NEAR_BYTES: usize = 64 * 1024;

/// Returns the cells of a line as names, if all of them are names or empty.
fn names(line: &[u8], dialect: Dialect, is_name: fn(&str) -> bool) -> Option<Vec<String>> {
    let (mut names, mut at) = (Vec::new(), 0);
    loop {
        let (cell, end) = cell(line, at, dialect).ok()?;
        let text = cell.text(line, dialect.quoting);
        let name = std::str::from_utf8(&text).ok()?;
        if !name.is_empty() && !is_name(name) {
            return None;
        }
        names.push(name.to_owned());
        if end >= line.len() {
            break;
        }
        at = end + 1;
    }
    names.iter().any(|name| !name.is_empty()).then_some(names)
}

/// Returns true if this may be a name beside names that are known.
fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX && !name.chars().any(|c| c.is_control() || c == '"')
}

/// Returns true if this looks like a name.
fn is_plain_name(name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "_.- @$#[]()".contains(c);
    is_name(name) && name.chars().all(is_part)
}

/// Returns the letters and digits of a name, in lower case.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// Returns CloudTrail's name for a column in any spelling: `Event Name`, `event_name`, `@message`.
fn column(name: &str) -> Option<&'static str> {
    let plain = plain(name);
    let mut columns = PLAIN_COLUMNS.into_iter().chain(OTHER_COLUMNS);
    columns.find(|column| *column == plain)
}

fn alias(name: &str) -> Option<&'static str> {
    let plain = plain(name);
    let found = ALIASES.iter().find(|(alias, _)| *alias == plain);
    found.map(|(_, column)| *column)
}

/// Returns the name, as the record would have it, of a part of a request that is a column of its own.
fn part_of_request(name: &str) -> Option<&str> {
    [
        "requestParameters",
        "requestparameters",
        "request_parameters",
        "RequestParameters",
    ]
    .iter()
    .find_map(|own| name.strip_prefix(own)?.strip_prefix('.'))
    .filter(|part| !part.is_empty())
}

/// Returns true if the column with this name has plain texts.
fn has_plain_texts(name: &str) -> bool {
    PLAIN_COLUMNS.contains(&name) || PLAIN_ECS_COLUMNS.contains(&name)
}

fn is_ecs(name: &str) -> bool {
    ECS_COLUMNS.contains(&name) || name.starts_with("aws.cloudtrail.")
}

fn without_prefix(name: &str) -> &str {
    PREFIXES
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name)
}

fn is_known(name: &str) -> bool {
    let name = without_prefix(name);
    column(name).is_some()
        || alias(name).is_some()
        || is_ecs(name)
        || part_of_request(name).is_some()
}

/// Returns the names as a record has them. An alias of a field is not translated if the field itself is a column.
fn own_names(names: Vec<String>) -> Vec<String> {
    let has = |column: &str| {
        names
            .iter()
            .any(|name| self::column(without_prefix(name)) == Some(column))
    };
    // Beside the other fields of Elastic it is one of these, else another program's name for CloudTrail's field.
    let is_of_elastic = names
        .iter()
        .any(|name| without_prefix(name) == "event.action");
    let own = |name: &String| {
        let inner = without_prefix(name);
        if is_ecs(inner) || is_of_elastic && inner == "source.ip" {
            inner.to_owned()
        } else if let Some(column) = column(inner) {
            column.to_owned()
        } else if let Some(column) = alias(inner).filter(|column| !has(column)) {
            column.to_owned()
        } else if let Some(part) = part_of_request(inner) {
            format!("requestParameters.{part}")
        } else {
            name.clone()
        }
    };
    names.iter().map(own).collect()
}
