//! Which values inside a parsed candidate are records?
//!
//! One recogniser, by content: it goes down through objects, arrays and strings that hold JSON, until it
//! meets something that is a record. It never looks for further events inside a record: CloudTrail JSON
//! quoted in somebody's request is data. Only where a record has no request of its own are the members that
//! no record has looked into: log shippers put fields of a record beside the record itself.

use crate::event::alert::{is_alert, is_signal};
use crate::event::json::Value;
use crate::event::{Event, cloudtrail};

/// What the recogniser met.
pub(crate) enum Met<'v> {
    /// An event.
    Event(Event<'v>),
    /// A string that may hold JSON.
    Text(&'v str),
    /// An event that may be a mere wrapper: it is one if a record comes out of any of these strings.
    Wrapper(Event<'v>, Vec<&'v str>),
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
    } else if is_signal(value) {
        visit(Met::NoEvent);
    } else if let Some(event) = Event::recognise(value) {
        let (mut texts, mut n_events) = (Vec::new(), 0);
        for child in event.wrapped() {
            recognise(child, &mut |met| match met {
                Met::Text(text) => texts.push(text),
                Met::NoEvent => visit(met),
                Met::Event(_) | Met::Wrapper(..) => {
                    n_events += 1;
                    visit(met);
                }
            });
        }
        if n_events > 0 {
            texts.into_iter().for_each(|text| visit(Met::Text(text)));
        } else if texts.is_empty() {
            visit(Met::Event(event));
        } else {
            visit(Met::Wrapper(event, texts));
        }
    } else if cloudtrail::is_digest(value) || cloudtrail::is_insight(value) || is_alert(value) {
        visit(Met::NoEvent);
    } else {
        // Another service's notification holds no event of its own, but SNS and SQS carry messages.
        if cloudtrail::is_notification(value) {
            visit(Met::NoEvent);
        }
        value
            .members()
            .for_each(|(_, child)| recognise(child, visit));
        value.elements().for_each(|child| recognise(child, visit));
    }
}
