//! The names of the rules of a run, in its report.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// The pack of the built-in rules.
pub const BUILTIN_PACK: &str = "builtin";

/// The name of a rule. A pack is a collection of rules; ids are unique only in a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuleName {
    /// The pack that contains the rule.
    pub pack: String,
    /// The path of its file in the pack; empty if it has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    pub file: String,
    /// The rule's id.
    pub id: String,
    /// The rule's version.
    pub version: u32,
}

impl Display for RuleName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            pack,
            file,
            id,
            version,
        } = self;
        match file.is_empty() {
            true => write!(f, "{pack}/{id} version {version}"),
            false => write!(f, "{pack}/{file} {id} version {version}"),
        }
    }
}

impl RuleName {
    /// Returns the one rule of these, if there is only one.
    #[must_use]
    pub fn only(rules: &[Self]) -> Option<&Self> {
        match rules {
            [rule] => Some(rule),
            _ => None,
        }
    }

    /// Returns whether id and version identify these rules: whether it is one built-in rule. If not, files and reports
    /// also have the list of the rules.
    #[must_use]
    pub fn is_one_builtin(rules: &[Self]) -> bool {
        Self::only(rules).is_some_and(|rule| rule.pack == BUILTIN_PACK)
    }
}

/// A rule of a run, with what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuleReport {
    /// Its name in files.
    #[serde(flatten)]
    pub name: RuleName,
    /// Its title.
    pub title: String,
    /// Its severity.
    pub severity: String,
    /// Number of its alert rows.
    pub alerts: u64,
    /// Number of distinct events among them. For a rule over several events the sum of what its rows count.
    pub distinct_events: u64,
    /// Number of distinct actors: users, roles and services.
    pub distinct_actors: u64,
    /// The time of the first of these events, if one has a time.
    #[schemars(with = "Option<String>")]
    pub first_event: Option<jiff::Timestamp>,
    /// The time of the last of these events.
    #[schemars(with = "Option<String>")]
    pub last_event: Option<jiff::Timestamp>,
    /// Number of alerts that were suppressed by an exception. For a rule over several events the number of events.
    pub suppressed: u64,
    /// Number of alerts that are not written, because the rule has as many rows as a rule may have.
    pub left_out: u64,
    /// How the rule differs from what its author meant, where it must.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub notes: Vec<String>,
}

/// A rule that cannot run, or a file that could not be read as rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RefusedRule {
    /// The pack.
    pub pack: String,
    /// The path of the file in the pack.
    pub file: String,
    /// The line, from 1, if the reason has one.
    pub line: Option<usize>,
    /// The column, from 1, if the reason has one.
    pub column: Option<usize>,
    /// The rule's id, if it has one.
    pub id: Option<String>,
    /// The rule's title, if it has one.
    pub title: Option<String>,
    /// The reason.
    pub reason: String,
}

impl RefusedRule {
    /// Returns the position in the file, such as `:8:2`, as far as it is known.
    #[must_use]
    pub fn position(&self) -> String {
        let numbers = [self.line, self.column].into_iter().flatten();
        numbers.map(|number| format!(":{number}")).collect()
    }
}

impl Display for RefusedRule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}: {}", self.file, self.position(), self.reason)?;
        match &self.title {
            Some(title) => write!(f, " ({title})"),
            None => Ok(()),
        }
    }
}

/// What the rules of one severity found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SeverityReport {
    /// The severity.
    pub severity: String,
    /// Number of rules that found something.
    pub rules: u64,
    /// Number of alerts.
    pub alerts: u64,
    /// Number of distinct events.
    pub distinct_events: u64,
    /// The day, in UTC, with the most alerts. The first one, if there are several.
    pub busiest_day: Option<String>,
    /// Number of alerts on this day.
    pub busiest_day_alerts: u64,
}

/// What an exception suppressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExceptionReport {
    /// Its line in the file of exceptions, from 1.
    pub line: u64,
    /// The reason that the file gives for it.
    pub reason: Option<String>,
    /// Number of rules that it is for.
    pub rules: u64,
    /// Number of alerts that it suppressed.
    pub suppressed: u64,
}

