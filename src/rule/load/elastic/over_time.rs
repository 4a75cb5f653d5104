//! Elastic's rules that several events decide: thresholds, new terms, sequences.

use serde::Deserialize;

use super::super::{Reason, is_unavailable, notes};
use crate::rule::condition::{Condition, Field};
use crate::rule::eql::Sequence;
use crate::rule::model::{Metadata, Rule};
use crate::rule::over_time::{Limit, Missing, Part, RuleOverTime, Source, Test, micros_before_now};

/// The table `rule.threshold`.
#[derive(Deserialize)]
pub(super) struct Threshold {
    field: Fields,
    value: u64,
    #[serde(default)]
    cardinality: Vec<Cardinality>,
}

/// A field, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Fields {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Cardinality {
    field: String,
    value: u64,
}

/// The table `rule.new_terms`.
#[derive(Deserialize)]
pub(super) struct NewTerms {
    value: Vec<String>,
    history_window_start: Vec<Start>,
}

#[derive(Deserialize)]
struct Start {
    value: String,
}

/// A rule without its metadata.
pub(super) struct Draft {
    kind: &'static str,
    query_text: String,
    parts: Vec<DraftPart>,
    window: Option<i64>,
    test: Test,
}

/// A part of a rule without its metadata.
struct DraftPart {
    condition: Condition,
    group: Vec<Field>,
    values: Vec<Field>,
}

impl DraftPart {
    fn part(self, metadata: &Metadata) -> Part {
        let query = self.condition.to_string();
        let rule = Rule::new(metadata.clone(), self.condition, query);
        Part {
            source: Source::Events(Box::new(rule)),
            group: self.group,
            values: self.values,
            missing: Missing::LeavesOut,
        }
    }
}

impl Draft {
    pub(super) fn rule(self, metadata: Metadata) -> RuleOverTime {
        let notes = self.notes(&metadata.language);
        let parts = self.parts.into_iter().map(|part| part.part(&metadata));
        let parts: Vec<Part> = parts.collect();
        let group = parts.first().map(|part| part.field_names().0);
        let group = group.unwrap_or_default().into_iter().map(str::to_owned);
        RuleOverTime {
            pack: String::new(),
            file: String::new(),
            kind: self.kind,
            query_text: self.query_text,
            group_by: group.collect(),
            parts,
            metadata,
            window: self.window,
            test: self.test,
            notes,
            n_rules: 1,
        }
    }

    fn notes(&self, language: &str) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for part in &self.parts {
            all.extend(notes(&part.condition, language));
            let fields = part.group.iter().chain(&part.values);
            let fields = fields.map(|field| field.name.as_str());
            all.extend(fields.filter(|field| is_unavailable(field)).map(|field| {
                format!("no record has {field}, by which the rule groups or counts: it cannot fire")
            }));
        }
        let mut seen = std::collections::HashSet::new();
        all.retain(|note| seen.insert(note.clone()));
        all
    }
}

pub(super) fn sequence(sequence: Sequence, query_text: String) -> Draft {
    let steps = sequence.steps.into_iter();
    let parts = steps.map(|step| DraftPart {
        condition: step.condition,
        group: step.by,
        values: Vec::new(),
    });
    Draft {
        kind: "sequence",
        query_text,
        parts: parts.collect(),
        window: sequence.maxspan,
        test: Test::Sequence,
    }
}

/// Returns a threshold. Its window is the time range of the rule's runs, which begins at `from`.
pub(super) fn threshold(
    threshold: Option<&Threshold>,
    condition: Condition,
    query_text: String,
    from: &str,
) -> Result<Draft, Reason> {
    let threshold = threshold.ok_or_else(|| Reason::new("it has no threshold"))?;
    let group = match &threshold.field {
        Fields::One(field) => vec![field.clone()],
        Fields::Several(fields) => fields.clone(),
    };
    let counted = threshold.cardinality.iter();
    let limits = counted.clone().map(|one| vec![Limit::at_least(one.value)]);
    let counted = counted.map(|one| one.field.clone());
    Ok(Draft {
        kind: "threshold",
        query_text,
        parts: vec![part(condition, group, counted.collect())],
        window: Some(window(from)?),
        test: Test::Counts {
            events: vec![Limit::at_least(threshold.value)],
            distinct: limits.collect(),
        },
    })
}

pub(super) fn new_terms(
    new_terms: Option<&NewTerms>,
    condition: Condition,
    query_text: String,
) -> Result<Draft, Reason> {
    let new_terms = new_terms.ok_or_else(|| Reason::new("it has no new terms"))?;
    let [start] = new_terms.history_window_start.as_slice() else {
        return Err(Reason::new("new terms have one history window"));
    };
    if new_terms.value.is_empty() {
        return Err(Reason::new("its new terms have no field"));
    }
    Ok(Draft {
        kind: "new_terms",
        query_text,
        parts: vec![part(condition, new_terms.value.clone(), Vec::new())],
        window: Some(window(&start.value)?),
        test: Test::First,
    })
}

fn part(condition: Condition, group: Vec<String>, values: Vec<String>) -> DraftPart {
    let fields = |names: Vec<String>| names.into_iter().map(Field::ecs).collect();
    DraftPart {
        condition,
        group: fields(group),
        values: fields(values),
    }
}

fn window(from: &str) -> Result<i64, Reason> {
    let window = micros_before_now(from);
    window.ok_or_else(|| Reason::new(format!("the start {from:?} is not one such as `now-6m`")))
}
