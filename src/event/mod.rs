//! The ECS view of one record: what a rule asks of it, by the names of the Elastic Common Schema.
//!
//! In: a parsed JSON value that is a record. Out: the values of any ECS field, and whether a reading of
//! it is doubtful. One file per schema: `cloudtrail` for records as AWS writes them, `ecs` and `ocsf` for
//! documents that Elastic and Security Lake already made of them; `names` and `exports` know what tables make of
//! CloudTrail's fields, `doubt` what a record leaves open; `java_map` prints objects as Elastic's
//! pipeline does, `object_text` reads objects that stand there as text. No rule is known here, and nothing is
//! copied but text that has to be made.
//!
//! A record with duplicate keys is read in every way it can be read: a field that stands twice has two
//! values, and `event.outcome` has each outcome that some reading gives.

pub(crate) mod own_output;
pub(crate) mod cloudtrail;
mod doubt;
pub(crate) mod ecs;
mod exports;
pub(crate) mod java_map;
pub(crate) mod json;
pub(crate) mod names;
pub(crate) mod object_text;
pub(crate) mod ocsf;
pub(crate) mod time;

use std::borrow::Cow;
use std::fmt::Write as _;

pub use doubt::Doubt;
use doubt::{Said, holds_below};
use json::Value;

/// One value of an ECS field.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// A keyword or text.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
}

impl Scalar<'_> {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text.into_owned(),
            Self::Integer(n) => n.to_string(),
            Self::Float(n) => n.to_string(),
            Self::Boolean(b) => b.to_string(),
        }
    }
}

/// The ECS view of one event. A field may have no value, one, or several.
pub trait Fields {
    /// Calls `visit` with each value of `field`, in the order of the record.
    fn each_value(&self, field: &str, visit: &mut dyn FnMut(Scalar<'_>));

    /// Calls `visit` with texts of the request that together hold all its keys and strings.
    fn each_text_of_request(&self, visit: &mut dyn FnMut(&str)) {
        self.each_printed_request(visit);
    }

    /// Calls `visit` with each text of the request as Elastic prints it.
    fn each_printed_request(&self, visit: &mut dyn FnMut(&str)) {
        self.each_value("aws.cloudtrail.request_parameters", &mut |value| {
            if let Scalar::Text(text) = value {
                visit(&text);
            }
        });
    }
}

/// How a field's value relates to the bytes of the record that it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFidelity {
    /// The text stands in the record, perhaps with JSON's escapes.
    Verbatim,
    /// Elastic's text of a JSON object: its keys and leaves stand in the record, its `=`, commas,
    /// braces and numbers need not.
    ElasticText,
    /// Computed: its text need not be in the record.
    Derived,
}

/// How the value of `field` relates to the bytes of any record, whatever its schema.
#[must_use]
pub fn text_fidelity(field: &str) -> TextFidelity {
    match field {
        "event.action"
        | "event.provider"
        | "event.id"
        | "user.name"
        | "source.address"
        | "user_agent.original"
        | "cloud.account.id"
        | "cloud.region" => TextFidelity::Verbatim,
        "aws.cloudtrail.request_parameters" | "aws.cloudtrail.response_elements" => {
            TextFidelity::ElasticText
        }
        _ if field.starts_with("aws.cloudtrail.flattened.") => TextFidelity::ElasticText,
        _ => TextFidelity::Derived,
    }
}

/// The schema that a record is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// As AWS writes it.
    CloudTrail,
    /// As Elastic stores it.
    Ecs,
    /// As Security Lake stores it.
    Ocsf,
}

/// One event.
#[derive(Debug, Clone, Copy)]
pub struct Event<'v> {
    schema: Schema,
    record: Value<'v>,
    /// Whether it is a row of a table, in which texts such as `-` say that there is no value.
    is_row: bool,
}

