//! Finds the values inside a parsed candidate that are records.
//!
//! There is one recogniser, which works by content. It goes through objects, arrays and strings that hold JSON, until
//! it finds a record. It never searches for further events inside a record: CloudTrail JSON quoted in a request is
//! data. The only exception are members that no record has, if the record itself does not say everything: log
//! shippers put fields of a record beside the record itself. What an object around a record says about its call goes
//! along with the record, which may be damaged.

use super::made::{MadeOf, each_made, is_of_rows};
use crate::event::json::Value;
use crate::event::own_output::{is_own_row, is_own_signal};
use crate::event::{Event, Record, Wrapper, cloudtrail};

/// An item that the recogniser found.
pub(crate) enum Met<'v> {
    /// An event. Its [carriers](Event::carriers) were not examined.
    Event(Event<'v>),
    /// A string that may hold JSON, and what the objects around it say about a record in it.
    Text(&'v str, Wrapper<'v>),
    /// An object that was assembled from separate parts.
    Made(Vec<u8>),
    /// A document that is known to contain no event.
    NoEvent,
}

/// Returns true if a string begins like one that holds JSON.
pub(crate) fn begins_as_json(text: &str) -> bool {
    let first = text.trim_start().as_bytes().first();
    matches!(first, Some(b'{' | b'[' | b'"'))
}

/// Calls `visit` with everything that is found in `value`, in its order.
///
/// The recursion is as deep as the value, which the parser limits to 1,024.
pub(crate) fn recognise<'v>(value: Value<'v>, visit: &mut dyn FnMut(Met<'v>)) {
    recognise_in(value, Wrapper::default(), visit);
}

/// Calls `visit` with everything that is found in `value`, with what the objects around it say.
fn recognise_in<'v>(value: Value<'v>, wrapper: Wrapper<'v>, visit: &mut dyn FnMut(Met<'v>)) {
    if let Some(text) = value.as_str() {
        // Some writers put a time or something similar before the JSON.
        if begins_as_json(text) || text.contains('{') {
            visit(Met::Text(text, wrapper));
        }
        return;
    }
    let record = Record::new(value);
    if is_own_signal(&record) {
        visit(Met::NoEvent);
    } else if let Some(event) = Event::recognise(record) {
        visit(Met::Event(event.in_wrapper(wrapper)));
    } else if cloudtrail::is_digest(&record) || cloudtrail::is_insight(&record) || is_own_row(value)
    {
        visit(Met::NoEvent);
    } else {
        // The notification of another service contains no event of its own, but SNS and SQS transport messages.
        if cloudtrail::is_notification(&record) {
            // It has images of a stored item, before and after a change. None is an event, except a text that
            // contains one.
            if let Some((_, images)) = value.members().find(|(name, _)| *name == "dynamodb") {
                return texts_below(images, visit);
            }
            if !cloudtrail::carries_message(&record) {
                visit(Met::NoEvent);
            }
        }
        let made_of = each_made(value, &mut |json| visit(Met::Made(json)));
        let is_left = |name: &str| match made_of {
            None => true,
            Some(MadeOf::Rows) => !is_of_rows(name),
            Some(MadeOf::Whole) => false,
        };
        let wrapper = Wrapper::of(value).or(wrapper);
        let left = value.members().filter(|(name, _)| is_left(name));
        left.for_each(|(name, child)| recognise_in(child, wrapper.of_member(name), visit));
        if made_of.is_none() {
            let elements = value.elements();
            elements.for_each(|child| recognise_in(child, wrapper, visit));
        }
    }
}

/// Calls `visit` with each string inside a value that may hold JSON.
fn texts_below<'v>(value: Value<'v>, visit: &mut dyn FnMut(Met<'v>)) {
    if let Some(text) = value.as_str().filter(|text| text.contains('{')) {
        visit(Met::Text(text, Wrapper::default()));
    }
    let members = value.members().map(|(_, child)| child);
    members
        .chain(value.elements())
        .for_each(|child| texts_below(child, visit));
}
