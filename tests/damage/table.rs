//! Parquet: tables as they are found, and what the `parquet` crate reads of a damaged one, group by group and row by
//! row, with no group passed over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, StructArray};
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::ParquetMetaDataReader;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use super::hurt::Damaged;
use super::json::{self, Json, Style, object, text};
use super::make::Made;
use super::oracle::{Alert, Fault, Finding};
use super::random::Random;
use super::reading::{self, Verdict};
use super::records::{ACTION, Kind, NEEDLE, Record};

fn column(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn group(name: &str, fields: Vec<Field>) -> Field {
    Field::new(name, DataType::Struct(fields.into()), true)
}

/// The columns of a table, and what a row of it says.
type Table = (Vec<Field>, fn(&Record) -> Json);

fn athena() -> Table {
    let names = [
        "eventtime",
        "eventname",
        "eventsource",
        "errorcode",
        "errormessage",
        "requestparameters",
        "useragent",
        "eventid",
    ];
    (names.map(column).into(), |record| {
        row_of(record, text(record.request_map()))
    })
}

fn texts() -> Table {
    let (fields, _) = athena();
    (fields, |record| {
        row_of(record, text(record.request_json().write(Style::Compact)))
    })
}

fn structs() -> Table {
    let (mut fields, _) = athena();
    let request = vec![
        column("userName"),
        column("policyArn"),
        column("bucketName"),
    ];
    fields[5] = group("requestparameters", request);
    (fields, |record| row_of(record, record.request_json()))
}

fn row_of(record: &Record, request: Json) -> Json {
    let error = |error: Option<&str>| error.map_or(json::plain("null"), text);
    object([
        ("eventtime", text(&record.time)),
        ("eventname", text(record.action)),
        ("eventsource", text("iam.amazonaws.com")),
        ("errorcode", error(record.error_code)),
        ("errormessage", error(record.error_message)),
        ("requestparameters", request),
        ("useragent", text(record.agent)),
        ("eventid", text(&record.id)),
    ])
}

fn whole() -> Table {
    (vec![column("host"), column("value")], |record| {
        let record = record.cloudtrail().write(Style::Compact);
        object([("host", text("log-7")), ("value", text(record))])
    })
}

fn lake() -> Table {
    let fields = vec![
        group(
            "metadata",
            vec![
                group("product", vec![column("name")]),
                column("uid"),
                column("version"),
            ],
        ),
        Field::new("time", DataType::Int64, true),
        Field::new("class_uid", DataType::Int32, true),
        group(
            "api",
            vec![
                column("operation"),
                group("service", vec![column("name")]),
                group("request", vec![column("data")]),
                group("response", vec![column("error"), column("message")]),
            ],
        ),
        column("status"),
        Field::new("status_id", DataType::Int32, true),
    ];
    (fields, |record| record.ocsf(true))
}

/// The columns that have a value in each row. Some tables say so of them.
const FILLED: [&str; 9] = [
    "eventtime",
    "eventname",
    "eventsource",
    "useragent",
    "eventid",
    "host",
    "value",
    "time",
    "class_uid",
];

fn required(field: Field) -> Field {
    let is_request = field.name() == "requestparameters" && *field.data_type() == DataType::Utf8;
    let is_filled = is_request || FILLED.contains(&field.name().as_str());
    field.with_nullable(!is_filled)
}

/// A table of some records. Its bytes have no tags: what belongs to which record cannot be told.
pub(crate) fn make(random: &mut Random, records: &[Record]) -> Made {
    type Makes = fn() -> Table;
    let tables: [(&str, Makes); 5] = [
        ("maps", athena),
        ("texts", texts),
        ("structs", structs),
        ("whole records", whole),
        ("security lake", lake),
    ];
    let (name, table) = *random.pick(&tables);
    let (fields, row) = table();
    let (properties, words) = properties(random);
    // By the file's number in the id, so that no other file is another one than before.
    let is_required = matches!(records[0].id.as_bytes()[7], b'1' | b'3' | b'9' | b'b');
    let (fields, words) = match is_required {
        true => (
            fields.into_iter().map(required).collect(),
            format!("{words}, required"),
        ),
        false => (fields, words),
    };
    let mut made = Made::of(format!("parquet of {name}, {words}"));
    let lines: String = records
        .iter()
        .map(|record| row(record).write(Style::Compact) + "\n")
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let mut reader = arrow_json::ReaderBuilder::new(Arc::clone(&schema))
        .with_batch_size(records.len())
        .build(lines.as_bytes())
        .unwrap();
    let batch = reader.next().unwrap().unwrap();
    let mut writer = ArrowWriter::try_new(&mut made.text, schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    made.tags = vec![super::make::FRAME; made.text.len()];
    made.planted = records
        .iter()
        .map(|record| super::make::Planted {
            id: record.id.clone(),
            kind: record.kind,
            bytes: Vec::new(),
        })
        .collect();
    made.is_stored = true;
    // Where the metadata begins.
    let end = made.text.len() - 8;
    let length = u32::from_le_bytes(*made.text[end..].first_chunk().unwrap());
    made.body = end - length as usize;
    made
}

fn properties(random: &mut Random) -> (WriterProperties, String) {
    let (word, compression) = *random.pick(&[
        ("plain", Compression::UNCOMPRESSED),
        ("plain", Compression::UNCOMPRESSED),
        ("snappy", Compression::SNAPPY),
        ("zstd", Compression::ZSTD(ZstdLevel::default())),
    ]);
    let is_second = random.chance(25);
    let has_dictionary = random.chance(60);
    let statistics = *random.pick(&[
        EnabledStatistics::None,
        EnabledStatistics::Chunk,
        EnabledStatistics::Page,
    ]);
    let version = match is_second {
        true => WriterVersion::PARQUET_2_0,
        false => WriterVersion::PARQUET_1_0,
    };
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_dictionary_enabled(has_dictionary)
        .set_statistics_enabled(statistics)
        .set_writer_version(version)
        .set_bloom_filter_enabled(random.chance(15))
        .set_max_row_group_row_count(Some(2 + random.below(20)))
        .set_data_page_row_count_limit(1 + random.below(10))
        .set_write_batch_size(4)
        .build();
    let words = format!("{word}, dictionary {has_dictionary}, statistics {statistics:?}");
    (properties, words)
}

/// What the reference reads of a row group.
struct Group {
    /// What each row comes to, and whether it has the words that are sought; nothing if it cannot be read.
    rows: Option<Vec<(Verdict, bool)>>,
    /// Which rows have the rule's action, if their actions can be read.
    actions: Option<Vec<bool>>,
    /// Of which rows the request, which can be read, names the policy.
    requests: Option<Vec<bool>>,
    n_rows: usize,
}

impl Group {
    /// Whether the action or the request of a row can be read and is another one: it need not be known what else the
    /// row says.
    fn says_less(&self, row: usize) -> bool {
        [&self.actions, &self.requests].into_iter().any(|rows| {
            let row = rows.as_ref().and_then(|rows| rows.get(row));
            row == Some(&false)
        })
    }
}

/// Reads a table as it is, if that can be done at all.
fn read(stored: &[u8]) -> Option<Vec<Group>> {
    let stored = Bytes::copy_from_slice(stored);
    let metadata = quietly(|| ParquetMetaDataReader::new().parse_and_finish(&stored).ok())?;
    let groups = metadata.row_groups().iter().enumerate();
    let groups = groups.map(|(group, metadata)| {
        let rows = lines(&stored, group, None, None);
        let verdicts = rows.map(|rows| {
            let verdict = |row: &Vec<u8>| {
                let verdict =
                    json::whole(row).map_or(Verdict::NoRecord, |row| reading::verdict_of_row(&row));
                (verdict, has(row, NEEDLE) && has(row, ACTION))
            };
            rows.iter().map(verdict).collect()
        });
        let places = |names: &[&str]| -> Vec<usize> {
            let columns = metadata.schema_descr().columns().iter();
            let paths = columns.map(|column| column.path().string());
            let is_named = |path: &str| {
                let below = |name| path.strip_prefix(name);
                let mut rests = names.iter().filter_map(below);
                rests.any(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let places = paths.enumerate().filter(|(_, path)| is_named(path));
            places.map(|(leaf, _)| leaf).collect()
        };
        let having = |names: &[&str], word: &str| {
            let leaves = places(names);
            let rows = lines(&stored, group, Some(&leaves), None).filter(|_| !leaves.is_empty());
            rows.map(|rows| rows.iter().map(|row| has(row, word)).collect())
        };
        Group {
            rows: verdicts,
            actions: having(&["eventname", "api.operation"], ACTION),
            requests: having(&["requestparameters", "api.request.data"], NEEDLE),
            n_rows: usize::try_from(metadata.num_rows()).unwrap_or(0),
        }
    });
    Some(groups.collect())
}

/// Whether a word stands in a text, behind whatever escapes.
fn has(text: &[u8], word: &str) -> bool {
    let (plain, _) = reading::plain_text(text);
    memchr::memmem::find(&plain, word.as_bytes()).is_some()
}

/// The largest number of rows of a group that is read. The files that are made have far fewer.
const ROWS_MAX: usize = 1 << 20;

/// Something that may fail in any way.
fn quietly<T>(run: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok().flatten()
}

/// The rows of a group as lines of JSON; or some columns of them, or one row.
fn lines(
    stored: &Bytes,
    group: usize,
    leaves: Option<&[usize]>,
    row: Option<usize>,
) -> Option<Vec<Vec<u8>>> {
    quietly(|| {
        // What the writer kept of its own types is not needed, and may be what is damaged.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let stored = stored.clone();
        let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(stored, options).ok()?;
        // A damaged footer may promise more rows than memory has room for.
        let n_rows = reader.metadata().row_groups().get(group)?.num_rows();
        if usize::try_from(n_rows).ok()? > ROWS_MAX {
            return None;
        }
        let mask = match leaves {
            Some(leaves) => ProjectionMask::leaves(reader.parquet_schema(), leaves.iter().copied()),
            None => ProjectionMask::all(),
        };
        let reader = reader.with_row_groups(vec![group]).with_projection(mask);
        let reader = match row {
            Some(row) => reader.with_offset(row).with_limit(1),
            None => reader,
        };
        let batches: Result<Vec<RecordBatch>, _> = reader.build().ok()?.collect();
        let mut writer = arrow_json::LineDelimitedWriter::new(Vec::new());
        for batch in batches.ok()? {
            let rows = as_text(&StructArray::from(batch));
            writer.write(&rows.as_struct().into()).ok()?;
        }
        writer.finish().ok()?;
        let lines = writer.into_inner();
        let lines = lines.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        Some(lines.map(<[u8]>::to_vec).collect())
    })
}

/// The same with texts in place of bytes that are not declared as text, as older writers leave them.
fn as_text(array: &dyn Array) -> ArrayRef {
    if let Some(rows) = array.as_struct_opt() {
        let columns: Vec<ArrayRef> = rows
            .columns()
            .iter()
            .map(|column| as_text(column))
            .collect();
        let fields = rows.fields().iter().zip(&columns);
        let fields = fields.map(|(field, column)| {
            let field = Field::clone(field);
            Arc::new(field.with_data_type(column.data_type().clone()))
        });
        let nulls = rows.nulls().cloned();
        return Arc::new(StructArray::new(fields.collect(), columns, nulls));
    }
    match array.as_binary_opt::<i32>() {
        Some(bytes) => {
            let texts = bytes.iter();
            let texts = texts.map(|bytes| Some(String::from_utf8_lossy(bytes?).into_owned()));
            Arc::new(texts.collect::<StringArray>())
        }
        None => arrow_array::make_array(array.to_data()),
    }
}

/// Judges what a hunt found; the alerts' places are numbers of rows.
#[expect(clippy::too_many_lines, reason = "a verdict after the other")]
pub(crate) fn judge(
    damaged: &Damaged,
    whole: &Made,
    alerts: &[Alert],
    is_complete: bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |fault, at, what: &str| {
        findings.push(Finding {
            fault,
            at,
            what: what.to_owned(),
        });
    };
    let matches = |row: usize| {
        let planted = whole.planted.get(row);
        planted.is_some_and(|planted| planted.kind == Kind::Match)
    };
    let is_alerted = |row: usize| alerts.iter().any(|alert| alert.start == row);
    let groups = read(&damaged.made.text);
    let mut first = 0;
    for (index, group) in groups.iter().flatten().enumerate() {
        for row in first..first + group.n_rows.min(10_000) {
            match group.rows.as_ref().map(|rows| rows.get(row - first)) {
                Some(Some((Verdict::Match, _))) if !is_alerted(row) => {
                    let fault = if is_complete {
                        Fault::MatchLost
                    } else {
                        Fault::Unread
                    };
                    find(fault, row, "the row is read and matches");
                }
                Some(Some((Verdict::Undecided, _))) if !is_alerted(row) && is_complete => {
                    find(
                        Fault::Undecided,
                        row,
                        "the row is read and cannot be decided",
                    );
                }
                // What has no event to the letter may have one for a reader that bears with more.
                Some(Some((Verdict::No, _) | (Verdict::NoRecord, false))) if is_alerted(row) => {
                    find(Fault::FalseAlert, row, "the row is read and says no");
                }
                None if is_complete
                    && matches(row)
                    && !is_alerted(row)
                    && !group.says_less(row - first) =>
                {
                    // A fault elsewhere in the group need not hide the row, which may be another one now.
                    let stored = Bytes::copy_from_slice(&damaged.made.text);
                    let alone = lines(&stored, index, None, Some(row - first));
                    let alone = alone.and_then(|lines| json::whole(lines.first()?));
                    if alone.is_none_or(|row| reading::verdict(&row) > Verdict::No) {
                        find(
                            Fault::BrokenLost,
                            row,
                            "the group of the row cannot be read",
                        );
                    }
                }
                _ => {}
            }
        }
        first += group.n_rows;
    }
    // Where no byte of a page was hurt, all rows are what they were, whatever is said of them.
    let is_beside = damaged.touched.iter().all(|at| *at >= whole.body);
    // Of three bytes or fewer nobody can tell what they were.
    let is_left = damaged.made.text.len() > 3;
    if is_complete && is_left && (is_beside || groups.is_none()) {
        for row in (0..whole.planted.len()).filter(|row| matches(*row) && !is_alerted(*row)) {
            let told = groups.is_some();
            let what = if told {
                "only the metadata is damaged"
            } else {
                "nothing can be read"
            };
            find(Fault::IntactLost, row, what);
        }
    }
    for (n, alert) in alerts.iter().enumerate() {
        if alerts[..n].contains(alert) {
            find(Fault::Twice, alert.start, "two alerts for a row");
        }
    }
    findings
}
