//! The ECS view of one record: the values that a rule requests, by the names of the Elastic Common Schema.
//!
//! In: a parsed JSON value that is a record. Out: the values of any ECS field, and whether a reading of it is
//! doubtful. There is one file per schema: `cloudtrail` for records as AWS writes them, `ecs` and `ocsf` for documents
//! that Elastic and Security Lake built from them. `fields` says where the ECS fields of a record come from, `derived`
//! derives them, `remembered` keeps them for the rules that follow, with `categories` and `flattened`, and `own` has
//! the values by CloudTrail's own names. `names` and `exports` know how tables change CloudTrail's fields, `doubt`
//! what a record may leave open, `open` whether it does, and `seam` the signs of two records that ran into each other.
//! `leaves` visits what is inside its objects. `wrapper` has what the object around a record says about it. `calls`
//! compares an event with what it carries. `java_map` prints objects as Elastic's pipeline does, and `object_text`
//! reads objects that are stored as text, and `python` those that Python printed. `time` reads the times of events, and
//! `elastic_date` those in rules. This module knows no rule, and copies nothing except text that must be built.
//!
//! A record with duplicate keys is read in every possible way: a field that occurs twice has two values, and
//! `event.outcome` has each outcome that some reading gives.

pub(crate) mod own_output;
mod calls;
mod categories;
pub(crate) mod cloudtrail;
mod derived;
mod doubt;
pub(crate) mod ecs;
pub(crate) mod elastic_date;
mod exports;
mod fields;
mod flattened;
pub(crate) mod java_map;
pub(crate) mod json;
mod known;
mod leaves;
pub(crate) mod names;
mod open;
pub(crate) mod object_text;
pub(crate) mod ocsf;
mod plain;
mod python;
mod ocsf_fields;
mod own;
mod record;
mod remembered;
mod scalar;
mod seam;
pub(crate) mod time;
mod wrapper;

use std::borrow::Cow;

pub(crate) use categories::category_of;
pub use doubt::{Doubt, Sought};
use doubt::{Said, holds_below};
pub(crate) use fields::{EcsField, ecs_name, fields_under, is_ecs_field, near_ecs_field, own_name};
pub(crate) use java_map::write_double;
use json::Value;
pub use leaves::Path;
pub(crate) use leaves::each_in_document;
pub use own::OwnValue;
pub(crate) use record::{Record, is_own_field, near_field};
pub use remembered::{FieldMemory, FieldNumber, FieldNumbers, Names, Remembered};
use scalar::FirstText;
pub use scalar::Scalar;
pub use seam::Seam;
pub(crate) use wrapper::Wrapper;

