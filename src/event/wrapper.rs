//! What an object around a record says about the record: the name of the call, and its provider.
//!
//! In: an object that is not a record itself, but may contain one, or a document with a record inside it. Out: the names
//! that it repeats. An element of `lookup-events` has `EventName` beside the record in `CloudTrailEvent`, and
//! EventBridge has `source` beside the record in `detail`. If the record is damaged, they still say what the call was.

use super::json::Value;
use super::names::is_field;

/// The names of a record's call outside the record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wrapper<'v> {
    action: Option<&'v str>,
    provider: Option<&'v str>,
    /// True if the record is in the request of an object that is no record: that may have been one.
    is_request: bool,
}

impl<'v> Wrapper<'v> {
    /// Creates the wrapper with these names.
    pub(crate) fn new(action: Option<&'v str>, provider: Option<&'v str>) -> Self {
        Self {
            action,
            provider,
            ..Self::default()
        }
    }

    /// Returns the same for what is in a member of the object.
    pub(crate) fn of_member(self, name: &str) -> Self {
        let is_request = self.is_request || is_field(name, "requestParameters");
        Self { is_request, ..self }
    }

    /// Returns true if the record is in a request.
    pub(super) fn is_request(self) -> bool {
        self.is_request
    }

    /// Returns what an object says about the records in it.
    pub(crate) fn of(object: Value<'v>) -> Self {
        let mut wrapper = Self::default();
        for (name, value) in object.members() {
            let Some(text) = value.as_str() else {
                continue;
            };
            let names_provider = || name == "source" && text.starts_with(EVENT_BRIDGE);
            if is_field(name, "eventName") {
                wrapper.action.get_or_insert(text);
            } else if is_field(name, "eventSource") || names_provider() {
                wrapper.provider.get_or_insert(text);
            }
        }
        wrapper
    }

    /// Returns these names, and those of `outer` for what they do not name.
    pub(crate) fn or(self, outer: Self) -> Self {
        Self {
            action: self.action.or(outer.action),
            provider: self.provider.or(outer.provider),
            is_request: self.is_request || outer.is_request,
        }
    }

    /// Returns true if it names nothing.
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Returns true if it gives `value` to an ECS field.
    pub(super) fn says(self, field: &str, value: &str) -> bool {
        match field {
            "event.action" => self.action == Some(value),
            "event.provider" => self.provider.is_some_and(|said| is_provider(said, value)),
            _ => false,
        }
    }
}

/// The beginning of providers in events of EventBridge: `aws.iam` for `iam.amazonaws.com`.
const EVENT_BRIDGE: &str = "aws.";

/// Returns true if two names are of the same provider.
fn is_provider(said: &str, provider: &str) -> bool {
    let short = |name: &str| name.strip_suffix(".amazonaws.com").map(str::to_owned);
    said == provider
        || said
            .strip_prefix(EVENT_BRIDGE)
            .is_some_and(|said| short(provider).is_some_and(|short| short == said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapper_names_the_call_of_its_record() {
        let of = |json: &str, field: &str, value: &str| {
            let mut bytes = json.as_bytes().to_vec();
            let tape = simd_json::to_tape(&mut bytes).unwrap();
            Wrapper::of(Value::of(&tape)).says(field, value)
        };
        let element = r#"{"EventName":"AttachUserPolicy","EventSource":"iam.amazonaws.com"}"#;
        assert!(of(element, "event.action", "AttachUserPolicy"));
        assert!(of(element, "event.provider", "iam.amazonaws.com"));
        assert!(!of(element, "event.action", "AttachRolePolicy"));
        let bridge = r#"{"source":"aws.iam","detail-type":"AWS API Call via CloudTrail"}"#;
        assert!(of(bridge, "event.provider", "iam.amazonaws.com"));
        assert!(!of(bridge, "event.provider", "sts.amazonaws.com"));
        assert!(!of(bridge, "event.action", "AttachUserPolicy"));
        assert!(!of(r#"{"source":"bridge"}"#, "event.provider", "bridge"));
    }
}
