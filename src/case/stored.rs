//! Reads a case back from its folder, to show it again.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use jiff::Timestamp;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::collected::{EventKey, Sighted, event_key};
use super::event_table::{LEFT_OUT, PARTS, TARGETS};
use super::files::{ABOUT, EVENTS, FILES, LATER, NEIGHBOURS, PERIODS, USES};
use super::sums::{CHANGED, check_sums};
use super::users::QUARANTINE;
use super::{About, Case, LaterUse, Neighbour, Seen, joined, users};
use crate::follow::{
    CaseDetails, Data, Entity, EntityRefs, Kind, Quarantine, Target, TargetRole, Touched,
};
use crate::output::Alert;
use crate::output::columns::older_name;
use crate::report::Relation;

/// Reads the case in a folder.
///
/// # Errors
///
/// The I/O error, or the error in the file; the message has the name of the file.
pub fn read(folder: &Path) -> io::Result<Case> {
    let named = |name: &'static str| {
        move |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"))
    };
    check_sums(folder, [ABOUT])?;
    let mut about = about(&folder.join(ABOUT)).map_err(named(ABOUT))?;
    // Earlier versions wrote fewer files.
    let written = FILES
        .into_iter()
        .filter(|name| about.files.contains_key(*name));
    for (name, sum) in check_sums(folder, written)? {
        if about.files.get(name) != Some(&sum) {
            return Err(named(name)(invalid(CHANGED)));
        }
    }
    for beginning in &mut about.beginnings {
        // They are written in order, but anyone may have edited the file.
        beginning
            .quarantines
            .iter_mut()
            .for_each(|times| times.sort_unstable());
    }
    let events = events(folder, EVENTS, &about).map_err(named(EVENTS))?;
    let later = events_if_any(folder, &about).map_err(named(LATER))?;
    let mut neighbours = Vec::new();
    each_row(folder, NEIGHBOURS, &about, &mut |row| {
        neighbours.push(neighbour(row)?);
        Ok(())
    })
    .map_err(named(NEIGHBOURS))?;
    let mut uses = uses(folder, &about).map_err(named(USES))?;
    let divided = users::divide(
        events,
        later,
        &about.beginnings,
        about.window,
        about.max_hops,
    );
    let users::Divided {
        events,
        later,
        mut users,
    } = divided;
    for (name, n, expected) in [
        (EVENTS, events.len(), about.events),
        (LATER, later.len(), about.later),
    ] {
        if n as u64 != expected {
            let message = format!("it has {n} events of {expected}");
            return Err(named(name)(invalid(&message)));
        }
    }
    for user in &mut users {
        let own = uses.remove(&user.beginning.entity).unwrap_or_default();
        user.uses = own.into_values().collect();
    }
    Ok(Case {
        known: joined(&users, about.max_hops),
        about,
        users,
        events,
        later,
        neighbours,
    })
}

/// Reads a table of events.
fn events(folder: &Path, name: &str, about: &About) -> io::Result<BTreeMap<EventKey, Sighted>> {
    let mut events = BTreeMap::new();
    each_row(folder, name, about, &mut |row| {
        let (key, seen) = event(row)?;
        events.insert(key, seen);
        Ok(())
    })?;
    Ok(events)
}

/// Reads the later events. Earlier versions wrote none.
fn events_if_any(folder: &Path, about: &About) -> io::Result<BTreeMap<EventKey, Sighted>> {
    match about.files.contains_key(LATER) {
        true => events(folder, LATER, about),
        false => Ok(BTreeMap::new()),
    }
}

/// The later uses of each user's entities.
type Uses = BTreeMap<Entity, BTreeMap<Entity, LaterUse>>;

/// Reads the later uses. Earlier versions wrote none.
fn uses(folder: &Path, about: &About) -> io::Result<Uses> {
    let mut uses = Uses::new();
    if !about.files.contains_key(USES) {
        return Ok(uses);
    }
    each_row(folder, USES, about, &mut |row| {
        let user = entity(row, ["user_kind", "user_account_id", "user_name"])?;
        let used = entity(row, ["kind", "account_id", "name"])?;
        let own = uses.entry(user).or_default();
        let own = own.entry(used.clone()).or_insert_with(|| LaterUse {
            entity: used,
            seen: Seen::default(),
            since_lifted: Seen::default(),
        });
        let period = row.word("period")?;
        match PERIODS.iter().position(|one| *one == period) {
            Some(0) => own.seen = seen(row)?,
            Some(_) => own.since_lifted = seen(row)?,
            None => return Err(invalid("a period is not known")),
        }
        Ok(())
    })?;
    Ok(uses)
}

