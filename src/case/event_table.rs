//! The tables of a case's events, made column by column.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Int32Builder, Int64Builder, ListBuilder, StringBuilder, StructBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef};

use super::CaseEvent;
use super::columns::{long, text};
use super::target_columns::{targets, with_things};
use super::techniques::technique;
use crate::output::Schema::Flat;
use crate::output::batch::{Batches, Row};
use crate::output::columns::{UTC_AS_OFFSET, schema_in};
use crate::output::rule_columns::RuleColumns;
use crate::output::{Column, Kind};

/// The columns with the entities of an event, by their role in it.
pub(super) const PARTS: [&str; 4] = ["actors", "acted_on", "made", "given"];
/// The column with all things that a call touched, each with its role.
pub(super) const TARGETS: &str = "targets";
/// The column with the number of things that are left out there.
pub(super) const LEFT_OUT: &str = "targets_left_out";

/// The fields of an entity in a list.
const OF_ENTITY: [&str; 3] = ["kind", "account_id", "name"];
/// The fields of a thing that a call touched.
const OF_TARGET: [&str; 5] = ["role", "kind", "account_id", "name", "data"];

/// Returns the columns of events: those of alerts, except those of the rule and the sighting number, and those that an
/// investigation adds.
pub(super) fn event_schema() -> SchemaRef {
    let alerts = schema_in(Kind::Alerts(Flat), UTC_AS_OFFSET);
    let own = Column::ALL.into_iter().zip(alerts.fields());
    let own = own.filter(|(column, _)| !is_of_rule(*column));
    let own = own.map(|(_, field)| field.as_ref().clone());
    let more = [
        text("relation"),
        Field::new("hops", DataType::Int32, true),
        long("minutes_from_alert"),
        text("error_code"),
        text("error_message"),
        Field::new("read_only", DataType::Boolean, true),
        text("key_status"),
        text("response_elements"),
        Field::new_list("mitre_technique_ids", text("element"), true),
        long("sightings"),
    ];
    let parts = PARTS.map(|part| Field::new_list(part, element(&OF_ENTITY), true));
    let of_targets = [
        Field::new_list(TARGETS, element(&OF_TARGET), true),
        long(LEFT_OUT),
    ];
    let all = own.chain(more).chain(parts).chain(of_targets);
    Arc::new(Schema::new(all.collect::<Vec<_>>()))
}

/// Returns whether a column of alerts belongs to the rule, which events of a case need not match, or to one output: what
/// is proved of its log, the count of sightings and the run.
pub(super) fn is_of_rule(column: Column) -> bool {
    let columns = [
        Column::RuleId,
        Column::RuleName,
        Column::RuleVersion,
        Column::Severity,
        Column::RiskScore,
        Column::MitreTacticIds,
        Column::MitreTechniqueIds,
        Column::RulePack,
        Column::RuleFile,
        Column::RuleAuthors,
        Column::RuleTags,
        Column::RuleNotes,
        Column::LogStatus,
        Column::Sighting,
        Column::RunId,
    ];
    columns.contains(&column)
}

/// Returns the technique that the call of an event can be a step of, by its id.
pub(super) fn technique_of(event: &CaseEvent) -> Option<&'static str> {
    let service = event.alert.text(Column::EventProvider).unwrap_or_default();
    let call = event.alert.text(Column::EventAction)?;
    technique(service, call).map(|technique| technique.id)
}

/// Returns the fields of an element of a list. All are texts.
fn fields(names: &[&str]) -> Fields {
    names.iter().map(|name| text(name)).collect()
}

fn element(names: &[&str]) -> Field {
    Field::new("element", DataType::Struct(fields(names)), true)
}