/// The ECS view of one event. A field may have no value, one, or several.
pub trait Fields {
    /// Calls `visit` with each value of `field`, in the order of the record.
    fn each_value(&self, field: &str, visit: &mut dyn FnMut(Scalar<'_>));

    /// Calls `visit` with each value of a field by CloudTrail's own name, such as `userIdentity.arn`.
    fn each_own_value(&self, path: &str, visit: &mut dyn FnMut(OwnValue<'_>)) {
        self.each_value(path, &mut |value| {
            visit(OwnValue::Text(value.into_text().into()));
        });
    }

    /// Calls `visit` with each value of a field that has a number.
    fn each_numbered_value(
        &self,
        _number: FieldNumber,
        field: &str,
        visit: &mut dyn FnMut(Scalar<'_>),
    ) {
        self.each_value(field, visit);
    }

    /// Calls `visit` with each value of a field by CloudTrail's own name that has a number.
    fn each_numbered_own_value(
        &self,
        _number: FieldNumber,
        path: &str,
        visit: &mut dyn FnMut(OwnValue<'_>),
    ) {
        self.each_own_value(path, visit);
    }

    /// Calls `visit` with each text, number and boolean anywhere in the event, as text.
    fn each_leaf(&self, _visit: &mut dyn FnMut(&str)) {}

    /// Calls `visit` with texts of the request that together contain all its keys and strings.
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

/// The relation between a field's value and the bytes of the record that it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFidelity {
    /// The text occurs in the record, possibly with JSON's escapes.
    Verbatim,
    /// Elastic's text of a JSON object: its keys and leaves occur in the record, but its `=`, commas, braces and
    /// numbers need not.
    ElasticText,
    /// Computed: its text need not occur in the record.
    Derived,
}

/// Returns how the value of `field` relates to the bytes of any record, whatever its schema.
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
        | "cloud.region"
        | "aws.cloudtrail.error_code"
        | "aws.cloudtrail.error_message"
        | "aws.cloudtrail.event_type"
        | "aws.cloudtrail.user_identity.type"
        | "aws.cloudtrail.user_identity.arn"
        | "aws.cloudtrail.user_identity.access_key_id"
        | "aws.cloudtrail.user_identity.invoked_by" => TextFidelity::Verbatim,
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
    /// The form that AWS writes.
    CloudTrail,
    /// The form that Elastic stores.
    Ecs,
    /// The form that Security Lake stores.
    Ocsf,
}

/// One event.
#[derive(Debug, Clone, Copy)]
pub struct Event<'v> {
    schema: Schema,
    record: Record<'v>,
    /// True if it is a row of a table, in which texts such as `-` mean that there is no value.
    is_row: bool,
    /// What the text around it shows.
    seam: Option<Seam>,
    wrapper: Wrapper<'v>,
}

impl<'v> Event<'v> {
    /// The record itself.
    pub(crate) fn record(self) -> Value<'v> {
        self.record.value()
    }

    /// Returns the event that `record` is, if that is a record in a schema that we know.
    pub(crate) fn recognise(record: Record<'v>) -> Option<Self> {
        let schema = if cloudtrail::is_record(&record) {
            Schema::CloudTrail
        } else if ecs::is_record(record.value()) {
            Schema::Ecs
        } else if ocsf::is_record(record.value()) {
            Schema::Ocsf
        } else {
            return None;
        };
        Some(Self {
            schema,
            record,
            is_row: false,
            seam: None,
            wrapper: Wrapper::default(),
        })
    }

    /// Returns the event with `is_row` set: true for a row of a table.
    pub(crate) fn in_row(self, is_row: bool) -> Self {
        Self { is_row, ..self }
    }

    /// Returns the event with the names that the object around its record gives to its call. A nearer object counts
    /// more.
    pub(crate) fn in_wrapper(self, wrapper: Wrapper<'v>) -> Self {
        let wrapper = self.wrapper.or(wrapper);
        Self { wrapper, ..self }
    }

    /// Returns true if an object around its record names its call.
    pub(crate) fn is_wrapped(&self) -> bool {
        !self.wrapper.is_empty()
    }

    /// Returns true if the object around its record names the call that it is about, and gives `field` one of
    /// `values`, but the record does not: then one of the two is damaged.
    #[must_use]
    pub fn is_contradicted(&self, field: &str, values: &[String]) -> bool {
        let is_named = values.iter().any(|value| self.wrapper.says(field, value));
        is_named && {
            let own = self.texts(field);
            !own.iter().any(|text| values.contains(text))
        }
    }

    fn said(&self) -> Said {
        match self.schema {
            Schema::CloudTrail => cloudtrail::said(&self.record),
            Schema::Ecs => ecs::said(self.record.value()),
            Schema::Ocsf => ocsf::said(self.record.value()),
        }
    }

    /// Returns true if its outcome is open. Elastic's documents have a field for the outcome, which may have been
    /// left out. In other records the text of an error may be damaged, or be none.
    #[must_use]
    pub fn lacks_outcome(&self) -> bool {
        match self.schema {
            Schema::CloudTrail | Schema::Ocsf => {
                let mut is_open = true;
                self.each_value("event.outcome", &mut |_| is_open = false);
                is_open
            }
            Schema::Ecs => !ecs::says_outcome(self.record.value()),
        }
    }

    /// Returns true if it says that the call failed, and nowhere that it did not.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let outcomes = self.texts("event.outcome");
        !outcomes.is_empty() && outcomes.iter().all(|outcome| outcome == "failure")
    }

    /// Returns true if `holds` applies to any key or string in it.
    #[must_use]
    pub fn holds(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        holds_below(self.record.value(), holds)
    }

    /// Returns true if `holds` applies to its request.
    pub(crate) fn request_holds(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        let mut is_held = false;
        self.each_text_of_request(&mut |text| is_held = is_held || holds(text));
        is_held
    }

    /// Returns true if it is a document that says everything the original would, and `holds` applies to its request.
    /// Then no record inside it can say more.
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

    /// Returns true if `holds` applies to its request, or may have applied before a part of the request was lost.
    pub(crate) fn may_ask_for(&self, holds: &dyn Fn(&str) -> bool) -> bool {
        self.request_holds(holds) || self.said() == Said::Part
    }

    /// Returns true if it has no request, or an empty one.
    pub(crate) fn lacks_request(&self) -> bool {
        self.said() == Said::Nothing
    }

    /// Returns the members that may contain a whole record. Log shippers and exports put the record beside some of
    /// its fields.
    pub(crate) fn carriers(&self) -> Vec<Value<'v>> {
        match self.schema {
            Schema::CloudTrail => exports::foreign(&self.record).map(|(_, v)| v).collect(),
            Schema::Ecs => ecs::carriers(self.record.value()).collect(),
            Schema::Ocsf => {
                let mut found = Vec::new();
                ocsf::each_foreign(self.record.value(), &mut |_, value| found.push(value));
                found
            }
        }
    }