fn about(path: &Path) -> io::Result<About> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Calls `visit` for each row of a table of the case, which must be one of those whose hashes were checked.
fn each_row(
    folder: &Path,
    name: &str,
    about: &About,
    visit: &mut dyn FnMut(&Row<'_>) -> io::Result<()>,
) -> io::Result<()> {
    if !about.files.contains_key(name) {
        return Err(invalid(&format!("{ABOUT} has no hash of it")));
    }
    let file = File::open(folder.join(name))?;
    let read = || {
        for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.build()? {
            let batch = batch.map_err(io::Error::other)?;
            let schema = batch.schema();
            let names = schema.fields().iter().map(|field| field.name().as_str());
            let columns: HashMap<&str, &ArrayRef> = names.zip(batch.columns()).collect();
            for at in 0..batch.num_rows() {
                visit(&Row {
                    columns: &columns,
                    at,
                })?;
            }
        }
        Ok(())
    };
    // The reader trusts the metadata in a file, so a maliciously crafted file could make it panic.
    let read = catch_unwind(AssertUnwindSafe(read));
    read.unwrap_or_else(|_| Err(invalid("it is damaged")))
}

/// A row of a table.
struct Row<'b> {
    columns: &'b HashMap<&'b str, &'b ArrayRef>,
    at: usize,
}

impl Row<'_> {
    /// Returns a column, if it is there and has a value in this row. Earlier versions wrote fewer columns.
    fn column(&self, name: &str, is_right: fn(&DataType) -> bool) -> io::Result<Option<&ArrayRef>> {
        let Some(column) = self.columns.get(name).copied() else {
            return Ok(None);
        };
        if !is_right(column.data_type()) {
            return Err(invalid(&format!("the column {name} has another type")));
        }
        Ok(column.is_valid(self.at).then_some(column))
    }

    fn text(&self, name: &str) -> io::Result<Option<String>> {
        let column = self.column(name, |kind| *kind == DataType::Utf8)?;
        Ok(column.map(|column| column.as_string::<i32>().value(self.at).to_owned()))
    }

    /// Returns a text that must be present in each row.
    fn word(&self, name: &str) -> io::Result<String> {
        let missing = || invalid(&format!("a row has no {name}"));
        self.text(name)?.ok_or_else(missing)
    }

    fn number_if_any(&self, name: &str) -> io::Result<Option<i64>> {
        let column = self.column(name, |kind| *kind == DataType::Int64)?;
        Ok(column.map(|column| column.as_primitive::<Int64Type>().value(self.at)))
    }

    /// Returns a number that must be present in each row.
    fn number(&self, name: &str) -> io::Result<i64> {
        let value = self.number_if_any(name)?;
        value.ok_or_else(|| invalid(&format!("a row has no {name}")))
    }

    fn time(&self, name: &str) -> io::Result<Option<Timestamp>> {
        let is_time =
            |kind: &DataType| matches!(kind, DataType::Timestamp(TimeUnit::Microsecond, _));
        let column = self.column(name, is_time)?;
        let micros = column.map(|column| {
            let times = column.as_primitive::<TimestampMicrosecondType>();
            times.value(self.at)
        });
        Ok(micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }

    /// Returns the elements of a list whose fields are texts: those with the given names, in their order. A field
    /// without a value is empty.
    fn list<const N: usize>(&self, name: &str, fields: [&str; N]) -> io::Result<Vec<[String; N]>> {
        let wrong = || invalid(&format!("{name} is no list of {}", fields.join(", ")));
        let Some(column) = self.column(name, |kind| matches!(kind, DataType::List(_)))? else {
            return Ok(Vec::new());
        };
        let all = column.as_list::<i32>().value(self.at);
        let all = all.as_struct_opt().ok_or_else(wrong)?;
        let texts = |name: &&str| {
            let column = all.column_by_name(name);
            column.and_then(|column| column.as_string_opt::<i32>())
        };
        let columns: Option<Vec<_>> = fields.iter().map(texts).collect();
        let columns = columns.ok_or_else(wrong)?;
        let cell = |at: usize, n: usize| {
            let column = columns.get(n).filter(|column| column.is_valid(at));
            column.map_or_else(String::new, |column| column.value(at).to_owned())
        };
        let elements = (0..all.len()).map(|at| std::array::from_fn(|n| cell(at, n)));
        Ok(elements.collect())
    }

    /// Returns the entities in a list. Things that a case does not follow are in the same lists, and are left out here:
    /// they are read with the targets.
    fn entities(&self, name: &str) -> io::Result<Vec<Entity>> {
        let all = self.list(name, ["kind", "account_id", "name"])?.into_iter();
        let entities = all.filter_map(|[of, account, name]| {
            Some(Entity {
                kind: Kind::from_name(&of)?,
                account,
                name,
            })
        });
        Ok(entities.collect())
    }

    /// Returns what the call touched.
    fn touched(&self) -> io::Result<Touched> {
        let fields = ["role", "kind", "account_id", "name", "data"];
        let all = self.list(TARGETS, fields)?.into_iter();
        let targets = all.map(|[role, kind, account, name, data]| {
            let data = match data.as_str() {
                "" => None,
                name => Some(Data::from_name(name)?),
            };
            Some(Target {
                role: TargetRole::from_name(&role)?,
                kind,
                account,
                name,
                data,
            })
        });
        let targets: Option<Vec<Target>> = targets.collect();
        let wrong = || invalid(&format!("{TARGETS} has a role or data that is not known"));
        Ok(Touched {
            targets: targets.ok_or_else(wrong)?,
            n_left_out: self.number_if_any(LEFT_OUT)?.unwrap_or(0).unsigned_abs(),
        })
    }
}

