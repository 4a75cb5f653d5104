//! The values of an event's fields, each derived once, for hundreds of rules that ask for the same few.
//!
//! A set of rules gives each field that they name a number ([`FieldNumbers`]). The values of numbered fields are kept
//! until the next event.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;

use super::{Event, Fields, OwnValue, Scalar};

/// The names that a rule uses for fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Names {
    /// Those of the Elastic Common Schema.
    Ecs,
    /// CloudTrail's own, with a dot between a field and one inside it.
    CloudTrail,
}

/// The number of a field in a set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldNumber(u16);

impl FieldNumber {
    /// Returns it as an index.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Gives numbers to fields.
#[derive(Debug, Default)]
pub struct FieldNumbers {
    numbers: HashMap<(Names, String), FieldNumber>,
}

impl FieldNumbers {
    /// Returns the number of a field; nothing if there are already too many.
    pub fn number(&mut self, names: Names, field: &str) -> Option<FieldNumber> {
        let next = u16::try_from(self.numbers.len()).ok()?;
        let number = self.numbers.entry((names, field.to_owned()));
        Some(*number.or_insert(FieldNumber(next)))
    }

    /// Returns whether a field has a number.
    #[must_use]
    pub fn has(&self, names: Names, field: &str) -> bool {
        self.numbers.contains_key(&(names, field.to_owned()))
    }

    /// Returns how many fields have a number.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Returns whether no field has a number.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

/// The values of numbered fields of one event after the other.
#[derive(Debug, Default)]
pub struct FieldMemory {
    fields: Vec<RefCell<Kept>>,
    /// The number of the event, so that what is kept of the one before it does not count.
    event: Cell<u64>,
}

/// The values of a field that are kept.
#[derive(Debug, Default)]
struct Kept {
    /// The event that they are of; 0 if there was none.
    event: u64,
    values: Vec<Value>,
    /// Their texts, one after the other, in memory that is kept from event to event.
    texts: String,
}

/// A value that is kept.
#[derive(Debug)]
enum Value {
    /// The part of the texts that it is.
    Text(Range<usize>),
    /// A number, or true or false.
    Scalar(Scalar<'static>),
    /// By CloudTrail's own name: a null.
    Null,
    /// Likewise: a list or an object.
    Other,
}

/// The memory for texts that is kept from event to event.
const TEXTS_KEPT_BYTES: usize = 4096;

impl Kept {
    /// Forgets the values, and is for those of an event.
    fn start(&mut self, event: u64) {
        self.event = event;
        self.values.clear();
        self.texts.clear();
        self.texts.shrink_to(TEXTS_KEPT_BYTES);
    }

    fn push(&mut self, value: Scalar<'_>) {
        let value = match value {
            Scalar::Text(text) => return self.push_text(&text),
            Scalar::Integer(n) => Scalar::Integer(n),
            Scalar::Float(n) => Scalar::Float(n),
            Scalar::Boolean(is_true) => Scalar::Boolean(is_true),
        };
        self.values.push(Value::Scalar(value));
    }

    fn push_own(&mut self, value: OwnValue<'_>) {
        match value {
            OwnValue::Text(text) => self.push_text(&text),
            OwnValue::Null => self.values.push(Value::Null),
            OwnValue::Other => self.values.push(Value::Other),
        }
    }

    fn push_text(&mut self, text: &str) {
        let start = self.texts.len();
        self.texts.push_str(text);
        self.values.push(Value::Text(start..self.texts.len()));
    }

    fn text(&self, part: &Range<usize>) -> Cow<'_, str> {
        Cow::Borrowed(self.texts.get(part.clone()).unwrap_or_default())
    }

    /// Calls `visit` with each value by the field's ECS name.
    fn each_value(&self, visit: &mut dyn FnMut(Scalar<'_>)) {
        for value in &self.values {
            match value {
                Value::Text(part) => visit(Scalar::Text(self.text(part))),
                Value::Scalar(value) => visit(value.clone()),
                Value::Null | Value::Other => {}
            }
        }
    }

    /// Calls `visit` with each value by CloudTrail's own name.
    fn each_own_value(&self, visit: &mut dyn FnMut(OwnValue<'_>)) {
        for value in &self.values {
            match value {
                Value::Text(part) => visit(OwnValue::Text(self.text(part))),
                Value::Null => visit(OwnValue::Null),
                Value::Other => visit(OwnValue::Other),
                Value::Scalar(_) => {}
            }
        }
    }
}

impl FieldMemory {
    /// Makes the memory for this many fields.
    #[must_use]
    pub fn new(n_fields: usize) -> Self {
        Self {
            fields: (0..n_fields).map(|_| RefCell::default()).collect(),
            event: Cell::new(0),
        }
    }

    /// Returns the fields of an event, whose values are kept till the next call.
    #[must_use]
    pub fn of<'e>(&'e mut self, event: &'e Event<'e>) -> Remembered<'e> {
        self.event.set(self.event.get() + 1);
        Remembered {
            event,
            memory: self,
        }
    }