    /// The schema that it is written in.
    #[must_use]
    pub fn schema(&self) -> Schema {
        self.schema
    }

    /// Returns the first value of `field`, as text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<String> {
        let mut text = String::new();
        let mut first = FirstText::new(&mut text);
        self.each_value(field, &mut |value| first.take(value));
        first.is_found.then_some(text)
    }

    /// Returns its time in microseconds since 1970, UTC, if it can be read.
    #[must_use]
    pub fn time_micros(&self) -> Option<i64> {
        time::micros(&self.text("@timestamp")?)
    }

    /// Returns each time that it names, since a key may occur twice: when it happened, or `None` if that cannot be
    /// read.
    pub(crate) fn times(&self) -> Vec<Option<time::Time>> {
        let texts = self.texts("@timestamp");
        texts.iter().map(|text| time::read(text)).collect()
    }

    /// Returns all values of `field`, as text.
    pub(crate) fn texts(&self, field: &str) -> Vec<String> {
        let mut texts = Vec::new();
        self.each_value(field, &mut |value| texts.push(value.into_text()));
        texts
    }

    /// Appends the first value of `field`, as text, to `out`. Returns false if it has none.
    pub(crate) fn append_text(&self, field: EcsField, out: &mut String) -> bool {
        let mut first = FirstText::new(out);
        match self.schema {
            Schema::CloudTrail => {
                let visit = &mut |value: Scalar<'_>| first.take(value);
                derived::each_of(&self.record, self.is_row, field.origin, visit);
            }
            Schema::Ecs | Schema::Ocsf => {
                self.each_value(field.name, &mut |value| first.take(value));
            }
        }
        first.is_found
    }

    /// Returns a parameter of the request by its own name, wherever this schema stores it.
    #[must_use]
    pub fn request_parameter(&self, name: &str) -> Option<Cow<'v, str>> {
        match self.schema {
            Schema::CloudTrail => cloudtrail::request_parameter(&self.record, name),
            Schema::Ecs => self
                .text(&format!(
                    "aws.cloudtrail.flattened.request_parameters.{name}"
                ))
                .or_else(|| {
                    let text = self.text("aws.cloudtrail.request_parameters")?;
                    java_map::field(&text, name).map(str::to_owned)
                })
                .map(Cow::Owned),
            Schema::Ocsf => ocsf::request_parameter(self.record.value(), name),
        }
    }

    /// Returns a part of the response by its path, wherever this schema stores it.
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
            Schema::Ocsf => ocsf::response_element(self.record.value(), path),
        };
        found.filter(|text| !text.is_empty())
    }

    /// Returns the path in the request of the first of these literals that occurs there, such as
    /// `requestParameters.policyArn`.
    #[must_use]
    pub fn locate_in_request(&self, literals: &[&str]) -> Option<String> {
        literals.iter().find_map(|literal| match self.schema {
            Schema::CloudTrail => cloudtrail::locate_in_request(&self.record, literal),
            Schema::Ecs => ecs::locate_in_request(self.record.value(), literal),
            Schema::Ocsf => ocsf::locate_in_request(self.record.value(), literal),
        })
    }

    /// Returns the path in the record of the first of these literals that occurs there.
    #[must_use]
    pub fn locate(&self, literals: &[&str]) -> Option<String> {
        let places = literals
            .iter()
            .map(|literal| self.record.value().locate(literal, ""));
        let place = places.flatten().next()?;
        Some(place.strip_prefix('.').unwrap_or(&place).to_owned())
    }

    /// Returns the path in the record of a value that is this text, else of one that contains it.
    pub(crate) fn locate_leaf(&self, text: &str) -> Option<String> {
        let Some(place) = self.record.value().locate_whole(text, "") else {
            return self.locate(&[text]);
        };
        Some(place.strip_prefix('.').unwrap_or(&place).to_owned())
    }

    /// Returns true if a key occurs twice in the record itself, in its identity or in its request.
    #[must_use]
    pub fn has_duplicate_keys(&self) -> bool {
        match self.schema {
            Schema::CloudTrail => cloudtrail::has_duplicate_keys(&self.record),
            Schema::Ecs | Schema::Ocsf => self.record.value().has_duplicate_keys(),
        }
    }
}

