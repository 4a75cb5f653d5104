//! A case that is read back from its folder, to be shown again.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use jiff::Timestamp;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::collected::{EventKey, Sighted, event_key};
use super::files::{ABOUT, EVENTS, NEIGHBOURS, PARTS};
use super::users::QUARANTINE;
use super::{About, Case, Neighbour, Seen, joined, users};
use crate::follow::{Entity, Kind, Quarantine, Story, Traces};
use crate::output::Alert;
use crate::report::Relation;

/// The case in a folder.
///
/// # Errors
///
/// What the system says, and what is wrong with the file of which this tells the name.
pub fn read(folder: &Path) -> io::Result<Case> {
    let named = |name: &'static str| {
        move |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"))
    };
    let about = about(&folder.join(ABOUT)).map_err(named(ABOUT))?;
    let mut events = std::collections::BTreeMap::new();
    each_batch(&folder.join(EVENTS), &mut |batch| {
        for row in 0..batch.num_rows() {
            let (key, seen) = event(batch, row)?;
            events.insert(key, seen);
        }
        Ok(())
    })
    .map_err(named(EVENTS))?;
    let mut neighbours = Vec::new();
    each_batch(&folder.join(NEIGHBOURS), &mut |batch| {
        for row in 0..batch.num_rows() {
            neighbours.push(neighbour(batch, row)?);
        }
        Ok(())
    })
    .map_err(named(NEIGHBOURS))?;
    let (events, users) = users::divide(events, &about.beginnings, about.window, about.max_hops);
    if events.len() as u64 != about.events {
        let message = format!("it has {} events of {}", events.len(), about.events);
        return Err(named(EVENTS)(invalid(&message)));
    }
    Ok(Case {
        known: joined(&users, about.max_hops),
        about,
        users,
        events,
        neighbours,
    })
}

fn about(path: &Path) -> io::Result<About> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn each_batch(
    path: &Path,
    visit: &mut dyn FnMut(&RecordBatch) -> io::Result<()>,
) -> io::Result<()> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()?;
    for batch in reader {
        visit(&batch.map_err(io::Error::other)?)?;
    }
    Ok(())
}

/// A column, which must be of a type that is like this one.
fn column<'b>(
    batch: &'b RecordBatch,
    name: &str,
    is_right: fn(&DataType) -> bool,
) -> io::Result<&'b ArrayRef> {
    let column = batch.column_by_name(name);
    let column = column.filter(|column| is_right(column.data_type()));
    column.ok_or_else(|| invalid(&format!("it has no column {name} of the right type")))
}

fn text(batch: &RecordBatch, name: &str, row: usize) -> io::Result<Option<String>> {
    let texts = column(batch, name, |kind| *kind == DataType::Utf8)?.as_string::<i32>();
    Ok(texts.is_valid(row).then(|| texts.value(row).to_owned()))
}

fn number(batch: &RecordBatch, name: &str, row: usize) -> io::Result<i64> {
    let numbers = column(batch, name, |kind| *kind == DataType::Int64)?;
    Ok(numbers.as_primitive::<Int64Type>().value(row))
}

fn time(batch: &RecordBatch, name: &str, row: usize) -> io::Result<Option<Timestamp>> {
    let times = column(batch, name, |kind| matches!(kind, DataType::Timestamp(..)))?;
    let times = times
        .as_primitive_opt::<TimestampMicrosecondType>()
        .ok_or_else(|| invalid(&format!("{name} is not in microseconds")))?;
    let time = times.is_valid(row).then(|| times.value(row));
    Ok(time.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
}

fn event(batch: &RecordBatch, row: usize) -> io::Result<(EventKey, Sighted)> {
    let read_only = column(batch, "read_only", |kind| *kind == DataType::Boolean)?.as_boolean();
    let [actors, on, made, given] = PARTS.map(|part| entities(batch, part, row));
    let relation = text(batch, "relation", row)?.unwrap_or_default();
    let mut relations = Relation::ALL.into_iter();
    let story = Story {
        traces: Traces {
            actors: actors?,
            on: on?,
            made: made?,
            given: given?,
        },
        error_code: text(batch, "error_code", row)?,
        error_message: text(batch, "error_message", row)?,
        read_only: read_only.is_valid(row).then(|| read_only.value(row)),
        response_elements: text(batch, "response_elements", row)?,
        quarantine: match relation == QUARANTINE {
            true => Some(Quarantine::Made),
            false => relations
                .find(|one| one.name() == relation)
                .map(Quarantine::Beside),
        },
    };
    let place = (
        number(batch, "record_index", row)?,
        number(batch, "byte_offset", row)?,
    );
    let alert = Alert::read_back(&|name| text(batch, name, row), place, story)?;
    let n = number(batch, "sightings", row)?;
    let seen = Sighted::new(alert, n.unsigned_abs());
    Ok((event_key(&seen.alert), seen))
}

/// What a list of who is who has.
fn entities(batch: &RecordBatch, name: &str, row: usize) -> io::Result<Vec<Entity>> {
    let lists = column(batch, name, |kind| matches!(kind, DataType::List(_)))?.as_list::<i32>();
    let wrong = || invalid(&format!("{name} is no list of kinds, accounts and names"));
    let all = lists.value(row);
    let all = all.as_struct_opt().ok_or_else(wrong)?;
    let texts = |name| {
        let column = all.column_by_name(name);
        column.and_then(|column| column.as_string_opt::<i32>())
    };
    let columns = texts("kind").zip(texts("account_id")).zip(texts("name"));
    let ((kinds, accounts), names) = columns.ok_or_else(wrong)?;
    let one = |i| {
        Some(Entity {
            kind: kind(kinds.value(i))?,
            account: accounts.value(i).to_owned(),
            name: names.value(i).to_owned(),
        })
    };
    let all: Option<Vec<Entity>> = (0..all.len()).map(one).collect();
    all.ok_or_else(wrong)
}

fn kind(name: &str) -> Option<Kind> {
    serde_json::from_value(name.into()).ok() // a name that no version knew is no kind
}

fn neighbour(batch: &RecordBatch, row: usize) -> io::Result<Neighbour> {
    let text = |name| Ok::<_, io::Error>(text(batch, name, row)?.unwrap_or_default());
    Ok(Neighbour {
        address: text("address")?,
        entity: Entity {
            kind: kind(&text("kind")?).ok_or_else(|| invalid("a kind is not known"))?,
            account: text("account_id")?,
            name: text("name")?,
        },
        seen: Seen {
            first: time(batch, "first_seen", row)?,
            last: time(batch, "last_seen", row)?,
            n_events: number(batch, "events", row)?.unsigned_abs(),
            n_errors: number(batch, "errors", row)?.unsigned_abs(),
        },
    })
}
