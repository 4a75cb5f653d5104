//! Writes rows as lines of JSON.

use std::io::Write as _;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{
    Array, BooleanArray, FixedSizeBinaryArray, GenericBinaryArray, ListArray, MapArray,
    RecordBatch, StringArray, StructArray,
};
use arrow_json::writer::{Encoder, EncoderFactory, EncoderOptions, NullableEncoder, make_encoder};
use arrow_schema::ArrowError;
use arrow_schema::extension::{ExtensionType as _, Json, Uuid};
use arrow_schema::{DataType, Field, FieldRef, Fields, TimeUnit};
use jiff::tz::Offset;

/// Rows of a table, each a line of JSON.
#[derive(Debug, Default)]
pub struct Rows {
    /// The lines.
    pub text: Vec<u8>,
    /// The offset at which each line begins, and the number of its row.
    pub starts: Vec<(u64, u64)>,
}

impl Rows {
    /// Returns the number of the row whose line contains an offset.
    #[must_use]
    pub fn row_at(&self, offset: u64) -> u64 {
        let n = self.starts.partition_point(|(start, _)| *start <= offset);
        n.checked_sub(1).map_or(0, |n| self.starts[n].1)
    }
}

/// Writes rows, into reused memory.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rows: Rows,
}

impl Lines {
    /// Writes the rows of a batch, whose numbers are the next ones.
    pub(super) fn write(
        &mut self,
        batch: RecordBatch,
        numbers: &mut dyn Iterator<Item = u64>,
    ) -> Result<&Rows, ArrowError> {
        let Rows { text, starts } = &mut self.rows;
        text.clear();
        starts.clear();
        each_line(batch, &mut |n, encoder| {
            starts.push((text.len() as u64, numbers.next().unwrap_or(0)));
            encoder.encode(n, text);
            text.push(b'\n');
        })?;
        Ok(&self.rows)
    }
}

/// Reports whether a line of JSON contains no value. The missing data may then be elsewhere in the row.
fn says_nothing(line: &[u8]) -> bool {
    fn is_nothing(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Object(members) => members.values().all(is_nothing),
            serde_json::Value::Array(elements) => elements.iter().all(is_nothing),
            serde_json::Value::String(text) => text.is_empty(),
            value => value.is_null(),
        }
    }
    // In OCSF `unmapped` contains what has no field of its own: in the first version the request, but not
    // only that.
    let is_unmapped_only = memchr::memmem::find(line, b"\"unmapped\"").is_some()
        && memchr::memmem::find(line, b"\"data\"").is_none()
        && memchr::memmem::find(line, b"requestParameters").is_none();
    is_unmapped_only || serde_json::from_slice(line).map_or(true, |value| is_nothing(&value))
}

/// The beginnings of cells with compressed data, and with base64 of that or of records, as lines of JSON have them.
const PACKED: [(&[u8], &str); 7] = [
    (b"\"\\u001f\xef\xbf\xbd\\b", "gzip"),
    (b"\"(\xef\xbf\xbd/\xef\xbf\xbd", "zstd"),
    (b"\"H4sI", "base64 of gzip"),
    (b"\"KLUv/", "base64 of zstd"),
    (b"\"eyJldmVudFZlcnNpb24", "base64 of JSON"),
    (b"\"eyJSZWNvcmRz", "base64 of JSON"),
    (b"\"eyJtZXNzYWdlVHlwZS", "base64 of JSON"),
];

/// Returns what a cell of some lines has, if that is data in a form that is not read.
pub(super) fn packed_cell(lines: &[u8]) -> Option<&'static str> {
    let mut packed = PACKED.iter();
    let is_there = |start: &[u8]| memchr::memmem::find(lines, start).is_some();
    packed.find_map(|(start, what)| is_there(start).then_some(*what))
}

/// Reports whether a line of JSON has characters that do not occur in text. The row is then decoded whole,
/// which shows what else is wrong with it.
fn is_damaged(line: &[u8]) -> bool {
    let has = |mark| memchr::memmem::find(line, mark).is_some();
    has(b"\\u00") || has("\u{fffd}".as_bytes())
}

