//! What another parser takes for JSON, trailsift takes too, and reads the same in it.
//!
//! serde_json goes 128 levels deep and trailsift at least 1,000, so that depth is no difference here. What serde_json
//! refuses may well be taken: a candidate that is read all the same is no loss.

use serde_json::Value;
use trailsift::event::Schema;
use trailsift::scan::each_event;

/// Asserts that valid JSON parses, and that a record's action is read as it is written.
pub fn parse(data: &[u8]) {
    let mut actions = Vec::new();
    let is_parsed = each_event(data, &mut |event| {
        if event.schema() == Schema::CloudTrail && !event.has_duplicate_keys() {
            actions.push(event.text("event.action"));
        }
    });
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    assert!(is_parsed, "valid JSON is refused");
    if let (Some(expected), [action]) = (plain_action(&value), &actions[..]) {
        assert_eq!(action.as_deref(), Some(expected), "event.action");
    }
}

/// The action of a record that can be read in one way alone: its names are spelt as AWS does, and it has a
/// request of its own, so that no other record in it is meant.
fn plain_action(value: &Value) -> Option<&str> {
    let record = value.as_object()?;
    let is_lower = |name: &String| !name.bytes().any(|byte| byte.is_ascii_uppercase());
    let request = record.get("requestParameters")?.as_object()?;
    if request.is_empty() || record.keys().any(is_lower) {
        return None;
    }
    let action = record.get("eventName")?.as_str()?;
    (!action.is_empty()).then_some(action)
}