    /// Returns the values of a field that are kept. `derive` derives them if none are.
    fn kept(
        &self,
        number: FieldNumber,
        derive: impl FnOnce(&mut Kept),
    ) -> Option<std::cell::Ref<'_, Kept>> {
        let field = self.fields.get(number.index())?;
        if field.borrow().event != self.event.get() {
            let mut kept = field.borrow_mut();
            kept.start(self.event.get());
            derive(&mut kept);
        }
        Some(field.borrow())
    }
}

/// An event whose values are kept.
#[derive(Debug)]
pub struct Remembered<'e> {
    event: &'e Event<'e>,
    memory: &'e FieldMemory,
}

impl Fields for Remembered<'_> {
    fn each_value(&self, field: &str, visit: &mut dyn FnMut(Scalar<'_>)) {
        self.event.each_value(field, visit);
    }

    fn each_own_value(&self, path: &str, visit: &mut dyn FnMut(OwnValue<'_>)) {
        self.event.each_own_value(path, visit);
    }

    fn each_numbered_value(
        &self,
        number: FieldNumber,
        field: &str,
        visit: &mut dyn FnMut(Scalar<'_>),
    ) {
        let kept = self.memory.kept(number, |kept| {
            self.event.each_value(field, &mut |value| kept.push(value));
        });
        match kept {
            Some(kept) => kept.each_value(visit),
            None => self.event.each_value(field, visit),
        }
    }

    fn each_numbered_own_value(
        &self,
        number: FieldNumber,
        path: &str,
        visit: &mut dyn FnMut(OwnValue<'_>),
    ) {
        let kept = self.memory.kept(number, |kept| {
            let mut keep = |value: OwnValue<'_>| kept.push_own(value);
            self.event.each_own_value(path, &mut keep);
        });
        match kept {
            Some(kept) => kept.each_own_value(visit),
            None => self.event.each_own_value(path, visit),
        }
    }

    fn each_leaf(&self, visit: &mut dyn FnMut(&str)) {
        self.event.each_leaf(visit);
    }

    fn each_text_of_request(&self, visit: &mut dyn FnMut(&str)) {
        self.event.each_text_of_request(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::each_event;

    #[test]
    fn kept_values_are_those_of_the_event_at_hand() {
        let mut numbers = FieldNumbers::default();
        let action = numbers.number(Names::Ecs, "event.action").unwrap();
        let own = numbers.number(Names::CloudTrail, "errorCode").unwrap();
        assert_eq!(numbers.number(Names::Ecs, "event.action"), Some(action));
        let mut memory = FieldMemory::new(numbers.len());
        let text = r#"{"Records":[{"eventName":"A","eventSource":"s","errorCode":"x"},
            {"eventName":"B","eventSource":"s"},{"eventName":"C","eventSource":"s","errorCode":null}]}"#;
        let mut found = Vec::new();
        each_event(text.as_bytes(), &mut |event| {
            let fields = memory.of(event);
            // The second time they are kept.
            for _ in 0..2 {
                fields.each_numbered_value(action, "event.action", &mut |value| {
                    found.push(value.to_text());
                });
                fields.each_numbered_own_value(own, "errorCode", &mut |value| {
                    found.push(format!("{value:?}"));
                });
            }
        });
        let x = r#"Text("x")"#;
        assert_eq!(found, ["A", x, "A", x, "B", "B", "C", "Null", "C", "Null"]);
    }

    #[test]
    fn values_of_each_kind_are_kept() {
        let text = r#"{"Records":[{"eventName":"A","eventSource":"s","readOnly":true,"errorCode":null,
            "requestParameters":{"n":1,"x":[1.5,"y"]},"resources":[{"ARN":"a"},{"ARN":"b"}]}]}"#;
        let fields = [
            (Names::Ecs, "aws.cloudtrail.read_only"),
            (Names::Ecs, "aws.cloudtrail.request_parameters"),
            (Names::Ecs, "aws.cloudtrail.resources.arn"),
            (Names::CloudTrail, "errorCode"),
            (Names::CloudTrail, "readOnly"),
            (Names::CloudTrail, "requestParameters"),
            (Names::CloudTrail, "userAgent"),
        ];
        let mut numbers = FieldNumbers::default();
        let numbered = fields.map(|(names, name)| numbers.number(names, name).unwrap());
        let mut memory = FieldMemory::new(numbers.len());
        let mut n_values = 0;
        each_event(text.as_bytes(), &mut |event| {
            let kept = memory.of(event);
            for ((names, name), number) in fields.into_iter().zip(numbered) {
                let (mut derived, mut twice) = (Vec::new(), Vec::new());
                let mut add = |value: &dyn std::fmt::Debug| derived.push(format!("{value:?}"));
                match names {
                    Names::Ecs => event.each_value(name, &mut |value| add(&value)),
                    Names::CloudTrail => event.each_own_value(name, &mut |value| add(&value)),
                }
                let mut add = |value: &dyn std::fmt::Debug| twice.push(format!("{value:?}"));
                for _ in 0..2 {
                    match names {
                        Names::Ecs => {
                            kept.each_numbered_value(number, name, &mut |value| add(&value));
                        }
                        Names::CloudTrail => {
                            kept.each_numbered_own_value(number, name, &mut |value| add(&value));
                        }
                    }
                }
                n_values += derived.len();
                assert_eq!(twice, [&derived[..], &derived].concat(), "{name}");
            }
        });
        assert!(n_values > 8, "{n_values}");
    }
}