impl<'v> Event<'v> {
    /// The record itself.
    pub(crate) fn record(self) -> Value<'v> {
        self.record
    }

    /// The event in `record`, if that is a record in a schema we know.
    pub(crate) fn recognise(record: Value<'v>) -> Option<Self> {
        let schema = if cloudtrail::is_record(record) {
            Schema::CloudTrail
        } else if ecs::is_record(record) {
            Schema::Ecs
        } else if ocsf::is_record(record) {
            Schema::Ocsf
        } else {
            return None;
        };
        Some(Self {
            schema,
            record,
            is_row: false,
        })
    }

    /// The same as a row of a table, or not.
    pub(crate) fn in_row(self, is_row: bool) -> Self {
        Self { is_row, ..self }
    }

    fn said(&self) -> Said {
        match self.schema {
            Schema::CloudTrail => cloudtrail::said(self.record),
            Schema::Ecs => ecs::said(self.record),
            Schema::Ocsf => ocsf::said(self.record),
        }
    }

    /// Whether its outcome is open: documents of Elastic's have a field for it, which may have been left out.
    #[must_use]
    pub fn lacks_outcome(&self) -> bool {
        self.schema == Schema::Ecs && !ecs::says_outcome(self.record)
    }

    /// Whether the name of its action or its dataset has what no name has.
    #[must_use]
    pub fn is_call_damaged(&self) -> bool {
        let mut is_damaged = false;
        for field in ["event.action", "event.dataset"] {
            self.each_value(field, &mut |value| {
                is_damaged |=
                    matches!(&value, Scalar::Text(text) if names::is_damaged(text.as_bytes()));
            });
        }
        is_damaged
    }

    /// Whether it says that the call failed, and nowhere that it did not.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let outcomes = self.texts("event.outcome");
        !outcomes.is_empty() && outcomes.iter().all(|outcome| outcome == "failure")
    }

    /// Whether any key or string in it holds what is looked for.
    #[must_use]
    pub fn holds(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        holds_below(self.record, holds)
    }

    /// Whether its request holds what is looked for.
    pub(crate) fn request_holds(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        let mut is_held = false;
        self.each_text_of_request(&mut |text| is_held = is_held || holds(text));
        is_held
    }

    /// Whether it is a document that says all that the original would, and its request holds what is looked for: no
    /// record that lies in it can say more.
    pub(crate) fn stands_alone(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        self.schema != Schema::CloudTrail
            && self
                .texts("event.dataset")
                .iter()
                .any(|text| text == "aws.cloudtrail")
            && self.request_holds(holds)
            && !self.lacks_outcome()
            && self.said() == Said::Whole
    }

    /// Whether its request holds what is looked for, or may have held it before a part of it was lost.
    pub(crate) fn may_ask_for(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        self.request_holds(holds) || self.said() == Said::Part
    }

    /// Whether the two may be forms of one event: the same call, and not known by two ids.
    pub(crate) fn may_be(&self, other: &Event<'_>) -> bool {
        let [own, others] = [self.text("event.id"), other.text("event.id")];
        let is_other_id = own.is_some() && others.is_some() && own != others;
        !is_other_id && self.text("event.action") == other.text("event.action")
    }

    /// Whether the two name different calls, of which only one can have been made.
    pub(crate) fn contradicts(&self, other: &Event<'_>) -> bool {
        ["event.action", "event.provider"].iter().any(|field| {
            let [own, others] = [self.texts(field), other.texts(field)];
            let is_said = !own.is_empty() && !others.is_empty();
            is_said && !own.iter().any(|text| others.contains(text))
        })
    }

    /// Members in which a whole record may lie, as log shippers and exports put it beside some of its fields.
    pub(crate) fn carriers(&self) -> Vec<Value<'v>> {
        match self.schema {
            Schema::CloudTrail => exports::foreign(self.record).map(|(_, v)| v).collect(),
            Schema::Ecs => ecs::carriers(self.record).collect(),
            Schema::Ocsf => {
                let mut found = Vec::new();
                ocsf::each_foreign(self.record, &mut |_, value| found.push(value));
                found
            }
        }
    }

    /// Why it cannot be said that its request does not name the policy, if `holds` tells that of a text and the request
    /// as it is read does not.
    ///
    /// A record with a request of its own says what was asked for: that AWS's other fields name the policy changes
    /// nothing. Where the request is missing or cut off, or where a field that nobody knows names it, it is open.
    #[must_use]
    pub fn doubt(&self, holds: &dyn Fn(&str) -> bool) -> Option<Doubt> {
        let is_held = || match self.schema {
            Schema::CloudTrail => cloudtrail::may_stand_for_request(self.record, holds),
            Schema::Ecs | Schema::Ocsf => holds_below(self.record, holds),
        };
        let is_native = || self.schema == Schema::CloudTrail && exports::is_native(self.record);
        match self.said() {
            Said::Part => is_held().then_some(Doubt::PartOfRequest),
            Said::Nothing if !is_native() => is_held().then_some(Doubt::NoRequest),
            Said::Whole | Said::Nothing => self.foreign_that(holds).map(Doubt::Elsewhere),
        }
    }

    /// The name of a field that its schema does not have and that holds what is looked for.
    fn foreign_that(&self, holds: &dyn Fn(&str) -> bool) -> Option<String> {
        let mut found = None;
        let mut visit = |name: &'v str, value| {
            if found.is_none() && (holds(name) || holds_below(value, holds)) {
                found = Some(name.to_owned());
            }
        };
        match self.schema {
            Schema::CloudTrail => exports::foreign(self.record).for_each(|(n, v)| visit(n, v)),
            Schema::Ecs => ecs::each_foreign(self.record, &mut visit),
            Schema::Ocsf => ocsf::each_foreign(self.record, &mut visit),
        }
        found
    }

    /// The schema that it is written in.
    #[must_use]
    pub fn schema(&self) -> Schema {
        self.schema
    }

    /// The first value of `field`, as text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<String> {
        let mut text = String::new();
        self.append_text(field, &mut text).then_some(text)
    }

    /// Its time in microseconds since 1970, UTC, if it can be read.
    #[must_use]
    pub fn time_micros(&self) -> Option<i64> {
        time::micros(&self.text("@timestamp")?)
    }

    /// When it happened, by each time that it names: a key may stand twice. Nothing for one that cannot be read.
    pub(crate) fn times(&self) -> Vec<Option<time::Time>> {
        let texts = self.texts("@timestamp");
        texts.iter().map(|text| time::read(text)).collect()
    }

    /// All values of `field`, as text.
    pub(crate) fn texts(&self, field: &str) -> Vec<String> {
        let mut texts = Vec::new();
        self.each_value(field, &mut |value| texts.push(value.into_text()));
        texts
    }

    /// Appends the first value of `field`, as text, to `out`. False if it has none.
    pub fn append_text(&self, field: &str, out: &mut String) -> bool {
        let mut is_found = false;
        self.each_value(field, &mut |value| {
            if std::mem::replace(&mut is_found, true) {
                return;
            }
            // Writing to a String cannot fail.
            match value {
                Scalar::Text(text) => out.write_str(&text),
                Scalar::Integer(n) => write!(out, "{n}"),
                Scalar::Float(n) => write!(out, "{n}"),
                Scalar::Boolean(b) => write!(out, "{b}"),
            }
            .expect("a String takes all");
        });
        is_found
    }

    /// A parameter of the request by its own name, wherever this schema keeps it.
    #[must_use]
    pub fn request_parameter(&self, name: &str) -> Option<Cow<'v, str>> {
        match self.schema {
            Schema::CloudTrail => cloudtrail::request_parameter(self.record, name),
            Schema::Ecs => self
                .text(&format!(
                    "aws.cloudtrail.flattened.request_parameters.{name}"
                ))
                .or_else(|| {
                    let text = self.text("aws.cloudtrail.request_parameters")?;
                    java_map::field(&text, name).map(str::to_owned)
                })
                .map(Cow::Owned),
            Schema::Ocsf => ocsf::request_parameter(self.record, name),
        }
    }

    /// A part of the answer by its path, wherever this schema keeps it.
    #[must_use]
    pub fn response_element(&self, path: &str) -> Option<String> {
        let flattened = || {
            self.text(&format!(
                "aws.cloudtrail.flattened.response_elements.{path}"
            ))
        };
        let printed = || self.text("aws.cloudtrail.response_elements");
        let found = match self.schema {
            Schema::CloudTrail => flattened(),
            Schema::Ecs => flattened().or_else(|| object_text::at(&printed()?, path)),
            Schema::Ocsf => ocsf::response_element(self.record, path),
        };
        found.filter(|text| !text.is_empty())
    }

    /// Where the first of these literals that does stands in the request: `requestParameters.policyArn`, say.
    #[must_use]
    pub fn locate_in_request(&self, literals: &[&str]) -> Option<String> {
        literals.iter().find_map(|literal| match self.schema {
            Schema::CloudTrail => cloudtrail::locate_in_request(self.record, literal),
            Schema::Ecs => ecs::locate_in_request(self.record, literal),
            Schema::Ocsf => ocsf::locate_in_request(self.record, literal),
        })
    }

    /// Where the first of these literals that does stands in the record.
    #[must_use]
    pub fn locate(&self, literals: &[&str]) -> Option<String> {
        let places = literals
            .iter()
            .map(|literal| self.record.locate(literal, ""));
        let place = places.flatten().next()?;
        Some(place.strip_prefix('.').unwrap_or(&place).to_owned())
    }

    /// Whether a key stands twice in the record itself, its identity or its request.
    #[must_use]
    pub fn has_duplicate_keys(&self) -> bool {
        match self.schema {
            Schema::CloudTrail => cloudtrail::has_duplicate_keys(self.record),
            Schema::Ecs | Schema::Ocsf => self.record.has_duplicate_keys(),
        }
    }
}

impl Fields for Event<'_> {
    fn each_value(&self, field: &str, visit: &mut dyn FnMut(Scalar<'_>)) {
        match self.schema {
            Schema::CloudTrail => {
                cloudtrail::each_value(self.record, self.is_row, field, visit);
            }
            Schema::Ecs => ecs::each_value(self.record, field, visit),
            Schema::Ocsf => ocsf::each_value(self.record, field, visit),
        }
    }

    fn each_text_of_request(&self, visit: &mut dyn FnMut(&str)) {
        match self.schema {
            // Without printing it, which costs more than all else that is asked of most records.
            Schema::CloudTrail => cloudtrail::each_text_of_request(self.record, visit),
            Schema::Ecs | Schema::Ocsf => self.each_printed_request(visit),
        }
    }
}