/// Returns events as rows.
pub(super) fn batch(events: &[CaseEvent], rule: &RuleColumns) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<Row<'_>> = events.iter().map(|event| (&event.alert, rule)).collect();
    let alerts = Batches::new(Kind::Alerts(Flat), UTC_AS_OFFSET).batch(&rows)?;
    let own = Column::ALL.into_iter().zip(alerts.columns());
    let own = own.filter(|(column, _)| !is_of_rule(*column));
    let own = own.map(|(_, array)| Arc::clone(array));
    let of_story = of_story(events);
    let all = own
        .chain(of_story)
        .chain(parts(events))
        .chain(of_targets(events));
    RecordBatch::try_new(event_schema(), all.collect())
}

/// Returns a column of texts.
fn texts<'a>(events: &'a [CaseEvent], text: impl Fn(&'a CaseEvent) -> Option<&'a str>) -> ArrayRef {
    let mut column = StringBuilder::new();
    for event in events {
        column.append_option(text(event));
    }
    Arc::new(column.finish())
}

/// Returns the columns that say how an event belongs to the case, and what else its record says.
fn of_story(events: &[CaseEvent]) -> Vec<ArrayRef> {
    let mut hops = Int32Builder::new();
    let mut minutes = Int64Builder::new();
    let mut read_only = BooleanBuilder::new();
    let mut techniques = ListBuilder::new(StringBuilder::new()).with_field(text("element"));
    let mut sightings = Int64Builder::new();
    for event in events {
        hops.append_option(event.hops.try_into().ok()); // passes are far fewer
        minutes.append_option(event.minutes_from_alert);
        read_only.append_option(event.story.read_only);
        techniques.append_value(technique_of(event).map(Some));
        sightings.append_option(event.n_sightings.try_into().ok()); // files are far fewer
    }
    vec![
        texts(events, |event| Some(event.relation)),
        Arc::new(hops.finish()),
        Arc::new(minutes.finish()),
        texts(events, |event| event.story.error_code.as_deref()),
        texts(events, |event| event.story.error_message.as_deref()),
        Arc::new(read_only.finish()),
        texts(events, |event| event.story.key_status.as_deref()),
        texts(events, |event| event.story.response_elements.as_deref()),
        Arc::new(techniques.finish()),
        Arc::new(sightings.finish()),
    ]
}

/// A column of lists whose elements have texts.
struct Lists(ListBuilder<StructBuilder>);

impl Lists {
    fn new(names: &[&str]) -> Self {
        let elements = StructBuilder::from_fields(fields(names), 0);
        Self(ListBuilder::new(elements).with_field(element(names)))
    }

    /// Adds an element to the list of the current row.
    fn push<const N: usize>(&mut self, texts: [Option<&str>; N]) {
        let elements = self.0.values();
        for (n, text) in texts.into_iter().enumerate() {
            let column = elements.field_builder::<StringBuilder>(n);
            column.expect("all fields are texts").append_option(text);
        }
        elements.append(true);
    }

    fn end_row(&mut self) {
        self.0.append(true);
    }

    fn finish(mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// Returns the columns with the entities of each event.
fn parts(events: &[CaseEvent]) -> Vec<ArrayRef> {
    let columns = PARTS.into_iter().enumerate().map(|(n, part)| {
        let mut lists = Lists::new(&OF_ENTITY);
        for event in events {
            let entities = event.story.traces.parts().into_iter().nth(n);
            let entities = entities.map(Vec::as_slice).unwrap_or_default();
            for [kind, account, name] in with_things(part, entities, &event.story.touched) {
                lists.push([Some(kind), Some(account), Some(name)]);
            }
            lists.end_row();
        }
        lists.finish()
    });
    columns.collect()
}

/// Returns the columns with what each call touched.
fn of_targets(events: &[CaseEvent]) -> [ArrayRef; 2] {
    let mut lists = Lists::new(&OF_TARGET);
    let mut left_out = Int64Builder::new();
    for event in events {
        let touched = &event.story.touched;
        for [role, kind, account, name, data] in targets(touched) {
            lists.push([role, kind, account, name, data]);
        }
        lists.end_row();
        left_out.append_option(touched.n_left_out.try_into().ok()); // a record has far fewer
    }
    [lists.finish(), Arc::new(left_out.finish())]
}
