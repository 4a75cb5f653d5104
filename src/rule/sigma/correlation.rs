//! The member `correlation` of a document: rules, and what their events must be together.

use std::collections::BTreeMap;

use super::yaml::{Data, Fault, Yaml};
use crate::rule::over_time::{Limit, Relation, Test, micros};

/// The most rules that one correlation names.
const RULES_MAX: usize = 1_000;

/// A correlation whose rules are not looked up yet.
#[derive(Debug, Clone)]
pub(in crate::rule) struct Correlation {
    pub(in crate::rule) kind: &'static str,
    /// The rules, each by its id, name or title.
    pub(in crate::rule) rules: Vec<String>,
    pub(in crate::rule) group_by: Vec<String>,
    /// For a name in `group_by`, the field of each rule that it stands for.
    pub(in crate::rule) aliases: BTreeMap<String, Vec<(String, String)>>,
    /// The field whose values are counted.
    pub(in crate::rule) counted: Option<String>,
    pub(in crate::rule) timespan: i64,
    pub(in crate::rule) test: Test,
    /// Where it stands.
    pub(in crate::rule) line: usize,
    pub(in crate::rule) column: usize,
}

impl Correlation {
    /// Returns what is wrong with it as a whole.
    pub(in crate::rule) fn fault(&self, reason: impl Into<String>) -> Fault {
        Fault {
            line: self.line,
            column: self.column,
            reason: reason.into(),
        }
    }
}

/// Members that a correlation can have.
const MEMBERS: [&str; 7] = [
    "type",
    "rules",
    "group-by",
    "timespan",
    "condition",
    "aliases",
    "generate",
];

pub(super) fn correlation(yaml: &Yaml) -> Result<Correlation, Fault> {
    let Some(members) = yaml.map() else {
        return Err(yaml.fault("a correlation that is not a map"));
    };
    for (key, _) in members {
        let name = key.text().unwrap_or_default();
        if !MEMBERS.contains(&name.as_str()) {
            return Err(key.fault(format!(
                "the member `{name}` of a correlation is not supported"
            )));
        }
    }
    let kind = yaml.get("type").and_then(Yaml::text).unwrap_or_default();
    let rules = yaml.get("rules").map(Yaml::texts).unwrap_or_default();
    if rules.is_empty() || rules.len() > RULES_MAX {
        return Err(yaml.fault(format!("a correlation names 1 to {RULES_MAX} rules")));
    }
    let (kind, test, counted) = test(&kind, yaml)?;
    let timespan = yaml.get("timespan");
    let micros = timespan.and_then(Yaml::text).and_then(|text| micros(&text));
    let Some(timespan) = micros else {
        let reason =
            "the timespan of a correlation is a number and one of `s m h d w`, such as `5m`";
        return Err(timespan.unwrap_or(yaml).fault(reason));
    };
    Ok(Correlation {
        kind,
        rules,
        group_by: yaml.get("group-by").map(Yaml::texts).unwrap_or_default(),
        aliases: aliases(yaml)?,
        counted,
        timespan,
        test,
        line: yaml.line,
        column: yaml.column,
    })
}

/// Returns the kind, the test, and the field whose values are counted.
fn test(kind: &str, yaml: &Yaml) -> Result<(&'static str, Test, Option<String>), Fault> {
    let condition = yaml.get("condition");
    let needed = || condition.ok_or_else(|| yaml.fault("the correlation has no condition"));
    match kind {
        "event_count" => {
            let (events, counted) = limits(needed()?)?;
            if counted.is_some() {
                return Err(needed()?.fault("`event_count` counts no field"));
            }
            let distinct = Vec::new();
            Ok(("event_count", Test::Counts { events, distinct }, None))
        }
        "value_count" => {
            let (limits, counted) = limits(needed()?)?;
            if counted.is_none() {
                return Err(needed()?.fault("`value_count` counts the values of one field"));
            }
            let (events, distinct) = (Vec::new(), vec![limits]);
            Ok(("value_count", Test::Counts { events, distinct }, counted))
        }
        "temporal" | "temporal_ordered" => match (condition, kind) {
            (Some(condition), _) => Err(condition.fault(format!("a condition of `{kind}`"))),
            (None, "temporal") => Ok(("temporal", Test::Together, None)),
            (None, _) => Ok(("temporal_ordered", Test::InOrder, None)),
        },
        other => Err(yaml.fault(format!(
            "correlations of the type {other:?} are not supported"
        ))),
    }
}

/// Reads a condition such as `{gte: 10, field: eventName}`.
fn limits(condition: &Yaml) -> Result<(Vec<Limit>, Option<String>), Fault> {
    let (mut limits, mut counted) = (Vec::new(), None);
    for (key, value) in condition.map().unwrap_or_default() {
        let relation = match key.text().unwrap_or_default().as_str() {
            "field" => match value.text() {
                Some(field) => {
                    counted = Some(field);
                    continue;
                }
                None => return Err(value.fault("the values of one field are counted")),
            },
            "lt" => Relation::Less,
            "lte" => Relation::AtMost,
            "gt" => Relation::More,
            "gte" => Relation::AtLeast,
            "eq" => Relation::Same,
            "neq" => Relation::Other,
            other => return Err(key.fault(format!("the condition `{other}` is not supported"))),
        };
        let Some(number) = value.text().and_then(|text| text.parse().ok()) else {
            return Err(value.fault("a limit is a whole number"));
        };
        limits.push(Limit { relation, number });
    }
    match limits.is_empty() {
        true => Err(condition.fault("the condition has no limit, such as `gte: 10`")),
        false => Ok((limits, counted)),
    }
}

fn aliases(yaml: &Yaml) -> Result<BTreeMap<String, Vec<(String, String)>>, Fault> {
    let mut aliases = BTreeMap::new();
    let Some(all) = yaml.get("aliases").filter(|all| all.data != Data::Null) else {
        return Ok(aliases);
    };
    let wrong = |yaml: &Yaml| yaml.fault("an alias gives each rule a field");
    for (name, fields) in all.map().ok_or_else(|| wrong(all))? {
        let fields = fields.map().ok_or_else(|| wrong(fields))?;
        let fields = fields
            .iter()
            .map(|(rule, field)| Some((rule.text()?, field.text()?)));
        let fields: Option<Vec<_>> = fields.collect();
        let (Some(name), Some(fields)) = (name.text(), fields) else {
            return Err(wrong(all));
        };
        aliases.insert(name, fields);
    }
    Ok(aliases)
}
