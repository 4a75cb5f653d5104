//! Which values inside a parsed candidate are records?
//!
//! One recogniser, by content: it goes down through objects, arrays and strings that hold JSON, until it
//! meets something that is a record. It never looks for further events inside a record: CloudTrail JSON
//! quoted in somebody's request is data. Only the members that no record has are looked into, where the record does
//! not say all itself: log shippers put fields of a record beside the record itself.

use super::made::{MadeOf, each_made, is_of_rows};
use crate::event::json::Value;
use crate::event::own_output::{is_own_row, is_own_signal};
use crate::event::{Event, cloudtrail};

/// What the recogniser met.
pub(crate) enum Met<'v> {
    /// An event. Its [carriers](Event::carriers) were not looked into.
    Event(Event<'v>),
    /// A string that may hold JSON.
    Text(&'v str),
    /// An object that was put together of what stands apart.
    Made(Vec<u8>),
    /// A document that is known to hold no event.
    NoEvent,
}

/// Whether a string begins as one does that holds JSON.
pub(crate) fn begins_as_json(text: &str) -> bool {
    let first = text.trim_start().as_bytes().first();
    matches!(first, Some(b'{' | b'[' | b'"'))
}

/// Calls `visit` with all that is met in `value`, in its order.
///
/// The depth of the recursion is the value's, which the parser limits to 1,024.
pub(crate) fn recognise<'v>(value: Value<'v>, visit: &mut dyn FnMut(Met<'v>)) {
    if let Some(text) = value.as_str() {
        // Some writers put a time or the like before the JSON.
        if begins_as_json(text) || text.contains('{') {
            visit(Met::Text(text));
        }
    } else if is_own_signal(value) {
        visit(Met::NoEvent);
    } else if let Some(event) = Event::recognise(value) {
        visit(Met::Event(event));
    } else if cloudtrail::is_digest(value) || cloudtrail::is_insight(value) || is_own_row(value) {
        visit(Met::NoEvent);
    } else {
        // Another service's notification holds no event of its own, but SNS and SQS carry messages.
        if cloudtrail::is_notification(value) {
            // Of what somebody stored it has images, before and after: none is an event unless it is a text that is.
            if let Some((_, images)) = value.members().find(|(name, _)| *name == "dynamodb") {
                return texts_below(images, visit);
            }
            visit(Met::NoEvent);
        }
        let made_of = each_made(value, &mut |json| visit(Met::Made(json)));
        let is_left = |name: &str| match made_of {
            None => true,
            Some(MadeOf::Rows) => !is_of_rows(name),
            Some(MadeOf::Whole) => false,
        };
        let left = value.members().filter(|(name, _)| is_left(name));
        left.for_each(|(_, child)| recognise(child, visit));
        if made_of.is_none() {
            value.elements().for_each(|child| recognise(child, visit));
        }
    }
}

/// Calls `visit` with each string below a value that may hold JSON.
fn texts_below<'v>(value: Value<'v>, visit: &mut dyn FnMut(Met<'v>)) {
    if let Some(text) = value.as_str().filter(|text| text.contains('{')) {
        visit(Met::Text(text));
    }
    let members = value.members().map(|(_, child)| child);
    members
        .chain(value.elements())
        .for_each(|child| texts_below(child, visit));
}
