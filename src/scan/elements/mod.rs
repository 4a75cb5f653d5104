//! What `aws cloudtrail lookup-events` writes with `--output text` or `yaml`: elements, each with a record as text and
//! with names beside it.
//!
//! In: text that begins with an element. Out: each element with a hit as the JSON object that the same command writes
//! with `--output json`, for the recogniser to judge like any other value. So an element's own names speak for a record
//! that is damaged, and its list of resources is no event.
//!
//! Only what a record and its call need is read. All other lines of an element remain text, in which records are found
//! as in any other text. Where something follows that is no element, the sequence ends.

mod yaml;
#[cfg(test)]
mod tests;

use memchr::memchr;

use super::extractor::Whole;
use super::prefilter::Hits;
use super::records::{RawRecord, Unit};
use super::rows::without_bom;
use super::window::Found;
use super::{ScanItem, Scanner, Window};
use crate::steps;

/// The part of a text in which its first element must begin.
const BEGINNING_BYTES_MAX: usize = 4096;
/// The longest element. AWS limits a record to 256 KiB.
const ELEMENT_BYTES_MAX: usize = 16 << 20;

/// The beginnings of lines of text output: an element, and a resource of the element before it.
const EVENTS: &[u8] = b"EVENTS\t";
const RESOURCES: &[u8] = b"RESOURCES\t";

const RECORD: &str = "CloudTrailEvent";
const ACTION: &str = "EventName";
const PROVIDER: &str = "EventSource";

/// The names in an element.
const KEYS: [&str; 9] = [
    "AccessKeyId",
    RECORD,
    "EventId",
    ACTION,
    PROVIDER,
    "EventTime",
    "ReadOnly",
    "Resources",
    "Username",
];

/// How the elements of a text are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elements {
    /// One line each, with tabs, and a line for each resource.
    Text,
    /// Items of a list, with this many blanks before the dash.
    Yaml(usize),
}

/// The item at the place where an element should begin. Numbers are its bytes.
enum Next {
    Element(usize),
    /// A line between elements.
    Between(usize),
    /// Text that is no element.
    Documents,
    /// More of the text is needed.
    Unknown,
}

impl Elements {
    /// Returns how the elements are written that a text begins with.
    pub(super) fn find(text: &[u8], is_last: bool) -> Found<Self> {
        let text = without_bom(text);
        if text.starts_with(EVENTS) {
            return Found::Some(Self::Text);
        }
        let near = &text[..text.len().min(BEGINNING_BYTES_MAX)];
        let is_cut = !is_last && near.len() < BEGINNING_BYTES_MAX;
        let mut lines = near.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            if is_cut && lines.peek().is_none() {
                let first = line.trim_ascii_start().first();
                return match first {
                    None | Some(b'-' | b'#' | b'E' | b'N') => Found::Undecided,
                    Some(_) => Found::Nothing,
                };
            }
            if !is_between(line) {
                let found = yaml::indent_of_item(line).map(Self::Yaml);
                return found.map_or(Found::Nothing, Found::Some);
            }
        }
        Found::Nothing
    }

    fn next(self, text: &[u8], is_last: bool) -> Next {
        let mut end = 0;
        loop {
            let rest = &text[end..];
            if end > ELEMENT_BYTES_MAX {
                return Next::Documents;
            }
            if rest.is_empty() {
                return if is_last {
                    Next::Element(end)
                } else {
                    Next::Unknown
                };
            }
            let near = &rest[..rest.len().min(ELEMENT_BYTES_MAX)];
            let newline = memchr(b'\n', near);
            steps::take(newline.unwrap_or(near.len()));
            let n = match newline {
                Some(newline) => newline + 1,
                None if near.len() == ELEMENT_BYTES_MAX => return Next::Documents,
                None if is_last => near.len(),
                None => return Next::Unknown,
            };
            let line = &near[..n];
            match end {
                0 if self.begins(line) => {}
                0 if is_between(line) => return Next::Between(n),
                0 => return Next::Documents,
                _ if self.goes_on(line) => {}
                _ => return Next::Element(end),
            }
            end += n;
        }
    }

    fn begins(self, line: &[u8]) -> bool {
        let line = without_bom(line);
        match self {
            Self::Text => line.starts_with(EVENTS),
            Self::Yaml(indent) => yaml::indent_of_item(line) == Some(indent),
        }
    }

    /// Returns true if a line after the first one belongs to an element.
    fn goes_on(self, line: &[u8]) -> bool {
        match self {
            Self::Text => line.starts_with(RESOURCES),
            Self::Yaml(indent) => {
                let n_blank = line.iter().take_while(|byte| **byte == b' ').count();
                n_blank > indent || line.trim_ascii().is_empty()
            }
        }
    }

    /// Appends an element to `json` as an object.
    fn write(self, element: &[u8], json: &mut Vec<u8>) {
        let element = without_bom(element);
        let mut object = Object::new(json);
        match self {
            Self::Text => write_text(element, &mut object),
            Self::Yaml(indent) => yaml::write(element, indent, &mut object),
        }
        object.end();
    }
}

