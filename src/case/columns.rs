//! The columns that the tables of a case have in common.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde_json::{Value, json};

use super::seen::Seen;
use crate::follow::Entity;
use crate::output::columns::UTC_AS_OFFSET;

pub(super) fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

pub(super) fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

pub(super) fn time(name: &str) -> Field {
    let zone = Some(UTC_AS_OFFSET.into());
    Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, zone), true)
}

/// Returns columns, followed by the columns of the first and last time and the number of events.
pub(super) fn schema_with_seen(columns: Vec<Field>) -> SchemaRef {
    let seen = [
        time("first_seen"),
        time("last_seen"),
        long("events"),
        long("errors"),
    ];
    Arc::new(Schema::new([columns, seen.to_vec()].concat()))
}

/// Returns a row with the values of these columns.
pub(super) fn row_with_seen(mut row: Value, seen: &Seen) -> Value {
    row["first_seen"] = json!(seen.first);
    row["last_seen"] = json!(seen.last);
    row["events"] = json!(seen.n_events);
    row["errors"] = json!(seen.n_errors);
    row
}

pub(super) fn account(entity: &Entity) -> Option<&str> {
    (!entity.account.is_empty()).then_some(&entity.account)
}
