//! The usual fields of events: those with few different values in an archive, such as the action, the service and the
//! kind of the caller.
//!
//! The outcome and the request are not among them: an event that may lack a part of these is judged with what the part
//! may have been, and no rule may be left out by what they are.

use super::condition::Field;
use crate::event::Names::{self, CloudTrail, Ecs};
use crate::event::{FieldNumber, FieldNumbers, Fields, OwnValue, Scalar};

/// The usual fields: first the action by both of its names, and last those with more different values.
const USUAL: [(Names, &str); 23] = [
    (Ecs, "event.action"),
    (CloudTrail, "eventName"),
    (Ecs, "event.provider"),
    (CloudTrail, "eventSource"),
    (Ecs, "event.dataset"),
    (Ecs, "data_stream.dataset"),
    (Ecs, "event.category"),
    (Ecs, "event.type"),
    (Ecs, "aws.cloudtrail.event_type"),
    (CloudTrail, "eventType"),
    (Ecs, "aws.cloudtrail.user_identity.type"),
    (CloudTrail, "userIdentity.type"),
    (Ecs, "aws.cloudtrail.error_code"),
    (CloudTrail, "errorCode"),
    (Ecs, "cloud.region"),
    (CloudTrail, "awsRegion"),
    (Ecs, "aws.cloudtrail.read_only"),
    (Ecs, "aws.cloudtrail.user_identity.invoked_by"),
    (CloudTrail, "userIdentity.invokedBy"),
    (Ecs, "aws.cloudtrail.error_message"),
    (CloudTrail, "errorMessage"),
    (Ecs, "user_agent.original"),
    (CloudTrail, "userAgent"),
];

/// Those that are asked last, when the others leave rules that test them.
const VARIED: [&str; 4] = [
    "aws.cloudtrail.error_message",
    "errorMessage",
    "user_agent.original",
    "userAgent",
];

/// Some of the usual fields, one bit each.
pub(super) type Usual = u32;

/// The usual fields that a set of rules names, and the action.
#[derive(Debug)]
pub(super) struct UsualFields {
    /// The action, and then the others.
    fields: Vec<Field>,
    /// The bit of each field of the set by its number, 0 if it is no usual one.
    bits: Vec<Usual>,
    /// The fields with few different values.
    plain: Usual,
}

/// The bits of the action.
pub(super) const ACTION: Usual = (1 << N_NAMES_OF_ACTION) - 1;
const N_NAMES_OF_ACTION: usize = 2;

impl UsualFields {
    /// Returns those of the usual fields that have a number. The action gets one.
    pub(super) fn of(numbers: &mut FieldNumbers) -> Self {
        let mut fields = Vec::new();
        for (n, (names, name)) in USUAL.into_iter().enumerate() {
            if n < N_NAMES_OF_ACTION || numbers.has(names, name) {
                let field = match names {
                    Ecs => Field::ecs(name),
                    CloudTrail => Field::cloudtrail(name),
                };
                fields.push(field.numbered(numbers));
            }
        }
        let mut bits = vec![0; numbers.len()];
        let mut plain = 0;
        for (n, field) in fields.iter().enumerate() {
            if let Some(number) = field.number() {
                bits[number.index()] = 1 << n;
            }
            if !VARIED.contains(&&*field.name) {
                plain |= 1 << n;
            }
        }
        Self {
            fields,
            bits,
            plain,
        }
    }

    /// Returns which of these fields are asked first: those with few different values, if there are any.
    pub(super) fn first_of(&self, open: Usual) -> Usual {
        match open & self.plain {
            0 => open,
            plain => plain,
        }
    }

    /// Returns the bit of a field, 0 if it is no usual one.
    pub(super) fn bit(&self, number: FieldNumber) -> Usual {
        self.bits.get(number.index()).copied().unwrap_or_default()
    }

    /// Appends the values of some fields of an event to `key`, so that other values append other bytes.
    pub(super) fn append_values(&self, asked: Usual, event: &dyn Fields, key: &mut Vec<u8>) {
        let asked = (self.fields.iter().enumerate()).filter(|(n, _)| asked >> n & 1 == 1);
        for (_, field) in asked {
            match field.names {
                Ecs => field.each_value(event, &mut |value| append_scalar(&value, key)),
                CloudTrail => field.each_own_value(event, &mut |value| match value {
                    OwnValue::Text(text) => append_text(&text, key),
                    OwnValue::Null => key.push(b'n'),
                    OwnValue::Other => key.push(b'o'),
                }),
            }
            key.push(b'.');
        }
    }
}

fn append_scalar(value: &Scalar<'_>, key: &mut Vec<u8>) {
    match value {
        Scalar::Text(text) => append_text(text, key),
        Scalar::Integer(n) => {
            key.push(b'i');
            key.extend(n.to_le_bytes());
        }
        Scalar::Float(n) => {
            key.push(b'f');
            key.extend(n.to_bits().to_le_bytes());
        }
        Scalar::Boolean(is_true) => key.push(if *is_true { b'1' } else { b'0' }),
    }
}

fn append_text(text: &str, key: &mut Vec<u8>) {
    key.push(b't');
    key.extend(text.len().to_le_bytes());
    key.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::Event;

    #[test]
    fn other_values_append_other_bytes() {
        let mut numbers = FieldNumbers::default();
        numbers.number(Ecs, "event.provider");
        numbers.number(Ecs, "user.name");
        let usual = UsualFields::of(&mut numbers);
        // The user is no usual field, and the set names no others than the provider.
        assert_eq!(usual.fields.len(), 3);
        assert_eq!(numbers.len(), 4);
        let (action, provider) = ("event.action", "event.provider");
        let new = Event::new;
        let events = [
            new(),
            new().text(action, ""),
            new().text(action, "a"),
            new().text(action, "ab"),
            new().text(action, "a").text(action, "b"),
            new().text(action, "b").text(action, "a"),
            new().text(action, "a").text(provider, "b"),
            new().text(provider, "a"),
            new().text("eventName", "a"),
            new().text(action, "1"),
            new().integer(action, 1),
            new().float(action, 1.0),
            new().boolean(action, true),
            new().boolean(action, false),
        ];
        let keys = events.iter().map(|event| {
            let mut key = Vec::new();
            usual.append_values(0b111, event, &mut key);
            key
        });
        let mut keys: Vec<Vec<u8>> = keys.collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), events.len());
    }
}