/// Returns true if a line may be between elements: it is blank, a comment, the name of their list, or the mark of a
/// further page.
fn is_between(line: &[u8]) -> bool {
    let line = without_bom(line).trim_ascii();
    line.starts_with(b"#")
        || line.starts_with(b"NextToken:")
        || matches!(line, b"" | b"---" | b"..." | b"Events:" | b"- Events:")
}

/// Reads an element of text output. Its cells have no names, but they are sorted by them, and one that is missing is
/// left out: the key, the record, the id, the action, the provider, and more.
fn write_text(element: &[u8], object: &mut Object<'_>) {
    let line_end = memchr(b'\n', element).unwrap_or(element.len());
    let (line, resources) = element.split_at(line_end);
    let line = line.strip_prefix(EVENTS).unwrap_or(line);
    let cells: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
    let is_of_record = |cell: &&[u8]| cell.iter().any(|b| matches!(b, b'{' | b'}' | b'"'));
    let record = cells.iter().position(is_of_record).unwrap_or(0);
    let last = cells.iter().rposition(is_of_record).unwrap_or(0);
    let is_provider = |cell: &&[u8]| cell.ends_with(b".amazonaws.com");
    let behind = cells.get(last + 1..).unwrap_or_default();
    let provider = behind.iter().position(is_provider).unwrap_or(2);
    let names = provider.checked_sub(1).map(|action| (ACTION, action));
    for (name, at) in names.into_iter().chain([(PROVIDER, provider)]) {
        if let Some(cell) = behind.get(at) {
            object.member(name, cell);
        }
    }
    object.member(RECORD, &cells[record..=last].join(&b'\t'));
    object.member("Resources", resources);
}

/// A JSON object that is being written.
struct Object<'a> {
    json: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Object<'a> {
    fn new(json: &'a mut Vec<u8>) -> Self {
        json.push(b'{');
        let is_empty = true;
        Self { json, is_empty }
    }

    /// Appends a member. Bytes that are no UTF-8 are kept, so that the parser reports them.
    fn member(&mut self, name: &str, text: &[u8]) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.json.push(b',');
        }
        self.string(name.as_bytes());
        self.json.push(b':');
        self.string(text);
    }

    fn string(&mut self, text: &[u8]) {
        self.json.push(b'"');
        for &byte in text {
            match byte {
                b'"' | b'\\' => self.json.extend([b'\\', byte]),
                0..b' ' => self.json.extend(format!("\\u{byte:04x}").bytes()),
                _ => self.json.push(byte),
            }
        }
        self.json.push(b'"');
    }

    fn end(self) {
        self.json.push(b'}');
    }
}

impl Scanner {
    /// Scans elements, like [`Scanner::scan_items`]. Returns `None` where they end and documents follow.
    pub(super) fn scan_elements(
        &mut self,
        elements: Elements,
        window: Window<'_>,
        hits: &mut Hits<'_>,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) -> Option<u64> {
        let bytes = window.bytes;
        let mut at = window.at(self.boundary).min(bytes.len());
        let mut is_documents = false;
        while at < bytes.len() && !is_documents {
            match elements.next(&bytes[at..], window.is_last) {
                Next::Element(n) => {
                    self.element(elements, window, at..at + n, hits, visit);
                    at += n;
                }
                // A hit there is in no element.
                Next::Between(n) if hits.first_in(at..at + n).is_none() => at += n,
                Next::Between(_) | Next::Documents => is_documents = true,
                Next::Unknown => break,
            }
        }
        self.boundary = window.base + at as u64;
        (!is_documents).then_some(self.boundary)
    }

    fn element(
        &mut self,
        elements: Elements,
        window: Window<'_>,
        element: std::ops::Range<usize>,
        hits: &mut Hits<'_>,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) {
        let is_hit = hits.first_in(element.clone()).is_some();
        if !is_hit && !self.shows_records {
            return;
        }
        let mut json = std::mem::take(&mut self.json);
        json.clear();
        let raw = &window.bytes[element.clone()];
        elements.write(raw, &mut json);
        let unit = Unit {
            start: window.base + element.start as u64,
            end: window.base + element.end as u64,
            record_index: 0,
        };
        if self.shows_records {
            let (bytes, is_whole) = (&json[..], true);
            visit(ScanItem::Record(unit, RawRecord { bytes, is_whole }));
        }
        let text = Whole {
            raw,
            ..Whole::strict(&json)
        };
        if is_hit && let Err(error) = self.judge(unit, text, visit) {
            self.report_invalid(unit, &error);
        }
        self.json = json;
    }
}
