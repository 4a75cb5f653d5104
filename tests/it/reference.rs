//! The slow, obvious scanner that the fast one must agree with.
//!
//! What is stored is decoded by other libraries (`packing`). It parses everything with serde_json, applies the rule by
//! hand, and has no prefilter, no framer, no EQL and no thread. What it says of a record's place comes from
//! where serde_json found it. It knows the shapes of whole, valid JSON; what becomes of damage is tested by
//! cutting what it says of the whole.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// What an alert says of its record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) offset: usize,
    pub(crate) end: usize,
    pub(crate) index: usize,
    pub(crate) event_id: Option<String>,
    pub(crate) raw: String,
}

/// All alerts of a text, in its order.
pub(crate) fn alerts(text: &[u8]) -> Vec<Found> {
    let text = std::str::from_utf8(text).unwrap();
    let mut walk = Walk {
        text,
        found: Vec::new(),
    };
    let json = text.trim_start_matches('\u{feff}');
    for value in serde_json::Deserializer::from_str(json).into_iter::<&RawValue>() {
        walk.value(value.unwrap().get(), 0, None);
    }
    walk.found
}

/// A value of which the members are not looked at yet. All keys are kept, also those that stand twice.
enum Shape<'a> {
    Object(Vec<(String, &'a RawValue)>),
    Array(Vec<&'a RawValue>),
    Text(String),
    Other,
}

fn shape(json: &str) -> Shape<'_> {
    serde_json::from_str(json).unwrap()
}

/// A string with JSON in it.
#[derive(Clone, Copy)]
struct Round {
    /// Where the outermost string round it begins and ends.
    place: (usize, usize),
    /// Where its content begins, in memory.
    content: usize,
    has_several: bool,
}

impl Round {
    /// A record in it stands where the string does; one of several behind its own beginning in the content.
    fn place(self, json: &str) -> (usize, usize) {
        if !self.has_several {
            return self.place;
        }
        let offset = self.place.0 + json.as_ptr() as usize - self.content;
        (offset, offset + json.len())
    }
}

/// The records in a text, without those in its strings.
fn n_records(json: &str) -> usize {
    match shape(json) {
        Shape::Object(members) if is_record(&members) => 1,
        Shape::Object(members) => members
            .iter()
            .map(|(_, member)| n_records(member.get()))
            .sum(),
        Shape::Array(elements) => elements
            .iter()
            .map(|element| n_records(element.get()))
            .sum(),
        Shape::Text(_) | Shape::Other => 0,
    }
}

struct Walk<'a> {
    text: &'a str,
    found: Vec<Found>,
}

const NAMES_BESIDE: [&str; 9] = [
    "eventVersion",
    "eventSource",
    "eventTime",
    "eventID",
    "userIdentity",
    "requestParameters",
    "awsRegion",
    "sourceIPAddress",
    "recipientAccountId",
];

impl<'a> Walk<'a> {
    /// `string` is the string round this text, if it is the content of one.
    fn value(&mut self, json: &str, index: usize, string: Option<Round>) {
        match shape(json) {
            Shape::Object(members) => {
                if is_record(&members) {
                    if is_alert(&members) {
                        let (offset, end) = match string {
                            None => self.place(json),
                            Some(string) => string.place(json),
                        };
                        let event_id = text_of(&members, "eventID");
                        let raw = json.to_owned();
                        self.found.push(Found {
                            offset,
                            end,
                            index,
                            event_id,
                            raw,
                        });
                    }
                    return;
                }
                for (_, member) in members {
                    self.value(member.get(), index, string);
                }
            }
            Shape::Array(elements) => {
                for (index, element) in elements.into_iter().enumerate() {
                    self.value(element.get(), index, string);
                }
            }
            Shape::Text(inner) if inner.trim_start().starts_with(['{', '[']) => {
                let place = string.map_or_else(|| self.place(json), |string| string.place);
                if serde_json::from_str::<&RawValue>(&inner).is_ok() {
                    let has_several = n_records(&inner) > 1;
                    let string = Round {
                        place,
                        content: inner.as_ptr() as usize,
                        has_several,
                    };
                    let index = if has_several { 0 } else { index };
                    self.value(&inner, index, Some(string));
                }
            }
            Shape::Text(_) | Shape::Other => {}
        }
    }

    fn place(&self, json: &str) -> (usize, usize) {
        let offset = json.as_ptr() as usize - self.text.as_ptr() as usize;
        (offset, offset + json.len())
    }
}

fn all<'a>(members: &'a [(String, &RawValue)], name: &str) -> Vec<&'a RawValue> {
    members
        .iter()
        .filter(|(key, _)| key == name)
        .map(|(_, value)| *value)
        .collect()
}

fn text_of(members: &[(String, &RawValue)], name: &str) -> Option<String> {
    all(members, name)
        .into_iter()
        .find_map(|value| match shape(value.get()) {
            Shape::Text(text) => Some(text),
            _ => None,
        })
}

fn is_record(members: &[(String, &RawValue)]) -> bool {
    let source = text_of(members, "eventSource").unwrap_or_default();
    text_of(members, "eventName").is_some()
        && NAMES_BESIDE
            .iter()
            .any(|name| !all(members, name).is_empty())
        && !source.starts_with("aws:")
}

/// The rule, read aloud: a successful AttachUserPolicy of which the request holds the policy's name.
fn is_alert(members: &[(String, &RawValue)]) -> bool {
    let attaches = all(members, "eventName")
        .iter()
        .any(|name| matches!(shape(name.get()), Shape::Text(name) if name == "AttachUserPolicy"));
    let can_succeed = ["errorCode", "errorMessage"].iter().all(|field| {
        let values = all(members, field);
        values.is_empty() || values.iter().any(|v| is_empty(v.get()))
    });
    let named = all(members, "requestParameters")
        .iter()
        .any(|request| mentions(request.get()));
    attaches && can_succeed && named
}

fn is_empty(json: &str) -> bool {
    match shape(json) {
        Shape::Object(members) => members.is_empty(),
        Shape::Array(elements) => elements.is_empty(),
        Shape::Text(text) => text.is_empty(),
        Shape::Other => json == "null",
    }
}

fn mentions(json: &str) -> bool {
    const LITERAL: &str = "AWSCompromisedKeyQuarantine";
    match shape(json) {
        Shape::Object(members) => members
            .iter()
            .any(|(key, value)| key.contains(LITERAL) || mentions(value.get())),
        Shape::Array(elements) => elements.iter().any(|element| mentions(element.get())),
        Shape::Text(text) => text.contains(LITERAL),
        Shape::Other => false,
    }
}

impl<'de> Deserialize<'de> for Shape<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ShapeVisitor;

        impl<'de> Visitor<'de> for ShapeVisitor {
            type Value = Shape<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("any JSON")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Shape::Object(members))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape<'de>, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(Shape::Array(elements))
            }

            fn visit_str<E>(self, text: &str) -> Result<Shape<'de>, E> {
                Ok(Shape::Text(text.to_owned()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Shape<'de>, E> {
                Ok(Shape::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Shape<'de>, E> {
                Ok(Shape::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Shape<'de>, E> {
                Ok(Shape::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Shape<'de>, E> {
                Ok(Shape::Other)
            }

            fn visit_unit<E>(self) -> Result<Shape<'de>, E> {
                Ok(Shape::Other)
            }
        }

        deserializer.deserialize_any(ShapeVisitor)
    }
}