fn event(row: &Row<'_>) -> io::Result<(EventKey, Sighted)> {
    let [actors, on, made, given] = PARTS.map(|part| row.entities(part));
    let relation = row.word("relation")?;
    let mut relations = Relation::ALL.into_iter();
    let read_only = row.column("read_only", |kind| *kind == DataType::Boolean)?;
    let story = CaseDetails {
        traces: EntityRefs {
            actors: actors?,
            on: on?,
            made: made?,
            given: given?,
        },
        error_code: row.text("error_code")?,
        error_message: row.text("error_message")?,
        read_only: read_only.map(|column| column.as_boolean().value(row.at)),
        key_status: row.text("key_status")?,
        response_elements: row.text("response_elements")?,
        quarantine: match relation == QUARANTINE {
            true => Some(Quarantine::Made),
            false => relations
                .find(|one| one.name() == relation)
                .map(Quarantine::Beside),
        },
        touched: row.touched()?,
    };
    let log_offset = match row.number_if_any("log_offset")? {
        Some(offset) => offset,
        // Versions before 0.2.0 had other names.
        None => row.number("byte_offset")?,
    };
    let place = (row.number("record_index")?, log_offset);
    let text = |name: &str| match (row.text(name)?, older_name(name)) {
        (None, Some(older)) => row.text(older),
        (text, _) => Ok(text),
    };
    let alert = Alert::read_back(&text, place)?;
    let seen = Sighted::new(alert, story, row.number("sightings")?.unsigned_abs());
    Ok((event_key(&seen.alert), seen))
}

fn neighbour(row: &Row<'_>) -> io::Result<Neighbour> {
    Ok(Neighbour {
        address: row.word("address")?,
        entity: entity(row, ["kind", "account_id", "name"])?,
        seen: seen(row)?,
    })
}

/// Returns the entity in three columns.
fn entity(row: &Row<'_>, [kind_of, account, name]: [&str; 3]) -> io::Result<Entity> {
    Ok(Entity {
        kind: Kind::from_name(&row.word(kind_of)?).ok_or_else(|| invalid("a kind is not known"))?,
        account: row.text(account)?.unwrap_or_default(),
        name: row.word(name)?,
    })
}

/// Returns the times and the number of events in a row.
fn seen(row: &Row<'_>) -> io::Result<Seen> {
    let number = |name| Ok::<_, io::Error>(row.number(name)?.unsigned_abs());
    Ok(Seen {
        first: row.time("first_seen")?,
        last: row.time("last_seen")?,
        n_events: number("events")?,
        n_errors: number("errors")?,
    })
}