/// The rules of a run, in their order, and what they found together.
///
/// In JSON, one rule is the fields `rule_id` and `rule_version` of the report. Unless it is a built-in rule, and for
/// several rules, the report has the other fields too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleReports {
    /// The rules.
    pub rules: Vec<RuleReport>,
    /// The rules that cannot run.
    pub refused: Vec<RefusedRule>,
    /// The severities, the highest first. Empty if it was not counted.
    pub severities: Vec<SeverityReport>,
    /// The exceptions.
    pub exceptions: Vec<ExceptionReport>,
    /// Number of distinct events that matched a rule. Zero if it was not counted. Of rules over several events those count
    /// whose ids are in rows.
    pub distinct_events_matched: u64,
}

impl RuleReports {
    /// Returns whether these are other rules than one that is built in. Only then what they found is counted by rule.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        let names: Vec<RuleName> = self.rules.iter().map(|rule| rule.name.clone()).collect();
        !RuleName::is_one_builtin(&names)
    }
}

impl Serialize for RuleReports {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("RuleReports", 7)?;
        if let [rule] = &*self.rules {
            fields.serialize_field("rule_id", &rule.name.id)?;
            fields.serialize_field("rule_version", &rule.name.version)?;
        }
        if self.is_listed() {
            fields.serialize_field("rules", &self.rules)?;
            fields.serialize_field("rules_refused", &self.refused)?;
            fields.serialize_field("severities", &self.severities)?;
            fields.serialize_field("exceptions", &self.exceptions)?;
            fields.serialize_field("distinct_events_matched", &self.distinct_events_matched)?;
        }
        fields.end()
    }
}

impl JsonSchema for RuleReports {
    fn schema_name() -> Cow<'static, str> {
        "RuleReports".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> schemars::Schema {
        let rules = generator.subschema_for::<Vec<RuleReport>>();
        let refused = generator.subschema_for::<Vec<RefusedRule>>();
        let severities = generator.subschema_for::<Vec<SeverityReport>>();
        let exceptions = generator.subschema_for::<Vec<ExceptionReport>>();
        json_schema!({
            "type": "object",
            "properties": {
                "rule_id": {"type": "string", "description": "The id of the only rule."},
                "rule_version": {"type": "integer", "description": "The version of the only rule."},
                "rules": rules,
                "rules_refused": refused,
                "severities": severities,
                "exceptions": exceptions,
                "distinct_events_matched": {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Number of distinct events that matched a rule."
                },
            },
            "anyOf": [{"required": ["rule_id", "rule_version"]}, {"required": ["rules"]}],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rule(pack: &str, id: &str) -> RuleReport {
        RuleReport {
            name: RuleName {
                pack: pack.to_owned(),
                file: String::new(),
                id: id.to_owned(),
                version: 2,
            },
            title: "A title".to_owned(),
            severity: "low".to_owned(),
            alerts: 1,
            distinct_events: 1,
            distinct_actors: 1,
            first_event: None,
            last_event: None,
            suppressed: 0,
            left_out: 0,
            notes: Vec::new(),
        }
    }

    #[test]
    fn one_builtin_rule_is_two_fields_and_other_rules_are_a_list() {
        let json = |rules: &[RuleReport]| {
            let reports = RuleReports {
                rules: rules.into(),
                ..RuleReports::default()
            };
            serde_json::to_value(reports).unwrap()
        };
        assert_eq!(
            json(&[rule("builtin", "a")]),
            json!({"rule_id": "a", "rule_version": 2})
        );
        let packs = |value: &Value| {
            let rules = value["rules"].as_array().unwrap().iter();
            let packs = rules.map(|rule| rule["pack"].as_str().unwrap().to_owned());
            packs.collect::<Vec<_>>()
        };
        let own = json(&[rule("own", "a")]);
        assert_eq!(
            (own["rule_id"].as_str(), packs(&own)),
            (Some("a"), vec!["own".to_owned()])
        );
        let both = json(&[rule("builtin", "a"), rule("own", "a")]);
        assert_eq!(both["rule_id"], Value::Null);
        assert_eq!(packs(&both), ["builtin", "own"]);
    }
}
