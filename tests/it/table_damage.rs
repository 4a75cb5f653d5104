//! Parquet whose pages and footer contradict each other: what is damaged in one is shown by the other.

use std::fs;

use memchr::memmem;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Value, json};

use crate::lake::{Hunt, Lake, attach};
use crate::tables::{athena, athena_row, rows, text, write};

const DOUBT: &str = "its rows may be wrong";

/// Hunts through a table of these rows, once as it is and once damaged.
fn before_and_after(
    rows: &[Value],
    properties: WriterPropertiesBuilder,
    damage: impl FnOnce(&mut Vec<u8>),
) -> [Hunt; 2] {
    let mut fields = athena();
    fields.push(text("raw"));
    let lake = Lake::new().file("b", "");
    let table = lake.logs().join("a.parquet");
    write(&table, &fields, rows, properties);
    let before = lake.hunt(&[]).exits(0);
    assert!(!before.alerts.is_empty());
    let mut bytes = fs::read(&table).unwrap();
    damage(&mut bytes);
    fs::write(&table, bytes).unwrap();
    [before, lake.hunt(&["--force"])]
}

/// The only place of some bytes.
#[track_caller]
fn place(bytes: &[u8], sought: &[u8]) -> usize {
    let places: Vec<usize> = memmem::find_iter(bytes, sought).collect();
    assert_eq!(places.len(), 1, "{sought:02x?}");
    places[0]
}

/// Where the pages of a column are in the first row group.
fn pages_of(bytes: &[u8], name: &str) -> std::ops::Range<usize> {
    let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).unwrap();
    let columns = reader.metadata().row_group(0).columns().iter();
    let mut columns = columns.filter(|column| column.column_path().string() == name);
    let (start, length) = columns.next().unwrap().byte_range();
    usize::try_from(start).unwrap()..usize::try_from(start + length).unwrap()
}

/// The levels of such a column are read as values, or its values as levels.
#[test]
fn an_optional_column_that_is_said_to_be_required_is_told() {
    for name in ["eventname", "errorcode", "requestparameters", "useragent"] {
        for has_dictionary in [true, false] {
            for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
                for compression in [
                    Compression::UNCOMPRESSED,
                    Compression::ZSTD(ZstdLevel::default()),
                ] {
                    let properties = WriterProperties::builder()
                        .set_dictionary_enabled(has_dictionary)
                        .set_writer_version(version)
                        .set_compression(compression);
                    let [_, after] =
                        before_and_after(&rows(300, athena_row), properties, |bytes| {
                            // The repetition, which is field 3, and the name with its length, which is field 4.
                            let length = u8::try_from(name.len()).unwrap();
                            let field = [&[0x25, 2, 0x18, length], name.as_bytes()].concat();
                            let at = place(bytes, &field);
                            bytes[at + 1] = 0;
                        });
                    let way = format!("{name}, {has_dictionary}, {version:?}, {compression:?}");
                    assert_eq!(after.exit, Some(3), "{way}: {}", after.stderr);
                }
            }
        }
    }
}

/// Where a single value of a page is null, its levels have the place of that value. Each row is then another one.
#[test]
fn a_column_with_one_null_that_is_said_to_be_required_is_told() {
    for n_rows in [8, 9, 20, 300] {
        for name in ["eventname", "requestparameters"] {
            let mut rows = rows(n_rows, athena_row);
            rows[0][name] = Value::Null;
            let properties = WriterProperties::builder().set_dictionary_enabled(false);
            let [_, after] = before_and_after(&rows, properties, |bytes| {
                let length = u8::try_from(name.len()).unwrap();
                let field = [&[0x25, 2, 0x18, length], name.as_bytes()].concat();
                let at = place(bytes, &field);
                bytes[at + 1] = 0;
            });
            assert_eq!(after.exit, Some(3), "{name} of {n_rows}: {}", after.stderr);
        }
    }
}

/// A count of nulls in the footer that says "none" would pass over the rows of a group whose actions are others.
#[test]
fn a_damaged_count_of_nulls_hides_no_row() {
    let mut rows: Vec<Value> = (0..100).map(|id| athena_row(id, "GetUser", "x")).collect();
    rows[20] = json!({"eventname": null, "raw": attach("unread")});
    let [before, after] = before_and_after(&rows, WriterProperties::builder(), |bytes| {
        // In the statistics, one null, then the greatest action.
        let at = place(bytes, b"\x36\x02\x28\x07GetUser");
        bytes[at + 1] = 0;
    });
    before.finds(&["unread"]);
    after.finds(&["unread"]);
}

/// A column whose bytes were lost has pages of another one, and a footer that begins before it should.
#[test]
fn bytes_that_were_lost_from_the_pages_are_told() {
    let rows = rows(300, athena_row);
    let [_, after] = before_and_after(&rows, WriterProperties::builder(), |bytes| {
        let start = pages_of(bytes, "eventtime").start;
        bytes.drain(start + 20..start + 50);
    });
    after.exits(3).says("bytes before it are lost");
}

/// Zeros are empty texts, many of them: those that follow are then those of other rows.
#[test]
fn texts_that_were_zeroed_are_told() {
    let properties = WriterProperties::builder().set_dictionary_enabled(false);
    let [_, after] = before_and_after(&rows(300, athena_row), properties, |bytes| {
        let pages = pages_of(bytes, "requestparameters");
        let first = memmem::find(&bytes[pages.clone()], b"{\"userName\"").unwrap();
        let start = pages.start + first - 4;
        let length = usize::from(bytes[start]);
        // Four texts with their lengths, so that the next one begins where a length is expected.
        bytes[start..start + 4 * (4 + length)].fill(0);
    });
    after.exits(3).says(DOUBT);
}

/// Pages after the last row that is sought are not decoded, and their headers are read all the same.
#[test]
fn pages_that_are_not_there_are_told() {
    let rows = rows(100, athena_row);
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_data_page_row_count_limit(10)
        .set_write_batch_size(5);
    let [before, after] = before_and_after(&rows, properties, |bytes| {
        let end = pages_of(bytes, "useragent").end;
        // Each of the ten pages has some 200 bytes.
        bytes[end - 400..end - 1].fill(0);
    });
    assert_eq!(after.alerts.len(), before.alerts.len());
    after.exits(3).says(DOUBT);
}

/// An offset index that does not lead to the pages is not used.
#[test]
fn a_damaged_offset_index_hides_no_row() {
    let rows = rows(300, athena_row);
    let properties = || {
        WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_data_page_row_count_limit(5)
            .set_write_batch_size(5)
    };
    let [before, after] = before_and_after(&rows, properties(), |bytes| {
        let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).unwrap();
        for group in reader.metadata().row_groups() {
            for column in group.columns() {
                let at = usize::try_from(column.offset_index_offset().unwrap()).unwrap();
                let length = usize::try_from(column.offset_index_length().unwrap()).unwrap();
                // The first row of the second page: 5, which is written as 10, becomes 9.
                let index = &bytes[at..at + length];
                let row = memmem::find(index, &[0x16, 10, 0]).unwrap();
                bytes[at + row + 1] = 18;
            }
        }
    });
    let ids =
        |hunt: &Hunt| Vec::from_iter(hunt.alerts.iter().map(|alert| alert["event_id"].clone()));
    assert_eq!(ids(&after), ids(&before));
    after.exits(0);
}
