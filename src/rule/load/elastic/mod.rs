//! Elastic's TOML, as in its repository of detection rules.

mod over_time;

use serde::Deserialize;
use toml::Spanned;

use self::over_time::{Draft, NewTerms, Threshold};
use super::{Adding, Reason};
use crate::rule::condition::{Case, Condition, Matcher};
use crate::rule::model::{Attack, Metadata, Rule, Schedule, Severity, Threat};
use crate::rule::{ParseError, eql, kql};

/// The start of the time range of a run of a rule that does not say it.
const FROM: &str = "now-6m";

/// Indices that the records are in.
const INDICES: [&str; 2] = ["logs-aws.cloudtrail-default", "filebeat-8.0.0"];

#[derive(Deserialize)]
struct Document {
    rule: Elastic,
}

/// The part of a rule that counts. There is more in it.
#[derive(Deserialize)]
struct Elastic {
    rule_id: String,
    name: String,
    #[serde(rename = "type")]
    rule_type: String,
    #[serde(default)]
    language: String,
    query: Option<Spanned<String>>,
    severity: Severity,
    #[serde(default)]
    risk_score: u8,
    index: Option<Vec<String>>,
    #[serde(default)]
    interval: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    max_signals: Option<u32>,
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    threat: Vec<Technical>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    author: Vec<String>,
    #[serde(default)]
    license: String,
    event_category_override: Option<String>,
    #[serde(default)]
    filters: Vec<serde::de::IgnoredAny>,
    threshold: Option<Threshold>,
    new_terms: Option<NewTerms>,
}

#[derive(Deserialize)]
struct Technical {
    framework: String,
    tactic: Named,
    #[serde(default)]
    technique: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
    name: String,
    #[serde(default)]
    reference: String,
}

/// Returns whether a text is TOML with a table `rule`.
pub(super) fn is_form(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        rule: Option<serde::de::IgnoredAny>,
    }
    toml::from_str::<Probe>(text).is_ok_and(|probe| probe.rule.is_some())
}

pub(super) fn add(text: &str, adding: &mut Adding<'_>) {
    let mut rule = match toml::from_str::<Document>(text) {
        Ok(document) => document.rule,
        Err(error) => return adding.refuse(None, None, reason_of(text, &error)),
    };
    if rule.language.is_empty() {
        rule.language = usual_language(&rule.rule_type).to_owned();
    }
    match read(text, &rule) {
        Ok(Read::Event(condition, query)) => {
            adding.add(Rule::new(metadata(rule), condition, query));
        }
        Ok(Read::OverTime(draft)) => {
            adding.add_over_time(draft.rule(metadata(rule)));
        }
        Err(reason) => adding.refuse(Some(rule.rule_id), Some(rule.name), reason),
    }
}

/// Returns the language of the rules of a type, for a rule that names none.
fn usual_language(rule_type: &str) -> &'static str {
    match rule_type {
        "query" | "threshold" | "new_terms" => "kuery",
        "esql" => "esql",
        _ => "eql",
    }
}

/// Returns what is wrong with TOML.
pub(super) fn reason_of(text: &str, error: &toml::de::Error) -> Reason {
    match error.span() {
        Some(span) => Reason::at(text, span.start, error.message()),
        None => Reason::new(error.message()),
    }
}

/// What a rule decides by.
enum Read {
    /// A condition on one event, and its text.
    Event(Condition, String),
    /// What several events must be.
    OverTime(Draft),
}

fn read(file: &str, rule: &Elastic) -> Result<Read, Reason> {
    if !reads_cloudtrail(rule) {
        return Err(Reason::new("it reads other indices than CloudTrail's"));
    }
    if !rule.filters.is_empty() {
        return Err(Reason::new("filters beside the query are not supported"));
    }
    let (kind, language) = (rule.rule_type.as_str(), rule.language.as_str());
    let is_supported = match kind {
        "eql" => language == "eql",
        "query" | "threshold" | "new_terms" => language == "kuery",
        "esql" => false,
        _ => {
            return Err(Reason::new(format!(
                "rules of the type {kind:?} are not supported"
            )));
        }
    };
    if !is_supported {
        return Err(Reason::new(format!(
            "the language {language:?} is not supported"
        )));
    }
    let Some(query) = &rule.query else {
        return Err(Reason::new("it has no query"));
    };
    let text = query.get_ref().as_str();
    let printed = text.trim_end().to_owned();
    let located = |error: ParseError| {
        let offset = offset_in(file, query) + error.offset;
        Reason::at(file, offset, error.problem.to_string())
    };
    let category = rule.event_category_override.as_deref();
    let category = category.unwrap_or(eql::CATEGORY);
    if kind == "eql" && eql::is_sequence(text) {
        let sequence = eql::parse_sequence(text, category).map_err(located)?;
        return Ok(Read::OverTime(over_time::sequence(sequence, printed)));
    }
    let condition = match kind {
        "eql" => eql::parse_with_category(text, category),
        _ => kql::parse(text),
    };
    let condition = condition.map_err(located)?;
    match kind {
        "threshold" => {
            let from = rule.from.as_deref().unwrap_or(FROM);
            over_time::threshold(rule.threshold.as_ref(), condition, printed, from)
        }
        "new_terms" => over_time::new_terms(rule.new_terms.as_ref(), condition, printed),
        _ => return Ok(Read::Event(condition, printed)),
    }
    .map(Read::OverTime)
}

fn reads_cloudtrail(rule: &Elastic) -> bool {
    let is_ours = |pattern: &String| {
        let matcher = Matcher::stars(pattern, Case::Exact);
        INDICES.iter().any(|index| matcher.accepts_text(index))
    };
    rule.index
        .as_ref()
        .is_none_or(|patterns| patterns.iter().any(is_ours))
}

/// Returns where the text of a query begins in the file. With escapes in it, that is where its value does.
fn offset_in(file: &str, query: &Spanned<String>) -> usize {
    let span = query.span();
    let raw = file.get(span.clone()).unwrap_or_default();
    span.start + raw.find(query.get_ref().as_str()).unwrap_or(0)
}

fn metadata(rule: Elastic) -> Metadata {
    let attack = |one: Named| Attack {
        id: one.id,
        name: one.name,
        reference: one.reference,
    };
    let threat = rule.threat.into_iter().map(|one| Threat {
        framework: one.framework,
        tactic: attack(one.tactic),
        technique: one.technique.into_iter().map(attack).collect(),
    });
    Metadata {
        rule_id: rule.rule_id,
        name: rule.name,
        version: rule.version.unwrap_or(1),
        rule_type: rule.rule_type,
        language: rule.language,
        severity: rule.severity,
        risk_score: rule.risk_score,
        index: rule.index.unwrap_or_default(),
        schedule: Schedule {
            interval: rule.interval.unwrap_or_else(|| "5m".to_owned()),
            from: rule.from.unwrap_or_else(|| FROM.to_owned()),
            max_signals: rule.max_signals.unwrap_or(100),
        },
        threat: threat.collect(),
        tags: rule.tags,
        references: rule.references,
        author: rule.author,
        license: rule.license,
    }
}