impl Fields for Event<'_> {
    fn each_value(&self, field: &str, visit: &mut dyn FnMut(Scalar<'_>)) {
        match self.schema {
            Schema::CloudTrail => {
                derived::each_value(&self.record, self.is_row, field, visit);
            }
            Schema::Ecs => ecs::each_value(self.record.value(), field, visit),
            Schema::Ocsf => ocsf::each_value(self.record.value(), field, visit),
        }
    }

    fn each_own_value(&self, path: &str, visit: &mut dyn FnMut(OwnValue<'_>)) {
        if self.schema == Schema::CloudTrail {
            return own::each_value(&self.record, self.is_row, path, visit);
        }
        let mut each = |field: &str| {
            let mut is_found = false;
            self.each_value(field, &mut |value| {
                is_found = true;
                visit(OwnValue::Text(value.into_text().into()));
            });
            is_found
        };
        let is_found = ecs_name(path).is_some_and(|field| each(&field));
        // Elastic's pipeline moves it there.
        if !is_found && self.schema == Schema::Ecs && path == "userIdentity.accountId" {
            each("cloud.account.id");
        }
    }

    fn each_leaf(&self, visit: &mut dyn FnMut(&str)) {
        own::each_text(self.record.value(), false, &mut |text| visit(&text));
    }

    fn each_text_of_request(&self, visit: &mut dyn FnMut(&str)) {
        match self.schema {
            // This does not print the request, which would cost more than everything else that is done with most
            // records.
            Schema::CloudTrail => cloudtrail::each_text_of_request(&self.record, visit),
            Schema::Ecs | Schema::Ocsf => self.each_printed_request(visit),
        }
    }
}