/// Selects the rows that, as lines of JSON, meet the condition, contain no value, or are damaged.
pub(super) fn lines_that(
    batch: RecordBatch,
    holds: &dyn Fn(&[u8]) -> bool,
) -> Result<BooleanArray, ArrowError> {
    let mut line = Vec::new();
    let mut found = BooleanBufferBuilder::new(batch.num_rows());
    each_line(batch, &mut |n, encoder| {
        line.clear();
        encoder.encode(n, &mut line);
        found.append(holds(&line) || says_nothing(&line) || is_damaged(&line));
    })?;
    Ok(BooleanArray::new(found.finish(), None))
}

fn each_line(
    batch: RecordBatch,
    visit: &mut dyn FnMut(usize, &mut NullableEncoder<'_>),
) -> Result<(), ArrowError> {
    let options = EncoderOptions::default().with_encoder_factory(Arc::new(Texts));
    let rows = StructArray::from(batch);
    let field: FieldRef = Arc::new(Field::new("", rows.data_type().clone(), false));
    let mut encoder = make_encoder(&field, &rows, &options)?;
    (0..rows.len()).for_each(|n| visit(n, &mut encoder));
    Ok(())
}

/// Writes some types differently from Arrow: bytes that the file does not declare as text are written as
/// text, because older writers do not declare it. UUIDs are written as text, and JSON as itself.
#[derive(Debug)]
struct Texts;

impl EncoderFactory for Texts {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let declared = field.extension_type_name();
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Utf8 if declared == Some(Json::NAME) => Box::new(JsonText(array.as_string())),
            DataType::FixedSizeBinary(16) if declared == Some(Uuid::NAME) => {
                Box::new(UuidText(array.as_fixed_size_binary()))
            }
            DataType::Binary => Box::new(Text(array.as_binary::<i32>())),
            DataType::FixedSizeBinary(_) => Box::new(FixedText(array.as_fixed_size_binary())),
            // Arrow gives the values in a list or a map the field of the whole, which does not declare what they are.
            DataType::List(element) => Box::new(List::new(array.as_list(), element, options)?),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) => Box::new(Map::new(array.as_map(), fields, options)?),
                _ => return Ok(None),
            },
            DataType::Timestamp(unit, zone) => Box::new(Time(array, *unit, zone.is_some())),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

/// A list.
struct List<'a> {
    list: &'a ListArray,
    elements: NullableEncoder<'a>,
}

impl<'a> List<'a> {
    fn new(
        list: &'a ListArray,
        element: &'a FieldRef,
        options: &'a EncoderOptions,
    ) -> Result<Self, ArrowError> {
        let elements = make_encoder(element, list.values(), options)?;
        Ok(Self { list, elements })
    }
}

impl Encoder for List<'_> {
    fn encode(&mut self, n: usize, out: &mut Vec<u8>) {
        out.push(b'[');
        for (nth, element) in places(self.list.value_offsets(), n).enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            encode_or_null(&mut self.elements, element, out);
        }
        out.push(b']');
    }
}

/// Returns the places of what the list or the map in a row has.
fn places(offsets: &[i32], n: usize) -> Range<usize> {
    let place = |offset: i32| usize::try_from(offset).unwrap_or(0);
    place(offsets[n])..place(offsets[n + 1])
}

/// A map, written as an object. Keys that are not text are written as text.
struct Map<'a> {
    map: &'a MapArray,
    keys: NullableEncoder<'a>,
    values: NullableEncoder<'a>,
}

impl<'a> Map<'a> {
    fn new(
        map: &'a MapArray,
        fields: &'a Fields,
        options: &'a EncoderOptions,
    ) -> Result<Self, ArrowError> {
        Ok(Self {
            map,
            keys: make_encoder(&fields[0], map.keys(), options)?,
            values: make_encoder(&fields[1], map.values(), options)?,
        })
    }
}

