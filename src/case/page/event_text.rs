//! How a page writes what an event says: its time, its actor, and its columns.

use jiff::Timestamp;

use super::shown;
use crate::case::{CaseEvent, is_of_aws};
use crate::output::Column;

/// Returns a column of an event, or an empty text if it has no value.
pub(super) fn text(event: &CaseEvent, column: Column) -> String {
    shown(event.alert.text(column).unwrap_or_default())
}

/// Returns a time, or words that there is none.
pub(super) fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(
        || "at a time that cannot be read".to_owned(),
        |t| t.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
    )
}

/// Returns a time in the same form, or an empty text if there is no time.
pub(super) fn time_if_any(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| time(Some(at)))
}

/// Returns who acted, as far as the event names it.
pub(super) fn who(event: &CaseEvent) -> String {
    if is_of_aws(&event.alert) {
        return format!("AWS (in the name of {})", text(event, Column::ActorArn));
    }
    let named =
        [Column::ActorArn, Column::ActorName, Column::InvokedBy].map(|column| text(event, column));
    named
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "somebody".to_owned())
}
