//! Parquet as input: the tables that CloudTrail is kept in.

use std::fs::{self, File};
use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{ArrayRef, BinaryArray, FixedSizeBinaryArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Value, json};

use crate::lake::{Lake, attach, gzip, zstd};
use crate::unreadable::base64;

pub(crate) fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn group(name: &str, fields: Vec<Field>) -> Field {
    Field::new(name, DataType::Struct(fields.into()), true)
}

/// The table that CTAS makes of CloudTrail in Athena.
pub(crate) fn athena() -> Vec<Field> {
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    vec![
        Field::new("eventtime", time, true),
        text("eventname"),
        text("eventsource"),
        text("errorcode"),
        text("requestparameters"),
        text("useragent"),
        text("eventid"),
    ]
}

pub(crate) fn athena_row(id: usize, action: &str, policy: &str) -> Value {
    json!({
        "eventtime": "2024-05-01T12:00:00", "eventname": action, "eventsource": "iam.amazonaws.com",
        "requestparameters": format!(r#"{{"userName": "alice", "policyArn": "arn:aws:iam::aws:policy/{policy}"}}"#),
        "useragent": "aws-internal/3", "eventid": id.to_string(),
    })
}

/// What Security Lake's second version has, as far as it is needed.
fn security_lake() -> Vec<Field> {
    vec![
        group(
            "metadata",
            vec![
                group("product", vec![text("name")]),
                text("version"),
                text("uid"),
            ],
        ),
        Field::new("time", DataType::Int64, true),
        Field::new("class_uid", DataType::Int32, true),
        group("cloud", vec![text("region")]),
        group(
            "api",
            vec![
                text("operation"),
                group("service", vec![text("name")]),
                group("request", vec![text("data")]),
                group("response", vec![text("error"), text("message")]),
            ],
        ),
    ]
}

fn security_lake_row(id: usize, action: &str, policy: &str) -> Value {
    json!({
        "metadata": {"product": {"name": "CloudTrail"}, "version": "1.1.0", "uid": id.to_string()},
        "time": 1_714_564_800_000_i64, "class_uid": 3001, "cloud": {"region": "us-east-1"},
        "api": {"operation": action, "service": {"name": "iam.amazonaws.com"},
                "request": {"data": format!(r#"{{"policyArn":"arn:aws:iam::aws:policy/{policy}"}}"#)}},
    })
}

fn batch(fields: &[Field], rows: &[Value]) -> RecordBatch {
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let reader = arrow_json::ReaderBuilder::new(schema).with_batch_size(rows.len());
    reader
        .build(Cursor::new(lines))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
}

/// Writes a table, in row groups of 100.
pub(crate) fn write(
    path: &Path,
    fields: &[Field],
    rows: &[Value],
    properties: WriterPropertiesBuilder,
) {
    let batch = batch(fields, rows);
    let properties = properties.set_max_row_group_row_count(Some(100)).build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// An archive of one table with this many rows, in row groups of 100.
pub(crate) fn lake_of_rows(n: usize) -> Lake {
    let lake = Lake::new();
    let path = lake.logs().join("a.parquet");
    write(
        &path,
        &athena(),
        &rows(n, athena_row),
        WriterProperties::builder(),
    );
    lake
}

/// Rows of which some are quarantines, and some nearly.
pub(crate) fn rows(n: usize, row: impl Fn(usize, &str, &str) -> Value) -> Vec<Value> {
    let of = |n: usize| match n % 250 {
        7 => row(n, "AttachUserPolicy", "AWSCompromisedKeyQuarantineV2"),
        8 => row(n, "AttachUserPolicy", "ReadOnlyAccess"),
        9 => row(n, "DetachUserPolicy", "AWSCompromisedKeyQuarantineV2"),
        10 => row(n, "GetPolicy", "AWSCompromisedKeyQuarantineV2"),
        _ => row(n, "GetObject", "x"),
    };
    (0..n).map(of).collect()
}

/// The alerts of a table must be those of its rows as lines of JSON, wherever they stand.
#[track_caller]
fn same_as_lines(
    fields: &[Field],
    rows: &[Value],
    properties: WriterPropertiesBuilder,
    n_alerts: usize,
) {
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let of_lines = Lake::new().file("a.ndjson", lines).hunt(&[]).exits(0);
    let lake = Lake::new().file("b", "");
    write(&lake.logs().join("a.parquet"), fields, rows, properties);
    let of_table = lake.hunt(&[]).exits(0);
    let events = |alerts: &[Value]| -> Vec<Value> {
        let columns = [
            "event_id",
            "event_time",
            "event_action",
            "policy_arn",
            "target_user_name",
            "matched_field",
        ];
        let of = |alert: &Value| columns.map(|column| alert[column].clone()).to_vec().into();
        alerts.iter().map(of).collect()
    };
    assert_eq!(events(&of_table.alerts), events(&of_lines.alerts));
    assert_eq!(of_table.alerts.len(), n_alerts);
    for alert in &of_table.alerts {
        // The place of a row is its number.
        assert_eq!(
            alert["log_offset"].to_string(),
            alert["event_id"].as_str().unwrap()
        );
    }
    assert_eq!(
        of_table.report["related"]["detach"],
        of_lines.report["related"]["detach"]
    );
    // All events that name the policy, where that is asked for.
    let related = lake.hunt(&["--related", "related.ndjson"]).exits(0);
    assert_eq!(related.report["related"], of_lines.report["related"]);
}

#[test]
fn a_table_of_athena_gives_what_its_rows_give_however_it_is_stored() {
    let rows = rows(1000, athena_row);
    let default = WriterProperties::builder;
    for properties in [
        default(),
        default().set_compression(Compression::SNAPPY),
        default().set_compression(Compression::ZSTD(Default::default())),
        default().set_compression(Compression::GZIP(Default::default())),
        default().set_compression(Compression::LZ4_RAW),
        default().set_compression(Compression::BROTLI(Default::default())),
        default().set_dictionary_enabled(false),
        default()
            .set_dictionary_enabled(false)
            .set_bloom_filter_enabled(true),
        default().set_statistics_enabled(parquet::file::properties::EnabledStatistics::None),
        default().set_writer_version(parquet::file::properties::WriterVersion::PARQUET_2_0),
        default()
            .set_data_page_row_count_limit(7)
            .set_write_batch_size(7),
    ] {
        same_as_lines(&athena(), &rows, properties, 4);
    }
}

#[test]
fn requests_may_be_structs_or_text_and_names_in_any_case() {
    let time = |unit| {
        Field::new(
            "eventTime",
            DataType::Timestamp(unit, Some("+00:00".into())),
            true,
        )
    };
    let wide = vec![
        time(TimeUnit::Microsecond),
        text("eventName"),
        text("eventSource"),
        group(
            "requestParameters",
            vec![text("policyArn"), text("userName")],
        ),
        group("userIdentity", vec![text("arn"), text("accountId")]),
        text("eventID"),
    ];
    let row = |id: usize, action: &str, policy: &str| {
        json!({
            "eventTime": "2024-05-01T12:00:00Z", "eventName": action, "eventSource": "iam.amazonaws.com",
            "requestParameters": {"policyArn": format!("arn:aws:iam::aws:policy/{policy}"), "userName": "bob"},
            "userIdentity": {"arn": "arn:aws:iam::111122223333:user/ops", "accountId": "111122223333"},
            "eventID": id.to_string(),
        })
    };
    same_as_lines(&wide, &rows(300, row), WriterProperties::builder(), 2);
}

#[test]
fn security_lake_gives_what_its_rows_give() {
    same_as_lines(
        &security_lake(),
        &rows(500, security_lake_row),
        WriterProperties::builder(),
        2,
    );
}

#[test]
fn a_column_of_text_may_hold_whole_records() {
    let row = |id: usize, action: &str, policy: &str| {
        let record = attach(&id.to_string()).replace("AttachUserPolicy", action);
        json!({"value": record.replace("AWSCompromisedKeyQuarantineV2", policy), "partition": id % 3})
    };
    let fields = [
        text("value"),
        Field::new("partition", DataType::Int32, true),
    ];
    same_as_lines(&fields, &rows(300, row), WriterProperties::builder(), 2);
}

/// The same batch with bytes of which nothing says that they are text in place of texts.
fn as_bytes(batch: &RecordBatch) -> RecordBatch {
    let of = |column: &arrow_array::ArrayRef| -> arrow_array::ArrayRef {
        match column.as_string_opt::<i32>() {
            Some(texts) => Arc::new(
                texts
                    .iter()
                    .map(|t| t.map(str::as_bytes))
                    .collect::<BinaryArray>(),
            ),
            None => Arc::clone(column),
        }
    };
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    RecordBatch::try_from_iter(columns.map(|(field, column)| (field.name(), of(column)))).unwrap()
}

#[test]
fn bytes_that_are_not_said_to_be_text_are_text() {
    let lake = Lake::new().file("b", "");
    let whole = batch(&athena(), &rows(500, athena_row));
    let texts = as_bytes(&whole);
    assert_eq!(texts.column(1).data_type(), &DataType::Binary);
    let file = File::create(lake.logs().join("a.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, texts.schema(), None).unwrap();
    writer.write(&texts).unwrap();
    writer.close().unwrap();
    lake.hunt(&[]).exits(0).finds(&["7", "257"]);
}

#[test]
fn a_filler_in_the_column_of_actions_hides_no_row() {
    let fields = [
        text("eventname"),
        text("event_name"),
        text("requestparameters"),
        text("raw"),
    ];
    let request = r#"{"policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"}"#;
    for filler in ["-", "null", "N/A", "(empty)", "[]", ""] {
        let lake = Lake::new();
        let raw = json!({"eventname": filler, "raw": attach("raw")});
        let other = json!({"eventname": filler, "event_name": "AttachUserPolicy", "requestparameters": request});
        let quiet = json!({"eventname": "GetUser"});
        let rows = [quiet, raw, other];
        write(
            &lake.logs().join("a.parquet"),
            &fields,
            &rows,
            WriterProperties::builder(),
        );
        let hunt = lake.hunt(&[]).exits(0);
        assert_eq!(hunt.report["alerts"], 2, "{filler}: {}", hunt.report);
    }
}

#[test]
fn a_row_that_names_no_action_is_judged_by_what_else_it_holds() {
    let mut fields = athena();
    fields.push(text("raw"));
    let mut rows = rows(300, athena_row);
    let quiet = json!({"eventname": null, "requestparameters": null});
    rows[20] = json!({"eventname": null, "raw": attach("unread")});
    rows[150] = quiet;
    let lake = Lake::new().file("b", "");
    write(
        &lake.logs().join("a.parquet"),
        &fields,
        &rows,
        WriterProperties::builder(),
    );
    lake.hunt(&[]).exits(0).finds(&["7", "unread", "257"]);
}

#[test]
fn a_damaged_bloom_filter_hides_no_row() {
    let rows = rows(300, athena_row);
    let lake = Lake::new().file("b", "");
    let table = lake.logs().join("a.parquet");
    let properties = WriterProperties::builder().set_bloom_filter_enabled(true);
    write(&table, &athena(), &rows, properties);
    let before = lake.hunt(&[]).exits(0);
    assert!(!before.alerts.is_empty());
    let reader = SerializedFileReader::new(File::open(&table).unwrap()).unwrap();
    let column = reader.metadata().row_group(0).column(1);
    assert_eq!(column.column_path().string(), "eventname");
    let offset = usize::try_from(column.bloom_filter_offset().unwrap()).unwrap();
    let length = usize::try_from(column.bloom_filter_length().unwrap()).unwrap();
    let mut bytes = fs::read(&table).unwrap();
    // Its head is some 20 bytes, of which none matters here.
    bytes[offset + 24..offset + length].fill(0);
    fs::write(&table, bytes).unwrap();
    let after = lake.hunt(&[]).exits(0);
    assert_eq!(after.alerts.len(), before.alerts.len());
}

#[test]
fn a_damaged_bound_hides_no_row() {
    let rows = rows(300, athena_row);
    let lake = Lake::new().file("b", "");
    let table = lake.logs().join("a.parquet");
    write(&table, &athena(), &rows, WriterProperties::builder());
    let before = lake.hunt(&[]).exits(0);
    assert!(!before.alerts.is_empty());
    let mut bytes = fs::read(&table).unwrap();
    // The least action in the footer's statistics.
    let least = memchr::memmem::rfind_iter(&bytes, b"AttachUserPolicy");
    let places: Vec<usize> = least.take(2).collect();
    for at in places {
        bytes[at] = 0xc7;
    }
    fs::write(&table, bytes).unwrap();
    let after = lake.hunt(&[]).exits(0);
    assert_eq!(after.alerts.len(), before.alerts.len());
}

#[test]
fn a_row_is_counted_by_the_order_of_groups_and_not_by_their_numbers() {
    let rows = rows(600, athena_row);
    let lake = Lake::new().file("b", "");
    let table = lake.logs().join("a.parquet");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(300));
    write(&table, &athena(), &rows, properties);
    let mut bytes = fs::read(&table).unwrap();
    // The last field of the second group is its number, 1, which is written as 2.
    let number = [0x14, 2, 0];
    let places: Vec<usize> = memchr::memmem::rfind_iter(&bytes, &number).collect();
    let [at] = places[..] else {
        panic!("{places:?}");
    };
    for damaged in [0, 6] {
        bytes[at + 1] = damaged;
        fs::write(&table, &bytes).unwrap();
        let hunt = lake.hunt(&[]).exits(0);
        let places = hunt.alerts.iter().map(|alert| &alert["log_offset"]);
        assert_eq!(Vec::from_iter(places), [7, 257, 507]);
    }
}

#[test]
fn a_damaged_name_of_an_action_hides_no_row() {
    for has_dictionary in [true, false] {
        let rows = rows(300, athena_row);
        let lake = Lake::new().file("b", "");
        let table = lake.logs().join("a.parquet");
        let properties = WriterProperties::builder().set_dictionary_enabled(has_dictionary);
        write(&table, &athena(), &rows, properties);
        assert!(!lake.hunt(&[]).exits(0).alerts.is_empty());
        let reader = SerializedFileReader::new(File::open(&table).unwrap()).unwrap();
        let column = reader.metadata().row_group(0).column(1);
        assert_eq!(column.column_path().string(), "eventname");
        let mut bytes = fs::read(&table).unwrap();
        let start = usize::try_from(column.data_page_offset()).unwrap();
        let start = column
            .dictionary_page_offset()
            .map_or(start, |at| usize::try_from(at).unwrap());
        let end = start + usize::try_from(column.compressed_size()).unwrap();
        let places: Vec<usize> =
            memchr::memmem::find_iter(&bytes[start..end], b"AttachUserPolicy").collect();
        for at in places {
            bytes[start + at + 6] = 0x0e;
        }
        fs::write(&table, bytes).unwrap();
        lake.hunt(&[])
            .exits(3)
            .says("the name of its action or its dataset is damaged");
    }
}

#[test]
fn what_a_file_says_of_itself_must_fit() {
    let lake = Lake::new().file("b", "");
    let [first, second] = ["1.parquet", "2.parquet"].map(|name| lake.beside(name));
    let small = rows(20, athena_row);
    let large: Vec<Value> = (0..700).map(|id| athena_row(id, "GetUser", "x")).collect();
    write(&first, &athena(), &small, WriterProperties::builder());
    let table = lake.logs().join("a.parquet");
    // The second one's metadata leaves out the first, or takes it for its own.
    for other in [&large, &small, &Vec::from_iter(small[10..].iter().cloned())] {
        write(&second, &athena(), other, WriterProperties::builder());
        let both = [fs::read(&first).unwrap(), fs::read(&second).unwrap()].concat();
        fs::write(&table, both).unwrap();
        let hunt = lake.hunt(&[]);
        assert_eq!(hunt.exit, Some(3), "{}", hunt.stderr);
    }
    // A request by another name.
    let request = r#"{"policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"}"#;
    let fields = [text("eventname"), text("params"), text("eventversion")];
    let row = json!({"eventname": "AttachUserPolicy", "eventversion": "1.08", "params": request});
    write(&table, &fields, &[row], WriterProperties::builder());
    lake.hunt(&[])
        .exits(3)
        .finds(&[])
        .tells(&["undecided"])
        .says("cannot be decided");
}

#[test]
fn columns_of_any_depth_are_told() {
    let mut field = text("policyArn");
    for _ in 0..400 {
        field = group("a", vec![field]);
    }
    let fields = [text("eventname"), group("requestparameters", vec![field])];
    let lake = Lake::new().file("b", attach("beside"));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let file = File::create(lake.logs().join("a.parquet")).unwrap();
    // Written on a thread with room for it.
    let write = move || {
        ArrowWriter::try_new(file, schema, None)
            .unwrap()
            .close()
            .unwrap()
    };
    let written = std::thread::Builder::new()
        .stack_size(1 << 28)
        .spawn(write)
        .unwrap();
    written.join().unwrap();
    lake.hunt(&[])
        .exits(3)
        .finds(&["beside"])
        .says("levels deep");
}

/// Whatever says that a group has no action of the rule, its actions are not passed over unseen.
#[test]
fn damaged_actions_are_told_also_where_nothing_is_sought() {
    let quiet = |id: usize, action: &str, policy: &str| {
        let between = if id.is_multiple_of(2) { "AAA" } else { "Zzz" };
        let action = if action == "GetObject" {
            between
        } else {
            action
        };
        athena_row(id, action, policy)
    };
    let all: Vec<Value> = (0..100).map(|id| quiet(id, "GetObject", "x")).collect();
    let one_side: Vec<Value> = (0..100)
        .map(|id| athena_row(id, "GetObject", "x"))
        .collect();
    let default = WriterProperties::builder;
    for (way, rows, properties) in [
        ("bounds", &one_side, default().set_dictionary_enabled(false)),
        ("no bounds", &all, default().set_dictionary_enabled(false)),
        (
            "Bloom filter",
            &all,
            default()
                .set_dictionary_enabled(false)
                .set_bloom_filter_enabled(true),
        ),
        ("dictionary", &all, default()),
    ] {
        let lake = Lake::new().file("b", "");
        let table = lake.logs().join("a.parquet");
        write(&table, &athena(), rows, properties);
        let reader = SerializedFileReader::new(File::open(&table).unwrap()).unwrap();
        let column = reader.metadata().row_group(0).column(1);
        assert_eq!(column.column_path().string(), "eventname");
        let mut bytes = fs::read(&table).unwrap();
        // The head of the first page of data.
        let at = usize::try_from(column.data_page_offset()).unwrap();
        bytes[at..at + 8].fill(0xff);
        fs::write(&table, bytes).unwrap();
        let hunt = lake.hunt(&[]);
        assert_eq!(hunt.exit, Some(3), "{way}: {}", hunt.stderr);
    }
}

#[test]
fn a_large_table_is_read_in_groups_also_from_a_pipe() {
    let row = |id: usize, action: &str, policy: &str| {
        let mut row = athena_row(id, action, policy);
        // Text that does not become smaller.
        let mut seed = id as u64 + 1;
        let noise: String = std::iter::repeat_with(|| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            format!("{seed:016x}")
        })
        .take(60)
        .collect();
        row["useragent"] = noise.into();
        row
    };
    let rows = rows(7000, row);
    let properties = WriterProperties::builder().set_dictionary_enabled(false);
    same_as_lines(&athena(), &rows, properties.clone(), 28);
    let lake = Lake::new();
    let table = lake.beside("a.parquet");
    write(&table, &athena(), &rows, properties);
    assert!(fs::metadata(&table).unwrap().len() > 4 << 20);
    let piped = lake
        .command(&["-"])
        .stdin(File::open(&table).unwrap())
        .output()
        .unwrap();
    assert_eq!(lake.hunted(piped).exits(0).alerts.len(), 28);
    let mapped = lake
        .command(&["a.parquet", "--threads", "4"])
        .output()
        .unwrap();
    assert_eq!(lake.hunted(mapped).exits(0).alerts.len(), 28);
    // Inside an archive, too.
    let mut zip = zip::ZipWriter::new(File::create(lake.beside("a.zip")).unwrap());
    zip.start_file("x/a.parquet", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(&fs::read(&table).unwrap()).unwrap();
    zip.finish().unwrap();
    let zipped = lake
        .command(&["a.zip"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let zipped = lake.hunted(zipped).exits(0);
    assert_eq!(zipped.alerts.len(), 28);
    assert_eq!(zipped.alerts[0]["log_file_member"], "x/a.parquet");
}

#[test]
fn a_table_of_other_things_is_told_and_its_text_searched() {
    let lake = Lake::new().file("b", "");
    let table = lake.logs().join("a.parquet");
    let fields = [text("name"), Field::new("n", DataType::Int64, true)];
    write(
        &table,
        &fields,
        &[json!({"name": "x", "n": 1})],
        WriterProperties::builder(),
    );
    lake.hunt(&["--allow-empty"])
        .exits(0)
        .tells(&["unknown_columns", "no_events"])
        .says("its columns are none of a CloudTrail table's; their text was searched: name, n");
    let named = json!({"name": "AWSCompromisedKeyQuarantineV2", "n": 1});
    write(
        &table,
        &fields,
        &[json!({"name": "x", "n": 1}), named],
        WriterProperties::builder(),
    );
    let hunt =
        lake.hunt(&[])
            .exits(3)
            .tells(&["unknown_columns", "needle_without_record", "no_events"]);
    let diagnostic = &hunt.report["diagnostics"][1];
    assert_eq!(
        (&diagnostic["offset"], &diagnostic["offset_in"]),
        (&1.into(), &"row".into())
    );
}

#[test]
fn records_that_are_packed_in_a_column_are_told() {
    let record = attach("1");
    for cell in [
        gzip(record.as_bytes()),
        zstd(record.as_bytes()),
        base64(record.as_bytes()).into_bytes(),
        base64(&gzip(record.as_bytes())).into_bytes(),
    ] {
        let lake = Lake::new().file("b", attach("beside"));
        let cells: ArrayRef = Arc::new(BinaryArray::from(vec![&cell[..]]));
        let batch = RecordBatch::try_from_iter([("data", cells)]).unwrap();
        let file = File::create(lake.logs().join("a.parquet")).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let hunt = lake.hunt(&[]).exits(3).finds(&["beside"]);
        hunt.tells(&["unsupported_format"])
            .says("which is not read");
    }
}

#[test]
fn a_damaged_table_is_told_and_harms_nobody() {
    let rows = rows(1000, athena_row);
    let lake = Lake::new().file("b", "");
    let table = lake.logs().join("a.parquet");
    write(&table, &athena(), &rows, WriterProperties::builder());
    let whole = fs::read(&table).unwrap();
    for n in [4, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&table, &whole[..n]).unwrap();
        lake.hunt(&[])
            .exits(3)
            .finds(&[])
            .tells(&["corrupt_stream", "no_events"])
            .says("Parquet file cannot be read");
    }
    // Whatever byte is another one, it comes to an end. What it says then cannot be told from what was written, since
    // these pages have no checksums.
    for at in (4..whole.len()).step_by(37) {
        let mut flipped = whole.clone();
        flipped[at] ^= 0xff;
        fs::write(&table, flipped).unwrap();
        let hunt = lake.hunt(&[]);
        assert!(matches!(hunt.exit, Some(0 | 3)), "at {at}: {}", hunt.stderr);
        assert!(
            !hunt.stderr.contains("program failed"),
            "at {at}: {}",
            hunt.stderr
        );
    }
}

#[test]
fn a_table_whose_empty_lists_have_no_type_is_empty() {
    let lake = Lake::new().file("b", attach("1"));
    let path = lake.logs().join("a.parquet");
    let schema = Arc::new(Schema::new(athena()));
    let file = File::create(&path).unwrap();
    ArrowWriter::try_new(file, schema, None)
        .unwrap()
        .close()
        .unwrap();
    // The head of the list of row groups, behind that of its field.
    let mut stored = fs::read(&path).unwrap();
    let at = stored
        .windows(4)
        .rposition(|w| w == [0x16, 0, 0x19, 0x0c])
        .unwrap();
    stored[at + 3] = 0;
    fs::write(&path, stored).unwrap();
    lake.hunt(&[]).exits(0).finds(&["1"]);
}

#[test]
fn a_map_of_any_keys_harms_no_row() {
    use arrow_array::builder::{Date32Builder, Int64Builder, MapBuilder, StringBuilder};
    let request = r#"{"policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"}"#;
    let mut numbers = MapBuilder::new(None, Int64Builder::new(), StringBuilder::new());
    numbers.keys().append_value(-5);
    numbers.values().append_value("five");
    numbers.keys().append_value(6);
    numbers.values().append_null();
    numbers.append(true).unwrap();
    let mut days = MapBuilder::new(None, Date32Builder::new(), Int64Builder::new());
    days.append(true).unwrap();
    let mut nothing = MapBuilder::new(None, Int64Builder::new(), Int64Builder::new());
    nothing.append(false).unwrap();
    let columns: [(&str, ArrayRef); 6] = [
        (
            "eventname",
            Arc::new(StringArray::from(vec!["AttachUserPolicy"])),
        ),
        ("eventid", Arc::new(StringArray::from(vec!["1"]))),
        (
            "requestparameters",
            Arc::new(StringArray::from(vec![request])),
        ),
        ("numbers", Arc::new(numbers.finish())),
        ("days", Arc::new(days.finish())),
        ("nothing", Arc::new(nothing.finish())),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
            .unwrap();
    let lake = Lake::new().file("b", "");
    let file = File::create(lake.logs().join("a.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let hunt = lake.hunt(&[]).exits(0).finds(&["1"]);
    let raw = hunt.alerts[0]["raw_event"].as_str().unwrap();
    assert!(raw.contains(r#""numbers":{"-5":"five","6":null}"#), "{raw}");
}

/// A field of this type that is declared as JSON.
fn json_text(name: &str) -> Field {
    text(name).with_extension_type(arrow_schema::extension::Json::default())
}

/// A list and a map with values that are declared as JSON, one of each for each row.
fn lists_of_json(n_rows: usize) -> [(Field, ArrayRef); 2] {
    use arrow_array::builder::{ListBuilder, MapBuilder, StringBuilder};
    let mut list = ListBuilder::new(StringBuilder::new()).with_field(json_text("element"));
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new())
        .with_values_field(json_text("values"));
    for _ in 0..n_rows {
        list.values().append_value(r#"{"ARN":"arn:a"}"#);
        list.append(true);
        map.keys().append_value("b");
        map.values().append_value("[1]");
        map.append(true).unwrap();
    }
    let arrays: [(&str, ArrayRef); 2] = [
        ("resources", Arc::new(list.finish())),
        ("mine", Arc::new(map.finish())),
    ];
    arrays.map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
}

/// A column of UUIDs that differ in their last bytes.
fn uuids(ends: &[u8]) -> (Field, ArrayRef) {
    let begin = *b"\x9c\x49\xe7\xfa\x98\x1a\x58\x47\xa3\x45\x42\x24\x54\xcb\xa1";
    let ids = ends.iter().map(|end| [&begin[..], &[*end]].concat());
    let field = Field::new("eventid", DataType::FixedSizeBinary(16), true);
    (
        field.with_extension_type(arrow_schema::extension::Uuid),
        Arc::new(FixedSizeBinaryArray::try_from_iter(ids).unwrap()),
    )
}

#[test]
fn columns_that_are_declared_as_json_hold_json_and_uuids_are_text() {
    let policy = r#""policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2""#;
    let by_lines = format!("{{\n  \"userName\": \"alice\",\r\n  {policy}\n}}");
    let inside = format!("{{{policy},\"userName\":\"bob\"}}");
    // What is declared as JSON need not be any.
    let printed =
        "{userName=carol, policyArn=arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3}";
    let quoted = "\"AttachUserPolicy\"";
    let texts = |name: &str, texts: [&str; 3]| -> (Field, ArrayRef) {
        (json_text(name), Arc::new(StringArray::from(texts.to_vec())))
    };
    let columns = [
        texts("eventname", [quoted, quoted, "AttachUserPolicy"]),
        texts("requestparameters", [&by_lines, &inside, printed]),
        uuids(&[1, 2, 0xf3]),
    ];
    let columns = columns.into_iter().chain(lists_of_json(3));
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let lake = Lake::new().file("b", "");
    let file = File::create(lake.logs().join("a.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let hunt = lake.hunt(&[]).exits(0);
    let column = |name: &str| -> Vec<String> {
        let values = hunt.alerts.iter().map(|alert| alert[name].as_str());
        values.map(|value| value.unwrap().to_owned()).collect()
    };
    let of_id = |end: &str| format!("9c49e7fa-981a-5847-a345-422454cba1{end}");
    assert_eq!(column("event_id"), ["01", "02", "f3"].map(of_id));
    assert_eq!(column("event_action"), ["AttachUserPolicy"; 3]);
    assert_eq!(column("target_user_name"), ["alice", "bob", "carol"]);
    let raw = column("raw_event");
    let lists = r#""resources":[{"ARN":"arn:a"}],"mine":{"b":[1]}"#;
    assert!(raw.iter().all(|raw| raw.contains(lists)), "{raw:?}");
    assert!(raw[1].contains(&inside), "{raw:?}");
}