fn encode_or_null(encoder: &mut NullableEncoder<'_>, n: usize, out: &mut Vec<u8>) {
    match encoder.is_null(n) {
        true => out.extend_from_slice(b"null"),
        false => encoder.encode(n, out),
    }
}

impl Encoder for Map<'_> {
    fn encode(&mut self, n: usize, out: &mut Vec<u8>) {
        let mut key = Vec::new();
        out.push(b'{');
        for (nth, entry) in places(self.map.offsets(), n).enumerate() {
            if nth > 0 {
                out.push(b',');
            }
            key.clear();
            encode_or_null(&mut self.keys, entry, &mut key);
            match key.first() {
                Some(b'"') => out.extend_from_slice(&key),
                _ => write_text(&key, out),
            }
            out.push(b':');
            encode_or_null(&mut self.values, entry, out);
        }
        out.push(b'}');
    }
}

/// Times with or without a zone. Arrow cannot interpret a zone's name, which is UTC in Parquet, without a
/// time zone database.
struct Time<'a>(&'a dyn Array, TimeUnit, bool);

impl Encoder for Time<'_> {
    fn encode(&mut self, n: usize, out: &mut Vec<u8>) {
        let Self(array, unit, has_zone) = self;
        let (value, nanoseconds) = match unit {
            TimeUnit::Second => (
                array.as_primitive::<TimestampSecondType>().value(n),
                1_000_000_000,
            ),
            TimeUnit::Millisecond => (
                array.as_primitive::<TimestampMillisecondType>().value(n),
                1_000_000,
            ),
            TimeUnit::Microsecond => (
                array.as_primitive::<TimestampMicrosecondType>().value(n),
                1000,
            ),
            TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().value(n), 1),
        };
        // Writing to memory does not fail.
        match jiff::Timestamp::from_nanosecond(i128::from(value) * nanoseconds) {
            Ok(time) if *has_zone => write!(out, "\"{time}\"").ok(),
            Ok(time) => write!(out, "\"{}\"", Offset::UTC.to_datetime(time)).ok(),
            // After the year 9999 the number itself is written, with its unit so that it is not mistaken for
            // another one.
            Err(_) => write!(out, "\"{value} of {nanoseconds} ns since 1970\"").ok(),
        };
    }
}

fn write_text(bytes: &[u8], out: &mut Vec<u8>) {
    // Writing to memory does not fail, and neither does serializing a string.
    serde_json::to_writer(out, &String::from_utf8_lossy(bytes)).ok();
}

/// Values that the file declares as JSON.
struct JsonText<'a>(&'a StringArray);

impl Encoder for JsonText<'_> {
    fn encode(&mut self, n: usize, out: &mut Vec<u8>) {
        let text = self.0.value(n);
        // What the file declares need not be true.
        if serde_json::from_str::<serde_json::Value>(text).is_err() {
            return write_text(text.as_bytes(), out);
        }
        // In JSON these are blanks between values. A row is one line.
        let in_line = |byte: u8| match byte {
            b'\n' | b'\r' => b' ',
            byte => byte,
        };
        out.extend(text.bytes().map(in_line));
    }
}

struct UuidText<'a>(&'a FixedSizeBinaryArray);

impl Encoder for UuidText<'_> {
    fn encode(&mut self, n: usize, out: &mut Vec<u8>) {
        out.push(b'"');
        for (at, byte) in self.0.value(n).iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                out.push(b'-');
            }
            // Writing to memory does not fail.
            write!(out, "{byte:02x}").ok();
        }
        out.push(b'"');
    }
}

struct FixedText<'a>(&'a FixedSizeBinaryArray);

impl Encoder for FixedText<'_> {
    fn encode(&mut self, n: usize, out: &mut Vec<u8>) {
        write_text(self.0.value(n), out);
    }
}

struct Text<'a>(&'a GenericBinaryArray<i32>);

impl Encoder for Text<'_> {
    fn encode(&mut self, n: usize, out: &mut Vec<u8>) {
        write_text(self.0.value(n), out);
    }
}
