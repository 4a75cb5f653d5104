//! Compares an event with a record that it carries, or with a part of one: whether both are of the same call.

use super::{Event, Fields as _, Schema};

/// The keys of a record that say which call it is of, each with the field of an event that has the same.
const KEYS: [(&str, &str); 2] = [("eventName", "event.action"), ("eventID", "event.id")];

/// The fields that differ between two calls.
const FIELDS: [&str; 3] = ["event.action", "event.provider", "event.id"];

impl Event<'_> {
    /// Returns true if the two may be forms of one event: they have the same action, and not two different ids.
    pub(crate) fn may_be(&self, other: &Event<'_>) -> bool {
        let [own, others] = [self.text("event.id"), other.text("event.id")];
        let is_other_id = own.is_some() && others.is_some() && own != others;
        !is_other_id && self.text("event.action") == other.text("event.action")
    }

    /// Returns true if the two have different ids and different times: each is an event of its own, although one is
    /// inside the other.
    pub(crate) fn is_apart_from(&self, other: &Event<'_>) -> bool {
        let [own, others] = [self.text("event.id"), other.text("event.id")];
        let has_other_id = own.is_some() && others.is_some() && own != others;
        let times = self.time_micros().zip(other.time_micros());
        (has_other_id || !self.tells_by("event.id"))
            && times.is_some_and(|(own, other)| own != other)
    }

    /// Returns true if there is a word in its request that the other one, which is in it, denies. `word` returns that of a
    /// text. A document of Elastic has a copy of the request, so that one of the two is damaged. Otherwise each is an
    /// event of its own if they do not have the same id, and are of different seconds: the object around a record may have
    /// the time when it was stored.
    pub(crate) fn is_denied_by(
        &self,
        other: &Event<'_>,
        word: &dyn Fn(&str) -> Option<String>,
    ) -> bool {
        let mut own = None;
        self.each_text_of_request(&mut |text| own = own.take().or_else(|| word(text)));
        let Some(own) = own else {
            return false;
        };
        let is_of_second = |event: &Event<'_>| event.time_micros().map(|micros| micros / 1_000_000);
        let is_apart = || {
            let ids = self.text("event.id").zip(other.text("event.id"));
            let seconds = is_of_second(self).zip(is_of_second(other));
            ids.is_none_or(|(own, others)| own != others)
                && seconds.is_some_and(|(own, others)| own != others)
        };
        !other.lacks_request()
            && !other.request_holds(&|text| text.contains(&own))
            && (self.schema != Schema::CloudTrail || is_apart())
    }

    /// Returns true if the other one is of a call that this one is not of, or may be: two records that ran into each
    /// other name two calls.
    pub(crate) fn contradicts(&self, other: &Event<'_>) -> bool {
        let mut fields = FIELDS.into_iter().filter(|field| self.tells_by(field));
        let is_told = |field| {
            let own = self.texts(field);
            !own.is_empty() && other.texts(field).iter().any(|text| !own.contains(text))
        };
        other.has_duplicate_keys() || fields.any(is_told)
    }

    /// Returns true if a text that is no JSON has the name or the id of a call that this one is not of: it is of
    /// another record, or of two that ran into each other. What the text ends in is not complete, and says nothing.
    pub(crate) fn is_contradicted_in(&self, text: &str) -> bool {
        let mut keys = KEYS.into_iter().filter(|(_, field)| self.tells_by(field));
        keys.any(|(key, field)| {
            let own = self.texts(field);
            let is_other = |value: &str| !value.is_empty() && own.iter().all(|own| own != value);
            !own.is_empty() && values(text, key).any(is_other)
        })
    }

    /// Returns true if the field has the same value as in the record that the event was made of. Writers of OCSF give
    /// ids of their own.
    fn tells_by(&self, field: &str) -> bool {
        field != "event.id" || self.schema != Schema::Ocsf
    }
}

/// Returns the texts behind a key, however often they are escaped.
fn values<'t>(text: &'t str, key: &'static str) -> impl Iterator<Item = &'t str> {
    text.split(key).skip(1).filter_map(value)
}

/// Returns the text that the value begins with behind its key's name, if it is whole.
fn value(behind: &str) -> Option<&str> {
    let is_escape = |c: char| c == '\\';
    let rest = behind.trim_start_matches(is_escape).strip_prefix('"')?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let rest = rest.trim_start_matches(is_escape).strip_prefix('"')?;
    rest.split_once(['"', '\\']).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_a_key_are_found_in_any_text() {
        let text = r#"a","eventName":"A","x":1} {\"eventName\" : \"B\" \\\"eventName\\\":\\\"C\\\", eventName "eventName":null,"y":"D" eventName":"","eventName":"E"#;
        assert_eq!(
            values(text, "eventName").collect::<Vec<_>>(),
            ["A", "B", "C", ""]
        );
        assert_eq!(values("eventName", "eventName").count(), 0);
    }
}
